"""Persisting runs whose artifacts lie elsewhere, or cannot be read: what is told, and what is left."""

import gzip
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import yaml

from mlpipeline.core.outcome import Outcome
from mlpipeline.core.records import ADDRESS_TAG, LEFT_OUT_TAG
from mlpipeline.history.paths import experiment_id
from mlpipeline.operations.adopt import adopt
from mlpipeline.publishing.loop import Effects
from support.gitrepo import clone, files, git, show
from support.jobs import NOW, Job
from support.mlstore import put, write_experiment, write_run, write_yaml
from support.permissions import forbidden

DEMO = experiment_id("demo")
OLD = "123456789012345678"
DATABASES = Path(__file__).parents[1] / "sources" / "sqlite" / "databases"


def told(outcome: Outcome) -> str:
    return "\n".join(message for _, message in outcome.messages)


def edit(meta: Path, **values: object) -> None:
    write_yaml(meta, {**yaml.safe_load(meta.read_text(encoding="utf-8")), **values})


def adopted(job: Job) -> Outcome:
    return adopt(job.settings(), Effects(now=lambda: NOW, sleep=lambda _: None, say=job.said.append)).outcome


def test_what_mlflow_run_wrote_below_its_own_folder_is_found_and_cleared_away(
    origin: Path, new_job: Callable[..., Job]
) -> None:
    first = new_job("one")
    write_run(first.store, value=2.0)
    first.persist()
    second = new_job("two")
    run = write_run(second.store, value=1.0, experiment_id=DEMO, artifacts={"report.txt": b"x"})
    [output] = (second.store / DEMO / run / "outputs").iterdir()
    for folder, inner, key in (
        (second.store / DEMO / run, run, "artifact_uri"),
        (second.store / DEMO / "models" / output.name, f"models/{output.name}", "artifact_location"),
    ):
        moved = second.checkout / "MLProject/mlflow-artifacts" / inner / "artifacts"
        moved.parent.mkdir(parents=True)
        (folder / "artifacts").rename(moved)
        edit(folder / "meta.yaml", **{key: f"file:./mlflow-artifacts/{inner}/artifacts"})
    put(second.checkout / "MLProject/mlflow-artifacts/mine.txt", b"the user's own")

    outcome = second.persist()

    assert (outcome.run_id, outcome.runs_added, outcome.runs_refused) == (run, 1, 0)
    assert f"mlflow-artifacts/{run}/artifacts/report.txt" in files(origin)
    assert f"mlflow-artifacts/models/{output.name}/artifacts/MLmodel" in files(origin)
    assert git(second.checkout, "status", "--porcelain", "-uall") == "?? MLProject/mlflow-artifacts/mine.txt"


def test_what_this_user_may_not_read_stays_in_the_checkout(origin: Path, job: Job) -> None:
    run = write_run(job.store, experiment_id=DEMO, artifacts={"a.txt": b"1", "b.txt": b"2"})
    other = write_run(job.store, experiment_id=DEMO, params={"alpha": "1"})
    file = job.store / DEMO / run / "artifacts/a.txt"
    param = job.store / DEMO / other / "params/alpha"

    with forbidden(file, param):
        outcome = job.persist()

    assert (outcome.status, outcome.runs_added, outcome.runs_refused) == ("persisted", 1, 2)
    assert show(origin, f"mlruns/{DEMO}/{run}/tags/{LEFT_OUT_TAG}") == b"artifacts/a.txt"
    assert f"mlflow-artifacts/{run}/artifacts/b.txt" in files(origin)
    assert f"mlruns/{DEMO}/{other}: the run was left out" in told(outcome)
    assert (file.read_bytes(), param.read_bytes()) == (b"1", b"1")

    again = job.persist()

    assert (again.runs_added, again.runs_refused) == (1, 0)
    assert f"mlflow-artifacts/{run}/artifacts/a.txt" in files(origin)


def test_a_place_that_is_kept_stays_as_it_is_whoever_reads_it_again(
    origin: Path, job: Job, new_job: Callable[..., Job], tmp_path: Path
) -> None:
    source = tmp_path / "training/mlruns"
    run = write_run(source, model=None)
    (source / OLD / run / "artifacts").rmdir()
    edit(source / OLD / run / "meta.yaml", artifact_uri=f"s3://bucket/exp/{run}/artifacts")
    edit(write_experiment(source, "demo", OLD) / "meta.yaml", artifact_location="s3://bucket/exp")

    first = job.persist(source=str(source))

    assert f"lie in s3://bucket and were not brought: {run}" in told(first)
    tag = f"mlruns/{DEMO}/{run}/tags/{ADDRESS_TAG}"
    assert show(origin, tag) == f"s3://bucket/exp/{run}/artifacts".encode()
    assert show(origin, f"mlruns/{DEMO}/tags/{ADDRESS_TAG}") == b"s3://bucket/exp"
    history = git(origin, "rev-parse", "main:mlruns")
    assert job.persist(source=str(source)).status == "nothing-new"
    assert adopted(job).status == "nothing-new"
    other = new_job("other")
    assert other.persist().status == "nothing-new"
    assert other.persist(source=str(clone(origin, tmp_path / "copy") / "mlruns")).status == "nothing-new"
    assert git(origin, "rev-parse", "main:mlruns") == history


def test_a_run_whose_artifacts_come_later_gets_them(origin: Path, job: Job, tmp_path: Path) -> None:
    source = tmp_path / "training/mlruns"
    run = write_run(source, artifacts={"a.txt": b"1"})
    edit(source / OLD / run / "meta.yaml", artifact_uri=f"/app/artifacts/1/{run}/artifacts")
    (source / OLD / run / "artifacts").rename(tmp_path / "taken")
    assert "were not found (/app/artifacts/1)" in told(job.persist(source=str(source)))

    (job.checkout / "artifacts/1" / run).mkdir(parents=True)
    (tmp_path / "taken").rename(job.checkout / "artifacts/1" / run / "artifacts")
    outcome = job.persist(source=str(source))

    assert outcome.runs_updated == 1
    assert f"mlflow-artifacts/{run}/artifacts/a.txt" in files(origin)


def test_a_name_that_mlflow_refuses_leaves_a_clean_checkout(origin: Path, job: Job) -> None:
    run = write_run(job.store, experiment_id=DEMO)
    put(job.store / DEMO / run / "metrics/MAP@10", b"1 0.5 0\n")

    outcome = job.persist()

    assert "'metrics/MAP@10' is stored as 'metrics/MAP_10'" in told(outcome)
    assert show(origin, f"mlruns/{DEMO}/{run}/metrics/MAP_10") == b"1 0.5 0\n"
    assert git(job.checkout, "status", "--porcelain") == ""
    assert job.persist().status == "nothing-new"


def test_a_database_below_the_checkout_is_read_from_its_top(origin: Path, job: Job) -> None:
    [packed] = DATABASES.glob("mlflow-3.17.*.db.gz")
    database = job.checkout / "mlflow/mlflow.db"
    put(database, gzip.decompress(packed.read_bytes()))
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE runs SET artifact_uri = './mlflow/artifacts/1/' || run_uuid || '/artifacts'")
        connection.execute("INSERT INTO tags SELECT 'a@b', '1', run_uuid FROM runs")
        runs = [run for (run,) in connection.execute("SELECT run_uuid FROM runs WHERE end_time IS NOT NULL")]
    for run in runs:
        put(job.checkout / "mlflow/artifacts/1" / run / "artifacts/note.txt", b"1")

    outcome = job.persist(source=f"sqlite:///{database}")

    assert {f"mlflow-artifacts/{run}/artifacts/note.txt" for run in runs} <= set(files(origin))
    assert "'tags/a@b' is stored as 'tags/a_b'" in told(outcome)
    assert job.persist(source=f"sqlite:///{database}").status == "nothing-new"
