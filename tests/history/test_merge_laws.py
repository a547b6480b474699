"""The laws of merging, on generated jobs: idempotent, and the order of jobs does not matter."""

import itertools
import json
from collections.abc import Iterable

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from mlpipeline.core.records import (
    LEFT_OUT_TAG,
    Experiment,
    Incoming,
    Kind,
    ModelVersion,
    Record,
    RegisteredModel,
)
from mlpipeline.history.merge import merge
from mlpipeline.history.paths import DESCRIPTIONS, experiment_id
from support.memory import MemoryTree

NAMES = ("Default", "demo", "demo 2", "ünï/çode")
RUNS = tuple(f"{number:032x}" for number in range(6))


def experiment(name: str, identifier: int, time: int, *, deleted: bool) -> Experiment:
    return Experiment(
        id="0" if name == "Default" else str(identifier),
        name=name,
        meta={
            "name": name,
            "experiment_id": str(identifier),
            "artifact_location": f"file:///home/{identifier}",
            "creation_time": time,
            "last_update_time": time + 1,
            "lifecycle_stage": "deleted" if deleted else "active",
        },
        files={"tags/owner": f"somebody {time}".encode(), "datasets/d1/meta.yaml": b"digest: d1\n"},
    )


def run(identifier: str, name: str, state: int, *, deleted: bool, metrics: int, missed: Iterable[str] = ()) -> Record:
    """A run at one moment of its life: a later state has all that an earlier one had, and more.

    What a job could not read of it differs from job to job.
    """
    lines = [f"{100 + step} {1 / (step + 1)!r} {step}\n" for step in range(metrics)]
    finished = state == 3
    return Record(
        kind=Kind.RUN,
        id=identifier,
        experiment=name,
        meta={
            "run_id": identifier,
            "run_name": f"run {state}",
            "experiment_id": "77",
            "artifact_uri": f"file:///machine/{state}/{identifier}/artifacts",
            "start_time": 1,
            "end_time": 1000 if finished else None,
            "status": 3 if finished else 1,
            "lifecycle_stage": "deleted" if deleted and finished else "active",
        },
        files={
            **({"params/alpha": b"1"} if state > 1 else {}),
            **({"metrics/val_rmse": "".join(lines).encode()} if lines else {}),
            **({f"tags/{LEFT_OUT_TAG}": "\n".join(sorted(missed)).encode()} if missed else {}),
            **({"tags/final": b"yes", "artifacts/model.pkl": identifier.encode()} if finished else {}),
        },
    )


def logged_model(identifier: str, name: str, versions: tuple[tuple[str, int], ...]) -> Record:
    listed = json.dumps([{"name": model, "version": number} for model, number in versions])
    return Record(
        kind=Kind.LOGGED_MODEL,
        id=f"m-{identifier}",
        experiment=name,
        meta={"model_id": f"m-{identifier}", "experiment_id": "77", "last_updated_timestamp": 5, "status": 2},
        files={
            "artifacts/MLmodel": b"flavors: {}\n",
            **({"tags/mlflow.modelVersions": listed.encode()} if versions else {}),
        },
    )


def trace(identifier: str, name: str) -> Record:
    return Record(
        kind=Kind.TRACE,
        id=f"tr-{identifier}",
        experiment=name,
        meta={"trace_id": f"tr-{identifier}", "state": "OK", "execution_duration_ms": 5},
        files={"tags/mlflow.artifactLocation": b"file:///elsewhere", "artifacts/traces.json": b"{}"},
    )


# An experiment's own story is told by its name: which run is in it does not differ from job to job.
HOMES = dict(zip(RUNS, itertools.cycle(NAMES)))


@st.composite
def jobs(draw: st.DrawFn) -> Incoming:
    chosen = draw(st.lists(st.sampled_from(RUNS), unique=True, max_size=4))
    records = []
    for identifier in chosen:
        state = draw(st.integers(1, 3))
        missed = draw(st.sets(st.sampled_from(("artifacts/a", "artifacts/b", "artifacts/c"))))
        deleted = identifier == RUNS[3]
        records.append(run(identifier, HOMES[identifier], state, deleted=deleted, metrics=state * 2 - 2, missed=missed))
        if draw(st.booleans()):
            records.append(logged_model(identifier, HOMES[identifier], ()))
        if draw(st.booleans()):
            records.append(trace(identifier, HOMES[identifier]))
    described = [
        experiment(
            name,
            draw(st.integers(1, 10**6)),
            draw(st.integers(1, 9)),
            deleted=draw(st.booleans()) and name != "Default",
        )
        # With an experiment in which nothing was logged: MLflow makes Default in every store.
        for name in sorted({HOMES[identifier] for identifier in chosen} | ({"Default"} if chosen else set()))
    ]
    return Incoming(experiments=tuple(described), records=tuple(records))


def merged(tree: MemoryTree, *incoming: Incoming) -> MemoryTree:
    for each in incoming:
        tree = tree.with_edits(merge(tree, each).edits)
    return tree


@given(jobs(), jobs())
@settings(max_examples=150, deadline=None)
def test_merging_the_same_again_changes_nothing(before: Incoming, job: Incoming) -> None:
    tree = merged(MemoryTree(), before, job)

    again = merge(tree, job)

    assert again.edits == ()
    assert merge(tree, before).edits == ()


@given(st.lists(jobs(), min_size=2, max_size=3))
@settings(max_examples=200, deadline=None)
def test_jobs_in_any_order_give_the_same_tree(all_jobs: list[Incoming]) -> None:
    trees = [merged(MemoryTree(), *order) for order in itertools.permutations(all_jobs)]

    for tree in trees[1:]:
        assert tree.contents == trees[0].contents


@given(st.lists(jobs(), min_size=1, max_size=3))
@settings(max_examples=100, deadline=None)
def test_nothing_that_a_job_logged_is_lost(all_jobs: list[Incoming]) -> None:
    tree = merged(MemoryTree(), *all_jobs)

    lines = {(record.id, line) for job in all_jobs for record in job.records for line in _lines(record)}
    stored = {
        (path.split("/metrics/")[0].rpartition("/")[2], line)
        for path, data in tree.contents.items()
        if "/metrics/val_rmse" in path
        for line in data.splitlines()
    }
    assert stored == lines
    for job in all_jobs:
        for record in job.records:
            described = [path for path in tree.contents if path.endswith(f"/{record.id}/{DESCRIPTIONS[record.kind]}")]
            assert len(described) == 1, "a record stands in one experiment, wherever that was moved"
            placed = described[0].removeprefix("mlruns/").removeprefix(".trash/").split("/")[0]
            assert placed == experiment_id(record.experiment)


def _lines(record: Record) -> list[bytes]:
    content = record.files.get("metrics/val_rmse", b"")
    assert isinstance(content, bytes)
    return content.splitlines()


def registered(*created: int, aliases: dict[str, int] | None = None, base: int = 0) -> RegisteredModel:
    versions = tuple(
        ModelVersion(
            number=number,
            meta={
                "name": "wine",
                "version": number,
                "creation_timestamp": time,
                "last_updated_timestamp": time,
                "run_id": f"run of {time}",
                "source": f"file:///home/{base}/{time:032x}/artifacts/model",
            },
            files={"tags/made": str(time).encode()},
        )
        for number, time in enumerate(created, start=1)
    )
    meta = {"name": "wine", "creation_timestamp": min(created), "last_updated_timestamp": max(created)}
    return RegisteredModel(
        name="wine", meta=meta, files={"tags/team": b"red"}, aliases=aliases or {}, versions=versions
    )


def versions_of(tree: MemoryTree) -> dict[int, dict[str, object]]:
    return {
        int(path.split("version-")[1].split("/")[0]): yaml.safe_load(data)
        for path, data in tree.contents.items()
        if path.startswith("mlruns/models/wine/version-") and path.endswith("meta.yaml")
    }


@given(st.lists(st.lists(st.integers(1, 10**6), min_size=1, max_size=4, unique=True), min_size=1, max_size=4))
@settings(max_examples=150, deadline=None)
def test_a_published_version_never_changes_its_number(story: list[list[int]]) -> None:
    tree = MemoryTree()
    published: dict[int, object] = {}
    for created in story:
        tree = merged(tree, Incoming(models=(registered(*created),)))
        now = {number: meta["creation_timestamp"] for number, meta in versions_of(tree).items()}
        assert published.items() <= now.items()
        assert set(created) <= set(now.values())
        assert sorted(now) == list(range(1, len(now) + 1))
        assert all(meta["version"] == number for number, meta in versions_of(tree).items())
        assert all(str(meta["source"]).startswith("file:./mlflow-artifacts/") for meta in versions_of(tree).values())
        published = now
        assert merge(tree, Incoming(models=(registered(*created),))).edits == ()


def test_a_jobs_versions_come_after_the_published_in_the_order_of_their_creation() -> None:
    tree = merged(MemoryTree(), Incoming(models=(registered(50, 60, aliases={"champion": 1}),)))

    job = Incoming(models=(registered(90, 80, 50, aliases={"challenger": 2, "champion": 1}),))
    tree = merged(tree, job)

    created = {number: meta["creation_timestamp"] for number, meta in versions_of(tree).items()}
    assert created == {1: 50, 2: 60, 3: 80, 4: 90}
    assert tree.contents["mlruns/models/wine/aliases/challenger"] == b"3"
    assert tree.contents["mlruns/models/wine/aliases/champion"] == b"4", "of two, the version created later"
    assert yaml.safe_load(tree.contents["mlruns/models/wine/meta.yaml"])["aliases"] == {
        "challenger": "3",
        "champion": "4",
    }
    assert tree.contents["mlruns/models/wine/version-3/tags/made"] == b"80"


def test_a_logged_model_names_its_versions_by_their_new_numbers() -> None:
    tree = merged(MemoryTree(), Incoming(models=(registered(50),)))
    model = logged_model(RUNS[0], "demo", (("wine", 1), ("unknown", 7)))

    tree = merged(
        tree,
        Incoming(experiments=(experiment("demo", 5, 1, deleted=False),), records=(model,), models=(registered(70),)),
    )

    path = f"mlruns/{experiment_id('demo')}/models/m-{RUNS[0]}/tags/mlflow.modelVersions"
    assert json.loads(tree.contents[path]) == [{"name": "wine", "version": 2}, {"name": "unknown", "version": 7}]


def test_an_experiment_deleted_in_a_later_job_moves_with_all_its_runs() -> None:
    first = Incoming(
        experiments=(experiment("demo", 5, 1, deleted=False),),
        records=(run(RUNS[0], "demo", 3, deleted=False, metrics=2), trace(RUNS[0], "demo")),
    )
    tree = merged(MemoryTree(), first)

    tree = merged(tree, Incoming(experiments=(experiment("demo", 5, 8, deleted=True),)))

    home = f"mlruns/.trash/{experiment_id('demo')}/"
    stored = [path for path in tree.contents if path.startswith("mlruns/")]
    assert stored
    assert all(path.startswith(home) for path in stored)
    back = merged(tree, Incoming(experiments=(experiment("demo", 5, 20, deleted=False),)))
    assert not [path for path in back.contents if "/.trash/" in path]


def test_a_renamed_experiment_keeps_its_id() -> None:
    tree = merged(
        MemoryTree(),
        Incoming(
            experiments=(experiment("demo", 5, 1, deleted=False),),
            records=(run(RUNS[0], "demo", 3, deleted=False, metrics=1),),
        ),
    )
    identifier = experiment_id("demo")

    renamed = experiment("better name", int(identifier), 9, deleted=False)
    tree = merged(tree, Incoming(experiments=(renamed,)))

    assert yaml.safe_load(tree.contents[f"mlruns/{identifier}/meta.yaml"])["name"] == "better name"
    assert {path.split("/")[1] for path in tree.contents if path.startswith("mlruns/")} == {identifier}
