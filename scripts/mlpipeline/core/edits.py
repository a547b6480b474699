"""What is to be written, and the tree that it is written to."""

import hashlib
import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from mlpipeline.core.files import open_again, size_of

Content = bytes | Path
"""A file's bytes, or the file on disk that holds them (artifacts and long metrics, which may be large)."""

Result = TypeVar("Result")


class Readable(Protocol):
    """A file's bytes, from the first to the last."""

    def read(self, size: int, /) -> bytes:
        """The next bytes, `size` at the most; none at the end."""


def streamed(content: Content) -> io.BytesIO | io.FileIO:
    """Open a content for reading bit by bit.

    Raises:
        InputError: its file cannot be read any more.
    """
    return io.BytesIO(content) if isinstance(content, bytes) else open_again(content)


@dataclass(frozen=True, kw_only=True)
class Write:
    """Put a file at `path`; paths of edits are relative to the repository's top, with `/`."""

    path: str
    content: Content


@dataclass(frozen=True, kw_only=True)
class Link:
    """Put a symbolic link at `path`."""

    path: str
    target: str


@dataclass(frozen=True, kw_only=True)
class Copy:
    """Put what the tree holds at `source`, a file or a folder, at `path` as well."""

    path: str
    source: str


@dataclass(frozen=True, kw_only=True)
class Delete:
    """Remove the file or folder at `path`."""

    path: str


Edit = Write | Link | Copy | Delete


class Tree(Protocol):
    """The files of one commit below the history's root."""

    @property
    def files(self) -> Mapping[str, str]:
        """Git's object id by path, paths relative to the root."""

    def read(self, paths: Iterable[str]) -> Mapping[str, bytes]:
        """The bytes of those of `paths` that exist."""

    def stream(self, paths: Iterable[str], use: Callable[[Readable], Result]) -> Mapping[str, Result]:
        """What `use` makes of each of those of `paths` that exist, without holding a large one in memory."""

    def blob_id(self, content: Content) -> str:
        """The object id that Git would give to `content`."""


def differs(tree: Tree, path: str, content: Content) -> bool:
    """Whether a tree does not hold just this content at a path."""
    return tree.files.get(path) != tree.blob_id(content)


def blob_id(content: Content, object_format: str = "sha1") -> str:
    """Compute the object id that Git gives to a file; `object_format` is `sha1` or `sha256`."""
    if isinstance(content, bytes):
        return hashlib.new(object_format, b"blob %d\0%b" % (len(content), content), usedforsecurity=False).hexdigest()
    with open_again(content) as source:
        digest = hashlib.new(object_format, b"blob %d\0" % size_of(source), usedforsecurity=False)
        while chunk := source.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
