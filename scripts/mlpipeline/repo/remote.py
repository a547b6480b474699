"""How git speaks with a remote: transport settings, and what its answers mean."""

import logging
import re
from enum import Enum

from git.exc import GitCommandError

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
