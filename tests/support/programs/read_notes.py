"""Read one artifact of several runs of a store; run by `mlflow_plugin/test_plugin.py`."""

import json
import sys

import mlflow

_, store, path, *runs = sys.argv
mlflow.set_tracking_uri(store)
print(json.dumps({"notes": [mlflow.artifacts.load_text(f"runs:/{run}/{path}") for run in runs]}))
