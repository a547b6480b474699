"""Histories with awkward runs, in clones of every kind, through stock MLflow."""

import json
import shutil
from pathlib import Path

import pytest

from support.gitrepo import clone, git, make_origin
from support.mlstore import write_experiment, write_run
from support.processes import PROGRAMS, SCRIPTS, python

LOOK = PROGRAMS / "look_at_everything.py"

WHOLE, NO_METRICS, NO_PARAMS, MODEL_ONLY, DELETED = (letter * 32 for letter in "abcde")


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A branch with a whole run, and with runs that lack what Git cannot keep empty."""
    folder = tmp_path_factory.mktemp("awkward")
    made = make_origin(folder)
    job = clone(made, folder / "job")
    store = job / "mlruns"
    write_run(store, run_id=WHOLE, params={"windows": "line\r\nend"}, artifacts={"notes.txt": b"a\r\nb\r\n"})
    write_run(store, run_id=NO_METRICS, value=None, model=None, params={"a": "1"}, artifacts={"x.bin": b"x"})
    write_run(store, run_id=NO_PARAMS, model=None)
    write_run(store, run_id=MODEL_ONLY, value=None, model_type=None)
    write_experiment(store / ".trash", "gone", "5")
    write_run(store / ".trash", run_id=DELETED, experiment="gone", experiment_id="5", lifecycle="deleted", model=None)
    python(job, str(SCRIPTS / "persist.py"), "--fail-on-error")
    return made


def look(checkout: Path) -> dict[str, list[object]]:
    done = python(checkout, LOOK, MLFLOW_ALLOW_FILE_STORE="true")
    loaded: dict[str, list[object]] = json.loads(done.stdout)
    return loaded


EXPECTED = {
    WHOLE: ["demo", {"val_rmse": 1.0}, {"windows": "line\r\nend"}, ["notes.txt"]],
    NO_METRICS: ["demo", {}, {"a": "1"}, ["x.bin"]],
    NO_PARAMS: ["demo", {"val_rmse": 1.0}, {}, []],
    MODEL_ONLY: ["demo", {}, {}, []],
    DELETED: ["gone", {"val_rmse": 1.0}, {}, []],
}


@pytest.mark.parametrize(
    "options", [(), ("--depth=1",), ("--config=core.autocrlf=true",)], ids=["plain", "shallow", "crlf"]
)
def test_every_run_opens(origin: Path, tmp_path: Path, options: tuple[str, ...]) -> None:
    assert look(clone(origin, tmp_path / "c", *options)) == EXPECTED


def test_without_links_nothing_is_blanked(origin: Path, tmp_path: Path) -> None:
    """As on Windows: MLflow lists every run, and only opening one without metrics needs `history.py restore`."""
    checkout = clone(origin, tmp_path / "c", "--config=core.symlinks=false")

    found = look(checkout)

    unopened = {NO_METRICS: "not found", MODEL_ONLY: "not found"}
    assert found == {run: [*row[:3], unopened.get(run, row[3])] for run, row in EXPECTED.items()}
    python(checkout, str(SCRIPTS / "history.py"), "restore")
    assert look(checkout) == EXPECTED


def test_mlflows_own_migration_takes_every_run(origin: Path, tmp_path: Path) -> None:
    checkout = clone(origin, tmp_path / "c")
    target = f"sqlite:///{tmp_path}/x.db"

    python(checkout, "-m", "mlflow", "migrate-filestore", "--source", ".", "--target", target)

    done = python(tmp_path, PROGRAMS / "list_runs.py", target)
    assert json.loads(done.stdout.splitlines()[-1]) == sorted(EXPECTED)


def test_logging_goes_on_in_a_run_that_had_nothing(origin: Path, tmp_path: Path) -> None:
    checkout = clone(origin, tmp_path / "c")
    done = python(checkout, PROGRAMS / "log_into_ended_run.py", NO_METRICS, MLFLOW_ALLOW_FILE_STORE="true")
    assert json.loads(done.stdout.splitlines()[-1]) == {"val_rmse": 0.25}

    told = json.loads(python(checkout, str(SCRIPTS / "persist.py"), "--fail-on-error", "--json").stdout)

    assert told["runs_updated"] == 1
    assert git(checkout, "status", "--porcelain") == ""
    assert look(clone(origin, tmp_path / "d"))[NO_METRICS][1] == {"val_rmse": 0.25}


def test_tools_that_follow_links_come_to_an_end(origin: Path, tmp_path: Path) -> None:
    checkout = clone(origin, tmp_path / "c")

    shutil.copytree(checkout / "mlruns", tmp_path / "copy")

    assert len(list((tmp_path / "copy").rglob("meta.yaml"))) == len(list((checkout / "mlruns").rglob("meta.yaml")))
