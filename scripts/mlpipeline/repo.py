"""Git and its network: the only module that runs git, through GitPython.

`Checkout` is the user's repository: it is read, and it is changed by `follow` alone. `Scratch` is a bare repository
of our own in a temporary folder, which borrows the checkout's objects; everything is built and pushed there.
"""

import hashlib
import logging
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import IO, cast

import git
from git.exc import GitCommandError, InvalidGitRepositoryError, NoSuchPathError

from mlpipeline import layout
from mlpipeline.errors import RepositoryError
from mlpipeline.model import Content, Copy, Delete, Edit, Link, Write

_TIP, _MERGED = "refs/mlflow/tip", "refs/mlflow/merged"
BUNDLED = "refs/heads/mlflow-history"
"""The built commit's name in a scratch repository and in the bundles made of it."""

# GitPython logs what git prints, addresses with passwords included; here it is redacted and told instead.
logging.getLogger("git").addHandler(logging.NullHandler())
logging.getLogger("git").propagate = False

_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+(?=@)|(?i:(?<=authorization: )\S+ \S+)")
_DENIED = re.compile(
    r"\b40[13]\b|permission.*denied|access denied|authentication failed|could not read (?:username|password)"
    r"|write access to repository not granted|protected branch|not permitted|invalid credentials",
    re.IGNORECASE,
)
_RACED = re.compile(r"cannot lock ref|failed to (?:update|lock)|reference already exists|non-fast-forward|fetch first")
_NO_BRANCH = "couldn't find remote ref"


class UnreachableError(Exception):
    """The remote did not answer; the message is git's, without credentials."""


class DeclinedError(Exception):
    """The remote answered no; the message is git's, without credentials."""


class Verdict(Enum):
    """How a push ended when the remote answered."""

    ACCEPTED = "accepted"
    RACED = "raced"


@dataclass(frozen=True, kw_only=True)
class Moved:
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
                untouched="everything.",
                remedy="run this in a clone, or name one with --repository.",
            ) from error
        if self._repo.working_tree_dir is None:
            raise RepositoryError(f"'{repository}' is a bare repository.", remedy="run this in a clone of it.")
        self.top = Path(self._repo.working_tree_dir).resolve()
        try:
            self._git_dir = self._path("--absolute-git-dir")
        except GitCommandError as error:
            raise RepositoryError(
                f"git refuses the repository at '{self.top}': {_last_line(error)}",
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
            # An empty template: hooks of the user's template must not run on what we push.
            repo = git.Repo.init(
                path, bare=True, template="", object_format=self.object_format, allow_unsafe_options=True
            )
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

    def follow(self, *, remote: str, branch: str, commit: str, replaceable: Iterable[str]) -> Moved:
        """Bring the checkout to `commit`, if that is a fast-forward which overwrites nothing of the user's.

        Args:
            remote: where `commit` was pushed.
            branch: the branch it was pushed to.
            commit: its id.
            replaceable: files, relative to the top, whose content `commit` is known to hold; they are set aside
                first and come back if git refuses to move.
        """
        if self.branch != branch:
            return Moved(followed=False, reason=f"the branch '{branch}' is not checked out")
        try:
            self._repo.git.fetch("--no-tags", remote, f"refs/heads/{branch}")
        except GitCommandError as error:
            return Moved(followed=False, reason=_last_line(error))
        if self.commit("HEAD") == commit:
            return Moved(followed=True)
        try:
            with self._set_aside(replaceable) as aside:
                # Git takes ignored files for expendable; a user's ignored file is theirs all the same.
                self._repo.git.merge("--ff-only", "--no-overwrite-ignore", "--quiet", commit)
        except GitCommandError as error:
            return Moved(followed=False, reason=_explain_merge(error))
        except OSError as error:
            return Moved(followed=False, reason=str(error))
        self._restore_missing(aside)
        self._remove_empty_folders(aside)
        return Moved(followed=True)

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
            if scope in ("local", "worktree") and _is_transport(key, remote):
                wanted.append((key, self._absolute_url(value) if key.endswith(("url", "Url")) else value))
        variables = {"GIT_CONFIG_COUNT": str(inherited + len(wanted))}
        for number, (key, value) in enumerate(wanted, start=inherited):
            variables |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
        return variables

    def _absolute_url(self, url: str) -> str:
        """A remote given as a relative path, seen from outside the checkout."""
        is_path = "://" not in url and not re.match(r"[^/]+:", url)
        return str((self.top / url).resolve()) if is_path else url


@dataclass
class GitTree:
    """The history's part of one commit, read from git."""

    repo: git.Repo
    commit: str | None
    root: str
    object_format: str
    _ids: dict[Path, str] = field(default_factory=dict)

    @cached_property
    def files(self) -> Mapping[str, str]:
        """Object id by path, relative to the root, of all that this project writes."""
        if self.commit is None:
            return {}
        parts = (layout.METADATA, layout.ARTIFACTS, layout.MODELS, "deployment", layout.INFO)
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
        if isinstance(content, Path):
            if content not in self._ids:
                self._ids[content] = _hash_file(content, self.object_format)
            return self._ids[content]
        digest = hashlib.new(self.object_format, b"blob %d\0" % len(content))
        digest.update(content)
        return digest.hexdigest()

    def folder_id(self, path: str) -> str:
        """The object id of the folder at `path`, relative to the root."""
        return str(self.repo.git.rev_parse("--verify", f"{self.commit}:{self.root}{path}"))


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

    def commit(  # noqa: PLR0913 - the parts of a commit
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

    def _build(  # noqa: PLR0913 - the parts of a commit
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


def _write_edit(stream: IO[bytes], edit: Edit, root: str) -> None:
    """One edit in the language of `git fast-import`."""
    path = _quoted(root + edit.path)
    match edit:
        case Write(content=bytes() as data):
            stream.write(b"M 100644 inline %s\ndata %d\n%s\n" % (path, len(data), data))
        case Write(content=Path() as file):
            size = file.stat().st_size
            stream.write(b"M 100644 inline %s\ndata %d\n" % (path, size))
            with file.open("rb") as source:
                shutil.copyfileobj(source, stream)
                # A file that is still being written would shift everything behind it in the stream.
                if source.tell() != size:
                    raise RepositoryError(
                        f"'{file}' changed while it was read.",
                        untouched="the repository and the remote.",
                        remedy="wait until training is done, then run this again.",
                    )
            stream.write(b"\n")
        case Link(target=target):
            stream.write(b"M 120000 inline %s\ndata %d\n%s\n" % (path, len(target.encode()), target.encode()))
        case Copy(source=source_path):
            stream.write(b"C %s %s\n" % (_quoted(root + source_path), path))
        case Delete():
            stream.write(b"D %s\n" % path)


def _quoted(path: str) -> bytes:
    escaped = path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'.encode(errors="surrogateescape")


def _batch(answer: bytes) -> Iterator[bytes]:
    """The contents in the output of `git cat-file --batch`: a header line, the bytes, a line break."""
    at = 0
    while at < len(answer):
        end = answer.index(b"\n", at)
        size = int(answer[at:end].split()[2])
        yield answer[end + 1 : end + 1 + size]
        at = end + 1 + size + 1


def _hash_file(file: Path, algorithm: str) -> str:
    digest = hashlib.new(algorithm, b"blob %d\0" % file.stat().st_size)
    with file.open("rb") as source:
        while chunk := source.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def _is_transport(key: str, remote: str) -> bool:
    """Whether a setting decides how git reaches the remote, and not what it does to the user's branches."""
    if key.startswith(("http.", "credential.", "url.", "ssh.", "protocol.")) or key in (
        "core.sshcommand",
        "core.gitproxy",
    ):
        return True
    name = key.removeprefix(f"remote.{remote}.")
    return name != key and name not in ("fetch", "push", "mirror", "tagopt", "prune", "prunetags", "skipdefaultupdate")


def _refusal(error: GitCommandError | None) -> UnreachableError | DeclinedError:
    message = _last_line(error) if error else "no answer"
    return DeclinedError(message) if error and _DENIED.search(str(error.stderr)) else UnreachableError(message)


def _last_line(error: GitCommandError) -> str:
    """What git had to say, in one line and without credentials."""
    text = str(error.stderr).strip()
    text = text.removeprefix("stderr:").strip().strip("'")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith(("fatal:", "error:", "remote:", "ssh:"))] or lines[-1:]
    return _redacted(" ".join(telling)) or f"git ended with status {error.status}"


def _redacted(text: str) -> str:
    return _CREDENTIALS.sub("***", text)


def _explain_merge(error: GitCommandError) -> str:
    """Why a fast-forward was refused, with the files that git names."""
    text = str(error.stderr).strip().removeprefix("stderr:").strip().strip("'")
    files = [line.strip() for line in text.splitlines() if line.startswith("\t")]
    if files:
        return f"your own changes are in the way: {', '.join(files[:5])}{', ...' if len(files) > 5 else ''}"  # noqa: PLR2004
    return _last_line(error)


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
