"""A bare repository of our own, which borrows the checkout's objects: commits are built and pushed there."""

import tempfile
from pathlib import Path

import git
from git.exc import GitCommandError

from mlpipeline.core.errors import RepositoryError
from mlpipeline.repo.fastimport import Changes, CommitInfo, Importer
from mlpipeline.repo.remote import (
    Declined,
    Fetched,
    FetchResult,
    Landed,
    PushResult,
    Raced,
    Unreachable,
    Vanished,
    failure,
    is_missing_branch,
    is_race,
    last_line,
    refused_by,
)
from mlpipeline.repo.tree import GitTree

_TIP = "refs/mlflow/tip"

CHECKED = 32 * 1024 * 1024
"""Bytes of new objects, compressed, that are checked before the push: a quarter of the time that writing them takes."""

BUNDLED = "refs/heads/mlflow-history"
"""The built commit's name in a scratch repository and in the bundles made of it."""


class Scratch:
    """The bare repository in which commits are built and from which they are pushed."""

    def __init__(self, repo: git.Repo, remote: str, object_format: str) -> None:
        self._repo = repo
        self._remote = remote
        self._importer = Importer(repo=repo, object_format=object_format, hashes={})

    @property
    def folder(self) -> Path:
        """A folder for files, which goes with the repository."""
        return Path(self._repo.git_dir).parent.resolve()

    def fetch_tip(self, branch: str) -> FetchResult:
        """Fetch the branch's tip, without its ancestors."""
        try:
            self._repo.git.fetch("--no-tags", "--depth=1", self._remote, f"+refs/heads/{branch}:{_TIP}")
        except GitCommandError as error:
            return Fetched(commit=None) if is_missing_branch(error) else failure(error)
        return Fetched(commit=str(self._repo.git.rev_parse("--verify", _TIP)))

    def tree(self, commit: str | None, root: str) -> GitTree:
        """The history below `root`, a folder with a `/` at its end or the empty string, in one commit."""
        return GitTree(
            repo=self._repo,
            commit=commit,
            root=root,
            object_format=self._importer.object_format,
            hashes=self._importer.hashes,
        )

    def commit(self, info: CommitInfo, changes: Changes) -> str:
        """Write the commit to push; its id.

        Raises:
            RepositoryError: a file changed while it was read, or Git's own checks refuse what was written.
        """
        before = self._packs()
        commit = self._importer.commit(BUNDLED, info, changes)
        for pack in self._packs() - before:
            fault = self._fault(pack) if pack.stat().st_size <= CHECKED else ""
            # What is the matter with the branch already must not keep runs from it.
            if fault and not (info.parent and self._fault_of_trees(info.parent)):
                raise RepositoryError(
                    f"Git's own checks refuse what was to be pushed: {fault}",
                    untouched="the checkout, the branch on the remote and the runs.",
                    remedy="report this with the run that was added last: it should have been left out.",
                )
        return commit

    def _packs(self) -> set[Path]:
        return set(Path(self._repo.git_dir, "objects", "pack").glob("*.pack"))

    def _fault(self, pack: Path) -> str:
        """Find out why `git fsck --strict`, and so a host, would refuse objects of a pack; empty if it would not."""
        try:
            self._repo.git.index_pack("--fsck-objects", "-o", f"{pack}.checked", str(pack))
        except GitCommandError as error:
            return last_line(error)
        return ""

    def _fault_of_trees(self, commit: str) -> str:
        """Find out what is the matter with a commit's folders."""
        listed = str(self._repo.git.rev_list("--objects", "--no-walk", "--filter=blob:none", commit))
        with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as asked:
            asked.write("".join(f"{line.split(' ')[0]}\n" for line in listed.splitlines()).encode())
            asked.seek(0)
            self._repo.git.pack_objects("--quiet", f"{folder}/trees", istream=asked)
            return next(filter(None, map(self._fault, Path(folder).glob("*.pack"))), "")

    def push(self, branch: str, commit: str) -> PushResult:
        """Push what `commit` wrote, never by force, and look whether the branch contains it."""
        answer = self._send(branch)
        if isinstance(answer, Raced | Declined):
            return answer
        seen = self._contains(branch, commit)
        if seen is True:
            return Landed()
        if isinstance(answer, Unreachable):
            return answer
        return Vanished() if seen is False else seen

    def _send(self, branch: str) -> Raced | Declined | Unreachable | None:
        """Push; `None` where the remote accepted. A connection that broke may or may not have landed."""
        remote = git.Remote(self._repo, self._remote)
        progress = git.RemoteProgress()
        try:
            # no_thin: looking for deltas against the borrowed history costs more than it saves. no_verify: hooks of
            # the user's configuration (core.hooksPath) are meant for the user's own pushes.
            answers = remote.push(f"{BUNDLED}:refs/heads/{branch}", progress=progress, no_thin=True, no_verify=True)
        except GitCommandError as error:
            return failure(error)
        if not answers:
            return failure(answers.error if isinstance(answers.error, GitCommandError) else None)
        # push() reports a rejection by flag, not by exception.
        answer = answers[0]
        if not answer.flags & git.PushInfo.ERROR:
            return None
        if answer.flags & git.PushInfo.REJECTED or is_race(answer.summary):
            return Raced()
        remarks = (line.strip() for line in progress.other_lines if line.startswith("remote:"))
        return refused_by(" ".join([answer.summary.strip(), *remarks]))

    def _contains(self, branch: str, commit: str) -> bool | Declined | Unreachable:
        """Whether the remote's branch is seen to contain `commit`."""
        try:
            answer = str(self._repo.git.ls_remote(self._remote, f"refs/heads/{branch}"))
            if answer.split("\t", maxsplit=1)[0] == commit:
                return True
            if not answer:
                return False
            self._repo.git.fetch("--no-tags", self._remote, f"+refs/heads/{branch}:{_TIP}")
        except GitCommandError as error:
            return failure(error)
        try:
            self._repo.git.merge_base("--is-ancestor", commit, _TIP)
        except GitCommandError:
            return False
        return True

    def bundle(self, tip: str | None, path: Path) -> None:
        """Keep the built commit as a `git bundle` on top of `tip`; readable where `tip` is known."""
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".part")
        self._repo.git.bundle("create", "--quiet", str(partial), *([f"^{tip}"] if tip else []), BUNDLED)
        partial.replace(path)
