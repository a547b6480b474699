"""Read a history in a folder on disk; writes nothing."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from mlpipeline.core.edits import Content, Readable, Result, blob_id
from mlpipeline.core.errors import InputError
from mlpipeline.core.filenames import fault
from mlpipeline.core.files import open_regular
from mlpipeline.core.records import Kind
from mlpipeline.history.paths import ARTIFACTS, METADATA, METRICS_LINK, ArtifactFile, RecordFile, parse, unsafe
from mlpipeline.history.stored import is_placeholder


def root_folder(repository: Path, root: str) -> Path:
    """Find the folder that holds `mlruns/`.

    Args:
        repository: a folder of a checkout; of a history without Git, the folder itself.
        root: relative to the checkout's top.

    Raises:
        InputError: there is no such folder, or it is outside of the checkout.
    """
    if not repository.is_dir():
        raise InputError(f"No such folder: '{repository}'.", remedy="name one with --repository.")
    top = repository_top(repository)
    found = (top / root).resolve()
    if not (found.is_dir() and found.is_relative_to(top)):
        raise InputError(
            f"--root '{root}' is no folder inside '{top}'.",
            remedy="give it relative to the repository's top, such as --root backend.",
        )
    return found


def repository_top(folder: Path) -> Path:
    """Find the top of the checkout that holds a folder; of a history without Git, the folder itself."""
    start = folder.resolve()
    return next((parent for parent in (start, *start.parents) if (parent / ".git").exists()), start)


def leads_out(folder: Path) -> bool:
    """Tell whether a link stands in the place of a folder and leads out of the checkout: a branch can bring such."""
    if not folder.is_symlink():
        return False
    top, target = repository_top(folder.parent), folder.resolve()
    return not target.is_relative_to(top) or bool(fault(target.relative_to(top).as_posix()))


def refuse_none(root: Path) -> None:
    """Make sure that there is a history.

    Raises:
        InputError: there is none, or a link leads to it that a branch may have brought.
    """
    if leads_out(root / METADATA):
        raise InputError(
            f"'{root / METADATA}' is a symbolic link that leads out of the repository, and is not followed.",
            remedy="name the folder that holds the history with --repository and --root.",
        )
    if not (root / METADATA).is_dir():
        raise InputError(
            f"No history: there is no folder '{METADATA}' in '{root}'.",
            remedy="run this in a clone whose branch has one, or name the folder that holds it with --root.",
        )


class _Ids(Mapping[str, str]):
    """Git's object id by path, computed when it is asked for."""

    def __init__(self, paths: Mapping[str, str]) -> None:
        self._paths = paths

    def __getitem__(self, path: str) -> str:
        return blob_id(Path(self._paths[path]))

    def __contains__(self, path: object) -> bool:
        return path in self._paths

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)


@dataclass(frozen=True, kw_only=True)
class FolderTree:
    """A history in a folder on disk, as an `edits.Tree`; links are no files.

    Attributes:
        paths: the file on disk by path relative to the history's root.
        left_out: why a path is not read, as the rest of a sentence: it is unsafe, or a link that no history holds.
    """

    paths: Mapping[str, str]
    left_out: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def scan(cls, root: Path) -> "FolderTree":
        """List all of `mlruns/` and `mlflow-artifacts/` in a folder.

        Raises:
            InputError: there is no history, it lies elsewhere, behind a link, or a folder of it cannot be read.
        """
        refuse_none(root)
        paths: dict[str, str] = {}
        left_out: dict[str, str] = {}
        for top in (METADATA, ARTIFACTS):
            if leads_out(root / top):
                left_out[top] = _LINK
            elif (root / top).is_dir():
                found = _below(f"{root}{os.sep}{top}", top, left_out)
                try:
                    paths.update((_behind_link(path), file) for path, file in found)
                except OSError as error:
                    raise InputError(
                        f"The folder '{error.filename}' of the history cannot be read: {error.strerror}.",
                        remedy="make it readable for this user.",
                    ) from error
        return cls(paths=paths, left_out=left_out)

    def as_stored(self) -> "FolderTree":
        """Move the files to the paths at which persisting would put them.

        A run of an experiment that the history does not know yet has its artifacts inside its own folder.
        """
        return replace(self, paths={_stored_path(path): file for path, file in self.paths.items()})

    def part(self, wanted: Callable[[str], bool]) -> "FolderTree":
        """Keep the files whose paths are wanted."""
        return replace(self, paths={path: file for path, file in self.paths.items() if wanted(path)})

    @property
    def files(self) -> Mapping[str, str]:
        """Git's object id by path."""
        return _Ids(self.paths)

    def read(self, paths: Iterable[str]) -> Mapping[str, bytes]:
        """Read those of `paths` that exist and can be read."""
        found: dict[str, bytes] = {}
        for path in paths:
            if path in self.paths:
                with suppress(OSError), open_regular(self.paths[path]) as file:
                    found[path] = file.read()
        return found

    def stream(self, paths: Iterable[str], use: Callable[[Readable], Result]) -> Mapping[str, Result]:
        """Give what `use` makes of each of those of `paths` that exist."""
        found: dict[str, Result] = {}
        for path in paths:
            if path in self.paths:
                with open(self.paths[path], "rb") as file:  # noqa: PTH123 - as above
                    found[path] = use(file)
        return found

    def blob_id(self, content: Content) -> str:
        """Compute the object id that Git would give to `content`, in a repository of SHA-1."""
        return blob_id(content)

    def size(self, path: str) -> int:
        """Return the size of a file, in bytes."""
        return Path(self.paths[path]).stat().st_size


def _behind_link(path: str) -> str:
    """Resolve the path of what was logged through the link that stands for an empty `metrics/`."""
    file = parse(path)
    if isinstance(file, RecordFile) and file.kind is Kind.RUN and file.inner.startswith(f"{METRICS_LINK}/"):
        return f"{file.folder}/metrics/{file.inner.removeprefix(f'{METRICS_LINK}/')}"
    return path


def _stored_path(path: str) -> str:
    file = parse(path)
    is_inside = isinstance(file, RecordFile) and file.inner.startswith("artifacts/")
    if not isinstance(file, RecordFile) or not is_inside or file.inner.endswith("/.gitkeep"):
        return path
    return ArtifactFile(kind=file.kind, id=file.id, inner=file.inner.removeprefix("artifacts/")).path


_LINK = "is a symbolic link"


def _below(folder: str, name: str, left_out: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the regular files below a folder, path under `name` and on disk, and gather what is no such file."""
    pending = [(folder, name)]
    while pending:
        at, parent = pending.pop()
        with os.scandir(at) as inside:
            for each in inside:
                path = f"{parent}/{each.name}"
                if reason := unsafe(path):
                    left_out[path] = reason
                elif each.is_dir(follow_symlinks=False):
                    pending.append((each.path, path))
                elif each.is_file(follow_symlinks=False):
                    yield path, each.path
                elif not each.is_symlink():
                    left_out[path] = "is no regular file"
                elif not is_placeholder(path, str(Path(each.path).readlink())):
                    left_out[path] = _LINK
