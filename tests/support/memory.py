"""A tree in memory, to which edits are applied as git fast-import would."""

import hashlib
import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mlpipeline.core.edits import Content, Copy, Delete, Edit, Link, Readable, Result, Write


@dataclass(frozen=True)
class MemoryTree:
    """Files by path."""

    contents: Mapping[str, bytes] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)

    @property
    def files(self) -> Mapping[str, str]:
        return {path: self.blob_id(data) for path, data in self.contents.items()}

    def read(self, paths: Iterable[str]) -> Mapping[str, bytes]:
        return {path: self.contents[path] for path in paths if path in self.contents}

    def stream(self, paths: Iterable[str], use: Callable[[Readable], Result]) -> Mapping[str, Result]:
        return {path: use(io.BytesIO(data)) for path, data in self.read(paths).items()}

    def blob_id(self, content: Content) -> str:
        data = content.read_bytes() if isinstance(content, Path) else content
        return hashlib.sha1(data).hexdigest()  # noqa: S324 - an identity, as in git

    def with_edits(self, edits: Iterable[Edit]) -> "MemoryTree":
        made = dict(self.contents)
        for edit in edits:
            match edit:
                case Write(content=content):
                    made[edit.path] = content.read_bytes() if isinstance(content, Path) else content
                case Link(target=target):
                    made[edit.path] = target.encode()
                case Copy(source=source):
                    inside = {p: d for p, d in made.items() if p == source or p.startswith(f"{source}/")}
                    made |= {edit.path + path.removeprefix(source): data for path, data in inside.items()}
                case Delete():
                    made = {p: d for p, d in made.items() if p != edit.path and not p.startswith(f"{edit.path}/")}
        return MemoryTree(made)
