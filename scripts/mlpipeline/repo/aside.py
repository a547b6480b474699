"""Files of the user's that step aside while git moves the checkout; those that a killed process left come back.

<folder>/aside-*/files/<path>   what stepped aside, by its path below the top of the checkout
<folder>/aside-*/moving         the commit that git was told to move to; written just before
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from mlpipeline.core.workspace import abandoned, kept_workspace

_PREFIX = "aside-"


@dataclass(frozen=True, kw_only=True)
class Aside:
    """Files that have stepped aside.

    Attributes:
        paths: theirs, below the top of the checkout.
        lock: what git must inherit (`Workspace.lock`).
    """

    paths: tuple[str, ...]
    lock: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Move:
    """A move of the checkout that was not seen to end.

    Attributes:
        commit: where to.
        began: when, nanoseconds since the epoch on the clock of the file system.
    """

    commit: str
    began: int


@dataclass(frozen=True, kw_only=True)
class Leaving:
    """What a killed process left: its folder."""

    folder: Path

    @property
    def paths(self) -> list[str]:
        """The files that had stepped aside, by their paths below the top of the checkout."""
        kept = self.folder / "files"
        files = (path for path in kept.rglob("*") if path.is_symlink() or not path.is_dir())
        return sorted(path.relative_to(kept).as_posix() for path in files)

    @property
    def move(self) -> Move | None:
        """The move that was begun, if one was."""
        moving = self.folder / "moving"
        return Move(commit=moving.read_text(), began=moving.stat().st_mtime_ns) if moving.exists() else None

    def put_back(self, top: Path) -> None:
        """Move files back to where they were; what stands there by now is newer, and stays."""
        for path in self.paths:
            target = top / path
            with suppress(OSError):
                target.parent.mkdir(parents=True, exist_ok=True)
                if not target.is_symlink() and not target.exists():
                    (self.folder / "files" / path).rename(target)


@contextmanager
def step_aside(folder: Path, top: Path, files: Iterable[str], *, commit: str) -> Iterator[Aside]:
    """Move files out of the way; they are dropped in the end, unless the block fails: then each comes back.

    Args:
        folder: where they are kept meanwhile, on the file system of the checkout.
        top: the top of the checkout.
        files: their paths below it, whose content `commit` is known to hold.
        commit: where the block moves the checkout to.
    """
    folder.mkdir(exist_ok=True)
    with kept_workspace(_PREFIX, folder) as kept:
        try:
            paths = sorted(files)
            for path in paths:
                target = kept.path / "files" / path
                target.parent.mkdir(parents=True, exist_ok=True)
                (top / path).rename(target)
            (kept.path / "moving").write_text(commit)
            yield Aside(paths=tuple(paths), lock=kept.lock)
        except BaseException:
            Leaving(folder=kept.path).put_back(top)
            raise
    with suppress(OSError):
        folder.rmdir()


def leavings(folder: Path) -> Iterator[Leaving]:
    """Yield what killed processes left in a folder, and remove each when the next is asked for."""
    if folder.is_dir():
        yield from (Leaving(folder=left) for left in abandoned(_PREFIX, folder))
        with suppress(OSError):
            folder.rmdir()
