"""What is inherited from outside: git's own variables, the user's configuration, a terminal's encoding."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from support.gitrepo import clone, files, git, hook, make_origin
from support.jobs import Job
from support.mlstore import write_run
from support.processes import SCRIPTS, python

PERSIST = SCRIPTS / "persist.py"


def persist(job: Job, *flags: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return python(job.checkout, PERSIST, *flags, check=False, environ={**os.environ, **variables})


def state(repository: Path) -> tuple[str, ...]:
    refs = git(repository, "for-each-ref"), git(repository, "count-objects", "-v")
    return (*refs, git(repository, "status", "--porcelain"))


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """A repository of somebody else, that variables may lead to."""
    (tmp_path / "foreign").mkdir()
    return clone(make_origin(tmp_path / "foreign"), tmp_path / "foreign/clone")


@pytest.mark.parametrize(
    "variables",
    [
        {"GIT_DIR": "{foreign}/.git"},
        {"GIT_DIR": "{foreign}/.git", "GIT_WORK_TREE": "{foreign}"},
        {"GIT_DIR": ".git", "GIT_INDEX_FILE": "{foreign}/.git/index", "GIT_PREFIX": "a/"},
        {"GIT_OBJECT_DIRECTORY": "{foreign}/.git/objects", "GIT_QUARANTINE_PATH": "{foreign}/.git/objects"},
        {"GIT_ALTERNATE_OBJECT_DIRECTORIES": "{foreign}/.git/objects", "GIT_COMMON_DIR": "{foreign}/.git"},
        {"GIT_NAMESPACE": "other"},
        {"GIT_CEILING_DIRECTORIES": "{job}", "GIT_GLOB_PATHSPECS": "1", "GIT_SHALLOW_FILE": "{foreign}/x"},
        {"GIT_TRACE": "1", "GIT_TRACE_PACKET": "1", "GIT_TRACE2": "1"},
    ],
    ids="+".join,
)
def test_gits_own_variables_lead_nowhere_else(origin: Path, job: Job, foreign: Path, variables: dict[str, str]) -> None:
    write_run(job.store)
    before = state(foreign)

    done = persist(
        job, "--json", **{name: value.format(foreign=foreign, job=job.checkout) for name, value in variables.items()}
    )

    assert json.loads(done.stdout)["status"] == "persisted", done.stderr
    assert "models/ridge_best_model.pkl" in files(origin)
    assert git(origin, "for-each-ref", "--format=%(refname)") == "refs/heads/main"
    assert git(job.checkout, "status", "--porcelain") == ""
    assert git(job.checkout, "rev-parse", "HEAD") == git(origin, "rev-parse", "main")
    assert state(foreign) == before
    assert "trace:" not in done.stderr


@pytest.mark.parametrize("event", ["post-commit", "rebase --exec"])
def test_persists_where_git_itself_calls_it(origin: Path, job: Job, event: str) -> None:
    write_run(job.store)
    command = f"cd '{job.checkout}' && '{sys.executable}' '{PERSIST}' --branch main --fail-on-error"

    if event == "post-commit":
        hook(job.checkout / ".git", event, f"{command} 2>hook.log || exit 1")
        git(job.checkout, "commit", "--quiet", "--allow-empty", "--message", "by hand")
    else:
        git(job.checkout, "rebase", "--quiet", "--root", "--exec", command)

    assert "models/ridge_best_model.pkl" in files(origin)


def test_a_trace_is_not_part_of_the_reason(origin: Path, job: Job) -> None:
    hook(origin, "pre-receive", "echo 'no models on Fridays' >&2; exit 1")
    write_run(job.store)

    reason = json.loads(persist(job, "--json", GIT_TRACE="1").stdout)["reason"]

    assert "no models on Fridays" in reason
    assert "git.c:" not in reason


CONFIGURATION = """
[user]
    name = Tester
    email = tester@example.org
[color]
    ui = always
    remote = always
    push = always
[push]
    gpgSign = true
    followTags = true
    default = nothing
    recurseSubmodules = on-demand
[commit]
    gpgSign = true
[tag]
    gpgSign = true
[gpg]
    program = /bin/false
[merge]
    ff = false
    verifySignatures = true
    autoStash = true
[pull]
    rebase = true
[fetch]
    prune = true
    pruneTags = true
    recurseSubmodules = true
    parallel = 4
[submodule]
    recurse = true
[status]
    showUntrackedFiles = no
[diff]
    noprefix = true
    external = /bin/false
    renames = copies
[log]
    showSignature = true
[core]
    autocrlf = true
    quotePath = true
    ignoreCase = true
    hooksPath = {hooks}
[transfer]
    fsckObjects = true
[alias]
    merge = !false
    push = !false
"""


def test_the_users_configuration_changes_nothing(origin: Path, job: Job, tmp_path: Path) -> None:
    hook(tmp_path, "pre-push", "exit 1")
    git(job.checkout, "tag", "--annotate", "--message", "mine", "v1")
    git(job.checkout, "config", "remote.origin.mirror", "true")
    git(job.checkout, "config", "remote.origin.tagOpt", "--tags")
    configuration = tmp_path / "configuration"
    configuration.write_text(CONFIGURATION.format(hooks=tmp_path / "hooks"), encoding="utf-8")
    run = write_run(job.store, tags={"note": "r\u00e9sum\u00e9"}, artifacts={"r\u00e9sum\u00e9/a b.txt": b"a\r\nb\n"})
    variables = {"GIT_CONFIG_GLOBAL": str(configuration)}

    done = persist(job, "--json", "--fail-on-error", **variables)

    assert json.loads(done.stdout)["status"] == "persisted", done.stderr
    assert "left as it is" not in done.stderr
    assert git(origin, "for-each-ref", "--format=%(refname)") == "refs/heads/main"
    assert git(job.checkout, "rev-parse", "HEAD") == git(origin, "rev-parse", "main")
    assert git(job.checkout, "-c", "core.autocrlf=true", "status", "--porcelain") == ""
    stored = job.checkout / f"mlflow-artifacts/{run}/artifacts/r\u00e9sum\u00e9/a b.txt"
    assert stored.read_bytes() == b"a\r\nb\n"


@pytest.mark.parametrize("refspec", ["+refs/heads/other:refs/remotes/origin/other", "+refs/*:refs/*", ""])
def test_whatever_a_plain_fetch_would_fetch(origin: Path, job: Job, refspec: str) -> None:
    git(job.checkout, "config", "--unset-all", "remote.origin.fetch")
    if refspec:
        git(job.checkout, "config", "remote.origin.fetch", refspec)
    write_run(job.store)

    done = persist(job, "--json", "--fail-on-error")

    assert json.loads(done.stdout)["status"] == "persisted", done.stderr
    assert "left as it is" not in done.stderr
    assert git(job.checkout, "rev-parse", "HEAD") == git(origin, "rev-parse", "main")
    assert git(job.checkout, "status", "--porcelain") == ""


def test_colours_of_a_remote_are_not_part_of_the_reason(origin: Path, job: Job, tmp_path: Path) -> None:
    hook(origin, "pre-receive", "printf 'error: \\033[31mno models\\033[m on Fridays\\n' >&2; exit 1")
    configuration = tmp_path / "configuration"
    configuration.write_text("[color]\n ui = always\n remote = always\n", encoding="utf-8")
    write_run(job.store)

    reason = json.loads(persist(job, "--json", GIT_CONFIG_GLOBAL=str(configuration)).stdout)["reason"]

    assert "no models on Fridays" in reason
    assert "\x1b" not in reason


@pytest.mark.parametrize(
    "variables",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "ascii:strict"},
        {"LANG": "C", "LC_ALL": "C"},
        {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
    ids=lambda variables: "+".join(f"{name}={value}" for name, value in variables.items()),
)
def test_a_terminal_that_lacks_characters_is_no_error(
    new_job: Callable[..., Job], tmp_path: Path, variables: dict[str, str]
) -> None:
    job = new_job("job")
    write_run(job.store, model_type="\u6a21\u578b", experiment="r\u00e9sum\u00e9 \U0001f600")
    told = {"GITHUB_OUTPUT": str(tmp_path / "output"), "GITHUB_STEP_SUMMARY": str(tmp_path / "summary")}

    done = persist(job, "--fail-on-error", GITHUB_ACTIONS="true", **told, **variables)

    assert done.returncode == 0, done.stderr
    assert "status     persisted" in done.stdout
    assert "Traceback" not in done.stderr
    assert "r\u00e9sum\u00e9" in (tmp_path / "summary").read_text(encoding="utf-8")
