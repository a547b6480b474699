"""Decide which files the promoted models consist of; pure.

Every byte is a copy of what the winning run logged. Nothing is converted, nothing is unpickled.
"""

import hashlib
import re
from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from mlpipeline.core.documents import finite, iso, json_bytes, load_json
from mlpipeline.core.edits import Copy, Delete, Edit, Tree, Write
from mlpipeline.core.ranking import Choice, RunSummary
from mlpipeline.core.records import Kind
from mlpipeline.history import reader
from mlpipeline.history.paths import ARTIFACTS, INFO, MODELS, PROMOTED, artifact_folder

FORMATS = ("joblib", "pkl")
"""The single-file formats of a model that are promoted where the run logged them, as `model.<format>`."""

_DESCRIBED = "_metadata.json"
"""What the name of an algorithm's description ends with."""

_COMMIT_TAGS = ("git.commit", "mlflow.source.git.commit")
_DATA_TAGS = ("data.sha256", "data.dvc_md5")


@dataclass(frozen=True, kw_only=True)
class Promotion:
    """What follows from a choice.

    Attributes:
        edits: they make `models/` and the promoted model follow from it.
        missing_formats: formats that are promoted where a run logged them, and that the best run did not log.
    """

    edits: tuple[Edit, ...] = ()
    missing_formats: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Digest:
    """A file's SHA-256 in hexadecimal, and its size in bytes."""

    sha256: str
    bytes: int


ModelFiles = Mapping[str, str]
"""A model, file by file: the path in the tree by the path in the promoted folder."""


KINDS = tuple(sorted({*FORMATS, *(end.removeprefix(".") for end in reader.MODEL_ENDS)}))
"""The formats that `models/` may hold."""


def promote(tree: Tree, choice: Choice, *, tip: Tree, stale: Iterable[str]) -> Promotion:
    """Decide what `models/` and the promoted model are to hold.

    Args:
        tree: the merged history, which holds the bytes.
        choice: the rule's result.
        tip: the branch before; what it recorded of a champion that did not change is not computed again.
        stale: algorithms whose models go, unless the choice has a champion of them.
    """
    edits: list[Edit] = []
    gone = {path for algorithm in stale for path in _algorithm_files(algorithm)} & set(tree.files)
    models = model_files(tree, choice.champions.values())
    for algorithm, champion in choice.champions.items():
        files = models[champion.run_id]
        digests = _recorded_digests(tip, tree, champion, files) or _digests(tree, files)
        metadata = json_bytes(describe(tree, champion, choice, digests))
        own: list[Edit] = [Write(path=_metadata_path(algorithm), content=metadata)]
        own += [Copy(path=_copy_path(algorithm, kind), source=files[f"model.{kind}"]) for kind in _copied(files)]
        gone -= {edit.path for edit in own}
        edits += own
        if champion is choice.best:
            edits += _promoted(tree, files, metadata)
    if choice.best is None:
        edits += [Delete(path=path) for path in sorted(promoted_files(tree))]
    return Promotion(
        edits=(*(Delete(path=path) for path in sorted(gone)), *edits),
        missing_formats=_missing_formats(models[choice.best.run_id]) if choice.best else (),
    )


def model_files(tree: Tree, runs: Collection[RunSummary]) -> dict[str, ModelFiles]:
    """Find the files of runs' models, by run id.

    An MLflow model directory is taken whole. `model.joblib` and `model.pkl` are those in the model directory, else
    those among the run's artifacts.
    """
    folders = {run.run_id: (f"{run.model}/", f"{artifact_folder(Kind.RUN, run.run_id)}/") for run in runs if run.model}
    prefixes = tuple(prefix for pair in folders.values() for prefix in pair)
    paths = sorted(path for path in tree.files if path.startswith(prefixes))
    files = {run_id: _model_files(paths, model, artifacts) for run_id, (model, artifacts) in folders.items()}
    # A run's only file that is like a model is promoted under the name that such a file has here.
    single = {
        run.run_id: {f"model{PurePosixPath(run.model).suffix.lower()}": run.model}
        for run in runs
        if run.model and run.model in tree.files
    }
    return files | single


def _copied(files: ModelFiles) -> list[str]:
    """The formats of a model that `models/` holds: those of `FORMATS`, and that of a model that is one file."""
    single = [] if "MLmodel" in files else [name.removeprefix("model.") for name in files if name.startswith("model.")]
    return list(dict.fromkeys([*(kind for kind in FORMATS if f"model.{kind}" in files), *single]))


def _model_files(paths: Sequence[str], model: str, artifacts: str) -> ModelFiles:
    inside = [path for path in paths if path.startswith(model)]
    logged = [path for path in paths if path.startswith(artifacts)]
    by_depth = sorted(logged, key=lambda path: (path.count("/"), path))
    files = {path.removeprefix(model): path for path in inside} if f"{model}MLmodel" in inside else {}
    for name in (f"model.{kind}" for kind in FORMATS):
        source = next((path for path in (*inside, *by_depth) if PurePosixPath(path).name == name), None)
        if source is not None:
            files.setdefault(name, source)
    return files


def describe(tree: Tree, run: RunSummary, choice: Choice, digests: Mapping[str, Digest]) -> dict[str, object]:
    """Describe a promoted run for `metadata.json`: where it comes from and the SHA-256 of each file."""
    data = reader.run_data(tree, run)
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
        "files": {name: vars(digest) for name, digest in sorted(digests.items())},
        "missing_formats": list(_missing_formats(digests)),
    }


def _digests(tree: Tree, files: ModelFiles) -> dict[str, Digest]:
    contents = tree.read(files.values())
    return {
        name: Digest(sha256=hashlib.sha256(contents[path]).hexdigest(), bytes=len(contents[path]))
        for name, path in files.items()
    }


def _recorded_digests(tip: Tree, tree: Tree, run: RunSummary, files: ModelFiles) -> dict[str, Digest] | None:
    """What the tip recorded of this champion's files; `None` where it need not be true any more.

    It is believed where the same run is champion by the same model, none of the model's files has changed, and the
    copies that were made of them are still their copies.
    """
    path = _metadata_path(run.algorithm)
    try:
        recorded: Any = load_json(tip.read([path])[path])
        digests = {name: _digest(**digest) for name, digest in recorded["files"].items()}
        is_same = (recorded["run_id"], recorded["source"]) == (run.run_id, run.model)
    except (KeyError, ValueError, TypeError, AttributeError):
        return None
    sources = {_copy_path(run.algorithm, kind): files.get(f"model.{kind}", "") for kind in KINDS}
    if f"{PROMOTED}/metadata.json" in tip.files and tip.files[f"{PROMOTED}/metadata.json"] == tip.files[path]:
        sources |= {f"{PROMOTED}/{name}": source for name, source in files.items()}
    unchanged = all(tip.files.get(source) == tree.files[source] for source in files.values())
    copied = all(tip.files.get(copy) == tip.files.get(source) for copy, source in sources.items())
    return digests if is_same and digests.keys() == files.keys() and unchanged and copied else None


def _digest(*, sha256: str, bytes: int) -> Digest:  # noqa: A002 - the keys of the file
    if not re.fullmatch(r"[0-9a-f]{64}", sha256) or bytes < 0:
        raise ValueError(sha256)
    return Digest(sha256=sha256, bytes=bytes)


def _missing_formats(files: Container[str]) -> tuple[str, ...]:
    whole = () if "MLmodel" in files else ("mlflow",)
    return (*whole, *(kind for kind in FORMATS if f"model.{kind}" not in files))


def _promoted(tree: Tree, files: ModelFiles, metadata: bytes) -> Iterator[Edit]:
    """The edits that replace the promoted model, and leave alone what others keep beside it."""
    own = {f"{PROMOTED}/{name}": source for name, source in files.items()}
    yield from (Delete(path=path) for path in sorted(promoted_files(tree) - own.keys()))
    yield from (Copy(path=path, source=source) for path, source in own.items())
    yield Write(path=f"{PROMOTED}/metadata.json", content=metadata)


def promoted_files(tree: Tree) -> frozenset[str]:
    """Name the files beside `metadata.json` and itself that promotions have put into the promoted model's folder.

    They are those that `metadata.json` lists; where it does not tell, those that are copies of what runs logged.
    """
    there = {path for path in tree.files if path.startswith(f"{PROMOTED}/")}
    described = f"{PROMOTED}/metadata.json"
    if not there:
        return frozenset()
    recorded = tree.read([described]).get(described, b"")
    own = {described} & there if _is_ours(tree, recorded) else set()
    try:
        described_files: Any = load_json(recorded)
        own |= {f"{PROMOTED}/{name}" for name in described_files["files"]}
    except (KeyError, ValueError, TypeError):
        logged = {identifier for path, identifier in tree.files.items() if path.startswith(f"{ARTIFACTS}/")}
        own |= {path for path in there if tree.files[path] in logged}
    return frozenset(own & there)


def derived_files(tree: Tree) -> frozenset[str]:
    """Name the files of `models/` and of the promoted model that promotions have written, as far as a tree tells."""
    described = [path for path in tree.files if path.startswith(f"{MODELS}/") and path.endswith(_DESCRIBED)]
    algorithms = [
        path.removeprefix(f"{MODELS}/").removesuffix(_DESCRIBED)
        for path, recorded in tree.read(described).items()
        if _is_ours(tree, recorded)
    ]
    return promoted_files(tree) | {path for algorithm in algorithms for path in _algorithm_files(algorithm)}


def _is_ours(tree: Tree, recorded: bytes) -> bool:
    """Whether a `metadata.json` is of a promotion, also after a merge by hand has left its marks in it."""
    return b'"run_id"' in recorded or INFO in tree.files


def _algorithm_files(algorithm: str) -> list[str]:
    return [*(_copy_path(algorithm, kind) for kind in KINDS), _metadata_path(algorithm)]


def _copy_path(algorithm: str, kind: str) -> str:
    return f"{MODELS}/{algorithm}_best_model.{kind}"


def _metadata_path(algorithm: str) -> str:
    return f"{MODELS}/{algorithm}{_DESCRIBED}"
