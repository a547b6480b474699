"""Makes the fixture databases: one story, logged by several MLflow versions into SQLite.

`python make.py` needs `uv` on the PATH; it runs this file again in one throwaway environment for each version.
The story itself speaks the Python and the MLflow of 2022, and asks before it does what came later.
"""

from __future__ import annotations

import gzip
import math
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent

VERSIONS = {
    "1.30.1": ("3.9", ("setuptools<70", "sqlalchemy<2", "alembic<1.13", "sqlparse", "numpy<2")),
    "2.9.2": ("3.10", ("setuptools<70", "sqlalchemy<2.1", "alembic<1.14", "sqlparse", "numpy<2", "pandas<2.3")),
    "2.22.4": ("3.10", ("sqlalchemy<2.1", "alembic", "sqlparse", "pandas<2.3", "opentelemetry-sdk<1.34")),
    "3.4.0": ("3.10", ("sqlalchemy<2.1", "alembic", "sqlparse", "pandas<2.3")),
    "3.17.2": ("3.11", ("sqlalchemy<2.1", "alembic", "sqlparse", "pandas<2.3")),
}
"""By MLflow version: the Python it runs on, and what `mlflow-skinny` needs besides."""

TIME = 1_700_000_000_000
PARAMS = {"alpha": "0.5", "model/depth": "3", "grüße": "täglich\nund 'nachts'", "empty": " "}
METRICS = {
    "val_rmse": [(TIME, 0.1 + 0.2, 0), (TIME + 1, 1e-300, 1), (TIME + 2, -3.25, 2)],
    "strange/nan": [(TIME, math.nan, 0)],
    "strange/up": [(TIME, math.inf, 0)],
    "strange/down": [(TIME, -math.inf, 7)],
}
TAGS = {"team": "vision", "note/long": "one\ntwo ✓"}
DATASET = {"name": "diabetes", "digest": "0a1b2c", "source_type": "local", "source": '{"uri": "data.csv"}'}
CONTEXT = {"mlflow.data.context": "training"}


def log_story(client: Any, entities: Any) -> None:
    """Log the story."""
    first = client.create_experiment("first", tags={"purpose": "tests ✓"})
    second = client.create_experiment("second")
    winner = client.create_run(first, start_time=TIME, tags={"mlflow.runName": "winner", **TAGS}).info.run_id
    for name, value in PARAMS.items():
        client.log_param(winner, name, value)
    for name, points in METRICS.items():
        for when, number, step in points:
            client.log_metric(winner, name, number, timestamp=when, step=step)
    if hasattr(client, "log_inputs"):
        tags = [entities.InputTag(key, value) for key, value in CONTEXT.items()]
        dataset = entities.DatasetInput(entities.Dataset(schema=None, profile=None, **DATASET), tags)
        client.log_inputs(winner, [dataset])
    child = client.create_run(first, start_time=TIME, tags={"mlflow.runName": "child", "mlflow.parentRunId": winner})
    client.set_terminated(child.info.run_id, end_time=TIME + 5)
    failed = client.create_run(first, start_time=TIME, tags={"mlflow.runName": "failed"}).info.run_id
    client.set_terminated(failed, status="FAILED", end_time=TIME + 5)
    client.create_run(first, start_time=TIME, tags={"mlflow.runName": "running"})
    deleted = client.create_run(first, start_time=TIME, tags={"mlflow.runName": "deleted"}).info.run_id
    client.delete_run(deleted)
    lost = client.create_run(second, start_time=TIME, tags={"mlflow.runName": "lost"}).info.run_id
    client.set_terminated(lost, end_time=TIME + 5)
    client.delete_experiment(second)
    register(client, winner)
    if hasattr(client, "create_logged_model"):
        log_model(client, entities, first, winner)
    client.set_terminated(winner, end_time=TIME + 5)
    if hasattr(client, "set_trace_tag"):
        trace(client)


def register(client: Any, run: str) -> None:
    """Register three versions of a model, and a fourth that is deleted again."""
    client.create_registered_model("champion", tags={"owner": "me"}, description="The best\nwe have")
    for number in range(1, 5):
        client.create_model_version(
            "champion", f"runs:/{run}/model", run_id=run, tags={"n": str(number)}, description=f"v{number}"
        )
    client.delete_model_version("champion", "4")
    if hasattr(client, "set_registered_model_alias"):
        client.set_registered_model_alias("champion", "best", "2")
        client.set_registered_model_alias("champion", "oldest", "1")


def log_model(client: Any, entities: Any, experiment: str, run: str) -> None:
    """Log a model that is an output of the run, and an input, and one that is deleted again."""
    model = client.create_logged_model(
        experiment, name="model", source_run_id=run, params={"depth/max": "3"}, tags={"stage": "dev"}, model_type="demo"
    )
    client.log_outputs(run, [entities.LoggedModelOutput(model.model_id, step=2)])
    client.log_inputs(run, models=[entities.LoggedModelInput(model.model_id)])
    for key, more in {"plain": {}, "of data": {"dataset_name": "diabetes", "dataset_digest": "0a1b2c"}}.items():
        client.log_metric(run, key, math.inf, timestamp=TIME, step=1, model_id=model.model_id, **more)
    client.finalize_logged_model(model.model_id, "READY")
    client.delete_logged_model(client.create_logged_model(experiment, name="gone").model_id)


def trace(client: Any) -> None:
    """Trace one question with two spans, and judge it where MLflow can."""
    import mlflow

    mlflow.set_experiment("first")
    with mlflow.start_span("question") as root:
        root.set_inputs({"text": "why ✓"})
        with mlflow.start_span("answer") as span:
            span.set_outputs([1, 2])
        root.set_outputs("because")
    identifier = getattr(root, "trace_id", None) or root.request_id
    if hasattr(mlflow, "flush_trace_async_logging"):
        mlflow.flush_trace_async_logging()
    client.set_trace_tag(identifier, "topic", "reasons")
    if hasattr(client, "create_logged_model"):  # MLflow 2 could not judge without a server
        mlflow.log_feedback(trace_id=identifier, name="good", value=0.5, rationale="short", metadata={"by": "test"})
        mlflow.log_feedback(trace_id=identifier, name="broken", error=ValueError("no judge"))
        mlflow.log_expectation(trace_id=identifier, name="facts", value={"facts": ["a", 1]})
        mlflow.log_expectation(trace_id=identifier, name="words", value=3)


def make(version: str) -> None:
    """Write the database of one version."""
    python, needs = VERSIONS[version]
    folder = Path(tempfile.gettempdir(), "mlflow-story")  # its name ends up in the database
    folder.mkdir()
    shutil.copy(__file__, folder)
    try:
        packages = [f"--with={each}" for each in (f"mlflow-skinny=={version}", *needs)]
        story = ["python", Path(__file__).name, "story"]
        subprocess.run(["uv", "run", "--no-project", f"--python={python}", *packages, *story], cwd=folder, check=True)
        database = folder / "mlflow.db"
        with sqlite3.connect(database) as connection:
            connection.execute("VACUUM")
        connection.close()
        data = gzip.compress(database.read_bytes(), compresslevel=9, mtime=0)
    finally:
        shutil.rmtree(folder)
    (HERE / f"mlflow-{version}.db.gz").write_bytes(data)


def main(arguments: list[str]) -> None:
    """Make all databases, or those of the named versions; `story` logs it into ./mlflow.db with the MLflow at hand."""
    if arguments == ["story"]:
        import mlflow

        mlflow.set_tracking_uri("sqlite:///mlflow.db")
        log_story(mlflow.tracking.MlflowClient(), mlflow.entities)
        return
    for version in arguments or VERSIONS:
        make(version)


if __name__ == "__main__":
    main(sys.argv[1:])
