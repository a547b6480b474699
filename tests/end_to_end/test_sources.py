"""Other sources than a folder, from training to a clone that opens."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from support.gitrepo import clone, git, make_origin
from support.processes import PROGRAMS, SCRIPTS, python

TRAIN = PROGRAMS / "train_by_default.py"

OPEN = PROGRAMS / "open_runs.py"


@pytest.fixture
def job(tmp_path: Path) -> Path:
    checkout = clone(make_origin(tmp_path), tmp_path / "job")
    (checkout / ".gitignore").write_text("mlflow.db\nmlruns/\n", encoding="utf-8")
    return checkout


def test_mlflows_default_database(job: Path, tmp_path: Path) -> None:
    """Since 3.7 a training that says nothing logs to `mlflow.db`; persist.py takes what MLflow took."""
    python(job, TRAIN)
    assert (job / "mlflow.db").exists()

    told = json.loads(python(job, str(SCRIPTS / "persist.py"), "--fail-on-error", "--json").stdout)

    assert (told["status"], told["runs_added"], told["value"]) == ("persisted", 2, 0.5)
    opened = json.loads(
        python(clone(tmp_path / "origin.git", tmp_path / "c"), OPEN, MLFLOW_ALLOW_FILE_STORE="true").stdout
    )
    assert opened["values"] == [0.5, 1.0]
    assert opened["points"] == [2, 2]
    assert sorted(opened["loaded"]) == opened["versions"] == [1.0, 2.0]
    again = json.loads(
        python(job, str(SCRIPTS / "persist.py"), "--source", "sqlite:///mlflow.db", "--fail-on-error", "--json").stdout
    )
    assert again["status"] == "nothing-new"


def test_a_tracking_server(job: Path, tmp_path: Path, serving: Callable[..., AbstractContextManager[str]]) -> None:
    home = tmp_path / "server"
    home.mkdir()
    backend = ("--backend-store-uri", "sqlite:///served.db", "--artifacts-destination", "./kept", "--workers", "1")
    with serving(home, "server", *backend, health="/health") as address:
        python(job, TRAIN, MLFLOW_TRACKING_URI=address)
        flags = ("--source", address, "--fail-on-error", "--json")
        told = json.loads(python(job, str(SCRIPTS / "persist.py"), *flags).stdout)
        again = json.loads(python(job, str(SCRIPTS / "persist.py"), *flags).stdout)

    assert (told["status"], told["runs_added"], told["value"]) == ("persisted", 2, 0.5)
    assert again["status"] == "nothing-new"
    assert git(job, "rev-list", "--count", "HEAD") == "2"
    opened = json.loads(
        python(clone(tmp_path / "origin.git", tmp_path / "c"), OPEN, MLFLOW_ALLOW_FILE_STORE="true").stdout
    )
    assert sorted(opened["loaded"]) == opened["versions"] == [1.0, 2.0]
