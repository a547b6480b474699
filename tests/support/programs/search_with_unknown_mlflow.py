"""Open a store with an MLflow that lacks what the plugin builds on; run by `mlflow_plugin/test_plugin.py`."""

import json
import warnings

import mlflow
import mlflow.store.tracking.file_store

del mlflow.entities.LoggedModel
refused = ""
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    try:
        mlflow.MlflowClient().search_experiments()
    except mlflow.MlflowException as error:
        refused = str(error)
print(json.dumps({"refused": refused, "warned": [str(warning.message) for warning in caught]}))
