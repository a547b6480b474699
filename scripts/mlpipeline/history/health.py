"""Judge what MLflow opens of a history in a fresh clone, by MLflow's own rules; reads the tree, writes nothing.

The rules are those of `mlflow/store/tracking/file_store.py` 3.17, read by somebody who stands at the history's root:
a run is listed if its experiment and its own description fit together and no metric in the experiment is malformed;
it is opened if its folders survived Git; an artifact is found if the location in the description leads to it.
"""

import posixpath
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

from mlpipeline.core.documents import load_yaml
from mlpipeline.core.edits import Tree
from mlpipeline.core.records import Kind
from mlpipeline.history.metrics import metric_points
from mlpipeline.history.paths import LOAD_MARK, ArtifactFile, ExperimentFile, RecordFile, parse

_NEEDED = ("metrics/", "params/", "artifacts/")


@dataclass(frozen=True, kw_only=True)
class Health:
    """Counts over one history.

    Attributes:
        runs: folders of runs.
        visible: of these, how many MLflow lists.
        opened: of these, how many MLflow opens by id, which it must before it lists artifacts.
        artifacts: files that runs and logged models logged.
        listable: of these, how many MLflow finds.
        models: MLflow model directories.
        resolvable: of these, how many MLflow finds.
    """

    runs: int = 0
    visible: int = 0
    opened: int = 0
    artifacts: int = 0
    listable: int = 0
    models: int = 0
    resolvable: int = 0

    def __add__(self, other: "Health") -> "Health":
        return Health(**{field.name: getattr(self, field.name) + getattr(other, field.name) for field in fields(self)})


@dataclass(frozen=True, kw_only=True)
class _Files:
    """The files of a record by path inside it, its artifacts left out, and its folder."""

    folder: str
    names: frozenset[str]


def judge(tree: Tree) -> Health:
    """Count what MLflow lists and opens of a tree."""
    runs = _runs(tree)
    metas = _metas(tree)
    blank = _blank_experiments(tree, runs)
    logged = _artifacts(tree)
    total = Health()
    for run_id, files in runs.items():
        meta = metas.get(f"{files.folder}/meta.yaml")
        experiment = files.folder.rpartition("/")[0]
        fits = meta is not None and str(meta.get("experiment_id")) == experiment.rpartition("/")[2]
        visible = fits and f"{experiment}/meta.yaml" in metas and experiment not in blank
        opened = visible and all(any(f"{name}/".startswith(part) for name in files.names) for part in _NEEDED)
        total += Health(runs=1, visible=visible, opened=opened)
        total += _reach(logged[run_id], _from_root((meta or {}).get("artifact_uri")) if opened else None)
    for path, meta in metas.items():
        file = parse(path)
        if isinstance(file, RecordFile) and file.kind is Kind.LOGGED_MODEL and file.is_description:
            total += _reach(logged[file.id], _from_root(meta.get("artifact_location")))
    return total


def _runs(tree: Tree) -> dict[str, _Files]:
    names: dict[str, set[str]] = defaultdict(set)
    folders: dict[str, str] = {}
    for path in tree.files:
        file = parse(path)
        if isinstance(file, RecordFile) and file.kind is Kind.RUN:
            names[file.id].add(file.inner)
            folders[file.id] = file.folder
    looks = ("meta.yaml", "metrics/", "params/", "tags/")
    return {
        run: _Files(folder=folders[run], names=frozenset(found))
        for run, found in names.items()
        if any(name.startswith(looks) for name in found)
    }


def _metas(tree: Tree) -> dict[str, dict[str, object]]:
    described = [path for path in tree.files if path.endswith("/meta.yaml") and _is_description(path)]
    loaded: dict[str, dict[str, object]] = {}
    for path, data in tree.read(described).items():
        try:
            loaded[path] = load_yaml(data)
        except ValueError:
            continue
    return loaded


def _is_description(path: str) -> bool:
    file = parse(path)
    return isinstance(file, ExperimentFile | RecordFile) and file.is_description


def _blank_experiments(tree: Tree, runs: Mapping[str, _Files]) -> set[str]:
    """Name the folders of experiments in which one metric's file makes MLflow fail the whole search."""
    metrics = {
        f"{files.folder}/{name}": files.folder.rpartition("/")[0]
        for files in runs.values()
        for name in files.names
        if name.startswith("metrics/") and not name.endswith("/.keep")
    }
    return {metrics[path] for path, data in tree.read(metrics).items() if not _is_readable(data)}


def _is_readable(data: bytes) -> bool:
    try:
        return bool(metric_points(data)) and not any(not line.strip() for line in data.splitlines())
    except ValueError:
        return False


def _artifacts(tree: Tree) -> dict[str, list[str]]:
    """List the files that each run or logged model logged, wherever they lie, by its id."""
    logged: dict[str, list[str]] = defaultdict(list)
    marks = ("/artifacts/.gitkeep", f"/{LOAD_MARK}")
    for path in tree.files:
        file = parse(path)
        if not isinstance(file, ArtifactFile | RecordFile) or file.kind is Kind.TRACE or path.endswith(marks):
            continue
        if isinstance(file, ArtifactFile) or file.inner.startswith("artifacts/"):
            logged[file.id].append(path)
    return logged


def _reach(logged: Sequence[str], location: str | None) -> Health:
    """Count what of a record's artifacts MLflow reaches from their location."""
    reached = [path for path in logged if location is not None and path.startswith(f"{location}/")]
    return Health(
        artifacts=len(logged),
        listable=len(reached),
        models=sum(path.endswith("/MLmodel") for path in logged),
        resolvable=sum(path.endswith("/MLmodel") for path in reached),
    )


def _from_root(location: object) -> str | None:
    """Resolve a location to a path below the root, as MLflow does; `None` for one of a machine or a server."""
    path = location.removeprefix("file:") if isinstance(location, str) else ""
    return None if not path or path.startswith("/") or ":" in path else posixpath.normpath(path)
