"""What of a database is read again once the branch has it: what has changed, and nothing else."""

import gzip
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mlpipeline.core.outcome import Outcome
from mlpipeline.core.records import Kind
from mlpipeline.sources.artifacts import Finder, Found
from support.gitrepo import files, show
from support.jobs import Job

DATABASES = Path(__file__).parents[1] / "sources" / "sqlite" / "databases"


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A database of MLflow 3.17 as another job left it."""
    (path,) = DATABASES.glob("mlflow-3.17.*.db.gz")
    database = tmp_path / "mlflow.db"
    database.write_bytes(gzip.decompress(path.read_bytes()))
    return database


def change(database: Path, statement: str) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        assert connection.execute(statement).rowcount == 1


def persist(job: Job, database: Path) -> Outcome:
    return job.persist(source=f"sqlite:///{database}", update=False)


def test_what_the_branch_has_is_not_read_again(job: Job, database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = persist(job, database)
    looked_for: list[str] = []
    find = Finder.of_record

    def noted(finder: Finder, kind: Kind, record_id: str, **places: Any) -> Found:
        looked_for.append(record_id)
        return find(finder, kind, record_id, **places)

    monkeypatch.setattr(Finder, "of_record", noted)

    again = persist(job, database)

    assert first.runs_added > 0
    assert again.status == "nothing-new"
    with closing(sqlite3.connect(database)) as connection:
        going_on = connection.execute(
            "SELECT run_uuid FROM runs WHERE end_time IS NULL UNION SELECT model_id FROM logged_models WHERE status = 1"
        ).fetchall()
    assert sorted(looked_for) == sorted(identifier for (identifier,) in going_on)


def test_a_tag_that_was_set_afterwards_is_seen(origin: Path, job: Job, database: Path) -> None:
    persist(job, database)
    change(database, "INSERT INTO tags SELECT 'reviewed', 'yes', run_uuid FROM runs WHERE end_time IS NOT NULL LIMIT 1")

    outcome = persist(job, database)

    assert (outcome.status, outcome.runs_updated) == ("persisted", 1)
    (tag,) = (path for path in files(origin) if path.endswith("/tags/reviewed"))
    assert show(origin, tag) == b"yes"


def test_a_deletion_that_came_afterwards_is_seen(origin: Path, job: Job, database: Path) -> None:
    persist(job, database)
    alive = "SELECT run_uuid FROM runs WHERE end_time IS NOT NULL AND lifecycle_stage = 'active' LIMIT 1"
    with closing(sqlite3.connect(database)) as connection:
        ((run,),) = connection.execute(alive).fetchall()
    change(database, f"UPDATE runs SET lifecycle_stage = 'deleted' WHERE run_uuid = '{run}'")  # noqa: S608 - its own id

    outcome = persist(job, database)

    assert (outcome.status, outcome.runs_updated) == ("persisted", 1)
    (meta,) = (path for path in files(origin) if path.endswith(f"/{run}/meta.yaml"))
    assert b"lifecycle_stage: deleted" in show(origin, meta)
