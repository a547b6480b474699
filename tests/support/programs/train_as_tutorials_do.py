"""Train as MLflow's tutorials do: no tracking URI, no experiment; run by `end_to_end/test_default_store.py`."""

import sys

import mlflow


class Constant(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """Predicts nothing worth knowing."""

    def predict(self, context: object, model_input: list[float], params: object = None) -> list[float]:  # noqa: ARG002
        return [1.0] * len(model_input)


name, value, *experiment = sys.argv[1:]
if experiment:
    mlflow.set_experiment(experiment[0])
with mlflow.start_run(run_name=name):
    mlflow.log_metric("val_rmse", float(value))
    mlflow.log_text("a note", "note.txt")
    mlflow.pyfunc.log_model(name="model", python_model=Constant(), pip_requirements=["mlflow"])
