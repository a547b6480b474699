"""Decide which files the promoted models consist of; pure.

Every byte is a copy of what the winning run logged. Nothing is converted, nothing is unpickled.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath

from mlpipeline.core.documents import finite, iso, json_bytes
from mlpipeline.core.edits import Copy, Delete, Edit, Tree, Write
from mlpipeline.core.ranking import Choice, RunSummary
from mlpipeline.core.records import Kind
from mlpipeline.history import reader
from mlpipeline.history.paths import MODELS, PROMOTED, artifact_folder

FORMATS = ("joblib", "pkl")
"""The single-file formats of a model that are promoted where the run logged them, as `model.<format>`."""

_COMMIT_TAGS = ("git.commit", "mlflow.source.git.commit")
_DATA_TAGS = ("data.sha256", "data.dvc_md5")


def promote(tree: Tree, choice: Choice, previous: Sequence[str]) -> list[Edit]:
    """The edits that make `models/` and the promoted model follow from the choice.

    Args:
        tree: the merged history, which holds the bytes.
        choice: the rule's result.
        previous: the algorithms promoted before; what is theirs and no longer true is removed.
    """
    edits: list[Edit] = []
    stale = {path for algorithm in previous for path in _algorithm_files(algorithm)} & set(tree.files)
    for algorithm, champion in choice.champions.items():
        files = model_files(tree, champion)
        metadata = json_bytes(describe(tree, champion, choice, files))
        made: list[Edit] = [Write(path=f"{MODELS}/{algorithm}_metadata.json", content=metadata)]
        made += [
            Copy(path=f"{MODELS}/{algorithm}_best_model.{kind}", source=files[f"model.{kind}"])
            for kind in FORMATS
            if f"model.{kind}" in files
        ]
        stale -= {edit.path for edit in made}
        edits += made
        if champion is choice.best:
            edits += _promoted(champion, files, metadata)
    if choice.best is None and any(path.startswith(f"{PROMOTED}/") for path in tree.files):
        edits.append(Delete(path=PROMOTED))
    return [*(Delete(path=path) for path in sorted(stale)), *edits]


def model_files(tree: Tree, run: RunSummary) -> dict[str, str]:
    """A run's model, file by file: the path in the tree by the path in the promoted folder.

    An MLflow model directory is taken whole. `model.joblib` and `model.pkl` are those in the model directory, else
    those among the run's artifacts.
    """
    if run.model is None:
        return {}
    files: dict[str, str] = {}
    inside = sorted(path for path in tree.files if path.startswith(f"{run.model}/"))
    if f"{run.model}/MLmodel" in tree.files:
        files = {path.removeprefix(f"{run.model}/"): path for path in inside}
    artifacts = f"{artifact_folder(Kind.RUN, run.run_id)}/"
    logged = sorted(
        (path for path in tree.files if path.startswith(artifacts)), key=lambda path: (path.count("/"), path)
    )
    for name in (f"model.{kind}" for kind in FORMATS):
        source = next((path for path in (*inside, *logged) if PurePosixPath(path).name == name), None)
        if source is not None:
            files.setdefault(name, source)
    return files


def describe(tree: Tree, run: RunSummary, choice: Choice, files: Mapping[str, str]) -> dict[str, object]:
    """What `metadata.json` says of a promoted run: where it comes from and the SHA-256 of each file."""
    data = reader.run_data(tree, run)
    contents = tree.read(files.values())
    return {
        "run_id": run.run_id,
        "run_name": run.run_name,
        "experiment": run.experiment,
        "model_type": run.algorithm,
        "selected_by": {"metric": choice.rule.metric, "mode": str(choice.rule.mode), "value": run.value},
        "params": dict(data.params),
        "metrics": {name: finite(value) for name, value in data.metrics.items()},
        "timestamps": {"start": iso(run.start_time), "end": iso(run.end_time)},
        "git_commit": next((data.tags[tag] for tag in _COMMIT_TAGS if tag in data.tags), None),
        "data": {tag.removeprefix("data."): data.tags[tag] for tag in _DATA_TAGS if tag in data.tags},
        "source": run.model,
        "files": {
            name: {"sha256": hashlib.sha256(contents[path]).hexdigest(), "bytes": len(contents[path])}
            for name, path in sorted(files.items())
        },
        "missing_formats": missing_formats(files),
    }


def missing_formats(files: Mapping[str, str]) -> list[str]:
    """Of the formats that are promoted, those that the run did not log."""
    whole = [] if "MLmodel" in files else ["mlflow"]
    return whole + [kind for kind in FORMATS if f"model.{kind}" not in files]


def _promoted(best: RunSummary, files: Mapping[str, str], metadata: bytes) -> Iterator[Edit]:
    yield Delete(path=PROMOTED)
    if best.model is not None and "MLmodel" in files:
        yield Copy(path=PROMOTED, source=best.model)
    for name in (f"model.{kind}" for kind in FORMATS):
        if name in files:
            yield Copy(path=f"{PROMOTED}/{name}", source=files[name])
    yield Write(path=f"{PROMOTED}/metadata.json", content=metadata)


def _algorithm_files(algorithm: str) -> list[str]:
    copies = [f"{MODELS}/{algorithm}_best_model.{kind}" for kind in FORMATS]
    return [*copies, f"{MODELS}/{algorithm}_metadata.json"]
