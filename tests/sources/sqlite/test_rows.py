"""Rows that MLflow never writes: one bad record never stops the others."""

import math
from pathlib import Path

import pytest

from mlpipeline.core.records import Incoming, Kind, Record
from mlpipeline.history.metrics import metric_points
from mlpipeline.sources.sqlite import reader as sqlite
from sources.sqlite.databases.make import PARAMS, TIME
from sources.sqlite.stories import change, metas, named, query, refusals, small, winner_id


class TestHostile:
    """One bad record never stops the others, and nothing is left out in silence."""

    @pytest.mark.parametrize(
        "name", ["../../evil", "/etc/passwd", "a/../b", "", "a//b", "nul\0nul", ".git/config", "ä" * 128, "a\\b"]
    )
    @pytest.mark.parametrize("table", ["params", "tags", "metrics"])
    def test_names_that_leave_their_folder(self, table: str, name: str, newest: Path) -> None:
        run = winner_id(newest)
        before = named(sqlite.read(newest), "winner")
        change(
            newest,
            {
                "params": "INSERT INTO params (key, value, run_uuid) VALUES (:name, 1, :run)",
                "tags": "INSERT INTO tags (key, value, run_uuid) VALUES (:name, 1, :run)",
                "metrics": "INSERT INTO metrics (key, value, run_uuid, timestamp) VALUES (:name, 1, :run, 1)",
            }[table],
            name=name,
            run=run,
        )

        incoming = sqlite.read(newest)

        assert named(incoming, "winner").files == before.files
        [refusal] = incoming.refusals
        assert refusal.where == f"run {run}"
        assert repr(f"{table}/{name}") in refusal.reason
        assert refusal.experiment == "first"

    def test_a_name_that_is_the_folder_of_another(self, newest: Path) -> None:
        change(newest, "INSERT INTO params VALUES ('model', 'x', :run)", run=winner_id(newest))

        incoming = sqlite.read(newest)

        assert small(named(incoming, "winner").files, "params") == PARAMS
        assert "'params/model' was left out: another name begins with this one and '/'" in refusals(incoming)

    @pytest.mark.parametrize(
        ("statement", "reason"),
        [
            ("UPDATE runs SET start_time = 'noon'", "'noon' is no whole number"),
            ("UPDATE runs SET experiment_id = 77", "its experiment 77 is not in the database"),
            ("UPDATE runs SET run_uuid = '../../evil'", "its id is none that MLflow makes"),
            ("UPDATE runs SET run_uuid = 'datasets'", "its id is none that MLflow makes"),
            ("UPDATE metrics SET value = 'good'", "its metric 'm' holds what cannot be read: 'good' is no number"),
            ("UPDATE metrics SET timestamp = 1.5", "its metric 'm' holds what cannot be read: 1.5 is no whole number"),
        ],
    )
    def test_a_run_that_cannot_be_read(self, statement: str, reason: str, newest: Path) -> None:
        before = sqlite.read(newest).records
        change(
            newest,
            "INSERT INTO runs (run_uuid, experiment_id, lifecycle_stage) VALUES ('bad', 1, 'active')",
            "INSERT INTO metrics VALUES ('m', 1, 1, 'bad', 0, 0)",
            f"{statement} WHERE run_uuid = 'bad'",
        )

        incoming = sqlite.read(newest)

        assert incoming.records == before
        [refusal] = incoming.refusals
        assert refusal.reason == f"the run was left out: {reason}."
        assert read_or_refused(newest, incoming)

    def test_text_in_another_encoding(self, newest: Path) -> None:
        change(newest, "UPDATE tags SET value = CAST(x'ff41' AS TEXT) WHERE key = 'team'")

        assert named(sqlite.read(newest), "winner").files["tags/team"] == "\N{REPLACEMENT CHARACTER}A".encode()

    def test_every_run_is_read_or_refused(self, database: Path) -> None:
        assert read_or_refused(database, sqlite.read(database))

    def test_an_assessment_of_a_new_kind(self, newest: Path) -> None:
        change(newest, "UPDATE assessments SET assessment_type = 'vibe' WHERE name = 'good'")

        incoming = sqlite.read(newest)

        [trace] = [each for each in incoming.records if each.kind is Kind.TRACE]
        assert {each["assessment_name"] for each in metas(trace.files, "assessments")} == {"broken", "facts", "words"}
        assert "of the unknown type 'vibe'" in refusals(incoming)

    def test_a_span_that_is_no_json(self, newest: Path) -> None:
        change(newest, "UPDATE spans SET content = '{' WHERE parent_span_id IS NULL")

        incoming = sqlite.read(newest)

        assert not [each for each in incoming.records if each.kind is Kind.TRACE]
        assert "the trace was left out: a span is not JSON" in refusals(incoming)

    def test_a_dataset_whose_name_holds_a_space(self, newest: Path) -> None:
        change(newest, "UPDATE logged_model_metrics SET dataset_name = 'two words'")

        model = named(sqlite.read(newest), "model", Kind.LOGGED_MODEL)

        assert metric_points(bytes_of(model, "metrics/of data"), of=Kind.LOGGED_MODEL) == [(1, TIME, math.inf)]

    @pytest.mark.parametrize("name", ["../evil", "a/b", "a\\b", "100%", ".git", "..", "C:x"])
    def test_a_registered_model_that_no_folder_can_be_called(self, name: str, newest: Path) -> None:
        change(newest, "INSERT INTO registered_models (name, creation_time) VALUES (:name, 1)", name=name)

        incoming = sqlite.read(newest)

        assert [each.name for each in incoming.models] == ["champion"]
        assert f"registered model '{name}': the model was left out" in refusals(incoming)

    def test_aliases_that_name_nothing(self, newest: Path) -> None:
        change(
            newest,
            "INSERT INTO registered_model_aliases (alias, version, name) VALUES ('ghost', 9, 'champion')",
            "INSERT INTO registered_model_aliases (alias, version, name) VALUES ('../up', 1, 'champion')",
        )

        incoming = sqlite.read(newest)

        assert incoming.models[0].aliases == {"best": 2, "oldest": 1}
        assert "the model has no version 9" in refusals(incoming)
        assert "'../up' was left out" in refusals(incoming)


def read_or_refused(database: Path, incoming: Incoming) -> bool:
    runs = {str(run) for (run,) in query(database, "SELECT run_uuid FROM runs")}
    read = {each.id for each in incoming.records if each.kind is Kind.RUN}
    refused = {each.where.removeprefix("run ") for each in incoming.refusals if "was left out:" in each.reason}
    return bool(runs) and runs == read | (refused & runs) and not read & refused


def bytes_of(record: Record, path: str) -> bytes:
    content = record.files[path]
    assert isinstance(content, bytes)
    return content
