"""What flags and environment mean."""

import json
from pathlib import Path

import pytest

from mlpipeline.cli.context import context_of
from mlpipeline.core.errors import InputError
from mlpipeline.core.settings import BOT, Context
from mlpipeline.sources.address import source_of


@pytest.mark.parametrize(
    ("uri", "kind", "place"),
    [
        ("runs", "folder", "runs"),
        ("./runs", "folder", "./runs"),
        ("/abs/runs", "folder", "/abs/runs"),
        ("file:./runs", "folder", "./runs"),
        ("file:runs", "folder", "runs"),
        ("file:/abs/runs", "folder", "/abs/runs"),
        ("file:///abs/my%20runs", "folder", "/abs/my runs"),
        ("file://localhost/abs/runs", "folder", "/abs/runs"),
        ("sqlite:///mlflow.db", "database", "mlflow.db"),
        ("sqlite:////abs/mlflow.db", "database", "/abs/mlflow.db"),
        ("https://mlflow.example.org", "server", "https://mlflow.example.org"),
        ("postgresql+psycopg2://u:p@host/db", "server", "postgresql+psycopg2://u:p@host/db"),
    ],
)
def test_a_uri_names_a_source(uri: str, kind: str, place: str) -> None:
    found = source_of(uri)

    assert (found.kind, found.place) == (kind, place)
    assert ":p@" not in found.shown


@pytest.mark.parametrize("uri", ["file://./runs", "s3://user:hunter2@bucket", "databricks:"])
def test_other_sources_are_refused_by_name(uri: str) -> None:
    with pytest.raises(InputError, match="is not a supported source") as caught:
        source_of(uri)
    assert "hunter2" not in str(caught.value)


def context(tmp_path: Path, head: str = "", **environ: str) -> Context:
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"pull_request": {"head": {"repo": {"full_name": head}}}}), encoding="utf-8")
    on_github = {"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "acme/app", "GITHUB_EVENT_PATH": str(event)}
    return context_of({**on_github, **environ})


@pytest.mark.parametrize(
    ("environ", "head", "reason"),
    [
        ({"GITHUB_EVENT_NAME": "push"}, "", ""),
        ({"GITHUB_EVENT_NAME": "push", "GITHUB_REF_TYPE": "tag"}, "", "tag"),
        ({"GITHUB_EVENT_NAME": "release", "GITHUB_REF_TYPE": "tag"}, "", "the input 'branch'"),
        ({"GITHUB_EVENT_NAME": "push", "GITHUB_ACTOR": "dependabot[bot]"}, "", "Dependabot"),
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


def test_a_branch_that_is_named_makes_a_tags_workflow_publish() -> None:
    environ = {"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "push", "GITHUB_REF_TYPE": "tag"}

    assert context_of(environ, branch="main").skip == ""


def test_a_branch_that_is_named_gives_a_fork_no_right_to_push(tmp_path: Path) -> None:
    (tmp_path / "event.json").write_text('{"pull_request": {"head": {"repo": null}}}', encoding="utf-8")
    environ = {"GITHUB_EVENT_NAME": "pull_request", "GITHUB_EVENT_PATH": str(tmp_path / "event.json")}

    assert "fork (deleted)" in context_of({"GITHUB_ACTIONS": "true", **environ}, branch="main").skip


@pytest.mark.parametrize(
    ("environ", "head", "branch"),
    [
        ({"GITHUB_EVENT_NAME": "push", "GITHUB_REF_TYPE": "branch", "GITHUB_REF_NAME": "a/b"}, "", "a/b"),
        ({"GITHUB_EVENT_NAME": "schedule", "GITHUB_REF_TYPE": "branch", "GITHUB_REF_NAME": "main"}, "", "main"),
        ({"GITHUB_EVENT_NAME": "push", "GITHUB_REF_TYPE": "tag", "GITHUB_REF_NAME": "v1"}, "", None),
        ({"GITHUB_EVENT_NAME": "pull_request", "GITHUB_HEAD_REF": "feature"}, "acme/app", "feature"),
        ({"GITHUB_EVENT_NAME": "pull_request", "GITHUB_HEAD_REF": "main"}, "someone/app", None),
        # They run with the rights of the default branch, and may have checked out what a stranger wrote.
        ({"GITHUB_EVENT_NAME": "pull_request_target", "GITHUB_HEAD_REF": "feature"}, "someone/app", None),
        ({"GITHUB_EVENT_NAME": "workflow_run", "GITHUB_REF_TYPE": "branch", "GITHUB_REF_NAME": "main"}, "", None),
    ],
)
def test_the_branch_of_a_detached_head_is_what_github_says(
    tmp_path: Path, environ: dict[str, str], head: str, branch: str | None
) -> None:
    assert context(tmp_path, head, **environ).branch == branch


def test_a_workflow_commits_as_the_bot_and_names_itself(tmp_path: Path) -> None:
    found = context(tmp_path, GITHUB_WORKFLOW="train\nall", GITHUB_RUN_NUMBER="12")

    assert (found.identity, found.job) == (BOT, "train all, run 12")


def test_outside_of_github_nothing_is_skipped() -> None:
    found = context_of({"GITHUB_REF_TYPE": "tag", "MLFLOW_TRACKING_URI": "file:./x", "ACT": "true"})

    assert (found.skip, found.branch, found.tracking_uri, found.act) == ("", None, "file:./x", True)
