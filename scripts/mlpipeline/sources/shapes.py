"""Small files in the form in which MLflow's file store writes them, for sources that are no file store.

Ids and keys as in `mlflow/store/tracking/file_store.py` of MLflow 3.17.
"""

import hashlib
import math
import re
import sys
from collections.abc import Mapping

from mlpipeline.core.documents import dump_yaml
from mlpipeline.core.edits import Content
from mlpipeline.core.filenames import fault
from mlpipeline.core.records import RUN_STATUS

_STATUS = {name: number for number, name in RUN_STATUS.items()}


def metric_value(value: float) -> str:
    """A metric's value without loss.

    MLflow's databases hold the largest double in the place of infinity (SqlAlchemyStore.sanitize_metric_value).
    """
    return repr(math.copysign(math.inf, value) if abs(value) == sys.float_info.max else float(value))


def dataset_id(name: str, digest: str) -> str:
    """The id of a dataset in its experiment (FileStore._get_dataset_id)."""
    return _md5(name, digest)


def input_id(source: str, run_id: str) -> str:
    """The id of an input of a run (FileStore._get_dataset_input_id, _get_model_input_id)."""
    return _md5(source, run_id)


def input_yaml(source: str, kind: str, tags: Mapping[str, str] | None = None) -> bytes:
    """`inputs/<id>/meta.yaml`: `kind` is DATASET or MODEL. MLflow writes the source as the destination too."""
    ends = {"source_id": source, "source_type": kind, "destination_id": source, "destination_type": "RUN"}
    return dump_yaml({**ends, "tags": dict(tags or {})})


def output_yaml(model_id: str, *, step: int) -> bytes:
    """`outputs/<model id>/meta.yaml`."""
    source = {"source_id": model_id, "source_type": "RUN_OUTPUT"}
    destination = {"destination_id": model_id, "destination_type": "MODEL_OUTPUT"}
    return dump_yaml({**source, **destination, "step": step, "tags": {}})


def run_meta(
    *,
    run_id: str,
    run_name: str | None,
    experiment_id: str,
    artifact_uri: str | None,
    status: str,
    lifecycle_stage: str,
    start_time: int | None,
    end_time: int | None,
    user_id: str | None,
) -> dict[str, object]:
    """Describe a run as `meta.yaml` does; times are milliseconds since the epoch, an unknown status is RUNNING."""
    return {
        "artifact_uri": artifact_uri,
        "end_time": end_time,
        "entry_point_name": "",
        "experiment_id": experiment_id,
        "lifecycle_stage": lifecycle_stage,
        "run_id": run_id,
        "run_name": run_name,
        "source_name": "",
        "source_type": 4,
        "source_version": "",
        "start_time": start_time,
        "status": _STATUS.get(status, _STATUS["RUNNING"]),
        "tags": [],
        "user_id": user_id,
    }


def registered_model_meta(
    *,
    name: str,
    aliases: Mapping[str, int],
    description: str | None,
    creation_timestamp: int | None,
    last_updated_timestamp: int | None,
    workspace: str,
) -> dict[str, object]:
    """Describe a registered model as `meta.yaml` does."""
    return {
        "aliases": {alias: str(number) for alias, number in sorted(aliases.items())},
        "creation_timestamp": creation_timestamp,
        "deployment_job_id": None,
        "deployment_job_state": None,
        "description": description,
        "last_updated_timestamp": last_updated_timestamp,
        "name": name,
        "workspace": workspace,
    }


def plain_files(files: Mapping[str, Content]) -> tuple[dict[str, Content], dict[str, str]]:
    """Part files whose paths a folder can hold from the others.

    Returns:
        The files; and for each other path the reason, as the rest of a sentence.
    """
    folders = {path[: match.start()] for path in files for match in re.finditer("/", path)}
    kept: dict[str, Content] = {}
    refused: dict[str, str] = {}
    for path, content in files.items():
        if fault(path) or "\\" in path:
            refused[path] = "no file can have this name"
        elif path in folders:
            refused[path] = "another name begins with this one and '/'"
        else:
            kept[path] = content
    return kept, refused


def _md5(*texts: str) -> str:
    return hashlib.md5("".join(texts).encode(), usedforsecurity=False).hexdigest()
