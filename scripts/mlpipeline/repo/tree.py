"""The history's part of one commit, read from git."""

import io
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import groupby
from pathlib import Path
from typing import IO, NamedTuple, cast

import git

from mlpipeline.core.edits import Content, Readable, Result, blob_id
from mlpipeline.core.filenames import fault
from mlpipeline.history.paths import ARTIFACTS, INFO, METADATA, MODELS, unsafe
from mlpipeline.history.stored import PLACEHOLDER_TARGETS, is_placeholder
from mlpipeline.repo.fastimport import CHUNK, git_program

LINK = "120000"
"""The mode of links in Git's trees."""


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

    @property
    def files(self) -> Mapping[str, str]:
        """Object id by path, relative to the root, of all that this project writes; without what is left out."""
        return self._listing.files

    @property
    def left_out(self) -> Mapping[str, str]:
        """Why a path is not read, as the rest of a sentence: it is unsafe, or a link that no history holds."""
        return self._listing.left_out

    @property
    def poison(self) -> frozenset[str]:
        """The paths of runs and what is like them that no checkout can hold, or on which Git would act."""
        return frozenset(path for path in self.left_out if path.startswith(_OWN) and unsafe(path))

    def identifier(self, path: str) -> str:
        """The object id at a path relative to the root, read or left out; empty where nothing is."""
        return self.files.get(path) or self._listing.unread.get(path, "")

    @cached_property
    def _listing(self) -> "_Listing":
        listing = _Listing(files={}, left_out={}, unread={})
        if self.commit is None:
            return listing
        parts = (METADATA, ARTIFACTS, MODELS, "deployment", INFO)
        listed = self.repo.git.ls_tree(
            "-r", "-z", "--full-tree", self.commit, "--", *(self.root + part for part in parts)
        )
        placeholders = {blob_id(target.encode(), self.object_format): target for target in PLACEHOLDER_TARGETS}
        for entry in _listed(listed):
            path = entry.path.removeprefix(self.root)
            if reason := unsafe(path):
                listing.left_out[path] = reason
            elif entry.mode == LINK and not is_placeholder(path, placeholders.get(entry.id, "")):
                listing.left_out[path] = "is a symbolic link"
            elif entry.kind == "blob":
                listing.files[path] = entry.id
                continue
            listing.unread[path] = entry.id
        return listing

    @cached_property
    def other_files(self) -> Mapping[str, str]:
        """Object id by path, relative to the repository's top, of all files but the history's many."""
        if self.commit is None:
            return {}
        files: dict[str, str] = {}
        folders: list[str] = []
        for way in ("", *_folders_of(self.root)):
            for entry in self._entries(way):
                if entry.kind == "blob":
                    files[entry.path] = entry.id
                elif entry.kind == "tree" and entry.path not in (self.root + METADATA, self.root + ARTIFACTS):
                    folders += [] if self.root.startswith(f"{entry.path}/") else [entry.path]
        if folders:
            listed = self.repo.git.ls_tree("-r", "-z", "--full-tree", self.commit, "--", *folders)
            files |= {entry.path: entry.id for entry in _listed(listed) if entry.kind == "blob"}
        return files

    def modes(self, paths: Iterable[str]) -> Mapping[str, str]:
        """Git's modes of those of `paths` that exist, relative to the repository's top: files, folders, links, ..."""
        found: dict[str, str] = {}
        # Folder by folder, for what is asked for along with a folder of it makes git list the whole folder.
        for _, named in groupby(sorted(set(paths), key=_depth), key=_depth):
            if self.commit is not None:
                listed = self.repo.git.ls_tree("-z", "--full-tree", self.commit, "--", *named)
                found |= {entry.path: entry.mode for entry in _listed(listed)}
        return found

    def read_others(self, paths: Iterable[str]) -> Mapping[str, bytes]:
        """The bytes of some of `other_files`."""
        return self._contents({path: self.other_files[path] for path in paths})

    def attributes(
        self, paths: Iterable[str], files: Mapping[str, bytes], names: Sequence[str]
    ) -> Mapping[str, Mapping[str, str]]:
        """Git's attributes of paths, given the `.gitattributes` of a repository and nothing of the user's.

        Args:
            paths: relative to the repository's top.
            files: the content of each `.gitattributes`, by such a path.
            names: the attributes to look up.

        Returns:
            By path and name, as `git check-attr` says: `unspecified`, `unset`, `set` or a value.
        """
        with tempfile.TemporaryDirectory(dir=self.repo.git_dir, prefix="attributes-") as folder:
            index = {"GIT_INDEX_FILE": str(Path(folder, "index")), "GIT_ATTR_NOSYSTEM": "1"}
            entries = "".join(f"100644 {self._stored(content)}\t{path}\0" for path, content in files.items())
            with self.repo.git.custom_environment(**index):
                self._given(entries, "update-index", "-z", "--add", "--index-info")
                asked = "".join(f"{path}\0" for path in paths)
                told = self._given(
                    asked, "-c", "core.attributesFile=/dev/null", "check-attr", "--cached", "--stdin", "-z", *names
                )
        fields = told.split("\0")
        found: dict[str, dict[str, str]] = {}
        for path, name, value in zip(fields[::3], fields[1::3], fields[2::3], strict=False):
            found.setdefault(path, {})[name] = value
        return found

    def pointers(self, identifiers: Iterable[str]) -> frozenset[str]:
        """Tell which of some objects are pointers of Git LFS."""
        asked = "".join(f"{identifier}\n" for identifier in sorted(set(identifiers)))
        sizes = (line.split(" ") for line in self._given(asked, "cat-file", "--batch-check").splitlines())
        small = {line[0]: line[0] for line in sizes if len(line) == _SIZED and int(line[2]) <= _LARGEST_POINTER}
        return frozenset(name for name, data in self._contents(small).items() if data.startswith(_POINTER))

    def _stored(self, content: bytes) -> str:
        """Store an object; its id."""
        return self._given(content.decode(errors="surrogateescape"), "hash-object", "-w", "--stdin")

    def _given(self, text: str, *command: str) -> str:
        """Run git with a text as its input."""
        with tempfile.TemporaryFile() as given:
            given.write(text.encode(errors="surrogateescape"))
            given.seek(0)
            return str(self.repo.git.execute([git_program(), *command], istream=given))

    def read(self, paths: Iterable[str]) -> Mapping[str, bytes]:
        """The bytes of those of `paths` that exist."""
        return self._contents({path: self.files[path] for path in paths if path in self.files})

    def stream(self, paths: Iterable[str], use: Callable[[Readable], Result]) -> Mapping[str, Result]:
        """What `use` makes of each of those of `paths` that exist; it may raise nothing."""
        ids = {path: self.files[path] for path in paths if path in self.files}
        if not ids:
            return {}
        unique = sorted(set(ids.values()))
        with self._answers(unique) as answers:
            results = {identifier: _scanned(answers, use) for identifier in unique}
        return {path: results[identifier] for path, identifier in ids.items()}

    @contextmanager
    def _answers(self, ids: Iterable[str]) -> Iterator[IO[bytes]]:
        """Ask git for the contents of objects; gives what it answers, for `_scanned`."""
        with tempfile.TemporaryFile() as asked:
            asked.write("".join(f"{each}\n" for each in ids).encode())
            asked.seek(0)
            process = self.repo.git.cat_file("--batch", istream=asked, as_process=True)
            yield process.stdout
            process.wait()

    def _entries(self, folder: str) -> Iterator["_Entry"]:
        """What a folder, with a `/` at its end or empty for the top, holds itself."""
        paths = ("--", folder) if folder else ()
        return _listed(self.repo.git.ls_tree("-z", "--full-tree", self.commit, *paths))

    def _contents(self, ids: Mapping[str, str]) -> Mapping[str, bytes]:
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

    def lay_out(self, paths: Iterable[str], folder: Path) -> None:
        """Write what the commit holds at or below some paths, relative to the repository's top, into an empty folder.

        Files are written as they are stored: without filters, line ends or other attributes. Nothing is written
        outside of the folder: unsafe paths are left out, and links, which nothing is read through, come last.
        """
        listed = self.repo.git.ls_tree("-r", "-z", "--full-tree", self.commit, "--", *paths)
        entries = [entry for entry in _listed(listed) if entry.kind == "blob" and not fault(entry.path)]
        # The deepest first: a malformed tree can hold a link and a folder of one name.
        entries.sort(key=lambda entry: (entry.mode == LINK, -entry.path.count("/")))
        with self._answers(entry.id for entry in entries) as answers:
            for entry in entries:
                _scanned(answers, partial(_lay_out, entry, folder / entry.path))

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


_OWN = (f"{METADATA}/", f"{ARTIFACTS}/")
"""The folders that hold nothing but a history."""

_POINTER = b"version https://git-lfs.github.com/spec/"

_LARGEST_POINTER = 1024
"""Bytes; Git LFS takes nothing longer for a pointer."""

_SIZED = 3
"""Words that `cat-file --batch-check` has for an object that is there."""


@dataclass(frozen=True, kw_only=True)
class _Listing:
    """A history's part of a commit: ids of what is read and of what is not, and why not."""

    files: dict[str, str]
    left_out: dict[str, str]
    unread: dict[str, str]


class _Entry(NamedTuple):
    """A line of `git ls-tree`; a tuple, for a history has hundreds of thousands."""

    mode: str
    kind: str
    id: str
    path: str


def _listed(listed: str) -> Iterator[_Entry]:
    """Parse the output of `git ls-tree -z`."""
    for line in listed.split("\0"):
        if line:
            head, _, path = line.partition("\t")
            mode, kind, identifier = head.split(" ")
            yield _Entry(mode, kind, identifier, path)


def _lay_out(entry: _Entry, target: Path, content: Readable) -> None:
    """Write one file or link, if nothing has its place."""
    with suppress(FileExistsError, NotADirectoryError):
        target.parent.mkdir(parents=True, exist_ok=True)
        if entry.mode == LINK:
            target.symlink_to(os.fsdecode(content.read(CHUNK)))
            return
        with target.open("xb") as file:
            while chunk := content.read(CHUNK):
                file.write(chunk)


def _depth(path: str) -> int:
    return path.count("/")


def _folders_of(root: str) -> Iterator[str]:
    """The folders on the way to a root, each with a `/` at its end, and the root itself; none for the top."""
    yield from (root[: at + 1] for at, character in enumerate(root) if character == "/")


def _scanned(answers: IO[bytes], use: Callable[[Readable], Result]) -> Result:
    """What `use` makes of the next content in the output of `git cat-file --batch`."""
    size = int(answers.readline().split()[2])
    content = io.BytesIO(answers.read(size)) if size <= CHUNK else _Part(answers, size)
    result = use(content)
    while content.read(CHUNK):
        pass
    answers.read(1)  # the line break behind it
    return result


class _Part:
    """The next bytes of a stream, so many of them."""

    def __init__(self, stream: IO[bytes], size: int) -> None:
        self._stream, self._left = stream, size

    def read(self, size: int, /) -> bytes:
        data = self._stream.read(min(size, self._left))
        self._left -= len(data)
        return data


def _batch(answer: bytes) -> Iterator[bytes]:
    """The contents in the output of `git cat-file --batch`: a header line, the bytes, a line break."""
    at = 0
    while at < len(answer):
        end = answer.index(b"\n", at)
        size = int(answer[at:end].split()[2])
        yield answer[end + 1 : end + 1 + size]
        at = end + 1 + size + 1
