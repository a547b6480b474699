"""Other sources than a folder, from training to a clone that opens."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from support.gitrepo import clone, git, make_origin
from support.mlstore import put, write_run
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


def test_names_that_mlflow_refuses(job: Path, tmp_path: Path) -> None:
    """One such name makes MLflow fail the experiment; stored, it opens."""
    store = tmp_path / "training/mlruns"
    bad = write_run(store, model=None)
    write_run(store, model=None)
    for name in ("metrics/MAP@10", "metrics/val/loss=1.3", "params/lr[0]", "tags/owner(s)"):
        put(store / "123456789012345678" / bad / name, b"1 0.5 0\n" if name.startswith("metrics") else b"1")

    told = json.loads(
        python(job, str(SCRIPTS / "persist.py"), "--source", str(store), "--fail-on-error", "--json").stdout
    )

    assert (told["status"], told["runs_added"]) == ("persisted", 2)
    copy = clone(tmp_path / "origin.git", tmp_path / "c")
    assert bad in python(copy, PROGRAMS / "list_runs.py", "file:./mlruns", MLFLOW_ALLOW_FILE_STORE="true").stdout
