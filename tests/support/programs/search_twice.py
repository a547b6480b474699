"""Search all runs twice, as the UI does; run by `mlflow_plugin/test_plugin.py`."""

import json

import mlflow

for _ in range(2):
    runs = mlflow.search_runs(search_all_experiments=True, output_format="list")
models = mlflow.search_logged_models(experiment_ids=[runs[0].info.experiment_id], output_format="list")
print(json.dumps({"runs": {run.info.run_name: run.data.metrics for run in runs}, "models": len(models)}))
