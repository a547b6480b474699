"""Look at everything; run by `end_to_end/test_clones.py`."""

import json
import logging

import mlflow
from mlflow.entities import ViewType

logging.disable(logging.CRITICAL)
mlflow.set_tracking_uri("file:./mlruns")
client = mlflow.MlflowClient()
found = {}
for experiment in client.search_experiments(view_type=ViewType.ALL):
    for run in client.search_runs([experiment.experiment_id], run_view_type=ViewType.ALL):
        artifacts: object
        try:
            artifacts = [each.path for each in client.list_artifacts(run.info.run_id)]
        except mlflow.exceptions.MlflowException as error:
            artifacts = "not found" if "not found" in str(error) else str(error)
        params = {name: value for name, value in run.data.params.items() if name != ".keep"}
        found[run.info.run_id] = [experiment.name, dict(run.data.metrics), params, artifacts]
print(json.dumps(found))
