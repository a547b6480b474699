"""Read what the environment says of where a command runs: the variables of GitHub, act, MLflow and git."""

import json
import socket
from collections.abc import Mapping
from pathlib import Path

from mlpipeline.core.settings import BOT, Context

_BRANCH_EVENTS = ("push", "workflow_dispatch", "schedule")
"""Events of which `GITHUB_REF_NAME` names the branch whose commit is checked out.

Not `workflow_run` and `pull_request_target`: they run for the default branch, and may have checked out a stranger's.
"""

_NAME_IT = "name the branch with the input 'branch' (--branch), such as main"


def context_of(environ: Mapping[str, str], *, branch: str = "") -> Context:
    """Read the variables that GitHub, act, MLflow and git define; `branch` is the one that a flag names, or empty."""
    on_github = environ.get("GITHUB_ACTIONS") == "true"
    host = socket.gethostname()
    workflow = f"{environ.get('GITHUB_WORKFLOW', 'workflow')}, run {environ.get('GITHUB_RUN_NUMBER', '?')}"
    count = environ.get("GIT_CONFIG_COUNT", "")
    return Context(
        tracking_uri=environ.get("MLFLOW_TRACKING_URI", ""),
        job=_one_line(workflow if on_github else host),
        identity=BOT if on_github else f"MLflow persistence <mlflow@{host}>",
        act=environ.get("ACT") == "true",
        skip=_reason_to_skip(environ, branch) if on_github else "",
        branch=_branch(environ) if on_github else None,
        git_settings=int(count) if count.isdigit() else 0,
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _reason_to_skip(environ: Mapping[str, str], branch: str) -> str:
    """Why a GitHub job cannot push, as far as that is known before trying."""
    event = environ.get("GITHUB_EVENT_NAME")
    if environ.get("GITHUB_ACTOR") == "dependabot[bot]" and event in (*_PULL_REQUESTS, "push"):
        return "workflows that Dependabot starts have a read-only token"
    if event in _PULL_REQUESTS and (fork := _fork(environ)):
        return f"pull requests from a fork ({fork}) have a read-only token"
    if environ.get("GITHUB_REF_TYPE") == "tag" and not branch:
        return f"this workflow runs for a tag, and a history belongs to a branch: {_NAME_IT}"
    return ""


_PULL_REQUESTS = ("pull_request", "pull_request_review", "pull_request_review_comment")


def _branch(environ: Mapping[str, str]) -> str | None:
    """The branch that a GitHub job runs for; actions/checkout leaves HEAD detached at a pull request or a commit."""
    event = environ.get("GITHUB_EVENT_NAME")
    if event == "pull_request" and not _fork(environ):
        return environ.get("GITHUB_HEAD_REF") or None
    if event in _BRANCH_EVENTS and environ.get("GITHUB_REF_TYPE") == "branch":
        return environ.get("GITHUB_REF_NAME") or None
    return None


def _fork(environ: Mapping[str, str]) -> str:
    """The repository that a pull request comes from, if it is another one; empty where it is the same."""
    try:
        payload = json.loads(Path(environ.get("GITHUB_EVENT_PATH", "")).read_text(encoding="utf-8"))
        repository = payload["pull_request"]["head"]["repo"]
        name = "deleted" if repository is None else str(repository["full_name"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    return "" if name == environ.get("GITHUB_REPOSITORY") else name
