"""Open the promoted model of a history by its registered name; run in a clone's top."""

import json

import mlflow

mlflow.set_tracking_uri("file:./mlruns")
client = mlflow.MlflowClient()
versions = client.search_model_versions("name='promoted_model'")
champion = client.get_model_version_by_alias("promoted_model", "champion")
run = client.get_run(champion.run_id)
print(
    json.dumps(
        {
            "prediction": list(mlflow.pyfunc.load_model("models:/promoted_model@champion").predict([1.0, 2.0])),
            "run": run.info.run_name,
            "versions": len(versions),
            "described": client.get_experiment(run.info.experiment_id).tags["mlflow.note.content"],
        }
    )
)
