"""Open the run `ridge` in every way that MLflow offers; run by `mlflow_plugin/test_plugin.py`."""

import json
import os
import sys

import mlflow

mlflow.set_tracking_uri(sys.argv[1])
client = mlflow.MlflowClient()
(run,) = mlflow.search_runs(experiment_names=["houses"], filter_string="run_name = 'ridge'", output_format="list")
experiment = run.info.experiment_id
model = run.outputs.model_outputs[0].model_id
models = mlflow.search_logged_models(experiment_ids=[experiment], output_format="list")
(trace,) = mlflow.search_traces(locations=[experiment], return_type="list")
uris = (f"runs:/{run.info.run_id}/model", f"models:/{model}", "models:/pricer/1", "models:/pricer@champion")
print(
    json.dumps(
        {
            "stores": [
                type(client._tracking_client.store).__name__,
                type(client._get_registry_client().store).__name__,
            ],
            "experiment": client.get_experiment(experiment).artifact_location,
            "run": [run.info.artifact_uri, client.get_run(run.info.run_id).info.artifact_uri],
            "model": client.get_logged_model(model).artifact_location,
            "models": [logged.artifact_location for logged in models],
            "version": client.get_model_version_by_alias("pricer", "champion").source,
            "versions": [version.source for version in client.search_model_versions()],
            "latest": client.get_registered_model("pricer").latest_versions[0].source,
            "download": client.get_model_version_download_uri("pricer", "1"),
            "trace": trace.info.tags["mlflow.artifactLocation"],
            "spans": [span.name for span in mlflow.get_trace(trace.info.trace_id).data.spans],
            "history": [point.value for point in client.get_metric_history(run.info.run_id, "val_rmse")],
            "listed": [file.path for file in client.list_artifacts(run.info.run_id, "notes")],
            "note": mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/notes/note.txt"),
            "loaded": [float(mlflow.pyfunc.load_model(uri).predict([[3.0]])[0]) for uri in uris],
            "flag": os.environ.get("MLFLOW_ALLOW_FILE_STORE"),
        }
    )
)
