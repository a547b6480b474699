"""Log of every kind; run by `support/histories.py`."""

import mlflow
import numpy as np

client = mlflow.MlflowClient()
mlflow.set_experiment("demo")


class Model(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    def predict(self, context: object, model_input: object) -> object:  # noqa: ARG002 - MLflow's signature
        return model_input


for name in ("one", "two"):
    with mlflow.start_run(run_name=name) as run:
        mlflow.log_params({"alpha": "0.5", "nested/name": "line\nline "})
        for step, value in enumerate([2.0, 1.5, float("nan")]):
            mlflow.log_metric("val_rmse", value, step=step)
        mlflow.log_metric("val_rmse", 1.25, step=3)
        mlflow.log_metric("nothing", float("nan"))
        mlflow.set_tag("accent", "caf\u00e9")
        mlflow.log_text("hello", "folder/hello.txt")
        mlflow.log_input(mlflow.data.from_numpy(np.zeros((3, 2)), name="train"), context="training")
        if name == "two":
            break
        info = mlflow.pyfunc.log_model(
            name="model", python_model=Model(), pip_requirements=["mlflow"], registered_model_name="houses"
        )
        mlflow.log_metric("after", 3.0, model_id=info.model_id, step=2)
        with mlflow.start_span("root") as span:
            span.set_inputs({"q": 1})
trace = mlflow.get_last_active_trace_id()
mlflow.log_feedback(trace_id=trace, name="good", value=True, rationale="it is")
mlflow.log_expectation(trace_id=trace, name="answer", value={"a": 1})
client.set_registered_model_alias("houses", "champion", 1)
client.set_registered_model_tag("houses", "k", "v")
client.set_model_version_tag("houses", "1", "vk", "vv")
gone = client.create_run(client.get_experiment_by_name("demo").experiment_id, run_name="gone")
client.delete_run(gone.info.run_id)
