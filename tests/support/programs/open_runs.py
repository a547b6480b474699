"""Open runs; run by `end_to_end/test_sources.py`."""

import json

import mlflow
from mlflow import MlflowClient

mlflow.set_tracking_uri("file:./mlruns")
runs = mlflow.search_runs(search_all_experiments=True, output_format="list")
print(
    json.dumps(
        {
            "values": sorted(run.data.metrics["val_rmse"] for run in runs),
            "points": [len(MlflowClient().get_metric_history(run.info.run_id, "val_rmse")) for run in runs],
            "loaded": [mlflow.sklearn.load_model(f"runs:/{run.info.run_id}/model").alpha for run in runs],
            "versions": [mlflow.sklearn.load_model(f"models:/ridge/{number}").alpha for number in (1, 2)],
        }
    )
)
