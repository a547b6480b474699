"""How git speaks with a remote: the settings that reach it, and what its answers mean."""

import logging
import re
from dataclasses import dataclass
from typing import Literal

from git.exc import GitCommandError

from mlpipeline.core.credentials import without_credentials

# GitPython logs what git prints, addresses with passwords included; here it is redacted and returned instead.
logging.getLogger("git").addHandler(logging.NullHandler())
logging.getLogger("git").propagate = False

_NO_RIGHTS = re.compile(
    r"\b40[13]\b|permission.*denied|access denied|authentication failed|could not read (?:username|password)"
    r"|write access to repository not granted|not permitted|invalid credentials",
    re.IGNORECASE,
)
_PROTECTED = re.compile(r"protected branch", re.IGNORECASE)
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
        cause: `rights` where the credentials do not allow it, `policy` where a hook or a protected branch refused.
    """

    reason: str
    cause: Literal["rights", "policy"]


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
    rights = _NO_RIGHTS.search(text) and not _PROTECTED.search(text)
    return Declined(reason=without_credentials(text), cause="rights" if rights else "policy")


def failure(error: GitCommandError | None) -> Declined | Unreachable:
    """Why a command that speaks with the remote failed; `None` where git said nothing."""
    message = last_line(error) if error else "no answer"
    text = str(error.stderr) if error else ""
    if _PROTECTED.search(text):
        return Declined(reason=message, cause="policy")
    return Declined(reason=message, cause="rights") if _NO_RIGHTS.search(text) else Unreachable(reason=message)


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
    return str(error.stderr).strip().removeprefix("stderr:").strip().strip("'")
