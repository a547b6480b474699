"""Log a first metric into a run that has ended; run by `end_to_end/test_clones.py`."""

import json
import sys

import mlflow

run_id = sys.argv[1]
client = mlflow.MlflowClient("file:./mlruns")
client.log_metric(run_id, "val_rmse", 0.25)
client.set_terminated(run_id)
print(json.dumps(client.get_run(run_id).data.metrics))
