"""Find the files of a record on disk, wherever MLflow said it put them; never follows a link."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from mlpipeline.core.records import Kind
from mlpipeline.history.paths import LOAD_MARK, artifact_folder, is_gits

_NO_ARTIFACTS = (".gitkeep", LOAD_MARK)
_DRIVE = re.compile(r"/?[A-Za-z]:[\\/]")


@dataclass(frozen=True, kw_only=True)
class Found:
    """Files below a folder.

    Attributes:
        files: by path, with the asked prefix in place of the folder's own.
        refused: what lies there and is left out, with the rest of a sentence that says why.
    """

    files: dict[str, Path]
    refused: dict[Path, str]


def of_record(
    kind: Kind, record_id: str, *, location: str, home: Path, metadata: Path | None = None, elsewhere: bool = True
) -> Found:
    """Find a record's artifacts, as `artifacts/...`; the first place that holds any is taken.

    A folder of its own comes first, for it travels with the record; the location may be that of another machine.

    Args:
        kind: the record's kind.
        record_id: its id.
        location: where its metadata says they lie, as MLflow wrote it; believed only if it ends in `<id>/artifacts`,
            as every location that MLflow makes does. A doctored run could otherwise have any folder published.
        home: the folder in which MLflow ran: locations may be relative to it, and a moved store keeps artifacts in it.
        metadata: the record's own folder in a file store.
        elsewhere: whether a place outside of `home` may be looked into.
    """
    for place in _places(kind, record_id, location, home, metadata):
        if elsewhere or place.is_relative_to(home):
            found = below(place, "artifacts", within=home)
            files = {path: file for path, file in found.files.items() if file.name not in _NO_ARTIFACTS}
            if files or found.refused:
                return Found(files=files, refused=found.refused)
    return Found(files={}, refused={})


def below(folder: Path, prefix: str, *, within: Path) -> Found:
    """List the regular files below `folder`, in the order of their paths.

    Args:
        folder: where to look; nothing is found where there is none.
        prefix: what stands for `folder` in the paths.
        within: no part of the way from here to `folder` may be a link.
    """
    if _crosses_link(folder, within):
        return Found(files={}, refused={folder: "is reached through a symbolic link; what it holds was left out."})
    found = Found(files={}, refused={})
    for at, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            file = Path(at, name)
            inside = file.relative_to(folder)
            if file.is_symlink() or not file.is_file():
                found.refused[file] = "is a symbolic link or no regular file, and was left out."
            elif any(is_gits(part) for part in inside.parts):
                found.refused[file] = "has a name that Git keeps for itself, and was left out."
            else:
                found.files[f"{prefix}/{inside.as_posix()}"] = file
    return found


def _places(kind: Kind, record_id: str, location: str, home: Path, metadata: Path | None) -> Iterator[Path]:
    if metadata is not None:
        yield metadata / "artifacts"
    yield home / artifact_folder(kind, record_id)
    path = _local_path(location)
    if path is not None:
        named = Path(os.path.normpath(home / path))
        if named.parts[-2:] == (record_id, "artifacts"):
            yield named


def _local_path(location: str) -> str | None:
    """Resolve a location to its path on this machine: absolute, or relative to where MLflow ran."""
    if _DRIVE.match(location):
        return None if os.name != "nt" else location
    parts = urlsplit(location)
    if parts.scheme == "mlflow-artifacts":
        # `mlflow server` keeps them in this folder unless it is told otherwise.
        return f"mlartifacts/{unquote(parts.path).lstrip('/')}"
    if parts.scheme not in ("", "file") or parts.netloc not in ("", "localhost", "."):
        return None
    return unquote(parts.path) if parts.scheme else location or None


def _crosses_link(path: Path, within: Path) -> bool:
    depth = len(path.relative_to(within).parts) if path.is_relative_to(within) else 2
    return any(part.is_symlink() for part in [path, *path.parents][:depth])
