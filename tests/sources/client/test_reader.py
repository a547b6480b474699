"""Reading a tracking server: a real one, filled through MLflow's client; stubs where a real one would not misbehave."""

import contextlib
import hashlib
import json
import os
import shutil
import socket
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mlpipeline.core.documents import dump_yaml, load_yaml
from mlpipeline.core.errors import InputError, MissingDependencyError
from mlpipeline.core.records import Incoming, Kind, Record
from mlpipeline.history.paths import METADATA, metadata_folder
from mlpipeline.history.stored import record_files
from mlpipeline.sources.client import listing
from mlpipeline.sources.client import reader as client
from mlpipeline.sources.known import Known
from support.processes import PROJECT, SCRIPTS, python
from support.servers import free_port, mlflow_server

POINTS = 1003
"""Of one metric; more than MLflow takes at once."""


@dataclass(frozen=True)
class Tracking:
    """A running server, where it keeps things, and the ids of what it was filled with."""

    uri: str
    database: Path
    artifacts: Path
    log: Path
    ids: Mapping[str, str]

    def downloads(self) -> int:
        """How many artifacts were asked for so far."""
        return self.log.read_text(encoding="utf-8").count("GET /api/2.0/mlflow-artifacts/artifacts/")


@pytest.fixture(scope="module")
def tracking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tracking]:
    folder = tmp_path_factory.mktemp("server")
    database, artifacts, log = folder / "mlflow.db", folder / "artifacts", folder / "log"
    with mlflow_server(
        folder,
        *("server", "--backend-store-uri", f"sqlite:///{database}", "--artifacts-destination", str(artifacts)),
        *("--workers", "1"),
        log=log,
        MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false",
    ) as server:
        modules = f"{SCRIPTS}{os.pathsep}{PROJECT / 'tests'}"
        filled = python(folder, __file__, server.address, PYTHONPATH=modules)
        ids = json.loads(filled.stdout.splitlines()[-1])
        yield Tracking(uri=server.address, database=database, artifacts=artifacts, log=log, ids=ids)


def fill(uri: str) -> dict[str, str]:
    """Log everything a server can hold; runs in a process of its own, for MLflow's state is global."""
    import mlflow
    from mlflow import entities
    from mlflow.tracking._tracking_service.client import TrackingServiceClient

    mlflow.set_tracking_uri(uri)
    client = mlflow.MlflowClient(uri)
    houses = client.create_experiment("houses", tags={"team": "blue"})
    run = client.create_run(houses, run_name="first", tags={"model_type": "ridge"}).info.run_id
    client.log_param(run, "deep/alpha", "0.5")
    model = client.create_logged_model(
        houses, name="model", source_run_id=run, tags={"kind": "linear"}, params={"p": "1"}
    )
    folder = Path(tempfile.mkdtemp())
    (folder / "data").mkdir()
    (folder / "MLmodel").write_bytes(b"artifact_path: model\n")
    (folder / "data" / "poids é 1.bin").write_bytes(b"weights")
    client.log_model_artifacts(model.model_id, str(folder))
    client.finalize_logged_model(model.model_id, "READY")
    data = entities.Dataset(
        name="diabetes", digest="abc", source_type="local", source="/data", schema="{}", profile=None
    )
    inputs = [entities.DatasetInput(data, [entities.InputTag("mlflow.data.context", "train")])]
    client.log_inputs(run, datasets=inputs, models=[entities.LoggedModelInput(model.model_id)])
    client.log_outputs(run, [entities.LoggedModelOutput(model.model_id, 3)])
    for step, value in enumerate([1.5, 1.25, float("nan"), float("-inf")]):
        client.log_metric(run, "val_rmse", value, step=step, timestamp=1000 + step)
    client.log_metric(
        run, "acc", 0.5, step=2, timestamp=7, dataset_name="diabetes", dataset_digest="abc", model_id=model.model_id
    )
    client.log_text(run, "hello", "notes/read me.txt")
    client.log_text(run, "plot", "plot.txt")
    client.set_terminated(run)

    many = client.create_run(houses, run_name="many").info.run_id
    for start in range(0, POINTS, 1000):
        points = range(start, min(start + 1000, POINTS))
        client.log_batch(many, metrics=[entities.Metric("loss", float(at), at, at) for at in points])
    client.set_terminated(many, status="FAILED")
    open_run = client.create_run(houses, run_name="open").info.run_id
    client.log_text(open_run, "so far", "log.txt")

    old = client.create_experiment("old")
    deleted = client.create_run(old).info.run_id
    client.delete_run(deleted)
    client.delete_experiment(old)

    span = mlflow.start_span_no_context("root", inputs={"a": 1}, experiment_id=houses, tags={"note": "x"})
    mlflow.start_span_no_context("child", parent_span=span).end()
    span.set_outputs("done")
    span.end()
    mlflow.flush_trace_async_logging()
    mlflow.log_feedback(trace_id=span.trace_id, name="good", value=True, rationale="because")
    mlflow.log_expectation(trace_id=span.trace_id, name="answer", value={"a": 1})

    client.create_registered_model("house-price", tags={"owner": "me"}, description="prices")
    client.create_model_version(
        "house-price", f"models:/{model.model_id}", run, tags={"size": "small"}, model_id=model.model_id
    )
    client.create_model_version("house-price", f"runs:/{run}/model", run, description="second")
    client.set_registered_model_alias("house-price", "champion", 1)
    mlflow.genai.register_prompt("greeting", "Hello {{name}}")
    client.create_dataset("questions", experiment_id=[houses])
    TrackingServiceClient(uri).store.register_scorer(houses, "politeness", json.dumps({"name": "politeness"}))
    return {
        "houses": houses, "run": run, "many": many, "open": open_run, "deleted": deleted,
        "model": model.model_id, "trace": span.trace_id,
    }  # fmt: skip


@pytest.fixture(scope="module")
def everything(tracking: Tracking, tmp_path_factory: pytest.TempPathFactory) -> Incoming:
    return read(tracking.uri, tmp_path_factory.mktemp("downloads"))


def read(uri: str, downloads: Path, say: Callable[[str], None] = lambda _: None, **options: Any) -> Incoming:
    return client.read(uri, downloads=downloads, say=say, **options)


def record(incoming: Incoming, record_id: str) -> Record:
    return next(each for each in incoming.records if each.id == record_id)


def text(found: Record, path: str) -> str:
    content = found.files[path]
    return (content if isinstance(content, bytes) else content.read_bytes()).decode()


def below(found: Record, folder: str) -> set[str]:
    return {path for path in found.files if path.startswith(f"{folder}/")}


def test_experiments_come_with_tags_and_datasets_the_deleted_too(everything: Incoming, tracking: Tracking) -> None:
    default, houses, old = everything.experiments

    assert (default.name, houses.name, old.name) == ("Default", "houses", "old")
    assert houses.id == tracking.ids["houses"]
    assert houses.meta["lifecycle_stage"] == "active"
    assert old.meta["lifecycle_stage"] == "deleted"
    assert houses.files["tags/team"] == b"blue"
    dataset = hashlib.md5(b"diabetesabc").hexdigest()  # noqa: S324 - as MLflow does
    assert load_yaml(bytes_of(houses.files[f"datasets/{dataset}/meta.yaml"])) == {
        "digest": "abc", "name": "diabetes", "profile": None, "schema": "{}", "source": "/data", "source_type": "local",
    }  # fmt: skip


def bytes_of(content: bytes | Path) -> bytes:
    return content if isinstance(content, bytes) else content.read_bytes()


def test_a_run_is_as_the_file_store_would_have_written_it(everything: Incoming, tracking: Tracking) -> None:
    run, ids = record(everything, tracking.ids["run"]), tracking.ids

    assert run.experiment == "houses"
    assert {**run.meta, "start_time": 0, "end_time": 0, "user_id": ""} == {
        "artifact_uri": f"mlflow-artifacts:/{ids['houses']}/{ids['run']}/artifacts",
        "end_time": 0,
        "entry_point_name": "",
        "experiment_id": ids["houses"],
        "lifecycle_stage": "active",
        "run_id": ids["run"],
        "run_name": "first",
        "source_name": "",
        "source_type": 4,
        "source_version": "",
        "start_time": 0,
        "status": 3,
        "tags": [],
        "user_id": "",
    }
    assert text(run, "params/deep/alpha") == "0.5"
    assert text(run, "tags/model_type") == "ridge"
    assert text(run, "metrics/val_rmse") == "1000 1.5 0\n1001 1.25 1\n1002 nan 2\n1003 -inf 3\n"
    assert text(run, "metrics/acc") == "7 0.5 2\n"
    assert text(run, "artifacts/notes/read me.txt") == "hello"
    assert below(run, "artifacts") == {"artifacts/notes/read me.txt", "artifacts/plot.txt"}
    inputs = [load_yaml(text(run, path).encode()) for path in sorted(below(run, "inputs"))]
    assert {each["source_type"]: each["tags"] for each in inputs} == {
        "DATASET": {"mlflow.data.context": "train"},
        "MODEL": {},
    }
    assert load_yaml(text(run, f"outputs/{ids['model']}/meta.yaml").encode())["step"] == 3


def test_mlflow_reads_the_result_as_its_own_file_store(
    everything: Incoming, tracking: Tracking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    houses = next(each for each in everything.experiments if each.name == "houses")
    for path, content in layout_files(everything, houses.id).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(bytes_of(content))
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.chdir(tmp_path)

    client, source = MlflowClient("file:./mlruns"), MlflowClient(tracking.uri)

    ids = tracking.ids
    stored, original = client.get_run(ids["run"]), source.get_run(ids["run"])
    assert stored.data.params == original.data.params
    assert stored.data.tags == original.data.tags
    assert stored.inputs.to_dictionary()["dataset_inputs"] == original.inputs.to_dictionary()["dataset_inputs"]
    assert [each.model_id for each in stored.inputs.model_inputs] == [ids["model"]]
    assert [each.model_id for each in stored.outputs.model_outputs] == [ids["model"]]
    assert [each.path for each in client.list_artifacts(ids["run"])] == ["notes", "plot.txt"]
    logged = client.get_logged_model(ids["model"])
    assert logged.params == {"p": "1"}
    assert [(each.key, each.value, each.dataset_name) for each in logged.metrics] == [("acc", 0.5, "diabetes")]
    trace = client.get_trace(ids["trace"])
    assert [span.name for span in trace.data.spans] == ["root", "child"]
    assert {each.name: each.value for each in trace.info.assessments} == {"good": True, "answer": {"a": 1}}


def layout_files(incoming: Incoming, experiment: str) -> dict[str, bytes | Path]:
    """The files of one experiment in the layout of a history."""
    stored: dict[str, bytes | Path] = {}
    for each in incoming.experiments:
        if each.id == experiment:
            folder = f"{METADATA}/{experiment}"
            stored[f"{folder}/meta.yaml"] = dump_yaml({**each.meta, "artifact_location": "file:./mlflow-artifacts"})
            stored |= {f"{folder}/{path}": content for path, content in each.files.items()}
    for found in incoming.records:
        if found.meta.get("experiment_id", experiment) == experiment:
            stored |= record_files(found, experiment)
            folder = metadata_folder(found, experiment)
            stored |= {f"{folder}/{name}/.keep": b"" for name in ("artifacts",)}
    return stored


def test_a_metric_of_many_pages_is_whole(tracking: Tracking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow.tracking._tracking_service import client

    monkeypatch.setattr(client, "GET_METRIC_HISTORY_MAX_RESULTS", 100)

    many = record(read(tracking.uri, tmp_path), tracking.ids["many"])

    lines = text(many, "metrics/loss").splitlines()
    assert len(lines) == len(set(lines)) == POINTS
    assert f"{POINTS - 1} {POINTS - 1:.1f} {POINTS - 1}" in lines
    assert many.meta["status"] == 4


def test_runs_of_deleted_experiments_come_too(everything: Incoming, tracking: Tracking) -> None:
    deleted = record(everything, tracking.ids["deleted"])

    assert (deleted.experiment, deleted.meta["lifecycle_stage"]) == ("old", "deleted")


def test_a_logged_model_has_its_metrics_with_runs_and_its_files(everything: Incoming, tracking: Tracking) -> None:
    model, ids = record(everything, tracking.ids["model"]), tracking.ids

    assert model.kind is Kind.LOGGED_MODEL
    assert {name: model.meta[name] for name in ("name", "status", "source_run_id", "model_type", "status_message")} == {
        "name": "model", "status": 2, "source_run_id": ids["run"], "model_type": None, "status_message": None,
    }  # fmt: skip
    assert text(model, "metrics/acc") == f"7 0.5 2 {ids['run']} diabetes abc\n"
    assert text(model, "params/p") == "1"
    assert text(model, "tags/kind") == "linear"
    assert text(model, "artifacts/MLmodel") == "artifact_path: model\n"
    assert text(model, "artifacts/data/poids é 1.bin") == "weights"


def test_a_trace_has_its_spans_and_assessments(everything: Incoming, tracking: Tracking) -> None:
    trace = record(everything, tracking.ids["trace"])

    assert trace.kind is Kind.TRACE
    assert (trace.meta["state"], trace.meta["trace_id"]) == ("OK", trace.id)
    assert not {"tags", "trace_metadata", "assessments"} & trace.meta.keys()
    assert text(trace, "tags/note") == "x"
    assert "tags/mlflow.trace.spansLocation" not in trace.files
    assert text(trace, "request_metadata/mlflow.traceInputs") == '{"a": 1}'
    assert [span["name"] for span in json.loads(text(trace, "artifacts/traces.json"))["spans"]] == ["root", "child"]
    assessments = [load_yaml(text(trace, path).encode()) for path in below(trace, "assessments")]
    assert {each["assessment_name"]: each["valid"] for each in assessments} == {"good": True, "answer": True}


def test_the_registry_comes_with_versions_aliases_and_prompts(everything: Incoming, tracking: Tracking) -> None:
    prompt, model = everything.models
    first, second = model.versions

    assert (model.name, model.meta["description"], model.aliases) == ("house-price", "prices", {"champion": 1})
    assert model.files == {"tags/owner": b"me"}
    assert (first.number, second.number) == (1, 2)
    assert first.files == {"tags/size": b"small"}
    assert first.meta["model_id"] == tracking.ids["model"]
    assert str(first.meta["storage_location"]).endswith(f"models/{tracking.ids['model']}/artifacts")
    assert (second.meta["description"], second.meta["source"]) == ("second", f"runs:/{tracking.ids['run']}/model")
    assert (second.meta["version"], second.meta["run_link"], second.meta["current_stage"]) == (2, None, "None")
    assert prompt.name == "greeting"
    assert prompt.files[f"tags/{client.PROMPT_TAG}"] == b"true"
    assert prompt.versions[0].files["tags/mlflow.prompt.text"] == b"Hello {{name}}"


def test_what_a_file_store_has_no_place_for_is_counted_and_named(everything: Incoming) -> None:
    assert {refusal.where: refusal.reason for refusal in everything.refusals} == {
        "1 evaluation dataset": "a file store has no place for this; what is left out: questions.",
        "1 scorer": "a file store has no place for this; what is left out: politeness.",
    }
    assert everything.warnings == ()


def test_pages_are_followed_to_the_end(
    everything: Incoming, tracking: Tracking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "PAGE", 1)
    ids = {each.id for each in everything.records}
    seen: set[str] = set()

    def known(record: Record) -> bool:
        seen.add(record.id)
        return True

    incoming = read(tracking.uri, tmp_path, known=Known(record=known))

    assert seen == ids
    assert incoming.records == ()
    assert [each.name for each in incoming.experiments] == ["Default", "houses", "old"]


def test_known_records_are_passed_over(tracking: Tracking, tmp_path: Path) -> None:
    wanted = tracking.ids["model"]

    incoming = read(tracking.uri, tmp_path, known=Known(record=lambda record: record.id != wanted))

    assert [each.id for each in incoming.records] == [wanted]
    assert {each.name for each in tmp_path.iterdir()} == {"models"}


def test_known_is_asked_with_the_description_and_the_tags(
    everything: Incoming, tracking: Tracking, tmp_path: Path
) -> None:
    listed: dict[str, Record] = {}

    def known(record: Record) -> bool:
        listed[record.id] = record
        return True

    read(tracking.uri, tmp_path, known=Known(record=known))

    for whole in everything.records:
        cheap = ("tags/", "request_metadata/", "assessments/")
        files = {path: content for path, content in whole.files.items() if path.startswith(cheap)}
        assert listed[whole.id] == replace(whole, files=files)


def test_nothing_reaches_standard_output_and_progress_is_told(
    tracking: Tracking, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    lines: list[str] = []

    read(tracking.uri, tmp_path, say=lines.append)

    assert capfd.readouterr().out == ""
    assert lines[-1] == "Downloaded 6 of 6 runs, models and traces, 0 MB"


def test_what_is_complete_is_not_downloaded_again(tracking: Tracking, tmp_path: Path) -> None:
    first = read(tracking.uri, tmp_path)
    before = tracking.downloads()

    again = read(tracking.uri, tmp_path)

    # The run that is still open may have changed; the others cannot have.
    assert tracking.downloads() - before == 1
    assert again == first


def test_an_interrupted_download_goes_on_with_the_missing_files(tracking: Tracking, tmp_path: Path) -> None:
    read(tracking.uri, tmp_path)
    folder = tmp_path / "runs" / tracking.ids["run"]
    (folder / "complete").unlink()
    (folder / "artifacts" / "plot.txt").unlink()
    (folder / "partial").write_bytes(b"pl")
    before = tracking.downloads()

    run = record(read(tracking.uri, tmp_path), tracking.ids["run"])

    assert tracking.downloads() - before == 2  # plot.txt, and the open run's log.txt
    assert text(run, "artifacts/plot.txt") == "plot"
    assert text(run, "artifacts/notes/read me.txt") == "hello"
    assert (folder / "complete").is_file()


def test_a_record_that_changed_is_downloaded_anew(tracking: Tracking, tmp_path: Path) -> None:
    read(tracking.uri, tmp_path)
    folder = tmp_path / "models" / tracking.ids["model"]
    for mark in ("begun", "complete"):
        (folder / mark).write_text("an older state", encoding="utf-8")
    (folder / "artifacts" / "gone.txt").write_bytes(b"")

    model = record(read(tracking.uri, tmp_path), tracking.ids["model"])

    assert below(model, "artifacts") == {"artifacts/MLmodel", "artifacts/data/poids é 1.bin"}


def test_a_lost_file_costs_its_record_only(tracking: Tracking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    ids = tracking.ids
    lost = tracking.artifacts / ids["houses"] / ids["run"] / "artifacts" / "plot.txt"
    aside = tmp_path / "plot.txt"
    # A broken link is listed by the server, but cannot be sent.
    shutil.move(lost, aside)
    lost.symlink_to(tmp_path / "nowhere")
    try:
        incoming = read(tracking.uri, tmp_path / "downloads")
    finally:
        lost.unlink()
        shutil.move(aside, lost)

    assert {each.id for each in incoming.records} == set(ids.values()) - {ids["run"], ids["houses"]}
    refusal = next(each for each in incoming.refusals if each.where == f"run {ids['run']}")
    assert "its artifacts cannot be fetched: " in refusal.reason
    assert refusal.experiment == "houses"


@pytest.fixture(scope="module")
def database(tracking: Tracking, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The server's database, with artifacts in folders of this machine."""
    file = tmp_path_factory.mktemp("database") / "mlflow.db"
    with (
        contextlib.closing(sqlite3.connect(tracking.database)) as source,
        contextlib.closing(sqlite3.connect(file)) as target,
    ):
        source.backup(target)
        for table, column in (
            ("experiments", "artifact_location"), ("runs", "artifact_uri"), ("logged_models", "artifact_location"),
            ("trace_tags", "value"),
        ):  # fmt: skip
            change = f"UPDATE {table} SET {column} = replace({column}, 'mlflow-artifacts:', ?)"  # noqa: S608
            target.execute(change, [str(tracking.artifacts)])
        target.commit()
    return file


def test_a_database_is_read_and_left_as_it_is(
    everything: Incoming, database: Path, tracking: Tracking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = database.read_bytes()

    incoming = read(f"sqlite:///{database}", tmp_path / "downloads")

    assert database.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["downloads"]
    assert [each.name for each in database.parent.iterdir()] == ["mlflow.db"]
    assert [each.id for each in incoming.records] == [each.id for each in everything.records]
    assert {each.id: each.files.keys() for each in incoming.records} == {
        each.id: each.files.keys() for each in everything.records
    }
    where = record(incoming, tracking.ids["run"]).files["artifacts/plot.txt"]
    assert where == tracking.artifacts / tracking.ids["houses"] / tracking.ids["run"] / "artifacts" / "plot.txt"
    assert [each.versions for each in incoming.models][1][0].files == {"tags/size": b"small"}
    assert incoming.warnings == ()


def test_the_database_of_a_server_that_proxies_artifacts_names_the_server(tracking: Tracking, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="behind the MLflow server") as caught:
        read(f"sqlite:///{tracking.database}", tmp_path)

    assert "--source http" in caught.value.remedy


def test_a_database_of_an_unknown_mlflow_is_an_error(database: Path, tmp_path: Path) -> None:
    newer = tmp_path / "newer.db"
    shutil.copy(database, newer)
    with contextlib.closing(sqlite3.connect(newer)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'ffffffffffff'")
        connection.commit()

    with pytest.raises(InputError, match="ffffffffffff") as caught:
        read(f"sqlite:///{newer}", tmp_path / "downloads")

    assert "the MLflow that wrote it" in caught.value.remedy


@pytest.mark.parametrize(
    ("content", "what"),
    [(None, "does not exist"), (b"", "without MLflow's tables"), (b"no database" * 100, "cannot be read")],
)
def test_a_file_that_is_no_database_is_an_error(tmp_path: Path, content: bytes | None, what: str) -> None:
    file = tmp_path / "some.db"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(InputError, match=what):
        read(f"sqlite:///{file}", tmp_path / "downloads")

    assert file.exists() == (content is not None)


def test_a_dead_server_is_told_within_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "7")
    begun = time.monotonic()

    with pytest.raises(InputError, match=r"cannot be reached: .*refused") as caught:
        read(f"http://me:secret@127.0.0.1:{free_port()}", tmp_path)

    assert time.monotonic() - begun < 10
    assert "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN" in caught.value.remedy
    assert "secret" not in str(caught.value)
    assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "7"
    assert "MLFLOW_HTTP_REQUEST_MAX_RETRIES" not in os.environ


RUN = "0123456789abcdef0123456789abcdef"
Answer = tuple[int, str, bytes]
Answers = Callable[[str], Answer | None]


def as_json(value: object) -> Answer:
    return 200, "application/json", json.dumps(value).encode()


NOT_THERE: Answer = (404, "application/json", b'{"error_code": "ENDPOINT_NOT_FOUND", "message": "no"}')


@contextlib.contextmanager
def stub(answers: Answers) -> Iterator[str]:
    """An HTTP server on the loopback that answers as told; yields its URI."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            answer = answers(self.path)
            if answer is None:
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            status, kind, body = answer
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815 - the name that http.server asks for

        def log_message(self, *_: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{http.server_port}"
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


def one_run(
    location: str = f"mlflow-artifacts:/1/{RUN}/artifacts", files: object = (), params: Mapping[str, str] | None = None
) -> Answers:
    """A server with one run."""
    info = {
        "run_id": RUN, "run_uuid": RUN, "experiment_id": "1", "status": "FINISHED", "artifact_uri": location,
        "lifecycle_stage": "active", "start_time": 1, "end_time": 2,
    }  # fmt: skip
    data = {"params": [{"key": key, "value": value} for key, value in (params or {}).items()]}
    run = {"info": info, "data": data}
    experiment = {"experiment_id": "1", "name": "houses", "artifact_location": "x", "lifecycle_stage": "active"}

    def answers(path: str) -> Answer | None:
        if path.startswith("/api/2.0/mlflow-artifacts/artifacts/"):
            return 200, "application/octet-stream", b"data"
        for end, value in {
            "experiments/search": {"experiments": [experiment]},
            "runs/search": {"runs": [run]},
            "runs/get": {"run": run},
            "mlflow-artifacts/artifacts": {"files": list(files) if isinstance(files, (list, tuple)) else files},
        }.items():
            if path.partition("?")[0].endswith(f"/{end}"):
                return as_json(value)
        return NOT_THERE

    return answers


def test_an_old_server_without_models_traces_and_registry_is_read(tmp_path: Path) -> None:
    with stub(one_run(files=[{"path": "a.txt", "is_dir": False, "file_size": 4}])) as uri:
        incoming = read(uri, tmp_path)

    assert [each.id for each in incoming.records] == [RUN]
    assert text(incoming.records[0], "artifacts/a.txt") == "data"


@pytest.mark.parametrize("status", [401, 403])
def test_a_server_that_wants_a_login_says_how(tmp_path: Path, status: int) -> None:
    with (
        stub(lambda _: (status, "text/plain", b"You are not authenticated.")) as uri,
        pytest.raises(InputError, match=f"rejected the credentials .HTTP {status}") as caught,
    ):
        read(uri, tmp_path)

    assert "MLFLOW_TRACKING_TOKEN" in caught.value.remedy


def test_a_web_site_is_no_server(tmp_path: Path) -> None:
    with (
        stub(lambda _: (200, "text/html", b"<html>Sign in</html>")) as uri,
        pytest.raises(InputError, match="cannot be read by MLflow"),
    ):
        read(uri, tmp_path)


def test_a_server_that_goes_away_ends_the_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    whole = one_run()

    with (
        stub(lambda path: None if "/runs/get" in path else whole(path)) as uri,
        pytest.raises(InputError, match="no longer answers") as caught,
    ):
        read(uri, tmp_path)

    assert "run the same command again" in caught.value.remedy


def test_names_that_are_no_files_are_refused_by_name(tmp_path: Path) -> None:
    params = {"../../../evil": "1", "/abs": "1", "C:/x": "1", ".git/config": "1", "a": "1", "a/b": "2", "fine": "1"}

    with stub(one_run(params=params)) as uri:
        incoming = read(uri, tmp_path)

    assert below(incoming.records[0], "params") == {"params/fine", "params/a/b", "params/C:/x"}
    refused = {each.where for each in incoming.refusals}
    names = ("params/../../../evil", "params//abs", "params/.git/config", "params/a")
    assert refused == {f"'{name}' of run {RUN}" for name in names}


@pytest.mark.parametrize("path", ["../../evil.txt", "/etc/evil.txt"])
def test_a_hostile_listing_over_http_costs_the_record(tmp_path: Path, path: str) -> None:
    with stub(one_run(files=[{"path": path, "is_dir": False, "file_size": 4}])) as uri:
        incoming = read(uri, tmp_path / "downloads")

    assert incoming.records == ()
    assert [each.where for each in incoming.refusals] == [f"run {RUN}"]
    assert list(tmp_path.rglob("*evil*")) == []


class HostileRepository:
    """An artifact repository that lists what it is told, and gives every file the same bytes."""

    artifact_uri = f"s3://bucket/{RUN}/artifacts"

    def __init__(self, listing: Mapping[str | None, list[SimpleNamespace]]) -> None:
        self.listing = listing

    def list_artifacts(self, path: str | None = None) -> list[SimpleNamespace]:
        return self.listing.get(path, [])

    def _download_file(self, path: str, to: str) -> None:
        Path(to).write_bytes(path.encode())


def listed(path: str, *, is_dir: bool = False, size: int | None = None) -> SimpleNamespace:
    return SimpleNamespace(path=path, is_dir=is_dir, file_size=size)


def use_repository(monkeypatch: pytest.MonkeyPatch, make: Callable[[], object]) -> None:
    from mlflow.store.artifact import artifact_repository_registry

    monkeypatch.setattr(artifact_repository_registry, "get_artifact_repository", lambda *_, **__: make())


def test_hostile_artifacts_are_refused_by_name_and_stay_outside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hostile = ["../evil", "/tmp/evil", "C:\\evil", "C:evil", "nul\0evil", "x/../../evil", ".git/evil", "elsewhere/evil"]  # noqa: S108
    listing = {
        None: [listed("good.txt"), listed("deep", is_dir=True), *(listed(name) for name in hostile)],
        "deep": [listed("deep", is_dir=True), listed("deep/er.txt"), listed("above.txt"), listed("..", is_dir=True)],
    }
    use_repository(monkeypatch, lambda: HostileRepository(listing))

    with stub(one_run(location=HostileRepository.artifact_uri)) as uri:
        incoming = read(uri, tmp_path / "downloads")

    assert below(incoming.records[0], "artifacts") == {"artifacts/good.txt", "artifacts/deep/er.txt"}
    refused = {each.where for each in incoming.refusals}
    assert refused == {f"artifact '{name}' of run {RUN}" for name in [*hostile, "above.txt", ".."]}
    assert list(tmp_path.rglob("*evil*")) == []
    assert not (tmp_path / "downloads" / "runs" / RUN / "complete").exists()


def test_a_file_that_came_cut_off_costs_the_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_repository(monkeypatch, lambda: HostileRepository({None: [listed("model.pkl", size=1000)]}))

    with stub(one_run(location=HostileRepository.artifact_uri)) as uri:
        incoming = read(uri, tmp_path)

    assert incoming.records == ()
    assert "'model.pkl' should have 1000 bytes, and 9 came" in incoming.refusals[0].reason
    assert not (tmp_path / "runs" / RUN / "artifacts" / "model.pkl").exists()


def test_a_missing_package_of_a_cloud_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> object:
        raise ModuleNotFoundError("No module named 'boto3'", name="boto3")

    use_repository(monkeypatch, missing)

    with stub(one_run(location=HostileRepository.artifact_uri)) as uri, pytest.raises(MissingDependencyError) as caught:
        read(uri, tmp_path)

    assert "'boto3'" in caught.value.what
    assert caught.value.remedy.endswith("-m pip install boto3")


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("file:///etc", "MLflow makes no such place"),
        ("s3://bucket/secrets", "MLflow makes no such place"),
        (f"runs:/{RUN}/artifacts", "MLflow makes no such place"),
        (f"http://169.254.169.254/{RUN}/artifacts", "on another server"),
        (f"mlflow-artifacts://me:secret@other.example/1/{RUN}/artifacts", "on another server"),
    ],
)
def test_a_place_that_is_not_the_records_own_is_refused(tmp_path: Path, location: str, reason: str) -> None:
    with stub(one_run(location=location)) as uri:
        incoming = read(uri, tmp_path)

    assert incoming.records == ()
    assert reason in incoming.refusals[0].reason
    assert "secret@" not in incoming.refusals[0].reason


def test_artifacts_on_the_servers_own_disk_are_read_if_they_are_here(tmp_path: Path) -> None:
    folder = tmp_path / "disk" / "1" / RUN / "artifacts"
    with stub(one_run(location=str(folder))) as uri:
        far = read(uri, tmp_path / "downloads")
        folder.mkdir(parents=True)
        (folder / "a.txt").write_bytes(b"here")
        near = read(uri, tmp_path / "downloads")

    assert "1 record may have artifacts in folders that this machine does not have" in far.warnings[0]
    assert near.warnings == ()
    assert near.records[0].files["artifacts/a.txt"] == folder / "a.txt"


if __name__ == "__main__":
    sys.stdout.write(f"{json.dumps(fill(sys.argv[1]))}\n")
