"""Reading MLflow's databases: one story as several versions wrote it, and files that cannot be read."""

import json
import math
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from mlpipeline.core.documents import dump_yaml
from mlpipeline.core.errors import InputError
from mlpipeline.core.records import ADDRESS_TAG, NOTES, Incoming, Kind, Record
from mlpipeline.history.paths import DESCRIPTIONS, FOLDERS
from mlpipeline.sources.artifacts import Finder
from mlpipeline.sources.client import reader as client
from mlpipeline.sources.known import Known
from mlpipeline.sources.sqlite import reader as sqlite
from sources.sqlite.databases.make import CONTEXT, DATASET, METRICS, PARAMS, TAGS, TIME
from sources.sqlite.stories import NEWEST, change, has, has_id, metas, named, query, refusals, small, winner_id
from support.permissions import forbidden


class TestStory:
    """What `databases/make.py` logged comes out, whichever version wrote it down."""

    def test_nothing_is_refused(self, database: Path) -> None:
        assert sqlite.read(database).refusals == ()

    def test_experiments(self, database: Path) -> None:
        default, first, second = sqlite.read(database).experiments

        assert [each.name for each in (default, first, second)] == ["Default", "first", "second"]
        assert [each.id for each in (default, first, second)] == ["0", "1", "2"]
        assert [each.meta["lifecycle_stage"] for each in (default, first, second)] == ["active", "active", "deleted"]
        assert small(first.files, "tags") == {"purpose": "tests ✓"}
        assert first.meta["experiment_id"] == "1"
        assert isinstance(first.meta["creation_time"], int)

    def test_runs(self, database: Path) -> None:
        incoming = sqlite.read(database)
        runs = {each.meta["run_name"]: each for each in incoming.records if each.kind is Kind.RUN}

        states = {name: (run.meta["status"], run.meta["lifecycle_stage"]) for name, run in runs.items()}
        assert states == {
            "winner": (3, "active"),
            "child": (3, "active"),
            "failed": (4, "active"),
            "running": (1, "active"),
            "deleted": (1, "deleted"),
            "lost": (3, "deleted"),
        }
        assert {name for name, run in runs.items() if run.experiment == "second"} == {"lost"}
        assert runs["child"].files["tags/mlflow.parentRunId"] == runs["winner"].id.encode()
        assert (runs["winner"].meta["start_time"], runs["winner"].meta["end_time"]) == (TIME, TIME + 5)
        assert runs["running"].meta["end_time"] is None
        assert isinstance(runs["deleted"].meta["deleted_time"], int)
        assert "deleted_time" not in runs["winner"].meta

    def test_params_metrics_and_tags_without_loss(self, database: Path) -> None:
        winner = named(sqlite.read(database), "winner")

        assert small(winner.files, "params") == PARAMS
        assert small(winner.files, "tags") == {**TAGS, "mlflow.runName": "winner"}
        for name, points in METRICS.items():
            lines = [f"{when} {value!r} {step}" for when, value, step in points]
            assert small(winner.files, "metrics")[name].splitlines() == lines

    def test_inputs(self, database: Path) -> None:
        incoming = sqlite.read(database)
        winner = named(incoming, "winner")
        if not has(database, "datasets"):
            assert not small(winner.files, "inputs")
            return

        [dataset] = metas(incoming.experiments[1].files, "datasets")
        [edge] = [each for each in metas(winner.files, "inputs") if each["source_type"] == "DATASET"]

        assert dataset == {**DATASET, "schema": None, "profile": None}
        assert edge["tags"] == CONTEXT
        assert f"datasets/{edge['source_id']}/meta.yaml" in incoming.experiments[1].files
        assert edge["destination_id"] == edge["source_id"]

    def test_registered_models(self, database: Path) -> None:
        incoming = sqlite.read(database)
        [champion] = incoming.models
        run = named(incoming, "winner").id

        assert (champion.name, champion.meta["description"]) == ("champion", "The best\nwe have")
        assert small(champion.files, "tags") == {"owner": "me"}
        assert [version.number for version in champion.versions] == [1, 2, 3]
        for version in champion.versions:
            assert version.meta["description"] == f"v{version.number}"
            assert version.meta["run_id"] == run
            assert version.meta["storage_location"] == version.meta["source"] == f"runs:/{run}/model"
            assert small(version.files, "tags") == {"n": str(version.number)}
        assert champion.aliases == ({"best": 2, "oldest": 1} if has(database, "registered_model_aliases") else {})

    def test_logged_models(self, database: Path) -> None:
        incoming = sqlite.read(database)
        if not has(database, "logged_models"):
            assert not [each for each in incoming.records if each.kind is Kind.LOGGED_MODEL]
            return
        winner, model = named(incoming, "winner"), named(incoming, "model", Kind.LOGGED_MODEL)

        assert (model.meta["status"], model.meta["model_type"], model.meta["source_run_id"]) == (2, "demo", winner.id)
        assert "lifecycle_stage" not in model.meta
        assert named(incoming, "gone", Kind.LOGGED_MODEL).meta["lifecycle_stage"] == "deleted"
        assert small(model.files, "params") == {"depth/max": "3"}
        assert small(model.files, "tags") == {"stage": "dev"}
        assert small(model.files, "metrics") == {
            "plain": f"{TIME} inf 1 {winner.id}\n",
            "of data": f"{TIME} inf 1 {winner.id} diabetes 0a1b2c\n",
        }
        [output] = metas(winner.files, "outputs")
        [used] = [each for each in metas(winner.files, "inputs") if each["source_type"] == "MODEL"]
        assert (output["destination_id"], output["step"]) == (model.id, 2)
        assert used["source_id"] == model.id

    def test_traces(self, database: Path) -> None:
        traces = [each for each in sqlite.read(database).records if each.kind is Kind.TRACE]
        if not has(database, "trace_info"):
            assert not traces
            return
        [trace] = traces

        assert (trace.experiment, trace.meta["state"]) == ("first", "OK")
        assert trace.meta["trace_id"] == trace.id
        assert isinstance(trace.meta["execution_duration_ms"], int)
        tags = small(trace.files, "tags")
        assert (tags["topic"], tags["mlflow.traceName"]) == ("reasons", "question")
        assert "mlflow.trace.spansLocation" not in tags
        assert json.loads(small(trace.files, "request_metadata")["mlflow.traceInputs"]) == {"text": "why ✓"}

    @pytest.mark.parametrize("database", ["3.4.0", NEWEST], indirect=True)
    def test_spans_and_assessments(self, database: Path) -> None:
        [trace] = [each for each in sqlite.read(database).records if each.kind is Kind.TRACE]

        spans = json.loads(small(trace.files, "artifacts")["traces.json"])["spans"]
        judged = {each["assessment_name"]: each for each in metas(trace.files, "assessments")}

        assert [span["name"] for span in spans] == ["question", "answer"]
        assert judged["good"]["feedback"] == {"value": 0.5}
        assert (judged["good"]["rationale"], judged["good"]["metadata"]) == ("short", {"by": "test"})
        assert "no judge" in str(judged["broken"]["feedback"])
        assert judged["facts"]["expectation"] == {
            "serialized_value": {"serialization_format": "JSON_FORMAT", "value": '{"facts": ["a", 1]}'}
        }
        assert judged["words"]["expectation"] == {"value": 3}

    def test_no_file_is_touched(self, database: Path) -> None:
        before = database.read_bytes()

        incoming = sqlite.read(database)

        assert incoming.origins == frozenset()
        assert [each.name for each in database.parent.iterdir()] == ["mlflow.db"]
        assert database.read_bytes() == before

    def test_ids_that_are_known_are_passed_over(self, database: Path) -> None:
        winner = winner_id(database)

        incoming = sqlite.read(database, Known(record=lambda record: record.id == winner))

        assert winner not in {each.id for each in incoming.records}
        assert len(incoming.records) == len(sqlite.read(database).records) - 1

    def test_what_is_known_does_not_change_the_others(self, database: Path) -> None:
        whole = {record.id: record for record in sqlite.read(database).records}
        for identifier in whole:
            others = sqlite.read(database, Known(record=partial(has_id, identifier))).records

            assert {record.id: record for record in others} == {i: r for i, r in whole.items() if i != identifier}

    def test_known_is_asked_with_the_description_and_the_tags(self, database: Path) -> None:
        listed: dict[str, Record] = {}

        def known(record: Record) -> bool:
            listed[record.id] = record
            return True

        incoming = sqlite.read(database, Known(record=known))

        records = sqlite.read(database).records
        assert incoming.records == ()
        assert listed.keys() == {record.id for record in records}
        for record in records:
            cheap = ("tags/", "request_metadata/", "assessments/")
            files = {
                path: content for path, content in record.files.items() if path.startswith(cheap) and path not in NOTES
            }
            assert listed[record.id] == replace(record, files=files)


class TestMlflow:
    """MLflow itself finds the same in what we read as in its database."""

    @pytest.fixture
    def stores(self, newest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[object, object]:
        """Clients of the database, and of the file store written from what was read of it."""
        from mlflow import MlflowClient

        monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
        monkeypatch.chdir(tmp_path)
        write_store(sqlite.read(newest), tmp_path / "mlruns")
        database, files = f"sqlite:///{newest}", (tmp_path / "mlruns").as_uri()
        return MlflowClient(database, registry_uri=database), MlflowClient(files, registry_uri=files)

    def test_experiments(self, stores: Sequence[object]) -> None:
        mine, theirs = (
            {each.experiment_id: dict(each) for each in client.search_experiments(view_type=3)}  # type: ignore[attr-defined]
            for client in stores
        )

        assert mine.keys() == {"0", "1", "2"}
        assert mine == theirs

    def test_runs(self, stores: Sequence[object], newest: Path) -> None:
        for (run_id,) in query(newest, "SELECT run_uuid FROM runs"):
            mine, theirs = (client.get_run(run_id) for client in stores)  # type: ignore[attr-defined]
            assert dict(mine.info) == dict(theirs.info)
            assert mine.data.params == theirs.data.params
            assert mine.data.tags == theirs.data.tags
            assert comparable(mine.data.metrics) == comparable(theirs.data.metrics)
            assert sorted(map(repr, mine.outputs.model_outputs)) == sorted(map(repr, theirs.outputs.model_outputs))
            assert sorted(map(repr, mine.inputs.model_inputs)) == sorted(map(repr, theirs.inputs.model_inputs))
            assert [each.to_dictionary() for each in mine.inputs.dataset_inputs] == [
                each.to_dictionary() for each in theirs.inputs.dataset_inputs
            ]
            for name in mine.data.metrics:
                histories = (client.get_metric_history(run_id, name) for client in stores)  # type: ignore[attr-defined]
                here, there = ([(p.timestamp, p.step, comparable(p.value)) for p in each] for each in histories)
                assert here == there

    def test_logged_models(self, stores: Sequence[object], newest: Path) -> None:
        [(model_id,)] = query(newest, "SELECT model_id FROM logged_models WHERE lifecycle_stage = 'active'")
        mine, theirs = (client.get_logged_model(model_id).to_dictionary() for client in stores)  # type: ignore[attr-defined]

        for model in (mine, theirs):
            model["metrics"] = sorted((each.key, comparable(each.value), each.step) for each in model["metrics"])
        assert mine == theirs

    def test_traces(self, stores: Sequence[object], newest: Path) -> None:
        [(trace_id,)] = query(newest, "SELECT request_id FROM trace_info")
        mine, theirs = (client.get_trace(trace_id, display=False) for client in stores)  # type: ignore[attr-defined]

        infos = [trace.info.to_dict() for trace in (mine, theirs)]
        for info in infos:
            info["assessments"].sort(key=lambda each: each["assessment_id"])
            for each in info["assessments"]:
                each.setdefault("valid", True)  # the file store forgets it of expectations
            del info["tags"]["mlflow.artifactLocation"]
            info["tags"].pop("mlflow.trace.spansLocation", None)
        assert infos[0] == infos[1]
        assert mine.data.to_dict() == theirs.data.to_dict()

    def test_registered_models(self, stores: Sequence[object]) -> None:
        mine, theirs = (client.get_registered_model("champion") for client in stores)  # type: ignore[attr-defined]
        assert {alias: int(number) for alias, number in theirs.aliases.items()} == mine.aliases
        assert (mine.description, mine.tags) == (theirs.description, theirs.tags)
        for number in "123":
            here, there = (dict(client.get_model_version("champion", number)) for client in stores)  # type: ignore[attr-defined]
            assert {**here, "version": number} == {**there, "version": number}

    def test_reading_through_the_client_tells_the_same(self, newest: Path, tmp_path: Path) -> None:
        """A database too new for us is read through the client instead; its runs must not look changed by that."""
        downloads = tmp_path / "downloads"
        theirs = client.read(f"sqlite:///{newest}", downloads=downloads, say=lambda _: None)
        mine = sqlite.read(newest)

        assert mine.experiments == theirs.experiments
        assert mine.models == theirs.models
        there = {each.id: each for each in theirs.records}
        listed = [each for each in mine.records if each.meta.get("name") != "gone"]  # its deletion hides it
        assert there.keys() == {each.id for each in listed}
        for record in listed:
            meta = {key: value for key, value in record.meta.items() if key != "deleted_time"}
            assert meta == there[record.id].meta
            spans = record.files.get("artifacts/traces.json")
            files = {path: content for path, content in record.files.items() if path != "artifacts/traces.json"}
            assert files == {path: each for path, each in there[record.id].files.items() if isinstance(each, bytes)}
            if isinstance(spans, bytes):
                file = there[record.id].files["artifacts/traces.json"]
                assert isinstance(file, Path)
                assert json.loads(spans) == json.loads(file.read_bytes())


def comparable(value: object) -> object:
    """NaN as something that equals itself, and infinity as MLflow's database holds it."""
    if isinstance(value, dict):
        return {key: comparable(each) for key, each in value.items()}
    if isinstance(value, float) and math.isinf(value):
        return math.copysign(sys.float_info.max, value)
    return "nan" if value != value else value  # noqa: PLR0124 - what NaN is


def write_store(incoming: Incoming, store: Path) -> None:
    """Put what was read where MLflow's file store keeps it."""
    homes = {
        each.name: store / (".trash" * (each.meta["lifecycle_stage"] == "deleted")) for each in incoming.experiments
    }
    ids = {each.name: each.id for each in incoming.experiments}
    for experiment in incoming.experiments:
        write(homes[experiment.name] / experiment.id, "meta.yaml", experiment.meta, experiment.files)
    for record in incoming.records:
        folder = homes[record.experiment] / ids[record.experiment] / FOLDERS[record.kind] / record.id
        own = {"tags/mlflow.artifactLocation": (folder / "artifacts").as_uri().encode()}
        logged = {path: content for path, content in record.files.items() if path not in NOTES}
        files = {**logged, **(own if record.kind is Kind.TRACE else {})}
        write(folder, DESCRIPTIONS[record.kind], record.meta, files)
        for name in ("metrics", "params", "artifacts"):
            (folder / name).mkdir(exist_ok=True)
    for model in incoming.models:
        aliases = {f"aliases/{alias}": str(number).encode() for alias, number in model.aliases.items()}
        write(store / "models" / model.name, "meta.yaml", model.meta, {**model.files, **aliases})
        for version in model.versions:
            folder = store / "models" / model.name / f"version-{version.number}"
            write(folder, "meta.yaml", version.meta, version.files)


def write(folder: Path, description: str, meta: Mapping[str, object], files: Mapping[str, object]) -> None:
    for path, content in {description: dump_yaml(meta), **files}.items():
        assert isinstance(content, bytes)
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


class TestUnusable:
    """Files that cannot be read are named, and stay as they are."""

    def test_a_missing_database_is_not_made(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="does not exist"):
            sqlite.read(tmp_path / "mlflow.db")

        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("content", [b"", b"no database, but a text of more than a hundred bytes" * 9])
    def test_another_file(self, content: bytes, tmp_path: Path) -> None:
        file = tmp_path / "mlflow.db"
        file.write_bytes(content)

        with pytest.raises(InputError, match=r"is not an? (SQLite|MLflow)"):
            sqlite.read(file)

        assert file.read_bytes() == content

    def test_a_pointer_of_git_lfs(self, tmp_path: Path) -> None:
        file = tmp_path / "mlflow.db"
        file.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 500000\n" + b"\n" * 100)

        with pytest.raises(InputError, match="is a pointer of Git LFS") as caught:
            sqlite.read(file)

        assert "git lfs pull" in caught.value.remedy

    def test_one_that_this_user_may_not_read(self, newest: Path) -> None:
        with forbidden(newest), pytest.raises(InputError, match="cannot be read"):
            sqlite.read(newest)

    def test_a_damaged_database(self, newest: Path) -> None:
        data = newest.read_bytes()
        newest.write_bytes(data[: 40 * 4096] + b"\xff" * (len(data) - 40 * 4096))

        with pytest.raises(InputError, match="is damaged"):
            sqlite.read(newest)

    def test_a_locked_database(self, newest: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sqlite, "PATIENCE", 0.05)
        with closing(sqlite3.connect(newest)) as writer:
            writer.execute("BEGIN EXCLUSIVE")
            with pytest.raises(InputError, match="is locked by another process") as caught:
                sqlite.read(newest)

        assert "wait" in caught.value.remedy

    def test_a_writer_that_was_cut_off(self, newest: Path) -> None:
        crash = (
            "import os, sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None);"
            "c.execute('PRAGMA cache_size = 1'); c.execute('BEGIN');"
            'c.execute("UPDATE tags SET value = value || hex(zeroblob(9999))"); os._exit(0)'
        )
        subprocess.run([sys.executable, "-c", crash, str(newest)], check=True)
        journal = newest.with_name("mlflow.db-journal")
        assert journal.exists()

        with pytest.raises(InputError, match="was cut off"):
            sqlite.read(newest)

        assert journal.exists()


class TestWriteAheadLog:
    """A database in WAL mode is read without leaving anything beside it."""

    @pytest.fixture
    def logged(self, newest: Path) -> Path:
        change(newest, "PRAGMA journal_mode = WAL")
        return newest

    def test_that_nobody_has_open(self, logged: Path) -> None:
        before = logged.read_bytes()

        incoming = sqlite.read(logged)

        assert named(incoming, "winner")
        assert [each.name for each in logged.parent.iterdir()] == ["mlflow.db"]
        assert logged.read_bytes() == before

    def test_that_is_being_written(self, logged: Path) -> None:
        with closing(sqlite3.connect(logged, isolation_level=None)) as writer:
            writer.execute("UPDATE tags SET value = 'new' WHERE key = 'team'")  # only in the log so far
            writer.execute("BEGIN")
            writer.execute("UPDATE tags SET value = 'not yet' WHERE key = 'team'")

            incoming = sqlite.read(logged)

        assert named(incoming, "winner").files["tags/team"] == b"new"

    def test_that_is_opened_meanwhile(self, logged: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Whatever was read without locks while somebody wrote is read again."""
        read, modes = sqlite._read, []
        writer = sqlite3.connect(logged, isolation_level=None)

        def interrupted(database: Path, mode: str, known: Known, finder: Finder) -> Incoming:
            modes.append(mode)
            incoming = read(database, mode, known, finder)
            if len(modes) == 1:
                writer.execute("UPDATE tags SET value = 'new' WHERE key = 'team'")
            return incoming

        monkeypatch.setattr(sqlite, "_read", interrupted)
        with closing(writer):
            incoming = sqlite.read(logged)

        assert modes == ["mode=ro&immutable=1", "mode=ro"]
        assert named(incoming, "winner").files["tags/team"] == b"new"


class TestLeftOut:
    """What a file store has no place for is counted."""

    def test_by_kind(self, newest: Path) -> None:
        insert = "INSERT INTO {} VALUES ({})"
        change(
            newest,
            "CREATE TABLE starships (name TEXT)",
            insert.format("starships", "'one'"),
            insert.format("starships", "'two'"),
            "INSERT INTO scorers VALUES (1, 'judge', 's-1')",
            "INSERT INTO scorer_versions VALUES ('s-1', 1, '{}', 1), ('s-1', 2, '{}', 1)",
            "INSERT INTO evaluation_datasets (dataset_id, name) VALUES ('d-1', 'golden')",
            "INSERT INTO webhooks (webhook_id, name, url) VALUES ('w', 'w', 'https://example.org')",
            "INSERT INTO job_locks VALUES ('k', 'j', 1)",
        )

        incoming = sqlite.read(newest)

        assert {each.where for each in incoming.refusals} == {
            "evaluation datasets (1)",
            "scorers (1)",
            "webhooks (1)",
            "rows of the table 'starships' (2)",
        }

    def test_other_workspaces(self, newest: Path) -> None:
        change(
            newest,
            "UPDATE experiments SET workspace = 'team' WHERE name = 'first'",
            "INSERT INTO registered_models (name, workspace) VALUES ('theirs', 'team')",
        )

        incoming = sqlite.read(newest)

        assert [each.name for each in incoming.experiments] == ["Default", "second"]
        assert {each.meta["run_name"] for each in incoming.records} == {"lost"}
        assert "experiment 'first' of the workspace 'team': was left out with all it holds (8 runs" in refusals(
            incoming
        )
        assert "registered models of other workspaces (1)" in refusals(incoming)

    def test_spans_that_were_archived(self, newest: Path) -> None:
        change(newest, "UPDATE spans SET content = ''")

        [told] = [each for each in sqlite.read(newest).warnings if "trace" in each]
        assert told.startswith("1 trace was stored without artifacts, which were not found (")


class TestArtifacts:
    """Artifacts are found where MLflow puts them, and missed by name."""

    @pytest.fixture
    def model(self, newest: Path) -> str:
        return str(query(newest, "SELECT model_id FROM logged_models WHERE name = 'model'")[0][0])

    @staticmethod
    def put(file: Path) -> Path:
        file.parent.mkdir(parents=True)
        file.write_bytes(b"artifact")
        return file

    def test_beside_the_database(self, newest: Path, model: str) -> None:
        run = winner_id(newest)
        log = self.put(newest.parent / "mlruns" / "1" / run / "artifacts" / "log.txt")
        mlmodel = self.put(newest.parent / "mlruns" / "1" / "models" / model / "artifacts" / "MLmodel")
        (newest.parent / "mlruns" / "2").mkdir()

        incoming = sqlite.read(newest)

        assert named(incoming, "winner").files["artifacts/log.txt"] == log
        assert named(incoming, "model", Kind.LOGGED_MODEL).files["artifacts/MLmodel"] == mlmodel
        assert incoming.warnings == ()

    def test_where_a_server_was_started(self, newest: Path) -> None:
        run = winner_id(newest)
        change(newest, "UPDATE runs SET artifact_uri = 'mlflow-artifacts:/1/' || run_uuid || '/artifacts'")
        log = self.put(newest.parent / "mlartifacts" / "1" / run / "artifacts" / "log.txt")

        incoming = sqlite.read(newest)

        assert named(incoming, "winner").files["artifacts/log.txt"] == log
        assert not [each for each in incoming.warnings if " runs " in each]

    @pytest.mark.parametrize("scheme", ["s3", "mlflow-artifacts"])
    def test_out_of_reach(self, scheme: str, newest: Path) -> None:
        change(newest, "UPDATE runs SET artifact_uri = :scheme || '://b/' || run_uuid || '/artifacts'", scheme=scheme)

        incoming = sqlite.read(newest)

        [told] = [each for each in incoming.warnings if each.startswith("6 runs")]
        assert told.startswith("6 runs were stored without artifacts, which ")
        assert f"{scheme}://b" in told
        assert winner_id(newest) in told
        winner = named(incoming, "winner")
        assert winner.files[f"tags/{ADDRESS_TAG}"] == f"{scheme}://b/{winner.id}/artifacts".encode()

    def test_a_model_that_the_database_does_not_list(self, newest: Path, model: str) -> None:
        change(newest, "DELETE FROM logged_models WHERE model_id = :model", model=model)

        [told] = [each for each in sqlite.read(newest).warnings if model in each]

        assert f"the source does not have: {winner_id(newest)} (winner): {model}" in told

    def test_links_are_not_followed(self, newest: Path) -> None:
        run = winner_id(newest)
        log = self.put(newest.parent / "mlruns" / "1" / run / "artifacts" / "log.txt")
        log.with_name("evil").symlink_to("/etc/passwd")

        incoming = sqlite.read(newest)

        assert set(small_paths(named(incoming, "winner"))) == {"artifacts/log.txt"}
        assert "is a symbolic link" in refusals(incoming)


def small_paths(record: Record) -> Iterator[str]:
    return (path for path in record.files if path.startswith("artifacts/"))
