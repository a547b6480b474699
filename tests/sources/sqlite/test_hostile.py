"""Databases that strangers wrote: what they hold runs nothing, comes to an end, and is refused by name."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from mlpipeline.core.errors import InputError
from mlpipeline.core.records import LEFT_OUT
from mlpipeline.history import large_metrics
from mlpipeline.history.metrics import metric_points
from mlpipeline.sources import limits
from mlpipeline.sources.sqlite import protection
from mlpipeline.sources.sqlite import reader as sqlite
from sources.sqlite.stories import change, named, query, refusals, winner_id

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT {} FROM n JOIN {}"


@pytest.mark.parametrize("table", ["runs", "experiments", "tags", "metrics"])
def test_a_view_in_the_place_of_a_table_is_refused(table: str, newest: Path) -> None:
    view = f"CREATE VIEW {table} AS {ENDLESS.format('kept.*', 'kept')}"
    change(newest, "PRAGMA legacy_alter_table = ON", f"ALTER TABLE {table} RENAME TO kept", view)

    with pytest.raises(InputError, match=f"has the view '{table}', and MLflow makes none"):
        sqlite.read(newest)


def test_a_virtual_table_is_refused(newest: Path) -> None:
    change(newest, "ALTER TABLE registered_model_tags RENAME TO kept")
    change(newest, "CREATE VIRTUAL TABLE registered_model_tags USING fts5(key, value, name)")

    with pytest.raises(InputError, match="has the virtual table 'registered_model_tags'"):
        sqlite.read(newest)


def test_a_column_that_is_computed_is_refused(newest: Path) -> None:
    change(
        newest,
        "PRAGMA legacy_alter_table = ON",
        "ALTER TABLE tags RENAME TO kept",
        "CREATE TABLE tags (key, run_uuid, value AS (hex(zeroblob(100000000))))",
        "INSERT INTO tags SELECT key, run_uuid FROM kept",
    )

    with pytest.raises(InputError, match=r"has the computed column 'tags\.value'"):
        sqlite.read(newest)


def test_triggers_do_not_run(newest: Path) -> None:
    before = sqlite.read(newest)
    change(newest, "CREATE TRIGGER t AFTER DELETE ON tags BEGIN DELETE FROM runs; END")

    assert sqlite.read(newest) == before


def test_what_gives_no_row_for_too_long_is_stopped(newest: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(sqlite3.connect(newest)) as connection, connection:
        connection.executemany("INSERT INTO tags VALUES (?, '', 'nobody')", ((str(n),) for n in range(200_000)))
    monkeypatch.setattr(protection, "SLOWEST", 0.0)
    monkeypatch.setattr(protection, "_STEPS", 100)

    with pytest.raises(InputError, match="gave no row for"):
        sqlite.read(newest)


def test_the_time_in_which_rows_are_used_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protection, "SLOWEST", 0.2)
    monkeypatch.setattr(protection, "_STEPS", 10)
    with closing(sqlite3.connect(":memory:")) as connection:
        watch = protection.protect(connection)
        counted = connection.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 3) SELECT i FROM n"
        )
        for _ in watch.timed(counted):
            time.sleep(0.3)


@pytest.mark.parametrize(
    ("table", "column"),
    [("tags", "value"), ("tags", "key"), ("params", "value"), ("runs", "name"), ("experiments", "artifact_location")],
)
def test_a_value_that_is_too_long_is_passed_over_with_its_row(
    table: str, column: str, newest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(protection._LIMITS, sqlite3.SQLITE_LIMIT_LENGTH, 1 << 20)
    [(first, last)] = query(newest, f"SELECT min(rowid), max(rowid) FROM {table}")  # noqa: S608 - ours
    for row in {first, last}:
        change(newest, f"UPDATE {table} SET {column} = :text WHERE rowid = {row}", text="x" * (2 << 20))  # noqa: S608

    incoming = sqlite.read(newest)

    assert refusals(incoming).count(f"{column} of {table}, ") == len({first, last})
    assert "it has more than 16 MiB, and was left out" in refusals(incoming)
    if table in ("tags", "params"):
        assert named(incoming, "winner").files


def test_a_long_metric_is_thinned_and_its_latest_value_kept(newest: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = winner_id(newest)
    monkeypatch.setattr(large_metrics, "LARGE", 1000)
    monkeypatch.setattr(large_metrics, "LARGEST", 2000)
    points = [{"step": step, "run": run} for step in range(1000)]
    with closing(sqlite3.connect(newest)) as connection, connection:
        insert = "INSERT INTO metrics VALUES ('long', 1.5 - :step, 5, :run, :step, 0)"
        connection.executemany(insert, points)

    incoming = sqlite.read(newest)

    winner = named(incoming, "winner")
    content = winner.files["metrics/long"]
    assert isinstance(content, Path)
    assert max(metric_points(content.read_bytes())) == (999, 5, -997.5)
    assert winner.files[LEFT_OUT].startswith(b"metrics/long (all but one line in ")  # type: ignore[union-attr]
    assert any("its 1,000 points take more than" in each.reason for each in incoming.refusals)


@pytest.mark.parametrize("table", ["params", "metrics", "tags"])
def test_a_run_with_too_many_names_is_refused_alone(table: str, newest: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_FILES", 50)
    run = winner_id(newest)
    before = len(sqlite.read(newest).records)
    statement = {
        "params": "INSERT INTO params (key, value, run_uuid) VALUES (?, 1, ?)",
        "tags": "INSERT INTO tags (key, value, run_uuid) VALUES (?, 1, ?)",
        "metrics": "INSERT INTO metrics (key, value, run_uuid, timestamp) VALUES (?, 1, ?, 1)",
    }[table]
    with closing(sqlite3.connect(newest)) as connection, connection:
        connection.executemany(statement, ((f"n{number}", run) for number in range(1000)))

    incoming = sqlite.read(newest)

    assert len(incoming.records) == before - 1
    [refusal] = [each for each in incoming.refusals if each.where == f"run {run}"]
    assert f" {table}, and a history takes 50 at the most" in refusal.reason
    assert "it has 1,0" in refusal.reason


def test_more_runs_than_one_persist_adds_are_refused_and_nothing_else(
    newest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "MOST_RECORDS", 2)
    before = sqlite.read(newest)

    assert "runs of the database: none of them was stored: more than 2 of them are new" in refusals(before)
    assert before.models


def test_more_than_memory_holds_is_refused_by_kind(newest: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = sqlite.read(newest)
    monkeypatch.setattr(limits, "MEMORY", 1 << 20)
    change(newest, "UPDATE spans SET content = :text", text='{"a": "%s"}' % ("x" * 900_000))

    incoming = sqlite.read(newest)

    assert "traces of the database: none of them was stored: what they hold takes more than 1 MiB" in refusals(incoming)
    assert {record.kind for record in whole.records} - {record.kind for record in incoming.records} == {"trace"}
    assert incoming.models == whole.models


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("UPDATE assessments SET value = :deep", "it cannot be read (RecursionError"),
        ("UPDATE assessments SET value = '[1]', assessment_type = 'issue'", "it cannot be read (TypeError"),
        ("UPDATE spans SET content = :deep", "it cannot be read (RecursionError"),
        ("UPDATE trace_info SET timestamp_ms = 9223372036854775807", "is no time"),
        ("UPDATE model_versions SET version = x'00' WHERE rowid = 1", "is no whole number"),
        ("UPDATE logged_models SET status = 'ready'", "'ready' is no whole number"),
        ("UPDATE runs SET run_uuid = x'ff' || run_uuid", "its id is none that MLflow makes"),
        ("UPDATE runs SET end_time = 'noon'", "'noon' is no whole number"),
    ],
)
def test_what_a_record_raises_refuses_it_alone(statement: str, reason: str, newest: Path) -> None:
    whole = sqlite.read(newest)
    values = {"deep": "[" * 100_000 + "]" * 100_000} if ":deep" in statement else {}
    change(newest, "PRAGMA foreign_keys = OFF", statement, **values)

    incoming = sqlite.read(newest)

    assert reason in refusals(incoming)
    assert incoming.experiments == whole.experiments
    assert incoming.records


@pytest.mark.parametrize("column", ["run_uuid", "name", "status", "user_id", "start_time", "lifecycle_stage"])
@pytest.mark.parametrize("value", ["NULL", "x'ff00'", "1e400", "-9223372036854775808", "''"])
def test_any_type_in_any_column_is_read_or_refused(column: str, value: str, newest: Path) -> None:
    [(columns,)] = query(newest, "SELECT group_concat(name) FROM pragma_table_info('runs')")
    change(
        newest,
        "PRAGMA legacy_alter_table = ON",
        "ALTER TABLE runs RENAME TO kept",
        f"CREATE TABLE runs ({columns})",
        "INSERT INTO runs SELECT * FROM kept",
        "DROP TABLE kept",
        f"UPDATE runs SET {column} = {value} WHERE rowid = 1",  # noqa: S608
    )

    incoming = sqlite.read(newest)

    assert incoming.records
