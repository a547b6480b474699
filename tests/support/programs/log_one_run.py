"""Log a run into a new store; run by `mlflow_plugin/test_plugin.py`."""

import json
import sys

import mlflow

mlflow.set_tracking_uri(sys.argv[1])
with mlflow.start_run() as run:
    mlflow.log_text("x", "x.txt")
print(json.dumps({"uri": run.info.artifact_uri, "run": run.info.run_id}))
