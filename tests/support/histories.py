"""A history as its users have it: persisted by a job, cloned elsewhere; and one that MLflow itself logged."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlpipeline.cli import persist as persisting
from mlpipeline.cli.history import main as history
from mlpipeline.ui_cache import cache
from support import gitrepo, mlstore, processes
from support.processes import PROGRAMS, json_object

QUIET = {"MLFLOW_ALLOW_FILE_STORE": "true", "MLFLOW_DISABLE_TELEMETRY": "true"}


def python(cwd: Path, *arguments: str | Path, **variables: str) -> str:
    """Run this Python in a folder, with MLflow's file store allowed; its standard output."""
    return processes.python(cwd, *arguments, environ={**os.environ, **QUIET, **variables}).stdout


@pytest.fixture(scope="session")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that MLflow wrote: runs, datasets, a logged and registered model, a trace with assessments."""
    folder = tmp_path_factory.mktemp("logged")
    program = PROGRAMS / "log_of_every_kind.py"
    python(folder, program, MLFLOW_TRACKING_URI="file:./mlruns", MLFLOW_ENABLE_ASYNC_TRACE_LOGGING="false")
    return folder / "mlruns"


@pytest.fixture(scope="session")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow's empty tables, made once: it takes five seconds."""
    return cache._empty_store(tmp_path_factory.mktemp("tables"))


@pytest.fixture
def quick_tables(tables: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let caches begin with a copy of those tables."""
    monkeypatch.setattr(cache, "_empty_store", lambda folder: Path(shutil.copy(tables, folder / "empty.db")))


Persisted = Callable[[Path], Path]


@pytest.fixture
def persisted(tmp_path: Path) -> Persisted:
    """Persist a store through a job's checkout; the folder of a clone made afterwards."""
    origin = gitrepo.make_origin(tmp_path)

    def persist(store: Path) -> Path:
        checkout = gitrepo.clone(origin, tmp_path / "job")
        code = persisting.main(["--repository", str(checkout), "--source", store.as_uri(), "--fail-on-error"])
        assert code == 0
        return gitrepo.clone(origin, tmp_path / "clone")

    return persist


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Where a test writes the runs that it persists."""
    return tmp_path / "training" / "mlruns"


@pytest.fixture
def three_runs(store: Path, persisted: Persisted) -> Path:
    """A clone of a history of three runs."""
    for number, value in enumerate((3.0, 1.0, 2.0)):
        mlstore.write_run(store, run_id=f"{number}" * 32, value=value, params={"alpha": str(number)})
    return persisted(store)


HistoryCommand = Callable[..., dict[str, Any]]


@pytest.fixture
def history_command(capsys: pytest.CaptureFixture[str]) -> HistoryCommand:
    """Call `history.py` with `--json`; returns what it printed."""

    def call(*arguments: str, code: int = 0) -> dict[str, Any]:
        capsys.readouterr()
        ended = history.main([*arguments, "--json"])
        printed = capsys.readouterr()
        assert ended == code, printed.err
        return json_object(printed.out)

    return call
