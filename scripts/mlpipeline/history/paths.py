"""Where a history keeps what: the grammar of its paths and ids; pure."""

import hashlib
import re

from mlpipeline.core.records import Kind, Record

METADATA = "mlruns"

ARTIFACTS = "mlflow-artifacts"

MODELS = "models"

PROMOTED = "deployment/models/best_model"

INFO = "mlflow_persistence_info.json"

RESERVED = frozenset({"tags", "datasets", "traces", "models"})
"""Folders of an experiment that are no runs (FileStore.RESERVED_EXPERIMENT_FOLDERS)."""

_ID = re.compile(r"[A-Za-z0-9][\w-]{0,255}")
"""MLflow's own pattern for run ids (mlflow/utils/validation.py, _RUN_ID_REGEX)."""


def is_id(text: str) -> bool:
    """Whether `text` can be a run's, a logged model's or a dataset's id, and so a folder's name."""
    return _ID.fullmatch(text) is not None


LONGEST_PATH, LONGEST_NAME = 1024, 255
"""Characters of a path, and bytes of one name in it, that every file system takes."""


def is_gits(name: str) -> bool:
    """Whether Git, on one system or another, would take a file of this name for its own folder."""
    return name.rstrip(". ").lower() in (".git", "git~1")


def is_unsafe(path: str) -> bool:
    """Whether a path that a source gave could leave its folder, or be no file of a Git repository."""
    parts = path.split("/")
    return (
        len(path) > LONGEST_PATH
        or bool(re.search(r"[\\\0]|^[A-Za-z]:", path))
        or any(part in ("", ".", "..") or len(part.encode()) > LONGEST_NAME or is_gits(part) for part in parts)
    )


def experiment_id(name: str) -> str:
    """The id of an experiment in a history: 18 digits computed from the name, `0` for Default.

    Two jobs that create an experiment of one name agree on it without knowing each other. MLflow's SQL schema holds
    ids as integers and its file store makes them 18 digits long.
    """
    if name == "Default":
        return "0"
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8])
    return str(10**17 + number % (9 * 10**17))


FOLDERS = {Kind.RUN: "", Kind.LOGGED_MODEL: "models/", Kind.TRACE: "traces/"}
"""Where records of a kind lie inside their experiment, and their artifacts inside the artifacts."""

DESCRIPTIONS = {Kind.RUN: "meta.yaml", Kind.LOGGED_MODEL: "meta.yaml", Kind.TRACE: "trace_info.yaml"}
"""The file that describes a record."""


def metadata_folder(record: Record, place: str) -> str:
    """The folder of a record's metadata, in the experiment at `place` below `mlruns/`: its id, or `.trash/<id>`."""
    return f"{METADATA}/{place}/{FOLDERS[record.kind]}{record.id}"


def artifact_folder(kind: Kind, record_id: str) -> str:
    """The folder of a record's artifacts."""
    return f"{ARTIFACTS}/{FOLDERS[kind]}{record_id}/artifacts"


def record_of(path: str) -> tuple[str | None, str | None]:
    """The record to which a file of a history belongs, and the folder of its metadata if the file lies in it.

    Args:
        path: relative to the history's root.

    Returns:
        The run's or logged model's id, `None` for other files; and the folder, `None` for artifacts.
    """
    parts = path.replace(f"{METADATA}/.trash/", f"{METADATA}/").split("/")
    in_trash = path.startswith(f"{METADATA}/.trash/")
    match parts:
        case [top, "models" | "traces", record, "artifacts", *_] if top == ARTIFACTS:
            return record, None
        case [top, record, "artifacts", *_] if top == ARTIFACTS:
            return record, None
        case [top, experiment, "models" | "traces" as inner, record, _, *_] if top == METADATA:
            return record, "/".join((top, *(".trash",) * in_trash, experiment, inner, record))
        case [top, experiment, record, _, *_] if top == METADATA and record not in RESERVED:
            return record, "/".join((top, *(".trash",) * in_trash, experiment, record))
    return None, None


LOAD_MARK = "registered_model_meta"
"""A file that MLflow leaves in a model's folder whenever `models:/` loads it; no part of the model."""

METRICS_LINK = ".metrics"
"""What the link that stands for the empty `metrics/` of a run points to."""
