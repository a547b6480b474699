"""What flags and environment mean."""

import json
from pathlib import Path

import pytest

from mlpipeline.errors import InputError
from mlpipeline.settings import BOT, Context, store_folder


@pytest.mark.parametrize(
    ("source", "folder"),
    [
        ("", "/checkout/mlruns"),
        ("runs", "runs"),
        ("./runs", "runs"),
        ("/abs/runs", "/abs/runs"),
        ("file:./runs", "runs"),
        ("file:runs", "runs"),
        ("file:/abs/runs", "/abs/runs"),
        ("file:///abs/runs", "/abs/runs"),
        ("file://localhost/abs/runs", "/abs/runs"),
    ],
)
def test_a_source_names_a_folder(source: str, folder: str) -> None:
    assert store_folder(source, Path("/checkout/mlruns")) == Path(folder)


@pytest.mark.parametrize("source", ["sqlite:///mlflow.db", "http://user:hunter2@host", "file://./runs", "s3://bucket"])
def test_other_sources_are_refused_by_name(source: str) -> None:
    with pytest.raises(InputError, match="not a folder of MLflow runs") as caught:
        store_folder(source, Path("/checkout/mlruns"))
    assert "hunter2" not in str(caught.value)


def context(tmp_path: Path, head: str = "", **environ: str) -> Context:
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"pull_request": {"head": {"repo": {"full_name": head}}}}), encoding="utf-8")
    on_github = {"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "acme/app", "GITHUB_EVENT_PATH": str(event)}
    return Context.from_environ({**on_github, **environ})


@pytest.mark.parametrize(
    ("environ", "head", "reason"),
    [
        ({"GITHUB_EVENT_NAME": "push"}, "", ""),
        ({"GITHUB_EVENT_NAME": "push", "GITHUB_REF_TYPE": "tag"}, "", "tag"),
        ({"GITHUB_EVENT_NAME": "pull_request"}, "acme/app", ""),
        ({"GITHUB_EVENT_NAME": "pull_request"}, "someone/app", "fork (someone/app)"),
        ({"GITHUB_EVENT_NAME": "pull_request", "GITHUB_ACTOR": "dependabot[bot]"}, "acme/app", "Dependabot"),
        ({"GITHUB_EVENT_NAME": "pull_request_target"}, "someone/app", ""),
    ],
)
def test_a_job_that_cannot_push_is_known_up_front(
    tmp_path: Path, environ: dict[str, str], head: str, reason: str
) -> None:
    skip = context(tmp_path, head, **environ).skip
    assert reason in skip
    assert bool(skip) is bool(reason)


def test_a_workflow_commits_as_the_bot_and_names_itself(tmp_path: Path) -> None:
    found = context(tmp_path, GITHUB_WORKFLOW="train\nall", GITHUB_RUN_NUMBER="12")

    assert (found.identity, found.job) == (BOT, "train all #12")


def test_outside_of_github_nothing_is_skipped() -> None:
    found = Context.from_environ({"GITHUB_REF_TYPE": "tag", "MLFLOW_TRACKING_URI": "file:./x", "ACT": "true"})

    assert (found.skip, found.tracking_uri, found.act) == ("", "file:./x", True)
