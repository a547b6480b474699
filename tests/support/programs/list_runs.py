"""List the ids of all runs of a store, the deleted ones too; run by `end_to_end/test_clones.py`."""

import json
import sys

import mlflow
from mlflow.entities import ViewType

client = mlflow.MlflowClient(sys.argv[1])
experiments = [experiment.experiment_id for experiment in client.search_experiments(view_type=ViewType.ALL)]
print(json.dumps(sorted(run.info.run_id for run in client.search_runs(experiments, run_view_type=ViewType.ALL))))
