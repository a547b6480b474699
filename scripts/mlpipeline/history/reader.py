"""Read the runs of a history, as a branch holds it, far enough to choose among them."""

import io
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from mlpipeline.core.documents import readable_yaml
from mlpipeline.core.edits import Readable, Tree
from mlpipeline.core.ranking import Rule, RunSummary
from mlpipeline.core.records import MODEL_READY, RUN_STATUS, Kind
from mlpipeline.history import algorithms
from mlpipeline.history.metrics import lines_of, points_of
from mlpipeline.history.paths import (
    ARTIFACTS,
    DESCRIPTION,
    METADATA,
    PROMOTED_MODEL,
    ArtifactFile,
    ExperimentFile,
    RecordFile,
    RegisteredModelFile,
    artifact_folder,
    is_experiment_id,
    parse,
)
from mlpipeline.history.stored import is_deleted, is_portable

_ALGORITHM_KEYS = (*algorithms.STATED, *algorithms.ESTIMATOR)
_BARE_MODELS = ("model.joblib", "model.pkl")

_ENDS = (
    ".joblib .pkl .pickle .pt .pth .ckpt .onnx .h5 .hdf5 .keras .safetensors .skops .pmml .ubj .cbm .bst .tflite .gguf"
)

MODEL_ENDS = frozenset(_ENDS.split(" "))
"""Ends of files that hold a model, where a run logged just one and no MLflow model."""


@dataclass(frozen=True, kw_only=True)
class RunData:
    """What a run logged: params, tags and the latest value of each metric."""

    params: Mapping[str, str]
    tags: Mapping[str, str]
    metrics: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class StoredExperiment:
    """An experiment of a history.

    Attributes:
        id: its id.
        name: its name.
        place: where it lies below `mlruns/`: the id, or `.trash/<id>` where it was deleted.
        meta: its description.
    """

    id: str
    name: str
    place: str
    meta: Mapping[str, object]


def experiments(tree: Tree) -> list[StoredExperiment]:
    """Read the experiments of a tree, the deleted ones included; those whose `meta.yaml` is malformed are missing."""
    return _experiments(tree, _index(tree))


def _experiments(tree: Tree, index: "_Index") -> list[StoredExperiment]:
    places = index.experiments
    stored: list[StoredExperiment] = []
    for path, data in sorted(tree.read(places).items()):
        meta, place = readable_yaml(data), places[path]
        if isinstance(name := meta.get("name"), str):
            stored.append(StoredExperiment(id=place.rpartition("/")[2], name=name, place=place, meta=meta))
    return stored


def unreadable_experiments(tree: Tree) -> list[str]:
    """Name the experiments of a tree whose description cannot be read, by their places below `mlruns/`."""
    places = _index(tree).experiments
    return sorted({*places.values()} - {experiment.place for experiment in experiments(tree)})


def run_summaries(tree: Tree, rule: Rule) -> list[RunSummary]:
    """Read every run of a tree as far as `rule` asks, in the order of their ids."""
    index = _index(tree)
    names = {experiment.place: experiment.name for experiment in _experiments(tree, index)}
    runs = index.runs
    models = _model_places(tree, index)
    wanted = [f"{folder}/{name}" for folder in runs.values() for name in _ALGORITHM_KEYS]
    described = [f"{folder}/meta.yaml" for folder in runs.values()]
    ranked = [f"{folder}/metrics/{rule.metric}" for folder in runs.values()]
    values = tree.stream((path for path in ranked if path in tree.files), latest_value_of)
    data = tree.read([*described, *(path for path in wanted if path in tree.files)])
    metas = {run_id: readable_yaml(data.get(f"{folder}/meta.yaml", b"")) for run_id, folder in runs.items()}
    algorithm = {run_id: _stated_algorithm(folder, data) for run_id, folder in runs.items()}
    if silent := [run_id for run_id, stated in algorithm.items() if not stated]:
        algorithm |= _inferred_algorithms(
            tree, index, {run_id: (metas[run_id], models.get(run_id)) for run_id in silent}
        )
    named = algorithms.file_names(algorithm.values())
    return [
        _run_summary(
            run_id,
            folder,
            names=names,
            meta=metas[run_id],
            value=values.get(f"{folder}/metrics/{rule.metric}"),
            malformed=f"{folder}/metrics/{rule.metric}" in values and values[f"{folder}/metrics/{rule.metric}"] is None,
            model=models.get(run_id),
            algorithm=named[algorithm[run_id]],
        )
        for run_id, folder in sorted(runs.items())
    ]


def run_data(tree: Tree, run: RunSummary) -> RunData:
    """Read the params, tags and latest metrics of one run."""
    folder = f"{run.folder}/"
    paths = [path for path in tree.files if path.startswith(folder)]
    ranked = [path for path in paths if path.startswith(f"{folder}metrics/") and not path.endswith("/.keep")]
    latest = {
        path.removeprefix(f"{folder}metrics/"): each for path, each in tree.stream(ranked, latest_value_of).items()
    }
    texts: dict[str, dict[str, bytes]] = defaultdict(dict)
    for path, data in tree.read(path for path in paths if not path.startswith(f"{folder}metrics/")).items():
        kind, _, name = path.removeprefix(folder).partition("/")
        if name and not name.endswith("/.keep") and name != ".keep":
            texts[kind][name] = data
    return RunData(
        params={name: _text(data) for name, data in sorted(texts["params"].items())},
        tags={name: _text(data) for name, data in sorted(texts["tags"].items())},
        metrics={name: value for name, value in sorted(latest.items()) if value is not None},
    )


def latest_value(data: bytes) -> float | None:
    """Compute the latest value of a metric's file: that of the greatest step, then time, then value, as MLflow has it.

    Returns:
        `None` where a line cannot be read: MLflow then refuses the whole file.
    """
    return latest_value_of(io.BytesIO(data))


def latest_value_of(content: Readable) -> float | None:
    """Compute the latest value of a metric's file of any size, as `latest_value` does."""
    try:
        latest = max(points_of(lines_of(content)), default=None)
    except ValueError:
        return None
    return latest[2] if latest else None


def counts(tree: Tree) -> dict[str, int]:
    """Count the experiments, runs and logged models of a tree."""
    index = _index(tree)
    return {
        "experiments": len(index.experiments),
        "runs": len(index.runs),
        "logged_models": len(index.logged_models),
    }


def metric_names(tree: Tree) -> list[str]:
    """Name the metrics that runs of a tree logged, those of the most runs first."""
    runs: Counter[str] = Counter()
    for path in tree.files:
        file = parse(path) if "/metrics/" in path else None
        if isinstance(file, RecordFile) and file.kind is Kind.RUN and is_experiment_id(file.experiment):
            folder, _, name = file.inner.partition("/")
            runs[name] += folder == "metrics" and name != ".keep"
    return sorted((name for name, count in runs.items() if count), key=lambda name: (-runs[name], name))


def _run_summary(
    run_id: str,
    folder: str,
    *,
    names: Mapping[str, str],
    meta: Mapping[str, object],
    value: float | None,
    malformed: bool,
    model: "_Model | None",
    algorithm: str,
) -> RunSummary:
    place = folder.removeprefix(f"{METADATA}/").rpartition("/")[0]
    return RunSummary(
        run_id=run_id,
        run_name=_label(meta.get("run_name")),
        folder=folder,
        experiment_id=place.rpartition("/")[2],
        experiment=names.get(place, ""),
        algorithm=algorithm,
        status=RUN_STATUS.get(_number(meta.get("status")) or 1, "RUNNING"),
        deleted=is_deleted(meta) or place.startswith(".trash/"),
        start_time=_number(meta.get("start_time")),
        end_time=_number(meta.get("end_time")),
        value=value,
        malformed=malformed,
        model=model.path if model else None,
        unreadable=not meta,
        by_hand=not is_portable(meta),
    )


@dataclass(frozen=True, kw_only=True)
class _Index:
    """What a tree holds, by its paths alone.

    Attributes:
        experiments: the place of each experiment below `mlruns/`, by the path of its description.
        runs: the folder of each run, by id.
        logged_models: the path of each logged model's description, by id.
        outputs: the logged models of each run, by the run's id.
        artifacts: the artifacts of each run, by its id.
        versions: the descriptions of the versions of registered models, with the model's name by path; but of those
            that promoting made.
    """

    experiments: dict[str, str] = field(default_factory=dict)
    runs: dict[str, str] = field(default_factory=dict)
    logged_models: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    artifacts: dict[str, list[PurePosixPath]] = field(default_factory=lambda: defaultdict(list))
    versions: dict[str, str] = field(default_factory=dict)


def _index(tree: Tree) -> _Index:
    """Sort the paths of a tree by what they are; experiments whose folder is no id are passed over."""
    index = _Index()
    # Most files of a history are params, metrics and tags, of which nothing is to be known here.
    artifact, description = f"{ARTIFACTS}/", f"/{DESCRIPTION}"
    for path in (path for path in tree.files if path.startswith(artifact) or path.endswith(description)):
        match parse(path):
            case ArtifactFile(kind=Kind.RUN) as file:
                index.artifacts[file.id].append(PurePosixPath(path))
            case ExperimentFile(is_description=True) as file if is_experiment_id(file.experiment):
                index.experiments[path] = file.place
            case RecordFile(kind=Kind.RUN) as file if is_experiment_id(file.experiment):
                if file.is_description:
                    index.runs[file.id] = file.folder
                elif model := file.output:
                    index.outputs[file.id].append(model)
            case RecordFile(kind=Kind.LOGGED_MODEL, is_description=True) as file if is_experiment_id(file.experiment):
                index.logged_models[file.id] = path
            case RegisteredModelFile(version=int(), inner="meta.yaml") as file if file.name != PROMOTED_MODEL:
                index.versions[path] = file.name
    return index


@dataclass(frozen=True, kw_only=True)
class _Model:
    """The model of a run: the path of its folder, or of the one file that it is, and its name, if it has one."""

    path: str
    name: str


def _stated_algorithm(folder: str, data: Mapping[str, bytes]) -> str:
    """Name what a run trained as it says itself, else as autologging says; empty where neither does."""
    stated = (data.get(f"{folder}/{key}") for key in algorithms.STATED)
    estimator = (data.get(f"{folder}/{key}") for key in algorithms.ESTIMATOR)
    if text := next((_text(each) for each in stated if each and _text(each)), ""):
        return text
    return next((algorithms.class_name(_text(each)) for each in estimator if each and _text(each)), "")


def _inferred_algorithms(
    tree: Tree, index: _Index, runs: Mapping[str, tuple[Mapping[str, object], _Model | None]]
) -> dict[str, str]:
    """Name what runs trained that do not say it: by their models, else by a name that somebody gave.

    Args:
        tree: the history.
        index: its paths.
        runs: the description and the model of each run, by id.
    """
    registered = _registered_names(tree, index)
    mlmodels = tree.read([f"{model.path}/MLmodel" for _, model in runs.values() if model])
    return {
        run_id: algorithms.of_mlmodel(mlmodels.get(f"{model.path}/MLmodel", b"") if model else b"")
        or algorithms.of_names(registered.get(run_id, ""), model.name if model else "", _label(meta.get("run_name")))
        for run_id, (meta, model) in runs.items()
    }


def _registered_names(tree: Tree, index: _Index) -> dict[str, str]:
    """The name of the registered model of which each run made a version, the first by name, by the run's id."""
    described = tree.read(index.versions)
    found: dict[str, str] = {}
    for path in sorted(described, key=lambda path: (index.versions[path], path), reverse=True):
        found[str(readable_yaml(described[path]).get("run_id"))] = index.versions[path]
    return found


def _model_places(tree: Tree, index: _Index) -> dict[str, _Model]:
    """Find the place of each run's model, for the runs that have one.

    A run's logged models come first (MLflow 3), then MLflow model directories among its artifacts (MLflow 1 and 2),
    then a bare `model.joblib` or `model.pkl`, then the only file that holds a model by its end.
    """
    linked = {model for models in index.outputs.values() for model in models}
    logged = tree.read([path for model, path in index.logged_models.items() if model in linked])
    return {
        run_id: place
        for run_id in index.runs
        if (
            place := _logged_model(tree, index.outputs[run_id], index.logged_models, logged)
            or _model_artifact(index.artifacts[run_id])
        )
    }


def _logged_model(
    tree: Tree, models: Iterable[str], metas: Mapping[str, str], data: Mapping[str, bytes]
) -> _Model | None:
    """Find the folder of the one of a run's logged models to promote: that called `model`, else the newest."""
    ready: list[tuple[bool, int, str, str]] = []
    for model in models:
        meta = readable_yaml(data.get(metas.get(model, ""), b""))
        place = artifact_folder(Kind.LOGGED_MODEL, model)
        if _number(meta.get("status")) == MODEL_READY and f"{place}/MLmodel" in tree.files:
            name = _label(meta.get("name"))
            ready.append((name == "model", _number(meta.get("creation_timestamp")) or 0, place, name))
    return _Model(path=max(ready)[2], name=max(ready)[3]) if ready else None


def _model_artifact(paths: Iterable[PurePosixPath]) -> _Model | None:
    """Find the folder of the shallowest model among a run's artifacts, or the only file that is like a model."""
    ordered = sorted(paths, key=lambda path: (len(path.parts), path))
    for names in (("MLmodel",), _BARE_MODELS):
        for path in ordered:
            if path.name in names:
                is_named = "MLmodel" in names and path.parent.name != "artifacts"
                return _Model(path=str(path.parent), name=path.parent.name if is_named else "")
    alike = [path for path in ordered if path.suffix.lower() in MODEL_ENDS]
    return _Model(path=str(alike[0]), name="") if len(alike) == 1 else None


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _label(value: object) -> str:
    """Write a name that a description gives; empty for what is none."""
    return str(value) if value and isinstance(value, str | int | float) else ""


def _text(data: bytes) -> str:
    return data.decode(errors="replace").strip()
