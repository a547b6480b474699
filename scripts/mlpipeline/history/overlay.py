"""A tree with edits on top, read without being written; reads no file but those that edits name."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from mlpipeline.core.edits import Content, Copy, Delete, Edit, Link, Readable, Result, Tree, Write, streamed
from mlpipeline.core.files import read_again


class Overlay:
    """A tree as `git fast-import` would leave it after some edits."""

    def __init__(self, base: Tree, edits: Iterable[Edit]) -> None:
        """Apply `edits` to `base`, in their order."""
        self._base = base
        self._files = dict(base.files)
        self._written: dict[str, Content] = {}
        self._copied: dict[str, str] = {}
        for edit in edits:
            match edit:
                case Write(path=path, content=content):
                    self._write(path, content)
                case Link(path=path, target=target):
                    self._write(path, target.encode())
                case Copy(path=path, source=source):
                    self._copy(source, path)
                case Delete(path=path):
                    self._delete(path)

    @property
    def files(self) -> Mapping[str, str]:
        """Git's object id by path."""
        return self._files

    def read(self, paths: Iterable[str]) -> Mapping[str, bytes]:
        """The bytes of those of `paths` that exist."""
        written, origins = self._parted(paths)
        below = self._base.read(origins.values())
        return {path: _bytes(content) for path, content in written.items()} | {
            path: below[origin] for path, origin in origins.items()
        }

    def stream(self, paths: Iterable[str], use: Callable[[Readable], Result]) -> Mapping[str, Result]:
        """What `use` makes of each of those of `paths` that exist."""
        written, origins = self._parted(paths)
        below = self._base.stream(origins.values(), use)
        found = {path: below[origin] for path, origin in origins.items()}
        for path, content in written.items():
            with streamed(content) as file:
                found[path] = use(file)
        return found

    def _parted(self, paths: Iterable[str]) -> tuple[dict[str, Content], dict[str, str]]:
        """Part those of `paths` that exist: the content of those written, the path in the base of others."""
        wanted = [path for path in paths if path in self._files]
        written = {path: self._written[path] for path in wanted if path in self._written}
        return written, {path: self._copied.get(path, path) for path in wanted if path not in written}

    def blob_id(self, content: Content) -> str:
        """The object id that Git would give to `content`."""
        return self._base.blob_id(content)

    def _write(self, path: str, content: Content) -> None:
        # Where a file stood in the place of one of its folders, as our links for empty folders do, it gives way.
        for end in (at for at, character in enumerate(path) if character == "/"):
            self._forget(path[:end])
        self._files[path] = self._base.blob_id(content)
        self._written[path] = content
        self._copied.pop(path, None)

    def _copy(self, source: str, target: str) -> None:
        for path in self._at(source):
            place = target + path.removeprefix(source)
            self._files[place] = self._files[path]
            if path in self._written:
                self._written[place] = self._written[path]
            else:
                self._copied[place] = self._copied.get(path, path)
                self._written.pop(place, None)

    def _delete(self, path: str) -> None:
        for each in self._at(path):
            self._forget(each)

    def _at(self, path: str) -> list[str]:
        """The file at a path, or the files below it."""
        return [path] if path in self._files else [file for file in self._files if file.startswith(f"{path}/")]

    def _forget(self, path: str) -> None:
        self._files.pop(path, None)
        self._written.pop(path, None)
        self._copied.pop(path, None)


def _bytes(content: Content) -> bytes:
    return read_again(content) if isinstance(content, Path) else content
