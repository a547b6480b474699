"""Open the demo; run by `end_to_end/test_demo.py`."""

import json
import sys

import mlflow

mlflow.set_tracking_uri("file:./mlruns")
client = mlflow.MlflowClient()
table = []
for run in mlflow.search_runs(search_all_experiments=True, output_format="list"):
    same = client.get_run(run.info.run_id)
    history = client.get_metric_history(run.info.run_id, "val_rmse")
    model = run.outputs.model_outputs[0].model_id
    mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="residuals.png", dst_path=sys.argv[1])
    table.append(
        {
            "name": run.info.run_name,
            "params": len(same.data.params),
            "points": len(history),
            "artifacts": sorted(each.path for each in client.list_artifacts(run.info.run_id)),
            "by_model": type(mlflow.sklearn.load_model(f"models:/{model}")).__name__,
            "by_run": type(mlflow.sklearn.load_model(f"runs:/{run.info.run_id}/{run.info.run_name}")).__name__,
        }
    )
print(json.dumps(table))
