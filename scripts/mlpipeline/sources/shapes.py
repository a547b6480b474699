"""Small files in the form in which MLflow's file store writes them, for sources that are no file store.

Ids and keys as in `mlflow/store/tracking/file_store.py` of MLflow 3.17.
"""

import hashlib
import math
import sys
from collections.abc import Mapping

from mlpipeline.core.documents import dump_yaml


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


def _md5(*texts: str) -> str:
    return hashlib.md5("".join(texts).encode(), usedforsecurity=False).hexdigest()
