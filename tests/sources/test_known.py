"""What is known and therefore not read makes no difference to what is merged."""

import gzip
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from mlpipeline.core.edits import Edit
from mlpipeline.history.merge import merge
from mlpipeline.sources.known import NOTHING, Known, known_records
from mlpipeline.sources.sqlite import reader as sqlite
from support.memory import MemoryTree

DATABASES = Path(__file__).parent / "sqlite" / "databases"

CHANGES = {
    "run tagged": "INSERT INTO tags SELECT 'reviewed', 'yes', run_uuid FROM runs WHERE end_time IS NOT NULL LIMIT 1",
    "run described": "INSERT INTO tags SELECT 'mlflow.note.content', 'best', run_uuid FROM runs"
    " WHERE end_time IS NOT NULL LIMIT 1",
    "run renamed": "UPDATE runs SET name = 'other', end_time = end_time + 1 WHERE end_time IS NOT NULL",
    "run deleted": "UPDATE runs SET lifecycle_stage = 'deleted', deleted_time = 1 WHERE lifecycle_stage = 'active'",
    "run restored": "UPDATE runs SET lifecycle_stage = 'active', deleted_time = NULL, end_time = 4102444800000"
    " WHERE lifecycle_stage = 'deleted'",
    "run resumed and ended again": "UPDATE runs SET status = 'FAILED', end_time = end_time + 1000"
    " WHERE end_time IS NOT NULL",
    "model tagged": "INSERT INTO logged_model_tags SELECT model_id, experiment_id, 'a', 'b' FROM logged_models LIMIT 1",
    "model failed": "UPDATE logged_models SET status = 3, last_updated_timestamp_ms = last_updated_timestamp_ms + 1",
    "model deleted": "UPDATE logged_models SET lifecycle_stage = 'deleted', last_updated_timestamp_ms ="
    " last_updated_timestamp_ms + 1 WHERE lifecycle_stage = 'active'",
    "trace tagged": "INSERT INTO trace_tags (key, value, request_id) SELECT 'a', 'b', request_id FROM trace_info",
    "trace failed": "UPDATE trace_info SET status = 'ERROR', execution_time_ms = execution_time_ms + 1",
    "trace assessed": "UPDATE assessments SET assessment_id = 'a-' || lower(hex(randomblob(16)))",
    "experiment tagged": "INSERT INTO experiment_tags SELECT 'a', 'b', experiment_id FROM experiments",
    "model registered": "UPDATE registered_models SET description = 'new', last_updated_time = last_updated_time + 1",
}


@pytest.fixture
def database(tmp_path: Path) -> Path:
    (path,) = DATABASES.glob("mlflow-3.17.*.db.gz")
    database = tmp_path / "mlflow.db"
    database.write_bytes(gzip.decompress(path.read_bytes()))
    return database


@pytest.fixture
def tip(database: Path) -> MemoryTree:
    """A history that holds all of the database."""
    empty = MemoryTree()
    return empty.with_edits(edits(empty, database, NOTHING))


def edits(tree: MemoryTree, database: Path, known: Known) -> tuple[Edit, ...]:
    return merge(tree, sqlite.read(database, known)).edits


def change(database: Path, statement: str) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        assert connection.execute(statement).rowcount > 0


def going_on(database: Path) -> set[str]:
    """Runs without an end, and logged models that are pending."""
    statement = (
        "SELECT run_uuid FROM runs WHERE end_time IS NULL UNION SELECT model_id FROM logged_models WHERE status = 1"
    )
    with closing(sqlite3.connect(database)) as connection:
        return {identifier for (identifier,) in connection.execute(statement)}


@pytest.mark.parametrize("statement", CHANGES.values(), ids=CHANGES)
def test_a_later_change_is_seen_as_without_the_filter(database: Path, tip: MemoryTree, statement: str) -> None:
    change(database, statement)

    seen = edits(tip, database, Known(record=known_records(tip)))

    assert seen == edits(tip, database, NOTHING) != ()


def test_only_what_may_still_grow_is_read_again(database: Path, tip: MemoryTree) -> None:
    incoming = sqlite.read(database, Known(record=known_records(tip)))

    assert {record.id for record in incoming.records} == going_on(database)
    assert merge(tip, incoming).edits == ()
