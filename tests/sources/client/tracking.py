"""Tracking servers for tests: what a real one is filled with, and stubs that misbehave as it would not."""

import contextlib
import json
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from mlpipeline.core.records import Incoming, Record
from mlpipeline.sources.client import reader as client
from support.servers import serving

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


def read(uri: str, downloads: Path, say: Callable[[str], None] = lambda _: None, **options: Any) -> Incoming:
    return client.read(uri, downloads=downloads, say=say, **options)


def record(incoming: Incoming, record_id: str) -> Record:
    return next(each for each in incoming.records if each.id == record_id)


def text(found: Record, path: str) -> str:
    content = found.files[path]
    return (content if isinstance(content, bytes) else content.read_bytes()).decode()


def below(found: Record, folder: str) -> set[str]:
    return {path for path in found.files if path.startswith(f"{folder}/")}


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

    with serving(Handler) as address:
        yield address


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


if __name__ == "__main__":
    sys.stdout.write(f"{json.dumps(fill(sys.argv[1]))}\n")
