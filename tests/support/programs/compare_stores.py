"""Compare stores; run by `ui_cache/test_cache.py`."""

import json
import sys

from mlflow import MlflowClient
from mlflow.entities import ViewType


def look(uri: str) -> dict[str, object]:
    client = MlflowClient(uri, uri)
    found: dict[str, object] = {}
    for experiment in client.search_experiments(view_type=ViewType.ALL):
        e = experiment
        found[f"experiment {e.experiment_id}"] = [
            e.name,
            e.lifecycle_stage,
            e.creation_time,
            e.last_update_time,
            e.tags,
        ]
        for listed in client.search_runs([e.experiment_id], run_view_type=ViewType.ALL):
            run = client.get_run(listed.info.run_id)
            i, history = run.info, {}
            for key in run.data.metrics:
                points = [(m.step, m.timestamp, str(m.value)) for m in client.get_metric_history(i.run_id, key)]
                history[key] = sorted(set(points))
            found[f"run {i.run_id}"] = [
                i.run_name,
                i.status,
                i.start_time,
                i.end_time,
                i.user_id,
                i.lifecycle_stage,
                i.experiment_id,
                run.data.params,
                run.data.tags,
                {k: str(v) for k, v in run.data.metrics.items()},
                history,
                run.inputs.to_dictionary(),
                run.outputs.to_dictionary(),
                [file.path for file in client.list_artifacts(i.run_id)],
                [file.path for file in client.list_artifacts(i.run_id, "folder")],
            ]
        for m in client.search_logged_models([e.experiment_id]):
            found[f"model {m.model_id}"] = [
                m.name,
                str(m.status),
                m.creation_timestamp,
                m.last_updated_timestamp,
                m.source_run_id,
                m.params,
                m.tags,
                # The table for these cannot hold NaN.
                sorted([x.key, x.value, x.step, x.timestamp, x.run_id] for x in m.metrics if x.value == x.value),
                [file.path for file in client.list_logged_model_artifacts(m.model_id)],
            ]
        for trace in client.search_traces(locations=[e.experiment_id]):
            told = trace.to_dict()
            told["info"]["assessments"].sort(key=lambda each: each["assessment_id"])
            for each in told["info"]["assessments"]:
                each.setdefault("valid", True)
            told["info"]["tags"].pop("mlflow.artifactLocation")
            found[f"trace {trace.info.trace_id}"] = told
    for model in client.search_registered_models():
        aliases = {alias: int(number) for alias, number in model.aliases.items()}
        found[f"registered {model.name}"] = [model.description, model.tags, aliases, model.creation_timestamp]
        for listed in client.search_model_versions(f"name='{model.name}'"):
            v = client.get_model_version(model.name, listed.version)
            found[f"version {v.version} of {model.name}"] = [
                v.run_id,
                v.source,
                v.status,
                v.current_stage,
                v.tags,
                v.aliases,
                v.creation_timestamp,
            ]
    return found


print(json.dumps([look(uri) for uri in sys.argv[1:]]))
