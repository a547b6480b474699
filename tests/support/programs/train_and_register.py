"""Train and register; run by `mlflow_plugin/conftest.py`."""

import mlflow
from sklearn.linear_model import Ridge

mlflow.set_tracking_uri("file:./mlruns")
mlflow.set_experiment("houses")
with mlflow.start_run(run_name="ridge"):
    mlflow.log_param("alpha", 1)
    mlflow.log_metric("val_rmse", 3.5, step=0)
    mlflow.log_metric("val_rmse", 2.5, step=1)
    mlflow.log_text("a note", "notes/note.txt")
    mlflow.sklearn.log_model(
        Ridge().fit([[1.0], [2.0]], [1.0, 2.0]),
        name="model",
        pip_requirements=["scikit-learn"],
        registered_model_name="pricer",
    )
    with mlflow.start_span("predict"):
        pass
mlflow.flush_trace_async_logging()
mlflow.MlflowClient().set_registered_model_alias("pricer", "champion", "1")
with mlflow.start_run(run_name="bare"):
    pass
