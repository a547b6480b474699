"""Find the files of a record on disk, wherever MLflow said it put them; never follows a link out.

What cannot be read is found out here, by reading its first bytes: whoever publishes the files later must not fail.
"""

import errno
import os
import re
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from mlpipeline.core.edits import blob_id
from mlpipeline.core.filenames import LONGEST_INNER, fault
from mlpipeline.core.files import UnfitFileError, open_regular, size_of, too_large
from mlpipeline.core.records import Kind
from mlpipeline.history.paths import ARTIFACTS, LOAD_MARK, artifact_folder, is_id
from mlpipeline.sources.limits import MOST_FILES

SERVED = "mlartifacts"
"""The folder in which `mlflow server` keeps artifacts unless it is told otherwise."""

POINTER = b"version https://git-lfs.github.com/spec/v1"
"""How a file begins that Git LFS left in the place of another: https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md"""

DEEPEST = 8
"""Folders below each other that are searched."""

MOST_FOLDERS = 50_000
"""Folders that are searched in all: a few seconds."""

DEEPEST_FILE = 32
"""Folders below each other in a folder of a record."""

_LONGEST_LOCATION, _MOST_PARTS = 4096, 64
"""Characters of a location, and folders that it names: each of its ends is looked for."""

_NOT_SEARCHED = frozenset(
    {".git", ".venv", "venv", "node_modules", "site-packages", "__pycache__", ".tox", ".nox", ".cache"}
)

_ROOTS = ("mlruns", SERVED, ARTIFACTS)
"""Folders that MLflow makes with the first artifact that it puts there."""

_NO_ARTIFACTS = (".gitkeep", LOAD_MARK)

_WINDOWS = re.compile(r"/?[A-Za-z]:[\\/]|\\\\")
_DRIVE = re.compile(r"^/?[A-Za-z]:")


@dataclass(frozen=True, kw_only=True)
class Lost:
    """A file or folder that is left out.

    Attributes:
        file: where it is.
        path: its path under the asked prefix.
        reason: what is the matter with it, as the rest of a sentence.
        remedy: what to do; empty where nothing need be done.
        unread: whether it is missed: it should be read and cannot be.
    """

    file: Path
    path: str
    reason: str
    remedy: str = ""
    unread: bool = False


@dataclass(frozen=True, kw_only=True)
class Found:
    """Files below a folder.

    Attributes:
        files: by path, with the asked prefix in place of the folder's own.
        lost: what lies there and is left out.
    """

    files: Mapping[str, Path] = field(default_factory=dict)
    lost: Sequence[Lost] = ()

    def __bool__(self) -> bool:
        return bool(self.files or self.lost)


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """Where artifacts may lie besides the folder of their store.

    Attributes:
        bases: folders below which the end of a location may lie, such as the checkout and the working directory.
        searched: folders in which a record's artifacts are searched for if they are nowhere else.
    """

    bases: tuple[Path, ...] = ()
    searched: tuple[Path, ...] = ()


NOWHERE = Surroundings()
"""For a source that stands alone."""


@dataclass(kw_only=True)
class Finder:
    """Finds the artifacts of the records of one source.

    Attributes:
        home: the folder in which MLflow ran: locations may be relative to it, and a moved store keeps artifacts in it.
        around: where else they may be.
        elsewhere: whether a place outside of `home` may be looked into.
        pointers: whether a pointer of Git LFS is taken for the file, as in a tree that holds no other.
    """

    home: Path
    around: Surroundings = NOWHERE
    elsewhere: bool = True
    pointers: bool = False
    _found: Mapping[str, list[Path]] | None = None

    def of_record(self, kind: Kind, record_id: str, *, location: str, metadata: Path | None = None) -> Found:
        """Find a record's artifacts, as `artifacts/...`; the first place that holds any is taken.

        A folder of its own comes first, for it travels with the record; then what its metadata says, as it stands and
        by its end; then any folder `<id>/artifacts` of the searched ones. Only such a folder is believed, for every
        location that MLflow makes ends so; a doctored run could otherwise have any folder published.

        Args:
            kind: the record's kind.
            record_id: its id.
            location: where its metadata says they lie, as MLflow wrote it; it may be that of another machine.
            metadata: the record's own folder in a file store.
        """
        for place, within in self._places(kind, record_id, location, metadata):
            if found := self._at(place, within):
                return found
        return self._by_search(record_id) if parts_of(location)[-2:] == (record_id, "artifacts") else Found()

    def has_place_of(self, location: str) -> bool:
        """Tell whether the folder of all artifacts is here, so that a record of which none are there logged none.

        Without artifacts a record has no folder, and its experiment may have none.
        """
        if _split(location).scheme == "mlflow-artifacts":
            return any(os.path.isdir(base / SERVED) for base in self._all_bases)
        path, parts = local_path(location), parts_of(location)
        named = [Path(base, path).parent.parent for base in self._all_bases] if path else []
        ends = [Path(*parts[start:-2]) for start in range(len(parts) - 3)]
        folders = {
            *(folder for experiment in named for folder in _upwards(experiment)),
            *(base / end for base in self._all_bases for end in ends),
        }
        return any(os.path.isdir(folder) for folder in folders)

    @property
    def _all_bases(self) -> list[Path]:
        return list(dict.fromkeys((self.home, *self.around.bases))) if self.elsewhere else [self.home]

    def _at(self, place: Path, within: Path) -> Found:
        found = below(place, "artifacts", within=within, trusted=self._all_bases, pointers=self.pointers)
        return replace(
            found, files={path: file for path, file in found.files.items() if file.name not in _NO_ARTIFACTS}
        )

    def _places(self, kind: Kind, record_id: str, location: str, metadata: Path | None) -> Iterator[tuple[Path, Path]]:
        """Yield the folders that may hold a record's artifacts, each with that below which no link is followed."""
        if metadata is not None:
            yield metadata / "artifacts", self.home
        yield self.home / artifact_folder(kind, record_id), self.home
        path, parts = local_path(location), parts_of(location)
        if parts[-2:] != (record_id, "artifacts"):
            return
        named = Path(os.path.normpath(self.home / path)) if path else None
        if named and (self.elsewhere or named.is_relative_to(self.home)):
            yield named, self.home
        for base in self._all_bases:
            for folder in _ROOTS:
                yield base.joinpath(folder, *parts), base
            for start in range(len(parts) - 1):
                yield base.joinpath(*parts[start:]), base

    def _by_search(self, record_id: str) -> Found:
        if self._found is None:
            self._found = _search(self.around.searched)
        found = {place: each for place in self._found.get(record_id, ()) if (each := self._at(place, place))}
        if not found:
            return Found()
        first, *others = found
        for other in others:
            if not _is_same(found[first], found[other]):
                reason = f"holds other artifacts of {record_id} than {other}; neither was taken"
                return Found(
                    lost=[
                        Lost(file=first, path="artifacts", reason=reason, remedy="Remove the wrong one.", unread=True)
                    ]
                )
        return found[first]


def is_near(location: str) -> bool:
    """Tell whether a location is a folder of some machine or server's disk, and no store of objects."""
    return bool(_WINDOWS.match(location)) or _split(location).scheme in ("", "file", "mlflow-artifacts")


def local_path(location: str) -> str | None:
    """Resolve a location to its path on this machine, absolute or relative to where MLflow ran; `None` for others."""
    if _is_unfit(location):
        return None
    if _WINDOWS.match(location):
        return location if os.name == "nt" else None
    parts = _split(location)
    if not parts.scheme:
        return location or None
    if parts.scheme != "file" or parts.netloc not in ("", "localhost", "."):
        return None
    path = unquote(parts.path)
    if _WINDOWS.match(path):
        return path.lstrip("/") if os.name == "nt" else None
    return path


def _split(location: str) -> SplitResult:
    try:
        return urlsplit(location)
    except ValueError:  # such as brackets that are no address of a server
        return SplitResult("", "", location, "", "")


def _is_unfit(location: str) -> bool:
    return len(location) > _LONGEST_LOCATION or "\0" in location


def parts_of(location: str) -> tuple[str, ...]:
    """Part the path of a near location, without its root, drive and server; none for a store of objects."""
    if _is_unfit(location) or not is_near(location):
        return ()
    parts = _split(location)
    path = location if _WINDOWS.match(location) or not parts.scheme else unquote(parts.path)
    if _WINDOWS.match(path):
        path = _DRIVE.sub("", path).replace("\\", "/")
    found = tuple(part for part in path.split("/") if part not in ("", "."))
    return () if ".." in found or len(found) > _MOST_PARTS else found


def below(
    folder: Path,
    prefix: str,
    *,
    within: Path,
    trusted: Iterable[Path] = (),
    pointers: bool = False,
    largest: int | None = None,
) -> Found:
    """List the regular files below `folder` that can be read, in the order of their paths.

    Args:
        folder: where to look; nothing is found where there is none.
        prefix: what stands for `folder` in the paths.
        within: no part of the way from here to `folder` may be a link.
        trusted: into these folders, the upper part of that way may be one.
        pointers: whether a pointer of Git LFS is taken for the file.
        largest: bytes of a file that is taken; a larger one is left out and not missed.
    """
    if _crosses_link(folder, within, trusted):
        return Found(lost=[Lost(file=folder, path=prefix, reason="is reached through a symbolic link")])
    files: dict[str, Path] = {}
    lost: list[Lost] = []
    count = 0
    pending = [(folder, prefix, 0)]
    while pending:
        at, path, depth = pending.pop()
        try:
            inside = _entries(at, depth)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            lost.append(unreadable(at, path, error))
            continue
        count += len(inside)
        if count > MOST_FILES:
            reason = f"holds more than {MOST_FILES:,} files and folders"
            return Found(lost=[Lost(file=folder, path=prefix, reason=reason, unread=True)])
        for entry in inside:
            file, name = at / entry.name, f"{path}/{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                continue
            if lost_one := _checked(file, name, pointers=pointers, largest=largest):
                lost.append(lost_one)
            else:
                files[name] = file
        folders = [entry.name for entry in inside if entry.is_dir(follow_symlinks=False)]
        pending += [(at / name, f"{path}/{name}", depth + 1) for name in reversed(folders)]
    return Found(files=files, lost=lost)


def _entries(folder: Path, depth: int) -> list[os.DirEntry[str]]:
    """List what lies in a folder by name, a little more than `MOST_FILES` at the most."""
    if depth > DEEPEST_FILE:
        raise UnfitFileError(errno.ENAMETOOLONG, f"lies more than {DEEPEST_FILE} folders deep")
    with os.scandir(folder) as inside:
        return sorted(islice(inside, MOST_FILES + 1), key=lambda entry: entry.name)


def unreadable(file: Path, path: str, error: OSError) -> Lost:
    """Describe a file or folder that this user cannot read, or that is not read."""
    if isinstance(error, UnfitFileError):
        return Lost(file=file, path=path, reason=error.reason, unread=True)
    return Lost(
        file=file,
        path=path,
        reason=f"cannot be read ({error.strerror or error})",
        remedy="Make it readable for this user, and persist again.",
        unread=True,
    )


def blocked(folder: Path) -> Lost | None:
    """Describe a folder that this user cannot list, or in which no file can be opened."""
    try:
        os.scandir(folder).close()
        with suppress(FileNotFoundError):
            os.lstat(folder / "meta.yaml")
    except OSError as error:
        return unreadable(folder, folder.name, error)
    return None


def pointer(file: Path, path: str) -> Lost:
    """Describe a file that is a pointer of Git LFS."""
    reason = "is a pointer of Git LFS, not the file itself"
    return Lost(file=file, path=path, reason=reason, remedy="Run `git lfs pull` first.", unread=True)


def is_pointer(file: Path) -> bool:
    """Tell whether a file that can be read is a pointer of Git LFS."""
    try:
        with open_regular(file) as opened:
            return opened.read(len(POINTER)) == POINTER
    except OSError:
        return False


def _checked(file: Path, path: str, *, pointers: bool, largest: int | None) -> Lost | None:
    """Find out why a file cannot be taken."""
    if reason := fault(path, longest=LONGEST_INNER):
        return Lost(file=file, path=path, reason=reason, unread=True)
    try:
        with open_regular(file) as opened:
            begins, size = opened.read(len(POINTER)), size_of(opened)
    except OSError as error:
        return unreadable(file, path, error)
    if largest is not None and size > largest:
        return Lost(file=file, path=path, reason=too_large(file, size, largest=largest).reason)
    return pointer(file, path) if begins == POINTER and not pointers else None


def _upwards(experiment: Path) -> Iterator[Path]:
    """Yield the folders of which one is here if the artifacts of an experiment would be, without the root of all."""
    folders = [experiment, experiment.parent]
    if experiment.parent.name in _ROOTS:
        folders.append(experiment.parent.parent)
    return (folder for folder in folders if folder != folder.parent)


def _search(folders: Iterable[Path]) -> dict[str, list[Path]]:
    """List the folders `<id>/artifacts` below some folders, by id; follows no link.

    What lies in a folder's own `mlruns/` or `mlflow-artifacts/` is found by its location.
    """
    found: dict[str, list[Path]] = defaultdict(list)
    seen: set[Path] = set()
    pending = deque((folder, 0) for folder in folders)
    while pending and len(seen) < MOST_FOLDERS:
        at, depth = pending.popleft()
        inside = [] if at in seen else _folders_of(at)
        seen.add(at)
        if "artifacts" in inside and is_id(at.name):
            found[at.name].append(at / "artifacts")
        elif depth < DEEPEST:
            passed = _NOT_SEARCHED if depth else _NOT_SEARCHED.union(_ROOTS)
            pending.extend((at / name, depth + 1) for name in inside if name not in passed)
    return found


def _folders_of(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as inside:
            return sorted(each.name for each in inside if each.is_dir(follow_symlinks=False))
    except OSError:
        return []


def _is_same(one: Found, other: Found) -> bool:
    same = one.files.keys() == other.files.keys() and not one.lost and not other.lost
    return same and all(blob_id(file) == blob_id(other.files[path]) for path, file in one.files.items())


def _crosses_link(path: Path, within: Path, trusted: Iterable[Path]) -> bool:
    """Tell whether a link lies on the way to `path`.

    One above the last two parts, which are `<id>/artifacts`, may lead into a trusted folder, as `mlruns` of a checkout
    often does.
    """
    depth = len(path.relative_to(within).parts) if path.is_relative_to(within) else 2
    for height, part in enumerate([path, *path.parents][:depth]):
        if os.path.islink(part):
            # Path.resolve() raises where links lead in a circle.
            target = Path(os.path.realpath(part))
            if height < 2 or not any(target.is_relative_to(folder.resolve()) for folder in trusted):
                return True
    return False
