"""Train by default; run by `end_to_end/test_sources.py`."""

import mlflow
from sklearn.linear_model import Ridge

for alpha in (1.0, 2.0):
    with mlflow.start_run(run_name=f"ridge {alpha}"):
        mlflow.log_param("alpha", alpha)
        mlflow.set_tag("model_type", "ridge")
        mlflow.log_metric("val_rmse", alpha)
        mlflow.log_metric("val_rmse", alpha / 2, step=1)
        mlflow.sklearn.log_model(
            Ridge(alpha=alpha).fit([[0.0], [1.0]], [0.0, 1.0]),
            name="model",
            registered_model_name="ridge",
            serialization_format="cloudpickle",
            pip_requirements=["scikit-learn"],
        )
