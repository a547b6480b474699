"""Read what the environment says of where a command runs: the variables of GitHub, act, MLflow and git."""

import json
import socket
from collections.abc import Mapping
from pathlib import Path

from mlpipeline.core.settings import BOT, Context


def context_of(environ: Mapping[str, str]) -> Context:
    """Read the variables that GitHub, act, MLflow and git define."""
    on_github = environ.get("GITHUB_ACTIONS") == "true"
    host = socket.gethostname()
    workflow = f"{environ.get('GITHUB_WORKFLOW', 'workflow')} #{environ.get('GITHUB_RUN_NUMBER', '?')}"
    count = environ.get("GIT_CONFIG_COUNT", "")
    return Context(
        tracking_uri=environ.get("MLFLOW_TRACKING_URI", ""),
        job=_one_line(workflow if on_github else host),
        identity=BOT if on_github else f"MLflow persistence <mlflow@{host}>",
        act=environ.get("ACT") == "true",
        skip=_reason_to_skip(environ) if on_github else "",
        git_settings=int(count) if count.isdigit() else 0,
    )


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
