"""The history's part of one commit, read from git."""

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import cast

import git

from mlpipeline.core.edits import Content, blob_id
from mlpipeline.history.paths import ARTIFACTS, INFO, METADATA, MODELS


@dataclass
class GitTree:
    """The history's part of one commit, read from git.

    Attributes:
        repo: the repository that holds the commit.
        commit: its id; `None` for a history that has not begun.
        root: the history's root: a folder with a `/` at its end, or the empty string.
        object_format: `sha1` or `sha256`.
        hashes: object id by file on disk, of the files that were hashed so far; shared by the trees of one repository.
    """

    repo: git.Repo
    commit: str | None
    root: str
    object_format: str
    hashes: dict[Path, str] = field(default_factory=dict)

    @cached_property
    def files(self) -> Mapping[str, str]:
        """Object id by path, relative to the root, of all that this project writes."""
        if self.commit is None:
            return {}
        parts = (METADATA, ARTIFACTS, MODELS, "deployment", INFO)
        listed = self.repo.git.ls_tree(
            "-r", "-z", "--full-tree", self.commit, "--", *(self.root + part for part in parts)
        )
        entries = (entry.split("\t", 1) for entry in listed.split("\0") if entry)
        return {
            path.removeprefix(self.root): head.split(" ")[2] for head, path in entries if head.split(" ")[1] == "blob"
        }

    def read(self, paths: Iterable[str]) -> Mapping[str, bytes]:
        """The bytes of those of `paths` that exist."""
        ids = {path: self.files[path] for path in paths if path in self.files}
        if not ids:
            return {}
        unique = sorted(set(ids.values()))
        with tempfile.TemporaryFile() as asked:
            asked.write("".join(f"{each}\n" for each in unique).encode())
            asked.seek(0)
            answer = self.repo.git.cat_file(
                "--batch", istream=asked, stdout_as_string=False, strip_newline_in_stdout=False
            )
        contents = dict(zip(unique, _batch(cast("bytes", answer)), strict=True))
        return {path: contents[identifier] for path, identifier in ids.items()}

    def blob_id(self, content: Content) -> str:
        """The object id that Git would give to `content`."""
        if isinstance(content, bytes):
            return blob_id(content, self.object_format)
        if content not in self.hashes:
            self.hashes[content] = blob_id(content, self.object_format)
        return self.hashes[content]

    def folder_id(self, path: str) -> str:
        """The object id of the folder at `path`, relative to the root."""
        return str(self.repo.git.rev_parse("--verify", f"{self.commit}:{self.root}{path}"))


def _batch(answer: bytes) -> Iterator[bytes]:
    """The contents in the output of `git cat-file --batch`: a header line, the bytes, a line break."""
    at = 0
    while at < len(answer):
        end = answer.index(b"\n", at)
        size = int(answer[at:end].split()[2])
        yield answer[end + 1 : end + 1 + size]
        at = end + 1 + size + 1
