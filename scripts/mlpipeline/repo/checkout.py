"""The user's repository: read, and changed by `Checkout.follow` alone."""

import os
import re
import shlex
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path, PurePosixPath
from typing import cast

import git
from git.exc import GitCommandError, InvalidGitRepositoryError, NoSuchPathError

from mlpipeline.core.edits import blob_id
from mlpipeline.core.errors import RepositoryError
from mlpipeline.core.filenames import fault
from mlpipeline.core.workspace import workspace
from mlpipeline.repo.aside import leavings, step_aside
from mlpipeline.repo.fastimport import git_program
from mlpipeline.repo.remote import error_text, is_transport, last_line
from mlpipeline.repo.scratch import Scratch
from mlpipeline.repo.tree import GitTree

_SCRATCH_SETTINGS = (
    ("push.gpgSign", "false"),
    ("push.followTags", "false"),
    ("push.recurseSubmodules", "no"),
    ("fetch.recurseSubmodules", "no"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
)
"""What the user's configuration may say of pushes and fetches in general, and must not say of ours."""

_SCRATCH = "mlflow-git-scratch-"
"""What the names of scratch repositories' folders begin with."""

NAMED = 10
"""Files that a message names, at the most."""


@dataclass(frozen=True, kw_only=True)
class FollowUp:
    """Whether the checkout followed a push.

    Attributes:
        followed: whether it did.
        reason: why it did not, as the rest of a sentence.
        remedy: what brings it up to date, as the beginning of a sentence.
    """

    followed: bool
    reason: str = ""
    remedy: str = ""


class Checkout:
    """The user's repository."""

    def __init__(self, repository: Path) -> None:
        """Open the repository that holds the folder `repository`.

        Raises:
            RepositoryError: there is none, it is bare, or git refuses it.
        """
        try:
            self._repo = git.Repo(repository, search_parent_directories=True)
        except NoSuchPathError as error:
            raise RepositoryError(f"No such folder: '{repository}'.", remedy="name one with --repository.") from error
        except InvalidGitRepositoryError as error:
            raise RepositoryError(
                f"'{repository}' is not inside a Git repository.",
                remedy="run this in a clone, or name one with --repository.",
            ) from error
        if self._repo.working_tree_dir is None:
            raise RepositoryError(f"'{repository}' is a bare repository.", remedy="run this in a clone of it.")
        self.top = Path(self._repo.working_tree_dir).resolve()
        # Nobody answers a prompt: what is asked for there is missing, and that is what git then says.
        # A folder called `[a]` is meant as it is written.
        self._repo.git.update_environment(GIT_TERMINAL_PROMPT="0", GIT_LITERAL_PATHSPECS="1")
        try:
            self._git_dir = self._path("--absolute-git-dir")
        except GitCommandError as error:
            raise RepositoryError(
                f"git refuses the repository at '{self.top}': {last_line(error)}",
                remedy=shlex.join(["git", "config", "--global", "--add", "safe.directory", str(self.top)]),
            ) from error

    @property
    def branch(self) -> str | None:
        """The branch checked out; `None` for a detached HEAD."""
        with suppress(GitCommandError):
            # Not --short: beside a tag of the same name that is `heads/main`.
            return str(self._repo.git.symbolic_ref("--quiet", "HEAD")).removeprefix("refs/heads/")
        return None

    def commit(self, name: str) -> str | None:
        """The id of the commit called `name`, if there is one."""
        with suppress(GitCommandError):
            return str(self._repo.git.rev_parse("--verify", "--quiet", f"{name}^{{commit}}"))
        return None

    def is_branch_name(self, name: str) -> bool:
        """Whether a branch can be called `name`."""
        with suppress(GitCommandError):
            self._repo.git.check_ref_format("--branch", name)
            return True
        return False

    def remotes(self) -> list[str]:
        """Names of the remotes."""
        return [remote.name for remote in self._repo.remotes]

    def identity(self) -> str | None:
        """Who commits, as git knows it: `Name <email>`; `None` where it does not."""
        with suppress(GitCommandError):
            return str(self._repo.git.var("GIT_COMMITTER_IDENT")).rsplit(" ", 2)[0]
        return None

    def wants_signatures(self) -> bool:
        """Whether the configuration asks that commits be signed."""
        with suppress(GitCommandError):
            return str(self._repo.git.config("--type=bool", "--get", "commit.gpgSign")) == "true"
        return False

    def changed_files(self, folders: Iterable[str]) -> frozenset[str]:
        """Files below `folders` that the index does not hold as they are: untracked, ignored or edited.

        Paths are relative to the top, with `/`.
        """
        named = [folder for folder in folders if (self.top / folder).exists()]
        if not named:
            return frozenset()
        listed = self._repo.git.ls_files("-z", "--others", "--modified", "--", *named)
        return frozenset(path for path in listed.split("\0") if path)

    def indexed_files(self, folders: Iterable[str]) -> dict[str, str]:
        """Object id by path of the files that the index holds below `folders`."""
        listed = self._repo.git.ls_files("-z", "--stage", "--", *folders)
        entries = (entry.split("\t", 1) for entry in listed.split("\0") if entry)
        return {path: head.split(" ")[1] for head, path in entries}

    def tree(self, commit: str, root: str) -> "GitTree":
        """The history below `root`, a folder with a `/` at its end or the empty string, in one of its commits."""
        return GitTree(repo=self._repo, commit=commit, root=root, object_format=self.object_format)

    def bundle_folder(self) -> Path:
        """Where bundles of failed pushes, downloads and caches are kept: in the repository's own folder, unseen."""
        return self._git_dir / "mlflow-persistence"

    @contextmanager
    def scratch(self, remote: str, *, inherited_settings: int = 0) -> Iterator["Scratch"]:
        """A scratch repository that reaches `remote` as this checkout does.

        Args:
            remote: the remote's name.
            inherited_settings: how many settings the environment already passes to git (`GIT_CONFIG_COUNT`).
        """
        self.recover()
        with workspace(_SCRATCH) as folder:
            path = folder.path / "scratch.git"
            # An empty template and a folder without hooks: those of the user must not run on what we do here.
            repo = git.Repo.init(
                path, bare=True, template="", object_format=self.object_format, allow_unsafe_options=True
            )
            for name, value in (("core.hooksPath", str(path / "no-hooks")), *_SCRATCH_SETTINGS):
                repo.git.config(name, value)
            common = self._path("--git-common-dir")
            (path / "objects/info").mkdir(parents=True, exist_ok=True)
            (path / "objects/info/alternates").write_text(f"{common / 'objects'}\n", encoding="utf-8")
            # The borrowed history ends where the checkout's does.
            if (common / "shallow").exists():
                shutil.copyfile(common / "shallow", path / "shallow")
            repo.git.update_environment(**self._transport(remote, inherited_settings), GIT_TERMINAL_PROMPT="0")
            scratch = Scratch(repo, remote, self.object_format)
            for number, name in enumerate(("HEAD", f"refs/remotes/{remote}/HEAD")):
                # What the checkout has need not be sent again.
                if known := self.commit(name):
                    repo.git.update_ref(f"refs/mlflow/have-{number}", known)
            try:
                yield scratch
            except GitCommandError as error:
                raise RepositoryError(
                    f"git failed: {last_line(error)}.",
                    untouched="the checkout, the branch on the remote and the runs.",
                    remedy="see that there is room on the disk and in memory, then run this again.",
                ) from error
            finally:
                repo.close()

    @cached_property
    def object_format(self) -> str:
        """`sha1` or `sha256`."""
        return str(self._repo.git.rev_parse("--show-object-format"))

    def follow(self, *, remote: str, branch: str, commit: str, replaceable: Iterable[str]) -> FollowUp:
        """Bring the checkout to `commit`, if that is a fast-forward which overwrites nothing of the user's.

        Args:
            remote: where `commit` was pushed.
            branch: the branch it was pushed to.
            commit: its id.
            replaceable: files, relative to the top, whose content `commit` is known to hold; they are set aside
                first and come back if git refuses to move.
        """
        pull = shlex.join(["git", "pull", "--rebase", remote, branch])
        if self.branch != branch:
            return FollowUp(followed=False, reason=f"the branch '{branch}' is not checked out")
        try:
            self._fetch(remote, branch)
        except GitCommandError as error:
            return FollowUp(followed=False, reason=last_line(error), remedy=pull)
        head = self.commit("HEAD")
        if head == commit or (head and self._contains(head, commit)):
            return FollowUp(followed=True)
        expendable = frozenset(replaceable)
        if head:
            expendable |= self._equal_files(head, commit, expendable)
        if head and not self._contains(commit, head):
            return self._parted(head=head, remote=remote, branch=branch, commit=commit, expendable=expendable)
        return self._fast_forward(commit, expendable, pull)

    def _fetch(self, remote: str, branch: str) -> None:
        fetch = partial(self._repo.git.fetch, "--no-tags", "--no-recurse-submodules")
        try:
            fetch(remote, f"refs/heads/{branch}")
        except GitCommandError:
            # Where the remote is mirrored, git would have to move the branch itself, and refuses.
            fetch("--refmap=", remote, f"refs/heads/{branch}")

    def _fast_forward(self, commit: str, expendable: Iterable[str], pull: str) -> FollowUp:
        """Bring branch, index and files to `commit`."""
        try:
            with step_aside(self.bundle_folder(), self.top, expendable, commit=commit) as aside:
                # With the lock, git is known to run on where this process is killed and git is not.
                self._repo.git.execute(_move_to(commit), pass_fds=aside.lock)
                self._restore_missing(aside.paths)
        except GitCommandError as error:
            return _blocked(error, pull)
        except OSError as error:
            return FollowUp(followed=False, reason=str(error), remedy=pull)
        self._remove_empty_folders(aside.paths)
        return FollowUp(followed=True)

    def recover(self) -> None:
        """Bring the checkout out of the state in which a killed process left it, if one did.

        What had stepped aside comes back, unless git has moved: then the commit holds it. If git was killed as well,
        its locks go, and the files that it had written; the next `follow` writes them again.
        """
        for left in leavings(self.bundle_folder()):
            if left.move and not self._is_at(left.move.commit):
                self._remove_locks(left.move.began)
                self._end(left.move.commit)
            if left.move and self._is_at(left.move.commit):
                self._restore_missing(left.paths)
                continue
            head = self.commit("HEAD")
            if left.move and head and self.commit(left.move.commit):
                self._remove_written(head, left.move.commit)
            left.put_back(self.top)

    def _is_at(self, commit: str) -> bool:
        """Whether the branch that is checked out contains a commit."""
        head = self.commit("HEAD")
        return head is not None and self._contains(head, commit)

    def _remove_locks(self, began: int) -> None:
        """Remove the locks that a git left which was killed; `began` is when it was started."""
        refs = ["HEAD", "ORIG_HEAD", *([f"refs/heads/{self.branch}"] if self.branch else [])]
        for name in ("index", *refs):
            lock = self._path("--git-path", f"{name}.lock")
            with suppress(FileNotFoundError):
                if lock.stat().st_mtime_ns >= began:
                    lock.unlink()

    def _end(self, commit: str) -> None:
        """Let the branch move, where git has brought the files and the index to a commit and was killed then."""
        with suppress(GitCommandError):
            self._repo.git.diff_index("--cached", "--quiet", commit)
            self._repo.git.execute(_move_to(commit))

    def _remove_written(self, head: str, commit: str) -> None:
        """Remove what git had written of `commit`, where it had not come to its end.

        Nothing of the user's is among it: files that are equal to those of the commit had stepped aside before.
        """
        gone = []
        for path, before, after in self._changes(head, commit):
            if fault(path):
                continue
            file = self.top / path
            is_whole = self._holds(path, after)
            if (is_whole and before.mode == _NOTHING) or (not is_whole and self._begins(file, after)):
                file.unlink()
                gone.append(path)
        self._remove_empty_folders(gone)

    def _begins(self, file: Path, entry: "_Entry") -> bool:
        """Whether a file is the beginning of what a tree's entry says."""
        if not entry.mode.startswith("100") or file.is_symlink() or not file.is_file() or not _is_inside(file):
            return False
        if file.stat().st_size > int(self._repo.git.cat_file("-s", entry.identifier)):
            return False
        read = partial(self._repo.git.cat_file, stdout_as_string=False, strip_newline_in_stdout=False)
        return cast("bytes", read("blob", entry.identifier)).startswith(file.read_bytes())

    def _contains(self, commit: str, ancestor: str) -> bool:
        """Whether a commit contains another."""
        with suppress(GitCommandError):
            self._repo.git.merge_base("--is-ancestor", ancestor, commit)
            return True
        return False

    def _parted(self, *, head: str, remote: str, branch: str, commit: str, expendable: frozenset[str]) -> FollowUp:
        """Say what to do where the checkout has commits of its own: they go on top of what was pushed."""
        count = int(self._repo.git.rev_list("--count", f"{commit}..{head}"))
        own = f"'{branch}' has {count} {'commit that is' if count == 1 else 'commits that are'} not on '{remote}'"
        commands = [
            shlex.join(["git", "pull", "--rebase", remote, branch]),
            shlex.join(["git", "push", remote, f"HEAD:refs/heads/{branch}"]),
        ]
        others: list[str] = []
        # They would be in the way of a rebase, and what they hold comes back with it.
        if folders := sorted({path.split("/", 1)[0] for path in expendable}):
            others = sorted(self.changed_files(folders) - expendable)
            # A stash, and not dropped: what training has written by the time somebody types this is in it.
            message = f"published on {remote}"
            commands.insert(0, shlex.join(["git", "stash", "push", "--all", "--message", message, "--", *folders]))
        away = f"move {_named(others)} away, then " if others else ""
        return FollowUp(followed=False, reason=own, remedy=away + " && ".join(commands))

    def _equal_files(self, head: str, commit: str, known: frozenset[str]) -> frozenset[str]:
        """Files in the checkout that are, byte for byte, what `commit` holds and `head` does not; but for `known`.

        Or what `head` holds, where git takes them for edited because a filter would make something else of them.
        """
        changes = self._changes(head, commit)
        folders = {path.partition("/")[0] for path, before, _ in changes if before.mode != _NOTHING}
        edited = self._repo.git.diff_files("-z", "--name-only", "--", *sorted(folders)) if folders else ""
        is_edited = frozenset(str(edited).split("\0"))
        return frozenset(
            path
            for path, before, after in changes
            if path not in known and (self._holds(path, after) or (path in is_edited and self._holds(path, before)))
        )

    def _changes(self, head: str, commit: str) -> list[tuple[str, "_Entry", "_Entry"]]:
        """The paths at which two commits differ, with what either has there."""
        listed = str(self._repo.git.diff_tree("-r", "-z", "--no-renames", "--no-commit-id", head, commit))
        fields = listed.split("\0")
        entries = (entry.removeprefix(":").split(" ") for entry in fields[::2])
        return [
            (path, _Entry(mode=before, identifier=old), _Entry(mode=after, identifier=new))
            for (before, after, old, new, _), path in zip(entries, fields[1::2], strict=False)
        ]

    def _holds(self, path: str, entry: "_Entry") -> bool:
        """Whether the file at a path is what a tree's entry says."""
        file = self.top / path
        if fault(path):
            return False
        try:
            if not _is_inside(file):
                return False
            if file.is_symlink():
                target = os.fsencode(file.readlink())
                return entry.mode == "120000" and entry.identifier == blob_id(target, self.object_format)
            is_file = entry.mode.startswith("100") and file.is_file()
            return is_file and entry.identifier == blob_id(file, self.object_format)
        except OSError:
            return False

    def _restore_missing(self, paths: Sequence[str]) -> None:
        """Check out again what git left out, because the new commit holds it as the old one did."""
        folders = sorted({str(PurePosixPath(path).parent) for path in paths})
        missing = str(self._repo.git.ls_files("-z", "--deleted", "--", *folders)).split("\0") if folders else []
        if names := sorted(set(missing) & set(paths)):
            self._repo.git.checkout_index("--quiet", "--", *names)

    def _remove_empty_folders(self, paths: Iterable[str]) -> None:
        for folder in sorted({parent for path in paths for parent in PurePosixPath(path).parents}, reverse=True):
            if folder != PurePosixPath("."):
                with suppress(OSError):
                    _remove_empty_tree(self.top / folder)

    def _path(self, *flags: str) -> Path:
        return (self.top / str(self._repo.git.rev_parse(*flags))).resolve()

    def _transport(self, remote: str, inherited: int) -> dict[str, str]:
        """The settings by which the checkout reaches its remote, as environment variables for git.

        Credentials that actions/checkout left in the configuration travel this way: never on a command line, never
        in a URL, never in a file of ours.
        """
        listed = str(self._repo.git.config("--list", "-z", "--show-scope")).split("\0")
        wanted: list[tuple[str, str]] = []
        for scope, entry in zip(listed[::2], listed[1::2], strict=False):
            key, _, value = entry.partition("\n")
            if scope in ("local", "worktree") and is_transport(key, remote):
                wanted.append((key, self._absolute_url(value) if key.endswith(("url", "Url")) else value))
        variables = {"GIT_CONFIG_COUNT": str(inherited + len(wanted))}
        for number, (key, value) in enumerate(wanted, start=inherited):
            variables |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
        return variables

    def _absolute_url(self, url: str) -> str:
        """A remote given as a relative path, seen from outside the checkout."""
        is_path = "://" not in url and not re.match(r"[^/]+:", url)
        return str((self.top / url).resolve()) if is_path else url


@dataclass(frozen=True, kw_only=True)
class _Entry:
    """A path in a tree: git's mode and the object's id; zeros where there is nothing."""

    mode: str
    identifier: str


_NOTHING = "000000"


def _move_to(commit: str) -> list[str]:
    """The command that moves a checkout, whatever the user's configuration says of merges in general."""
    # Git takes ignored files for expendable; a user's ignored file is theirs all the same.
    flags = ("--ff-only", "--no-overwrite-ignore", "--no-autostash", "--no-verify-signatures", "--quiet")
    return [git_program(), "-c", "core.quotePath=false", "merge", *flags, commit]


def _is_inside(file: Path) -> bool:
    """Whether no link of the user's leads to a file, so that it would lie elsewhere."""
    return os.path.realpath(file.parent) == str(file.parent)


def _blocked(error: GitCommandError, pull: str) -> FollowUp:
    """Why a fast-forward was refused, with the files that git names."""
    files = [line.strip() for line in error_text(error).splitlines() if line.startswith("\t")]
    if not files:
        return FollowUp(followed=False, reason=last_line(error), remedy=pull)
    return FollowUp(
        followed=False,
        reason=f"your own changes are in the way: {_named(files)}",
        remedy=f"commit or move those away, then {pull}",
    )


def _named(files: Sequence[str]) -> str:
    more = f" and {len(files) - NAMED} more" if len(files) > NAMED else ""
    return ", ".join(files[:NAMED]) + more


def _remove_empty_tree(folder: Path) -> None:
    """Remove a folder that holds nothing but empty folders.

    Raises:
        OSError: it holds a file.
    """
    for child in folder.iterdir():
        if child.is_symlink() or not child.is_dir():
            raise FileExistsError(child)
        _remove_empty_tree(child)
    folder.rmdir()
