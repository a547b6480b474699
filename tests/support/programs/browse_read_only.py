"""Browse a store that cannot be written, and try to write; run by `mlflow_plugin/test_plugin.py`."""

import json
import sys

import mlflow
from mlflow.entities import ViewType

mlflow.set_tracking_uri(sys.argv[1])
client = mlflow.MlflowClient()
(run,) = mlflow.search_runs(experiment_names=["houses"], filter_string="run_name = 'ridge'", output_format="list")
experiments = client.search_experiments(view_type=ViewType.ALL)
refused = ""
try:
    client.set_tag(run.info.run_id, "a", "b")
except (OSError, mlflow.MlflowException) as error:
    refused = f"{type(error).__name__}: {error}"
print(
    json.dumps(
        {
            "note": mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/notes/note.txt"),
            "experiments": [experiment.name for experiment in experiments],
            "registered": [model.name for model in client.search_registered_models()],
            "refused": refused,
        }
    )
)
