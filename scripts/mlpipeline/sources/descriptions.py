"""Check what a description in a file store says, before anything relies on it; pure.

Types as in `mlflow/entities` of MLflow 3.17, which fails a whole experiment for one run whose stage or status it does
not know.
"""

from collections.abc import Iterator, Mapping

from mlpipeline.core.records import RUN_STATUS, Kind

_TEXTS = (
    "artifact_location", "artifact_uri", "client_request_id", "current_stage", "description", "experiment_id",
    "model_id", "model_type", "name", "request_id", "request_preview", "request_time", "response_preview", "run_id",
    "run_link", "run_name", "run_uuid", "source", "source_run_id", "state", "status_message", "storage_location",
    "trace_id", "user_id", "version",
)  # fmt: skip
"""Keys of texts; a number is one too, for people call runs `2024`."""

_NUMBERS = (
    "creation_time", "creation_timestamp", "deleted_time", "end_time", "execution_duration_ms", "execution_time_ms",
    "last_update_time", "last_updated_timestamp", "start_time", "timestamp_ms",
)  # fmt: skip

_STAGES = ("active", "deleted")

_MODEL_STATUS = range(4)
"""mlflow/entities/logged_model_status.py"""

LONGEST_NAME = 500
"""Characters of an experiment's name (mlflow/utils/validation.py, MAX_EXPERIMENT_NAME_LENGTH)."""


def faults(meta: Mapping[str, object], kind: Kind | None = None) -> Iterator[tuple[str, str]]:
    """Yield the keys of a description whose value nobody can use, each with what it should be.

    Args:
        meta: the description.
        kind: the record's kind; `None` for an experiment, a registered model or a version of one.
    """
    for key in _TEXTS:
        if isinstance(meta.get(key), dict | list):
            yield key, "a text"
    for key in _NUMBERS:
        if not _is_whole(meta.get(key, 0)):
            yield key, "a whole number"
    if meta.get("lifecycle_stage", _STAGES[0]) not in _STAGES:
        yield "lifecycle_stage", "active or deleted"
    if (status := meta.get("status")) is not None and not _is_status(status, kind):
        yield "status", "one that MLflow knows"


def _is_whole(value: object) -> bool:
    return value is None or (isinstance(value, int) and not isinstance(value, bool))


def _is_status(value: object, kind: Kind | None) -> bool:
    match kind:
        case Kind.RUN:
            return type(value) is int and value in RUN_STATUS
        case Kind.LOGGED_MODEL:
            return type(value) is int and value in _MODEL_STATUS
        case _:
            return isinstance(value, str)
