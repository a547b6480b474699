"""Find what a history on disk consists of, and the signs by which a changed part is known without reading it."""

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from mlpipeline.core.files import UnfitFileError, open_regular
from mlpipeline.core.records import Kind
from mlpipeline.history import paths
from mlpipeline.history.paths import (
    CONTENTS,
    EXPERIMENT_CONTENTS,
    METADATA,
    METRICS_LINK,
    REGISTERED_MODEL_CONTENTS,
    REGISTERED_MODELS,
    RESERVED,
    TRASH,
    ExperimentFile,
    RecordFile,
    is_experiment_id,
    parse,
    version_number,
)


class EntryKind(StrEnum):
    """What an entry is."""

    EXPERIMENT = "experiment"
    RUN = "run"
    LOGGED_MODEL = "logged model"
    TRACE = "trace"
    REGISTERED_MODEL = "registered model"


_INNER = {
    EntryKind.EXPERIMENT: EXPERIMENT_CONTENTS,
    EntryKind.RUN: (*CONTENTS[Kind.RUN], METRICS_LINK),
    EntryKind.LOGGED_MODEL: CONTENTS[Kind.LOGGED_MODEL],
    EntryKind.TRACE: CONTENTS[Kind.TRACE],
    EntryKind.REGISTERED_MODEL: REGISTERED_MODEL_CONTENTS,
}
"""Folders of an entry that hold metadata; artifacts are no part of the cache."""

DESCRIPTIONS = dict.fromkeys(EntryKind, paths.DESCRIPTION) | {EntryKind.TRACE: paths.DESCRIPTIONS[Kind.TRACE]}
"""The file that describes an entry."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One part of a history that is read, replaced and removed as a whole.

    Attributes:
        sort: what it is.
        folder: its folder, relative to the history's root.
        files: its files, relative to that folder.
        state: a digest of names, sizes and times of its files, as `git status` compares them: another digest means
            that the entry must be read again. Times are those of content (mtime) and of inode (ctime), so that a
            file put in place with an old date is noticed too.
    """

    sort: EntryKind
    folder: str
    files: tuple[str, ...]
    state: bytes

    @property
    def id(self) -> str:
        """Its id; of a registered model its name."""
        return self.folder.rpartition("/")[2]

    @property
    def experiment(self) -> str:
        """The id of the experiment in which it lies; empty for a registered model."""
        file = parse(f"{self.folder}/{DESCRIPTIONS[self.sort]}")
        return file.experiment if isinstance(file, ExperimentFile | RecordFile) else ""

    def read(self, root: Path) -> dict[str, bytes]:
        """Read its files; those that are gone since it was found, or are no regular files any more, are missing.

        What was logged through the link that stands for an empty `metrics/` is found under that name.
        """
        contents: dict[str, bytes] = {}
        for name in self.files:
            try:
                with open_regular(f"{root}/{self.folder}/{name}") as file:
                    contents[_behind_link(name)] = file.read()
            except (FileNotFoundError, UnfitFileError):
                continue
        return contents


def _behind_link(name: str) -> str:
    return f"metrics/{name.removeprefix(f'{METRICS_LINK}/')}" if name.startswith(f"{METRICS_LINK}/") else name


def find(root: Path) -> Iterator[Entry]:
    """Find all below `mlruns/` that MLflow would show, experiments before what lies in them."""
    for store in (METADATA, f"{METADATA}/{TRASH}"):
        for name in _folders(root, store):
            if is_experiment_id(name):
                yield from _experiment(root, f"{store}/{name}")
    for name in _folders(root, f"{METADATA}/{REGISTERED_MODELS}"):
        yield from _entry(root, EntryKind.REGISTERED_MODEL, f"{METADATA}/{REGISTERED_MODELS}/{name}")


def _experiment(root: Path, folder: str) -> Iterator[Entry]:
    yield from _entry(root, EntryKind.EXPERIMENT, folder)
    for name in _folders(root, folder):
        if name not in RESERVED:
            yield from _entry(root, EntryKind.RUN, f"{folder}/{name}")
    for name in _folders(root, f"{folder}/models"):
        yield from _entry(root, EntryKind.LOGGED_MODEL, f"{folder}/models/{name}")
    for name in _folders(root, f"{folder}/traces"):
        yield from _entry(root, EntryKind.TRACE, f"{folder}/traces/{name}")


def _entry(root: Path, sort: EntryKind, folder: str) -> Iterator[Entry]:
    """Yield the entry in a folder, if it has a description: MLflow passes over the others too."""
    inner = _INNER[sort]
    signs = _signs(
        f"{root}/{folder}",
        "",
        lambda name: name in inner or (sort is EntryKind.REGISTERED_MODEL and version_number(name) is not None),
    )
    signs.sort()
    names = tuple(name for name, *_ in signs)
    if DESCRIPTIONS[sort] in names:
        digest = hashlib.blake2b(repr(signs).encode(errors="surrogateescape"), digest_size=16)
        yield Entry(sort=sort, folder=folder, files=names, state=digest.digest())


def _signs(folder: str, prefix: str, enter: Callable[[str], bool] = lambda _: True) -> list[tuple[str, int, int, int]]:
    """List name, size and times of the files below a folder; links, which only keep folders alive in Git, are no files.

    Args:
        folder: where to look.
        prefix: what comes before the names, empty or with a `/` at its end.
        enter: whether to look into a folder of this name; not asked below the first level.
    """
    found: list[tuple[str, int, int, int]] = []
    with os.scandir(folder) as inside:
        for each in inside:
            if each.is_file(follow_symlinks=False):
                if each.name not in (".keep", ".gitkeep"):
                    status = each.stat(follow_symlinks=False)
                    found.append((prefix + each.name, status.st_size, status.st_mtime_ns, status.st_ctime_ns))
            elif each.is_dir(follow_symlinks=False) and enter(each.name):
                found += _signs(each.path, f"{prefix}{each.name}/")
    return found


def _folders(root: Path, folder: str) -> list[str]:
    """List the names of the real folders in a folder, sorted; none where it is missing, or a link in its place."""
    if folder != METADATA and os.path.islink(f"{root}/{folder}"):  # noqa: PTH114 - ten times a Path's speed
        return []
    try:
        with os.scandir(f"{root}/{folder}") as inside:
            return sorted(each.name for each in inside if each.is_dir(follow_symlinks=False))
    except (FileNotFoundError, NotADirectoryError):
        return []
