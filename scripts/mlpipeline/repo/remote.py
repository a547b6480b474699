"""How git speaks with a remote: the settings that reach it, and what its answers mean."""

import logging
import re
from dataclasses import dataclass
from typing import Literal

from git.exc import GitCommandError

from mlpipeline.core.credentials import without_credentials
from mlpipeline.core.harmless import without_colours

# GitPython logs what git prints, addresses with passwords included; here it is redacted and returned instead.
logging.getLogger("git").addHandler(logging.NullHandler())
logging.getLogger("git").propagate = False

Cause = Literal[
    "signature",
    "secret",
    "size",
    "space",
    "checked-out",
    "pull-request",
    "protected",
    "sso",
    "read-only-key",
    "archived",
    "host-key",
    "certificate",
    "not-found",
    "no-credentials",
    "bad-credentials",
    "shallow",
    "storing",
    "rights",
    "policy",
]
"""Why a remote said no, as far as a remedy depends on it; `policy` for a hook's or a rule's own reason."""

_CAUSES: tuple[tuple[Cause, str], ...] = (
    ("signature", r"verified signature|must be signed|signed commits|(?:gpg|commit)[- ]signature|gpg[- ]signed"),
    ("secret", r"push cannot contain secrets|push protection|secrets? (?:was |were )?(?:detected|found)"),
    ("size", r"file size limit|exceeds .*(?:size|limit)|larger than \d|pack exceeds|large files|\b413\b|too large"),
    ("space", r"disk quota|no space left|(?:storage|size|repository) (?:quota|limit)|over (?:its|the) .*quota"),
    ("checked-out", r"branch is currently checked out|refusing to update checked out branch"),
    ("pull-request", r"must be made through a (?:pull|merge) request"),
    ("protected", r"protected branch|\bGH006\b|\bGH013\b|repository rule violations|TF402455"),
    ("sso", r"\bSAML\b|\bSSO\b|single sign-on"),
    ("read-only-key", r"marked as read[- ]only|deploy key .*(?:read[- ]only|write)|denied to deploy key"),
    ("archived", r"archived so it is read-only|repository (?:is|was|has been) archived"),
    ("host-key", r"host key verification failed|remote host identification has changed"),
    ("certificate", r"SSL certificate problem|server certificate verification failed|self[- ]signed certificate"),
    ("not-found", r"repository not found|repository '[^']*' not found|project you were looking for could not be"),
    ("no-credentials", r"could not read (?:username|password)|terminal prompts disabled|permission denied \("),
    ("bad-credentials", r"authentication failed|invalid (?:username|credentials)|bad credentials|access denied"),
    ("bad-credentials", r"\b401\b|password authentication (?:was|is) |token .*(?:expired|revoked)"),
    ("shallow", r"shallow update not allowed"),
    ("storing", r"unpacker error|unpack failed|insufficient permission for adding|unable to create temporary"),
    ("rights", r"\b403\b|permission.*denied|write access to repository not granted|not permitted|not allowed to"),
)
"""The words of git, GitHub, GitLab and others by what they mean; the first that is found decides."""

_TRACE = re.compile(r"^\d\d:\d\d:\d\d\.\d+ \S+:\d+ .*\n?", re.MULTILINE)
"""A line that `GIT_TRACE` and its like add to what git has to say."""

_RACED = re.compile(r"cannot lock ref|failed to (?:update|lock)|reference already exists|non-fast-forward|fetch first")
_NO_BRANCH = "couldn't find remote ref"


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """The remote answered; `commit` is the branch's tip, `None` where it has no such branch."""

    commit: str | None


@dataclass(frozen=True, kw_only=True)
class Landed:
    """The remote's branch was seen to contain the commit."""


@dataclass(frozen=True, kw_only=True)
class Raced:
    """The branch had moved: another job pushed first."""


@dataclass(frozen=True, kw_only=True)
class Declined:
    """The remote answered no.

    Attributes:
        reason: git's message, without credentials.
        cause: what the remedy depends on.
    """

    reason: str
    cause: Cause


@dataclass(frozen=True, kw_only=True)
class Unreachable:
    """The remote did not answer; `reason` is git's message, without credentials."""

    reason: str


@dataclass(frozen=True, kw_only=True)
class Vanished:
    """The remote accepted the push, but its branch does not contain the commit."""


FetchResult = Fetched | Declined | Unreachable
PushResult = Landed | Raced | Declined | Unreachable | Vanished


def is_missing_branch(error: GitCommandError) -> bool:
    """Whether a fetch failed because the remote has no such branch."""
    return _NO_BRANCH in str(error.stderr)


def is_race(summary: str) -> bool:
    """Whether a remote's rejection, in git's words, says that the branch had moved."""
    return _RACED.search(summary) is not None


def refused_by(text: str) -> Declined:
    """The refusal that a remote put into words."""
    said = plain(text)
    return Declined(reason=without_credentials(said), cause=_cause(said) or "policy")


def failure(error: GitCommandError | None) -> Declined | Unreachable:
    """Why a command that speaks with the remote failed; `None` where git said nothing."""
    if error is None:
        return Unreachable(reason="no answer")
    cause = _cause(error_text(error))
    return Declined(reason=last_line(error), cause=cause) if cause else Unreachable(reason=last_line(error))


def _cause(text: str) -> Cause | None:
    return next((cause for cause, words in _CAUSES if re.search(words, text, re.IGNORECASE)), None)


def is_transport(key: str, remote: str) -> bool:
    """Whether a setting decides how git reaches the remote, and not what it does to the user's branches."""
    if key.startswith(("http.", "credential.", "url.", "ssh.", "protocol.")) or key in (
        "core.sshcommand",
        "core.gitproxy",
    ):
        return True
    name = key.removeprefix(f"remote.{remote}.")
    return name != key and name not in ("fetch", "push", "mirror", "tagopt", "prune", "prunetags", "skipdefaultupdate")


def last_line(error: GitCommandError) -> str:
    """What git had to say, in one line and without credentials."""
    lines = [line.strip() for line in error_text(error).splitlines() if line.strip()]
    complaints = [line for line in lines if line.startswith(("fatal:", "error:", "remote:", "ssh:"))] or lines[-1:]
    return without_credentials(" ".join(complaints)) or f"git ended with status {error.status}"


def error_text(error: GitCommandError) -> str:
    """What git wrote to standard error, without GitPython's frame around it."""
    return plain(str(error.stderr).strip().removeprefix("stderr:").strip().strip("'"))


def plain(text: str) -> str:
    """Drop colours, which a hook may send and `color.ui=always` asks for, and traces from what git wrote."""
    return _TRACE.sub("", without_colours(text))
