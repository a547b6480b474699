"""Bring a history into the folder in which a job trains, so that training continues in it.

Adds files, never changes or removes one. Everything is written beside its place first and renamed into it when whole.
Neither the history nor the folder is trusted: nothing is written outside of the folder, through a link, or where Git
would act on it.
"""

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from mlpipeline.core.edits import Link, Tree
from mlpipeline.core.errors import InputError
from mlpipeline.core.records import Kind
from mlpipeline.core.workspace import workspace
from mlpipeline.history import reader
from mlpipeline.history.folder import FolderTree
from mlpipeline.history.paths import (
    ARTIFACTS,
    METADATA,
    METRICS_LINK,
    REQUIRED,
    ArtifactFile,
    RecordFile,
    RegisteredModelFile,
    parse,
    unsafe,
)
from mlpipeline.history.stored import is_placeholder, placeholders

AT_ONCE = {METADATA: 2000, ARTIFACTS: 16}
"""Files that are in memory at a time: descriptions are small, models need not be."""

_STAGED = ".mlflow-git-restore-"
"""What the name of the folder begins with in which files wait until all are whole."""


@dataclass(frozen=True, kw_only=True)
class Restored:
    """What restoring did.

    Attributes:
        runs: runs that were brought.
        files: files that were written.
        folders: empty folders that were created.
        skipped: what lies in the workspace in another state and was left as it is there.
        refused: why a path was not brought, as the rest of a sentence that begins with the path.
    """

    runs: int
    files: int
    folders: int
    skipped: tuple[str, ...]
    refused: Mapping[str, str]


class Source(Tree, Protocol):
    """A history that knows what it does not give."""

    @property
    def left_out(self) -> Mapping[str, str]:
        """Why a path is not among its files, as the rest of a sentence that begins with the path."""


def restore(source: Source, into: Path, *, artifacts: bool = True, same_place: bool = False) -> Restored:
    """Bring the history `source` into a folder.

    A run, a logged model, a trace or a registered model of which the folder holds one file in another state is left
    out as a whole: its local state may be the newer one, and persisting unites the two.

    Args:
        source: the history.
        into: the folder in which training runs; made if it is missing.
        artifacts: whether to bring the artifacts as well.
        same_place: whether `source` lies in `into` itself, so that only empty folders can be missing.

    Raises:
        InputError: the folder holds an experiment of a name that the history has under another id.
    """
    _refuse_second_ids(source, into)
    tops = (METADATA, ARTIFACTS) if artifacts else (METADATA,)
    links = _links(source.files)
    wanted = [path for path in source.files if path.split("/", 1)[0] in tops and path not in links]
    refused = dict(source.left_out) | {path: reason for path in wanted if (reason := unsafe(path))}
    place = _Place(folder=into)
    refused |= {path: reason for path in wanted if path not in refused and (reason := place.fault(path))}
    paths = [path for path in wanted if path not in refused]
    skipped: tuple[str, ...] = ()
    missing: list[str] = []
    if not same_place:
        missing, skipped = _missing(source, paths, into)
    into.mkdir(parents=True, exist_ok=True)
    with workspace(_STAGED, into) as stage:
        staged = stage.path
        for chunk in _chunks(missing):
            for path, data in source.read(chunk).items():
                target = staged / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(data)
        required = _required_folders(paths, set(skipped))
        empty = [name for name in required if not _is_there(name, staged, into) and not place.fault(f"{name}/x")]
        for name in empty:
            (staged / name).mkdir(parents=True)
        # Artifacts first: a run that can be seen is whole.
        for top in (ARTIFACTS, METADATA):
            if (staged / top).exists():
                _move_in(staged / top, into / top)
    runs = {path for path in missing if _is_run(path)}
    return Restored(runs=len(runs), files=len(missing), folders=len(empty), skipped=skipped, refused=refused)


@dataclass(frozen=True, kw_only=True)
class _Place:
    """The folder that a history is brought into.

    Attributes:
        folder: the folder, which the user named.
        faults: what was found out of the folders in it, by path inside it.
    """

    folder: Path
    faults: dict[str, str] = field(default_factory=dict)

    def fault(self, path: str) -> str:
        """Find out why nothing is to be written at a path inside; empty if it can be."""
        parent = path.rpartition("/")[0]
        if not parent:
            return ""
        if parent not in self.faults:
            self.faults[parent] = self.fault(parent) or self._fault_of(parent)
        return self.faults[parent]

    def _fault_of(self, path: str) -> str:
        folder = self.folder / path
        if _is_open(folder, path) or (folder.is_file() and _is_written_link(folder)):
            return ""
        what = "a symbolic link" if folder.is_symlink() else "no folder"
        return f"would be written into '{path}', which is {what} in '{self.folder}'"


def _is_open(folder: Path, path: str) -> bool:
    """Tell whether a folder is one or can become one; our link for an empty `metrics/` stands for one beside it."""
    if folder.is_symlink():
        is_own = folder.name == "metrics" and is_placeholder(path, str(folder.readlink()))
        return is_own and not folder.with_name(METRICS_LINK).is_symlink()
    return folder.is_dir() or not folder.exists()


def _refuse_second_ids(source: Tree, into: Path) -> None:
    """Refuse an experiment under two ids: MLflow shows only one of them, and the runs of the other would seem lost."""
    if not (into / METADATA).is_dir():
        return
    here = FolderTree.scan(into)
    theirs = {experiment.name: experiment.id for experiment in reader.experiments(source)}
    for experiment in reader.experiments(here):
        if theirs.get(experiment.name, experiment.id) != experiment.id:
            raise InputError(
                f"The experiment '{experiment.name}' is {experiment.id} in '{into}', but {theirs[experiment.name]} in "
                "the history.",
                untouched=f"'{into}'.",
                remedy="persist the runs of that folder first (persist.py unites the two), or restore into another.",
            )


def _missing(source: Tree, paths: Iterable[str], into: Path) -> tuple[list[str], tuple[str, ...]]:
    """List the files to bring, and the names of what is there in another state."""
    groups: dict[str, list[str]] = defaultdict(list)
    for path in paths:
        groups[_unit(path)].append(path)
    missing: list[str] = []
    skipped: list[str] = []
    for name, group in groups.items():
        there = [path for path in group if _exists(into / path)]
        if all(_holds(source, path, into / path) for path in there):
            missing += [path for path in group if path not in set(there)]
        else:
            skipped.append(name)
    return missing, tuple(sorted(skipped))


def _unit(path: str) -> str:
    """Name what is brought or left out as a whole together with a file."""
    match parse(path):
        case RecordFile(id=name) | ArtifactFile(id=name) | RegisteredModelFile(name=name):
            return name
    return path


def _exists(path: Path) -> bool:
    return path.is_symlink() or path.exists()


def _holds(source: Tree, path: str, file: Path) -> bool:
    return file.is_file() and not file.is_symlink() and source.files[path] == source.blob_id(file)


def _required_folders(files: Iterable[str], left_out: Container[str]) -> Iterator[str]:
    for path in files:
        file = parse(path)
        if isinstance(file, RecordFile) and file.is_description and file.id not in left_out:
            for name in REQUIRED[file.kind]:
                yield f"{file.folder}/{name}"


def _is_there(folder: str, *places: Path) -> bool:
    return any((place / folder).is_dir() for place in places)


def _move_in(staged: Path, target: Path) -> None:
    """Rename what is staged to its place, as whole folders where there is none yet."""
    if not _exists(target):
        staged.rename(target)
    elif staged.is_dir() and target.is_file() and _is_written_link(target):
        target.unlink()
        staged.rename(target)
    elif staged.is_dir() and target.is_dir():
        for child in sorted(staged.iterdir(), key=lambda each: each.is_dir()):
            _move_in(child, target / child.name)


def _is_written_link(file: Path) -> bool:
    """Tell whether Git wrote our link for an empty `metrics/` as a file, as it does where a system has no links."""
    return file.stat().st_size == len(METRICS_LINK) and file.read_bytes() == METRICS_LINK.encode()


def _chunks(paths: Iterable[str]) -> Iterator[list[str]]:
    for top, size in AT_ONCE.items():
        mine = [path for path in paths if path.startswith(f"{top}/")]
        for start in range(0, len(mine), size):
            yield mine[start : start + size]


def _links(files: Iterable[str]) -> frozenset[str]:
    """List the links that keep folders alive in Git; the folders themselves are created instead."""
    described = (file for path in files if isinstance(file := parse(path), RecordFile) and file.is_description)
    kept = (placeholders(file.folder, metrics=False, params=False) for file in described)
    return frozenset(path for each in kept for path, edit in each.items() if isinstance(edit, Link))


def _is_run(path: str) -> bool:
    file = parse(path)
    return isinstance(file, RecordFile) and file.kind is Kind.RUN and file.is_description
