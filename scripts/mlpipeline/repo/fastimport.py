"""Commits written by `git fast-import`, in one stream.

Format: https://git-scm.com/docs/git-fast-import
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import PIPE
from typing import IO, cast

import git

from mlpipeline.core.edits import Copy, Delete, Edit, Link, Write
from mlpipeline.core.errors import RepositoryError
from mlpipeline.core.filenames import LONGEST_ON_LINUX, fault
from mlpipeline.core.files import open_again, size_of
from mlpipeline.history.paths import unsafe

CHUNK = 1 << 20
"""Bytes of a file that are in memory at a time."""


@dataclass(frozen=True, kw_only=True)
class CommitInfo:
    """What a commit says of itself.

    Attributes:
        parent: the commit it follows; `None` begins a history.
        message: its message.
        identity: author and committer, `Name <email>`.
        when: seconds since the epoch.
    """

    parent: str | None
    message: str
    identity: str
    when: int


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What a commit changes in its parent's files.

    Attributes:
        root: what all paths are relative to: a folder with a `/` at its end, or the empty string for the top.
        edits: the first edits.
        folder: the folder that the others are derived from.
        derive: gives those, from Git's id of `folder` as the first left it; the id is empty where it holds nothing.
    """

    root: str
    edits: Sequence[Edit]
    folder: str
    derive: Callable[[str], Sequence[Edit]]


@dataclass(frozen=True, kw_only=True)
class Importer:
    """Writes commits into a bare repository.

    Attributes:
        repo: the repository.
        object_format: `sha1` or `sha256`.
        hashes: object id by file, as far as files were hashed before; a file that has changed since is refused.
        stored: files that the repository holds as objects already, with their ids.
    """

    repo: git.Repo
    object_format: str
    hashes: dict[Path, str]
    stored: dict[Path, str] = field(default_factory=dict)

    def commit(self, ref: str, info: CommitInfo, changes: Changes) -> str:
        """Write a commit and let `ref` name it.

        Args:
            ref: the ref's full name.
            info: parent, message, who and when.
            changes: what it changes in its parent's files.

        Returns:
            The commit's id.

        Raises:
            RepositoryError: a file changed while it was read.
            GitCommandError: git failed.
        """
        with self._process() as (stream, answers):
            message = info.message.encode()
            stream.write(b"commit %s\n" % ref.encode())
            stream.write(f"committer {info.identity} {info.when} +0000\ndata {len(message)}\n".encode())
            stream.write(message + b"\n")
            if info.parent:
                stream.write(f"from {info.parent}\n".encode())
            copied = self._write_all(stream, changes.edits, changes.root)
            stream.write(b"ls %s\n" % _quoted(changes.root + changes.folder))
            stream.flush()
            if not (answer := answers.readline()):
                raise BrokenPipeError
            derived = changes.derive(_listed_id(answer))
            copied |= self._write_all(stream, derived, changes.root)
            stream.write(b"done\n")
        self.stored.update(copied)
        return str(self.repo.git.rev_parse("--verify", ref))

    @contextmanager
    def _process(self) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
        """A running fast-import: its input, and its answers. Without `done` it leaves no ref changed."""
        settings = ("-c", "core.compression=1", "-c", "fastimport.unpackLimit=0")
        command = [git_program(), *settings, "fast-import", "--quiet", "--done", "--force"]
        process = self.repo.git.execute(command, as_process=True, istream=PIPE)
        stream, answers = cast("IO[bytes]", process.stdin), cast("IO[bytes]", process.stdout)
        try:
            yield stream, answers
            stream.close()
        except BrokenPipeError:
            # git has ended by itself: wait() raises what it said.
            with suppress(BrokenPipeError):
                stream.close()
        except BaseException:
            process.terminate()
            raise
        process.wait()

    def _write_all(self, stream: IO[bytes], edits: Iterable[Edit], root: str) -> dict[Path, str]:
        """Write edits; returns the files whose bytes are in the stream now, with their object ids."""
        copied: dict[Path, str] = {}
        for edit in edits:
            path = _quoted(root + edit.path)
            if not isinstance(edit, Delete):
                _refuse_unsafe(edit.path, root)
            match edit:
                case Write(content=bytes() as data):
                    stream.write(b"M 100644 inline %s\ndata %d\n%s\n" % (path, len(data), data))
                case Write(content=Path() as file) if identifier := self.stored.get(file):
                    stream.write(b"M 100644 %s %s\n" % (identifier.encode(), path))
                case Write(content=Path() as file):
                    stream.write(b"M 100644 inline %s\n" % path)
                    copied[file] = self._copy(file, stream)
                case Link(target=target):
                    stream.write(b"M 120000 inline %s\ndata %d\n%s\n" % (path, len(target.encode()), target.encode()))
                case Copy(source=source):
                    stream.write(b"C %s %s\n" % (_quoted(root + source), path))
                case Delete():
                    stream.write(b"D %s\n" % path)
        return copied

    def _copy(self, file: Path, stream: IO[bytes]) -> str:
        """Copy a file into the stream; returns its object id."""
        with open_again(file) as source:
            size = left = size_of(source)
            stream.write(b"data %d\n" % size)
            digest = hashlib.new(self.object_format, b"blob %d\0" % size)
            while chunk := source.read(min(CHUNK, left)):
                stream.write(chunk)
                digest.update(chunk)
                left -= len(chunk)
            grown = source.read(1)
        stream.write(b"\n")
        identifier = digest.hexdigest()
        # A file that is still being written would shift everything behind it, or not be what was decided upon.
        if left or grown or identifier != self.hashes.get(file, identifier):
            raise RepositoryError(
                f"'{file}' changed while it was read.",
                untouched="the repository and the remote.",
                remedy="wait until training is done, then run this again.",
            )
        return identifier


def _refuse_unsafe(path: str, root: str) -> None:
    """Keep a branch from being poisoned by a path that nobody has kept out before."""
    if reason := fault(root + path, longest=LONGEST_ON_LINUX) or unsafe(path):
        raise RepositoryError(
            f"The commit would hold {root + path!r}, which {reason}.",
            untouched="the repository and the remote.",
            remedy="take what has that name out of the source, and report this: it should have been left out.",
        )


def git_program() -> str:
    """Name the git that GitPython runs, for the commands that it has no method for."""
    return git.Git.GIT_PYTHON_GIT_EXECUTABLE or "git"


def _listed_id(answer: bytes) -> str:
    """The object id in an answer to `ls`; empty where nothing is there."""
    return "" if answer.startswith(b"missing ") else answer.split(b"\t", 1)[0].split(b" ")[2].decode()


def _quoted(path: str) -> bytes:
    escaped = path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'.encode(errors="surrogateescape")
