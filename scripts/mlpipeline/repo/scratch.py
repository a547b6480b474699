"""A bare repository of our own, which borrows the checkout's objects: commits are built and pushed there."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, cast

import git
from git.exc import GitCommandError

from mlpipeline.core.edits import Edit
from mlpipeline.repo.fastimport import _write_edit
from mlpipeline.repo.remote import _NO_BRANCH, _RACED, DeclinedError, Verdict, _redacted, _refusal
from mlpipeline.repo.tree import GitTree

_TIP, _MERGED = "refs/mlflow/tip", "refs/mlflow/merged"

BUNDLED = "refs/heads/mlflow-history"
"""The built commit's name in a scratch repository and in the bundles made of it."""


class Scratch:
    """The bare repository in which commits are built and from which they are pushed."""

    def __init__(self, repo: git.Repo, remote: str, object_format: str) -> None:
        self._repo = repo
        self._remote = remote
        self._object_format = object_format
        self._git = (git.Git.GIT_PYTHON_GIT_EXECUTABLE or "git",)

    def fetch_tip(self, branch: str) -> str | None:
        """The branch's newest commit on the remote; `None` where the remote has no such branch.

        Raises:
            UnreachableError: the remote did not answer.
            DeclinedError: it does not let us read.
        """
        try:
            self._repo.git.fetch("--no-tags", "--depth=1", self._remote, f"+refs/heads/{branch}:{_TIP}")
        except GitCommandError as error:
            if _NO_BRANCH in str(error.stderr):
                return None
            raise _refusal(error) from error
        return str(self._repo.git.rev_parse("--verify", _TIP))

    def tree(self, commit: str | None, root: str) -> GitTree:
        """The history below `root`, a folder with a `/` at its end or the empty string, in one commit."""
        return GitTree(repo=self._repo, commit=commit, root=root, object_format=self._object_format)

    def lay_out(self, commit: str, paths: Sequence[str], folder: Path) -> None:
        """Write those of the `paths` that a commit has into a folder, as they are stored: no filter, no line ends."""
        there = str(self._repo.git.ls_tree("-z", "--name-only", "--full-tree", commit, "--", *paths))
        if not (named := [path for path in there.split("\0") if path]):
            return
        # Git LFS would download; a pointer is what the history holds.
        settings = ("core.autocrlf=false", "filter.lfs.smudge=", "filter.lfs.process=", "filter.lfs.required=false")
        with self._repo.git.custom_environment(GIT_INDEX_FILE=str(folder.with_name(f"{folder.name}.index"))):
            self._repo.git.execute(
                [
                    *(*self._git, f"--work-tree={folder}"),
                    *(part for setting in settings for part in ("-c", setting)),
                    *("checkout", "--quiet", commit, "--", *named),
                ]
            )

    def merged(self, *, tip: str | None, edits: Sequence[Edit], root: str) -> str:
        """A commit that holds `tip` with `edits` on top, only to be read: its id."""
        return self._build(
            _MERGED, parent=tip, base=None, edits=edits, root=root, message="", identity="mlflow <>", when=0
        )

    def commit(
        self, *, tip: str | None, base: str, edits: Sequence[Edit], root: str, message: str, identity: str, when: int
    ) -> str:
        """The commit to push: `base`'s tree with `edits` on top, as a child of `tip`; its id.

        Args:
            tip: the parent; `None` begins a history.
            base: the commit whose tree to start from.
            edits: paths relative to `root`.
            root: as in `tree`.
            message: the commit's message.
            identity: author and committer, `Name <email>`.
            when: seconds since the epoch.
        """
        return self._build(
            BUNDLED, parent=tip, base=base, edits=edits, root=root, message=message, identity=identity, when=when
        )

    def same_tree(self, one: str, other: str) -> bool:
        """Whether two commits hold the same files."""
        return len(set(self._repo.git.rev_parse(f"{one}^{{tree}}", f"{other}^{{tree}}").split())) == 1

    def push(self, branch: str) -> Verdict:
        """Push what `commit` built, never by force.

        Raises:
            UnreachableError: the remote did not answer, or the connection broke: it may or may not have landed.
            DeclinedError: the remote said no: a hook, a protected branch, missing rights.
        """
        # --no-thin: looking for deltas against the borrowed history costs more than it saves.
        remote = git.Remote(self._repo, self._remote)
        progress = git.RemoteProgress()
        try:
            answers = remote.push(f"{BUNDLED}:refs/heads/{branch}", progress=progress, no_thin=True)
        except GitCommandError as error:
            raise _refusal(error) from error
        if not answers:
            raise _refusal(answers.error if isinstance(answers.error, GitCommandError) else None)
        # push() reports a rejection by flag, not by exception.
        answer = answers[0]
        if not answer.flags & git.PushInfo.ERROR:
            return Verdict.ACCEPTED
        if answer.flags & git.PushInfo.REJECTED or _RACED.search(answer.summary):
            return Verdict.RACED
        remarks = (line.strip() for line in progress.other_lines if line.startswith("remote:"))
        raise DeclinedError(_redacted(" ".join([answer.summary.strip(), *remarks])))

    def landed(self, branch: str, commit: str) -> bool:
        """Whether the remote's branch is seen to contain `commit`.

        Raises:
            UnreachableError: the remote did not answer.
            DeclinedError: it does not let us read.
        """
        try:
            answer = str(self._repo.git.ls_remote(self._remote, f"refs/heads/{branch}"))
            if answer.split("\t", maxsplit=1)[0] == commit:
                return True
            if not answer:
                return False
            self._repo.git.fetch("--no-tags", self._remote, f"+refs/heads/{branch}:{_TIP}")
        except GitCommandError as error:
            raise _refusal(error) from error
        try:
            self._repo.git.merge_base("--is-ancestor", commit, _TIP)
        except GitCommandError:
            return False
        return True

    def bundle(self, tip: str | None, path: Path) -> None:
        """Keep the built commit as a `git bundle` on top of `tip`; readable where `tip` is known."""
        path.parent.mkdir(parents=True, exist_ok=True)
        made = path.with_suffix(".part")
        self._repo.git.bundle("create", "--quiet", str(made), *([f"^{tip}"] if tip else []), BUNDLED)
        made.replace(path)

    def _build(
        self,
        ref: str,
        *,
        parent: str | None,
        base: str | None,
        edits: Sequence[Edit],
        root: str,
        message: str,
        identity: str,
        when: int,
    ) -> str:
        settings = ("-c", "core.compression=1", "-c", "fastimport.unpackLimit=0")
        command = [*self._git, *settings, "fast-import", "--quiet", "--done", "--force"]
        with tempfile.TemporaryFile() as stream:
            # Through a file, not a pipe: if an artifact cannot be read, git has not been started yet.
            write = cast("IO[bytes]", stream).write
            encoded = message.encode()
            write(b"commit %s\n" % ref.encode())
            write(f"committer {identity} {when} +0000\ndata {len(encoded)}\n".encode() + encoded + b"\n")
            if parent:
                write(f"from {parent}\n".encode())
            if base:
                write(f'M 040000 {self._repo.git.rev_parse(f"{base}^{{tree}}")} ""\n'.encode())
            for edit in edits:
                _write_edit(cast("IO[bytes]", stream), edit, root)
            write(b"done\n")
            stream.seek(0)
            self._repo.git.execute(command, istream=stream)
        return str(self._repo.git.rev_parse("--verify", ref))
