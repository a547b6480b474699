"""Reading a tracking server: what it holds comes as the file store would have written it."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from mlpipeline.core.documents import dump_yaml, load_yaml
from mlpipeline.core.records import Incoming, Kind, Record
from mlpipeline.history.paths import METADATA, metadata_folder
from mlpipeline.history.stored import record_files
from mlpipeline.sources.client import listing
from mlpipeline.sources.client import reader as client
from mlpipeline.sources.known import Known
from sources.client.tracking import POINTS, RUN, Tracking, below, one_run, read, record, stub, text


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


def test_an_old_server_without_models_traces_and_registry_is_read(tmp_path: Path) -> None:
    with stub(one_run(files=[{"path": "a.txt", "is_dir": False, "file_size": 4}])) as uri:
        incoming = read(uri, tmp_path)

    assert [each.id for each in incoming.records] == [RUN]
    assert text(incoming.records[0], "artifacts/a.txt") == "data"


def test_names_that_are_no_files_are_refused_by_name(tmp_path: Path) -> None:
    params = {"../../../evil": "1", "/abs": "1", "C:/x": "1", ".git/config": "1", "a": "1", "a/b": "2", "fine": "1"}

    with stub(one_run(params=params)) as uri:
        incoming = read(uri, tmp_path)

    assert below(incoming.records[0], "params") == {"params/fine", "params/a/b", "params/C:/x"}
    refused = {each.where for each in incoming.refusals}
    names = ("params/../../../evil", "params//abs", "params/.git/config", "params/a")
    assert refused == {f"'{name}' of run {RUN}" for name in names}
