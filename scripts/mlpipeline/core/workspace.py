"""Folders that are not to outlive the process that made them: those that a killed one left are found again.

Each is locked (`flock`) for as long as its process lives, or a program that has inherited the lock. Where there is no
such lock, as on Windows, no folder is ever taken for abandoned.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """A folder of this process.

    Attributes:
        path: the folder.
        lock: the descriptors that a program must inherit for the folder to be in use as long as that runs.
    """

    path: Path
    lock: tuple[int, ...]


@contextmanager
def workspace(prefix: str, parent: Path | None = None) -> Iterator[Workspace]:
    """Make a folder of which killed processes' are worth nothing: they are removed first. Else as `kept_workspace`."""
    for _ in abandoned(prefix, parent):
        pass
    with kept_workspace(prefix, parent) as made:
        yield made


@contextmanager
def kept_workspace(prefix: str, parent: Path | None = None) -> Iterator[Workspace]:
    """Make a folder whose name begins with `prefix`, and remove it in the end, but for that of a killed process.

    Args:
        prefix: the beginning of its name, which nothing else uses in `parent`.
        parent: where it is made; the system's folder for temporary files by default.
    """
    place = parent or Path(tempfile.gettempdir())
    while True:
        path = Path(tempfile.mkdtemp(dir=place, prefix=prefix))
        lock = _locked(path)
        # Whoever looked for abandoned folders in between took it for one.
        if lock is not None and path.exists():
            break
        _unlock(lock or ())
    try:
        yield Workspace(path=path, lock=lock)
    finally:
        shutil.rmtree(path, ignore_errors=True)
        _unlock(lock)


def abandoned(prefix: str, parent: Path | None = None) -> Iterator[Path]:
    """Yield the folders that processes left which were killed, and remove each when the next is asked for."""
    if fcntl is None:
        return
    place = parent or Path(tempfile.gettempdir())
    with os.scandir(place) as entries:
        found = [Path(entry.path) for entry in entries if entry.name.startswith(prefix) and _is_own(entry)]
    for path in found:
        if lock := _locked(path):
            try:
                yield path
                shutil.rmtree(path, ignore_errors=True)
            finally:
                _unlock(lock)


def _is_own(entry: os.DirEntry[str]) -> bool:
    """Whether this is a folder of this user; in the system's folder lie those of others as well."""
    try:
        return entry.is_dir(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_uid == os.getuid()
    except FileNotFoundError:
        return False  # its process has ended since the folder was listed


def _locked(path: Path) -> tuple[int, ...] | None:
    """Lock a folder; `None` where a process that lives has it, or it is gone; empty where there are no locks."""
    if fcntl is None:
        return ()
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        return None if isinstance(error, BlockingIOError) else ()
    return (descriptor,)


def _unlock(lock: tuple[int, ...]) -> None:
    for descriptor in lock:
        os.close(descriptor)
