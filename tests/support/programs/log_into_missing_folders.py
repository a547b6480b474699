"""Read a run that lost its folders, then log into it; run by `mlflow_plugin/test_plugin.py`."""

import json
import sys

import mlflow

run_id = sys.argv[1]
with mlflow.start_run():
    pass
client = mlflow.MlflowClient()
client.get_run(run_id)
before = {"history": client.get_metric_history(run_id, "loss"), "artifacts": client.list_artifacts(run_id)}
with mlflow.start_run(run_id=run_id):
    mlflow.log_metric("loss", 1.0)
    mlflow.log_param("alpha", 1)
    mlflow.set_tag("mine", "yes")
    mlflow.log_text("x", "x.txt")
run = client.get_run(run_id)
after = {
    "metrics": run.data.metrics,
    "params": run.data.params,
    "tag": run.data.tags["mine"],
    "now": [file.path for file in client.list_artifacts(run_id)],
}
print(json.dumps({**before, **after}))
