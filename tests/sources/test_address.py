"""Which stores are read of whoever names none."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from mlpipeline.sources.address import Source, stores_in
from support.mlstore import put, write_experiment


def database(file: Path, *tables: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(file)) as connection:
        for table in tables:
            connection.execute(f"CREATE TABLE {table} (id INTEGER)")
        connection.commit()


def stores(root: Path, *tracked: str) -> list[str]:
    found = stores_in(root, tracked=lambda path: path.relative_to(root).as_posix() in tracked)
    return [_shown(source, root) for source in found]


def _shown(source: Source, root: Path) -> str:
    return f"{source.kind} {Path(source.place).relative_to(root).as_posix()}"


@pytest.mark.parametrize(
    ("experiment", "first"),
    [("123456789012345678", "folder mlruns"), ("0", "folder mlruns"), ("12345678901234567_8", "database mlflow.db")],
)
def test_mlflows_default_comes_first_and_the_other_one_is_read_too(tmp_path: Path, experiment: str, first: str) -> None:
    database(tmp_path / "mlflow.db", "experiments", "runs")
    write_experiment(tmp_path / "mlruns", "demo", experiment)

    found = stores(tmp_path)

    assert found[0] == first
    assert sorted(found) == ["database mlflow.db", "folder mlruns"]


def test_stores_that_a_job_named_itself_are_found(tmp_path: Path) -> None:
    database(tmp_path / "backend/tracking.sqlite", "experiments", "runs", "metrics")
    write_experiment(tmp_path / "notebooks/mlruns", "demo", "1")

    assert sorted(stores(tmp_path)) == ["database backend/tracking.sqlite", "folder notebooks/mlruns"]


def test_what_is_no_store_or_tracked_or_somebody_elses_is_not_read(tmp_path: Path) -> None:
    database(tmp_path / "app.db", "users")
    put(tmp_path / "notes.db", b"no database")
    put(tmp_path / "empty/mlruns/1/abc/artifacts/model.pkl", b"left by a database")
    write_experiment(tmp_path / "tests/fixtures/mlruns", "demo", "1")
    write_experiment(tmp_path / "other clone/mlruns", "demo", "1")
    (tmp_path / "other clone/.git").mkdir()
    write_experiment(tmp_path / "venv/mlruns", "demo", "1")
    put(tmp_path / "venv/pyvenv.cfg", b"")

    assert stores(tmp_path, "tests/fixtures/mlruns") == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_no_store(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "runs.db")

    assert stores(tmp_path) == []
