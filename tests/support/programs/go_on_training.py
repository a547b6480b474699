"""Go on training; run by `mlflow_plugin/test_plugin.py`."""

import json
from typing import Any

import mlflow
from sklearn.linear_model import Ridge

client = mlflow.MlflowClient()


def train() -> Any:
    mlflow.log_metric("val_rmse", 1.0)
    mlflow.log_text("mine", "note.txt")
    return mlflow.sklearn.log_model(
        Ridge().fit([[1.0], [2.0]], [1.0, 2.0]),
        name="model",
        pip_requirements=["scikit-learn"],
        registered_model_name="pricer",
    )


with mlflow.start_run() as default:
    model = train()
mlflow.set_experiment("new one")
with mlflow.start_run() as new, mlflow.start_span("s"):
    mlflow.log_text("mine", "note.txt")
mlflow.flush_trace_async_logging()
client.rename_experiment(new.info.experiment_id, "newer one")
client.delete_experiment(new.info.experiment_id)
client.restore_experiment(new.info.experiment_id)
client.delete_run(default.info.run_id)
client.restore_run(default.info.run_id)
client.set_terminated(default.info.run_id)
client.transition_model_version_stage("pricer", "2", "Production")
client.update_model_version("pricer", "2", "mine")
client.create_registered_model("by place")
client.create_model_version("by place", source=f"{default.info.artifact_uri}/model")
print(
    json.dumps(
        {
            "run": default.info.run_id,
            "new": new.info.run_id,
            "model": model.model_id,
            "uri": default.info.artifact_uri,
            "text": mlflow.artifacts.load_text(f"runs:/{new.info.run_id}/note.txt"),
        }
    )
)
