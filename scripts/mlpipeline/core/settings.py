"""What a persist is asked to do, and where it runs: values."""

import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mlpipeline.core.errors import InputError
from mlpipeline.core.ranking import Rule

ATTEMPTS = 20
"""Pushes that may lose a race before giving up; of 20 jobs at once, one was seen to need 17."""

UNREACHABLE_ATTEMPTS = 4
"""Times a remote that does not answer is tried."""

BOT = "github-actions[bot] <41898282+github-actions[bot]@users.noreply.github.com>"
"""GitHub's own account for commits of a workflow."""


@dataclass(frozen=True, kw_only=True)
class Context:
    """What the environment says.

    Attributes:
        tracking_uri: `MLFLOW_TRACKING_URI`, or empty.
        job: the workflow run, else the machine, as the commit message names it.
        identity: the fallback for git's own idea of who commits.
        act: whether this is a rehearsal under `act`.
        skip: why nothing may be pushed from here; empty if it may.
        git_settings: how many settings the environment already passes to git.
    """

    tracking_uri: str
    job: str
    identity: str
    act: bool
    skip: str
    git_settings: int

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> "Context":
        """Read the variables that GitHub, act, MLflow and git define."""
        on_github = environ.get("GITHUB_ACTIONS") == "true"
        host = socket.gethostname()
        workflow = f"{environ.get('GITHUB_WORKFLOW', 'workflow')} #{environ.get('GITHUB_RUN_NUMBER', '?')}"
        count = environ.get("GIT_CONFIG_COUNT", "")
        return cls(
            tracking_uri=environ.get("MLFLOW_TRACKING_URI", ""),
            job=_one_line(workflow if on_github else host),
            identity=BOT if on_github else f"MLflow persistence <mlflow@{host}>",
            act=environ.get("ACT") == "true",
            skip=_reason_to_skip(environ) if on_github else "",
            git_settings=int(count) if count.isdigit() else 0,
        )


@dataclass(frozen=True, kw_only=True)
class PersistSettings:
    """One persist; the flags of `persist.py` under their own names.

    Attributes:
        source: URI of the job's runs; empty for what MLflow itself would use in the root.
        repository: a folder of the checkout.
        root: the folder in the repository that holds `mlruns/`, relative to its top.
        remote: the remote's name.
        branch: the branch to publish to; `None` for the one checked out.
        rule: how the best run is chosen.
        job: who ran this, for the commit message.
        update: whether the checkout follows a push.
        dry_run: whether to stop before anything is pushed.
        attempts: how many pushes may lose a race.
        context: what the environment says.
    """

    source: str
    repository: Path
    root: str
    remote: str
    branch: str | None
    rule: Rule
    job: str
    update: bool
    dry_run: bool
    attempts: int
    context: Context

    @property
    def prefix(self) -> str:
        """`root` as paths of the repository begin: empty, or with a `/` at its end.

        Raises:
            InputError: it leaves the repository.
        """
        parts = [part for part in self.root.replace("\\", "/").split("/") if part not in ("", ".")]
        if self.root.startswith("/") or ".." in parts:
            raise InputError(
                f"--root '{self.root}' is not a folder inside the repository.",
                remedy="give it relative to the repository's top, such as --root backend.",
            )
        return "".join(f"{part}/" for part in parts)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _reason_to_skip(environ: Mapping[str, str]) -> str:
    """Why a GitHub job cannot push, as far as that is known before trying."""
    if environ.get("GITHUB_REF_TYPE") == "tag":
        return "this workflow runs for a tag, and a history belongs to a branch: name it with branch"
    if environ.get("GITHUB_EVENT_NAME") not in ("pull_request", "pull_request_review"):
        return ""
    if environ.get("GITHUB_ACTOR") == "dependabot[bot]":
        return "workflows that Dependabot starts have a read-only token"
    head = _head_repository(environ.get("GITHUB_EVENT_PATH", ""))
    if head and head != environ.get("GITHUB_REPOSITORY"):
        return f"pull requests from a fork ({head}) have a read-only token"
    return ""


def _head_repository(event: str) -> str | None:
    try:
        payload = json.loads(Path(event).read_text(encoding="utf-8"))
        name = payload["pull_request"]["head"]["repo"]["full_name"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return name if isinstance(name, str) else None
