"""Reads the runs of a history, as a branch holds it, far enough to choose among them."""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from mlpipeline.core.documents import load_yaml
from mlpipeline.core.edits import Tree
from mlpipeline.core.ranking import Rule, RunSummary
from mlpipeline.core.records import MODEL_READY, RUN_STATUS, Kind
from mlpipeline.history.metrics import metric_points
from mlpipeline.history.paths import ARTIFACTS, INFO, METADATA, RESERVED, artifact_folder
from mlpipeline.history.stored import is_deleted

_PLACE = rf"{METADATA}/((?:\.trash/)?\d+)"
_RUN_META = re.compile(rf"{_PLACE}/([^/]+)/meta\.yaml")
_EXPERIMENT_META = re.compile(rf"{_PLACE}/meta\.yaml")
_MODEL_META = re.compile(rf"{_PLACE}/models/([^/]+)/meta\.yaml")
_OUTPUT = re.compile(rf"{_PLACE}/([^/]+)/outputs/([^/]+)/meta\.yaml")
_ALGORITHM_KEYS = ("tags/model_type", "params/model_type", "tags/algorithm", "params/algorithm")
_BARE_MODELS = ("model.joblib", "model.pkl")


@dataclass(frozen=True, kw_only=True)
class RunData:
    """What a run logged: params, tags and the latest value of each metric."""

    params: Mapping[str, str]
    tags: Mapping[str, str]
    metrics: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Held:
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


def experiments(tree: Tree) -> list[Held]:
    """The experiments in a tree, the deleted ones included; those whose `meta.yaml` cannot be read are missing."""
    places = {path: match[1] for path in tree.files if (match := _EXPERIMENT_META.fullmatch(path))}
    found: list[Held] = []
    for path, data in sorted(tree.read(places).items()):
        meta, place = _meta(data), places[path]
        if isinstance(name := meta.get("name"), str):
            found.append(Held(id=place.rpartition("/")[2], name=name, place=place, meta=meta))
    return found


def candidates(tree: Tree, rule: Rule) -> list[RunSummary]:
    """Every run of a tree with what `rule` asks of it, in the order of their ids."""
    names = {each.place: each.name for each in experiments(tree)}
    runs = {
        match[2]: path.removesuffix("/meta.yaml")
        for path in tree.files
        if (match := _RUN_META.fullmatch(path)) and match[2] not in RESERVED
    }
    models = _model_places(tree, runs)
    wanted = [f"{folder}/{name}" for folder in runs.values() for name in (f"metrics/{rule.metric}", *_ALGORITHM_KEYS)]
    metas = [f"{folder}/meta.yaml" for folder in runs.values()]
    data = tree.read([*metas, *(path for path in wanted if path in tree.files)])
    return [
        _candidate(run_id, folder, rule, names=names, data=data, model=models.get(run_id))
        for run_id, folder in sorted(runs.items())
    ]


def run_data(tree: Tree, run: RunSummary) -> RunData:
    """All that one run logged."""
    folder = f"{run.folder}/"
    paths = [path for path in tree.files if path.startswith(folder)]
    texts: dict[str, dict[str, bytes]] = defaultdict(dict)
    for path, data in tree.read(paths).items():
        kind, _, name = path.removeprefix(folder).partition("/")
        if name and not name.endswith("/.keep") and name != ".keep":
            texts[kind][name] = data
    return RunData(
        params={name: _text(data) for name, data in sorted(texts["params"].items())},
        tags={name: _text(data) for name, data in sorted(texts["tags"].items())},
        metrics={
            name: value for name, data in sorted(texts["metrics"].items()) if (value := latest_value(data)) is not None
        },
    )


def latest_value(data: bytes) -> float | None:
    """The latest value of a metric's file: that of the greatest step, then time, then value, as MLflow has it.

    Returns:
        `None` where a line cannot be read: MLflow then refuses the whole file.
    """
    try:
        points = metric_points(data)
    except ValueError:
        return None
    return max(points)[2] if points else None


def counts(tree: Tree) -> dict[str, int]:
    """How many experiments, runs and logged models a tree holds."""
    return {
        "experiments": sum(1 for path in tree.files if _EXPERIMENT_META.fullmatch(path)),
        "runs": sum(1 for path in tree.files if (m := _RUN_META.fullmatch(path)) and m[2] not in RESERVED),
        "logged_models": sum(1 for path in tree.files if _MODEL_META.fullmatch(path)),
    }


def previous_info(tree: Tree) -> dict[str, object]:
    """The `mlflow_persistence_info.json` that a tree holds; empty where there is none that can be read."""
    data = tree.read([INFO]).get(INFO)
    try:
        info = json.loads(data) if data else {}
    except ValueError:
        return {}
    return info if isinstance(info, dict) else {}


def _candidate(
    run_id: str, folder: str, rule: Rule, *, names: Mapping[str, str], data: Mapping[str, bytes], model: str | None
) -> RunSummary:
    place = folder.removeprefix(f"{METADATA}/").rpartition("/")[0]
    meta = _meta(data.get(f"{folder}/meta.yaml", b""))
    metric = data.get(f"{folder}/metrics/{rule.metric}")
    value = None if metric is None else latest_value(metric)
    stated = (data.get(f"{folder}/{key}") for key in _ALGORITHM_KEYS)
    return RunSummary(
        run_id=run_id,
        run_name=str(meta.get("run_name") or ""),
        folder=folder,
        experiment_id=place.rpartition("/")[2],
        experiment=names.get(place, ""),
        algorithm=algorithm_name(next((_text(each) for each in stated if each), "")),
        status=RUN_STATUS.get(_number(meta.get("status")) or 1, "RUNNING"),
        deleted=is_deleted(meta) or place.startswith(".trash/"),
        start_time=_number(meta.get("start_time")),
        end_time=_number(meta.get("end_time")),
        value=value,
        malformed=metric is not None and value is None,
        model=model,
    )


def algorithm_name(model_type: str) -> str:
    """`model_type` as the beginning of a file's name: anything else becomes a dash, nothing becomes `model`."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", model_type)[:64].strip("-.") or "model"


def _model_places(tree: Tree, runs: Mapping[str, str]) -> dict[str, str]:
    """The folder of each run's model, for the runs that have one.

    A run's logged models come first (MLflow 3), then MLflow model directories among its artifacts (MLflow 1 and 2),
    then a bare `model.joblib` or `model.pkl`.
    """
    artifacts: dict[str, list[PurePosixPath]] = defaultdict(list)
    outputs: dict[str, list[str]] = defaultdict(list)
    metas: dict[str, str] = {}
    for path in tree.files:
        parts = path.split("/")
        if parts[0] == ARTIFACTS and parts[1] not in ("models", "traces") and len(parts) > 3:
            artifacts[parts[1]].append(PurePosixPath(path))
        elif match := _OUTPUT.fullmatch(path):
            outputs[match[2]].append(match[3])
        elif match := _MODEL_META.fullmatch(path):
            metas[match[2]] = path
    linked = {model for models in outputs.values() for model in models}
    logged = tree.read([path for model, path in metas.items() if model in linked])
    return {
        run_id: place
        for run_id in runs
        if (place := _logged_model(tree, outputs[run_id], metas, logged) or _model_artifact(artifacts[run_id]))
    }


def _logged_model(tree: Tree, models: Iterable[str], metas: Mapping[str, str], data: Mapping[str, bytes]) -> str | None:
    """The folder of the one of a run's logged models to promote: that called `model`, else the newest."""
    ready: list[tuple[bool, int, str]] = []
    for model in models:
        meta = _meta(data.get(metas.get(model, ""), b""))
        place = artifact_folder(Kind.LOGGED_MODEL, model)
        if _number(meta.get("status")) == MODEL_READY and f"{place}/MLmodel" in tree.files:
            ready.append((meta.get("name") == "model", _number(meta.get("creation_timestamp")) or 0, place))
    return max(ready)[2] if ready else None


def _model_artifact(paths: Iterable[PurePosixPath]) -> str | None:
    """The folder of the shallowest model among a run's artifacts."""
    ordered = sorted(paths, key=lambda path: (len(path.parts), path))
    for names in (("MLmodel",), _BARE_MODELS):
        for path in ordered:
            if path.name in names:
                return str(path.parent)
    return None


def _meta(data: bytes) -> dict[str, object]:
    try:
        return load_yaml(data)
    except ValueError:
        return {}


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _text(data: bytes) -> str:
    return data.decode(errors="replace").strip()
