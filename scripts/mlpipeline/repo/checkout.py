"""The user's repository: read, and changed by `Checkout.follow` alone."""

import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

import git
from git.exc import GitCommandError, InvalidGitRepositoryError, NoSuchPathError

from mlpipeline.core.errors import RepositoryError
from mlpipeline.repo.remote import error_text, is_transport, last_line
from mlpipeline.repo.scratch import Scratch
from mlpipeline.repo.tree import GitTree


@dataclass(frozen=True, kw_only=True)
class FollowUp:
    """Whether the checkout followed a push; `reason` says why it did not."""

    followed: bool
    reason: str = ""


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
        try:
            self._git_dir = self._path("--absolute-git-dir")
        except GitCommandError as error:
            raise RepositoryError(
                f"git refuses the repository at '{self.top}': {last_line(error)}",
                remedy=f"git config --global --add safe.directory '{self.top}'",
            ) from error

    @property
    def branch(self) -> str | None:
        """The branch checked out; `None` for a detached HEAD."""
        with suppress(GitCommandError):
            return str(self._repo.git.symbolic_ref("--quiet", "--short", "HEAD"))
        return None

    def commit(self, name: str) -> str | None:
        """The id of the commit called `name`, if there is one."""
        with suppress(GitCommandError):
            return str(self._repo.git.rev_parse("--verify", "--quiet", f"{name}^{{commit}}"))
        return None

    def remotes(self) -> list[str]:
        """Names of the remotes."""
        return [remote.name for remote in self._repo.remotes]

    def identity(self) -> str | None:
        """Who commits, as git knows it: `Name <email>`; `None` where it does not."""
        with suppress(GitCommandError):
            return str(self._repo.git.var("GIT_COMMITTER_IDENT")).rsplit(" ", 2)[0]
        return None

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
        with tempfile.TemporaryDirectory(prefix="mlflow-persistence-", ignore_cleanup_errors=True) as folder:
            path = Path(folder, "scratch.git")
            # An empty template and a folder without hooks: those of the user must not run on what we do here.
            repo = git.Repo.init(
                path, bare=True, template="", object_format=self.object_format, allow_unsafe_options=True
            )
            repo.git.config("core.hooksPath", str(path / "no-hooks"))
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
        if self.branch != branch:
            return FollowUp(followed=False, reason=f"the branch '{branch}' is not checked out")
        try:
            self._repo.git.fetch("--no-tags", remote, f"refs/heads/{branch}")
        except GitCommandError as error:
            return FollowUp(followed=False, reason=last_line(error))
        if self.commit("HEAD") == commit:
            return FollowUp(followed=True)
        try:
            with self._set_aside(replaceable) as aside:
                # Git takes ignored files for expendable; a user's ignored file is theirs all the same.
                self._repo.git.merge("--ff-only", "--no-overwrite-ignore", "--quiet", commit)
        except GitCommandError as error:
            return FollowUp(followed=False, reason=_explain_merge(error))
        except OSError as error:
            return FollowUp(followed=False, reason=str(error))
        self._restore_missing(aside)
        self._remove_empty_folders(aside)
        return FollowUp(followed=True)

    @contextmanager
    def _set_aside(self, files: Iterable[str]) -> Iterator[list[str]]:
        """Drop files, unless the block fails: then each comes back to its place. Gives the paths that went."""
        keeping = self.bundle_folder()
        keeping.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=keeping, prefix="aside-") as folder:
            moved: list[str] = []
            try:
                for path in sorted(files):
                    target = Path(folder, path)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    (self.top / path).rename(target)
                    moved.append(path)
                yield moved
            except BaseException:
                for path in moved:
                    (self.top / path).parent.mkdir(parents=True, exist_ok=True)
                    Path(folder, path).replace(self.top / path)
                raise
        with suppress(OSError):
            keeping.rmdir()

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

    def _path(self, flag: str) -> Path:
        return (self.top / str(self._repo.git.rev_parse(flag))).resolve()

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


def _explain_merge(error: GitCommandError) -> str:
    """Why a fast-forward was refused, with the files that git names."""
    files = [line.strip() for line in error_text(error).splitlines() if line.startswith("\t")]
    if files:
        return f"your own changes are in the way: {', '.join(files[:5])}{', ...' if len(files) > 5 else ''}"
    return last_line(error)


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
