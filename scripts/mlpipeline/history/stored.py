"""Lay out a record as a history stores it: relative locations, placeholders, git attributes.

Reads no file but an `MLmodel` whose content is a file on disk, to make it portable; writes none.
"""

import re
from collections.abc import Mapping

from mlpipeline.core.documents import dump_yaml
from mlpipeline.core.edits import Content, Link, Write
from mlpipeline.core.files import read_again
from mlpipeline.core.records import PROMOTED_TAG, Kind, Record
from mlpipeline.history.metrics import metric_lines
from mlpipeline.history.paths import (
    ARTIFACTS,
    DESCRIPTIONS,
    LOAD_MARK,
    METADATA,
    METRICS_LINK,
    MODELS,
    RecordFile,
    artifact_folder,
    metadata_folder,
    parse,
)

_TO_ARTIFACTS = "../artifacts"

PLACEHOLDER_TARGETS = (METRICS_LINK, _TO_ARTIFACTS)
"""What the links point to that keep empty folders alive."""

_HOST_PATH = re.compile(rb"(?m)^artifact_path: ['\"]?(?=file:|/|[A-Za-z]:[\\/]).*(?:\n +.*)*$")
"""An absolute `artifact_path`, with the lines that YAML folds it over where the path holds spaces."""

_LEFT_BY_MLFLOW = b"""\
# Artifacts that a SQLite store keeps here, and the empty Default of a file store: both are MLflow's own.
/[0-9]*/**/artifacts/
/0/meta.yaml
"""

_PROMOTED = f"tags/{PROMOTED_TAG}"

LOCATIONS = {Kind.RUN: "artifact_uri", Kind.LOGGED_MODEL: "artifact_location"}
"""The key of `meta.yaml` that says where a record's artifacts lie; a trace has the tag `ARTIFACT_TAG` instead."""

ARTIFACT_TAG = "mlflow.artifactLocation"

_LOCATED = ("artifact_uri", "artifact_location", "storage_location", "source")


def is_portable(meta: Mapping[str, object]) -> bool:
    """Tell whether a description names no place of one machine or server, as far as its locations tell."""
    return all(
        str(meta[key]).startswith(("file:./", "models:/", "runs:/"))
        for key in _LOCATED
        if meta.get(key) not in (None, "")
    )


def is_deleted(meta: Mapping[str, object]) -> bool:
    """Tell whether a description says that what it describes was deleted."""
    return meta.get("lifecycle_stage", "active") != "active"


def git_files() -> dict[str, bytes]:
    """List the files that tell Git how to treat a history, by path.

    It must not convert line ends in what was logged, need not show it in diffs or count it in the repository's
    languages, and overlooks what MLflow leaves behind: marks when it loads a model, artifacts of a SQLite store.
    """
    patterns = {METADATA: ["*"], ARTIFACTS: ["*"], "deployment/models": ["*"]}
    patterns[MODELS] = ["*_best_model.*", "*_metadata.json"]
    return {
        f"{folder}/.gitattributes": "".join(f"{pattern} -text linguist-generated\n" for pattern in names).encode()
        for folder, names in patterns.items()
    } | {f"{ARTIFACTS}/.gitignore": f"{LOAD_MARK}\n".encode(), f"{METADATA}/.gitignore": _LEFT_BY_MLFLOW}


def record_files(record: Record, place: str) -> dict[str, Content]:
    """Lay out a record's files as the history stores them, by path below the root; its description comes first."""
    folder, artifacts = metadata_folder(record, place), artifact_folder(record.kind, record.id)
    location = f"file:./{artifacts}"
    stored: dict[str, Content] = {
        f"{folder}/{DESCRIPTIONS[record.kind]}": dump_yaml(_placed(record, place.rpartition("/")[2]))
    }
    for path, content in record.files.items():
        if path == _PROMOTED:
            continue  # derived from the choice: what a job's copy of a history says may be out of date
        top, _, rest = path.partition("/")
        if top == "artifacts":
            stored[f"{artifacts}/{rest}"] = relocated(content, artifacts) if _is_mlmodel(path) else content
        elif top == "metrics" and isinstance(content, bytes):
            stored[f"{folder}/{path}"] = metric_lines(content)
        else:
            stored[f"{folder}/{path}"] = content
    if record.kind is Kind.TRACE:
        stored[f"{folder}/tags/{ARTIFACT_TAG}"] = location.encode()
    return stored


def _placed(record: Record, experiment: str) -> dict[str, object]:
    """Complete a record's description with the experiment's id and the artifacts' place in the history."""
    placed = in_experiment(record.kind, record.meta, experiment)
    if record.kind is Kind.TRACE:
        return placed
    return {**placed, LOCATIONS[record.kind]: f"file:./{artifact_folder(record.kind, record.id)}"}


def in_experiment(kind: Kind, meta: Mapping[str, object], experiment: str) -> dict[str, object]:
    """Write the id of its experiment into a record's description."""
    if kind is Kind.TRACE:
        where = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment}}
        return {**meta, "trace_location": where}
    return {**meta, "experiment_id": experiment}


def placeholders(folder: str, *, metrics: bool, params: bool) -> dict[str, Link | Write]:
    """Keep alive the folders of a run that MLflow insists on, and Git would drop because they are empty.

    MLflow takes every file in `metrics/` and `params/` for a metric or a param, but does not descend into links. Where
    Git makes a file of a link, as it does on Windows, `params/.keep` becomes a param, which does no harm; a file in
    `metrics/` would make MLflow fail the whole experiment, so there the folder itself is the link. MLflow does not
    look into the run's own `artifacts/` at all, because `artifact_uri` points elsewhere. No link leads back to where it
    lies: tools that follow links, such as `shutil.copytree`, would not come to an end.

    Args:
        folder: of the run's metadata.
        metrics: whether the run has any.
        params: whether the run has any.

    Returns:
        Edits by path.
    """
    kept: list[Link | Write] = [Write(path=f"{folder}/artifacts/.gitkeep", content=b"")]
    if not metrics:
        kept.append(Link(path=f"{folder}/metrics", target=METRICS_LINK))
        kept.append(Link(path=f"{folder}/{METRICS_LINK}/.keep", target=_TO_ARTIFACTS))
    if not params:
        kept.append(Link(path=f"{folder}/params/.keep", target=_TO_ARTIFACTS))
    return {edit.path: edit for edit in kept}


def is_placeholder(path: str, target: str) -> bool:
    """Tell whether a link below the root is one of those placeholders: a history holds no other links."""
    file = parse(path)
    if not isinstance(file, RecordFile) or file.kind is not Kind.RUN:
        return False
    return (file.inner, target) in _PLACEHOLDERS


_PLACEHOLDERS = {
    ("metrics", METRICS_LINK),
    (f"{METRICS_LINK}/.keep", _TO_ARTIFACTS),
    ("params/.keep", _TO_ARTIFACTS),
}
"""The links of `placeholders`: path inside the run, and target."""


def relocated(mlmodel: Content, folder: str) -> Content:
    """Make the `artifact_path` of an `MLmodel` file relative, so that it does not name the machine that wrote it."""
    data = mlmodel if isinstance(mlmodel, bytes) else read_again(mlmodel)
    return _HOST_PATH.sub(f"artifact_path: file:./{folder}".encode(), data)


def _is_mlmodel(path: str) -> bool:
    return path.rpartition("/")[2] == "MLmodel"
