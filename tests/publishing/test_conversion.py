"""What becomes of experiment ids that would make a history MLflow's default store, without any repository."""

from dataclasses import replace
from itertools import permutations

import pytest

from mlpipeline.core.documents import dump_yaml, load_yaml
from mlpipeline.core.ranking import RuleOptions
from mlpipeline.core.records import Experiment, Incoming, Kind, Record
from mlpipeline.history.paths import DEFAULT_NAME, METADATA, REGISTERED_MODELS, experiment_id
from mlpipeline.publishing.plan import Contribution, plan
from publishing.test_plan import NOW, TIP, MemoryTip, landed, subject

OURS = {"artifact_location": "file:./mlflow-artifacts", "lifecycle_stage": "active"}
REGISTERED = f"{METADATA}/{REGISTERED_MODELS}/"
DEMO = experiment_id("demo")


def run(number: int, experiment: str = "demo") -> Record:
    identifier = f"{number:032x}"
    meta = {"run_id": identifier, "status": 3, "end_time": number, "lifecycle_stage": "active"}
    files = {"metrics/val_rmse": f"1 {number} 0\n".encode(), "artifacts/model.pkl": b"model"}
    return Record(kind=Kind.RUN, id=identifier, experiment=experiment, meta=meta, files=files)


def job(*records: Record, in_file_store: bool = False) -> Contribution:
    """What a job brings: its runs, and the Default that every store has."""
    experiments = tuple(
        Experiment(id=identifier, name=name, meta={"name": name}, files={}, in_file_store=in_file_store)
        for name, identifier in ((DEFAULT_NAME, "0"), ("demo", "7"))
        if name == DEFAULT_NAME or any(record.experiment == name for record in records)
    )
    return Contribution(incoming=Incoming(experiments=experiments, records=records), subject=subject)


def after(tip: MemoryTip, *jobs: Contribution) -> MemoryTip:
    for each in jobs:
        tip = landed(plan(tip, each, RuleOptions(), now=NOW), tip)
    return tip


def folders(tip: MemoryTip) -> set[str]:
    """The folders of experiments."""
    inside = {path.split("/")[1] for path in tip.contents if path.startswith(f"{METADATA}/") and path.count("/") > 1}
    return inside - {REGISTERED_MODELS}


def with_digits(tip: MemoryTip) -> MemoryTip:
    """The same history as an earlier version of this project wrote it."""
    contents = {
        path if path.startswith(REGISTERED) or not path.startswith(f"{METADATA}/") else path.replace("_", "", 1): data
        for path, data in tip.contents.items()
    }
    for path in [path for path in contents if path.endswith("meta.yaml") and not path.startswith(REGISTERED)]:
        meta = load_yaml(contents[path])
        contents[path] = dump_yaml({**meta, "experiment_id": path.split("/")[1]})
    return MemoryTip(contents)


def test_ids_with_digits_alone_get_an_underscore_and_nothing_else_changes() -> None:
    new = after(TIP, job(run(1), run(2)))
    old = with_digits(new)
    assert folders(old) == {DEMO.replace("_", "")}

    planned = plan(old, job(), RuleOptions(), now=NOW)

    assert landed(planned, old).contents == new.contents
    assert "Experiments have an underscore in their ids from here on" in planned.message
    assert not plan(new, job(), RuleOptions(), now=NOW).is_new


def test_converting_and_merging_may_come_in_any_order() -> None:
    old = with_digits(after(TIP, job(run(1))))

    assert after(old, job(), job(run(2))).contents == after(old, job(run(2))).contents


def test_a_run_that_two_stores_hold_is_one() -> None:
    both = replace(job(run(1)), others=(job(run(1), run(2)).incoming,))

    planned = plan(TIP, both, RuleOptions(), now=NOW)

    assert (planned.merged.added, planned.merged.updated) == ((f"{1:032x}", f"{2:032x}"), ())
    assert landed(planned, TIP).contents.keys() == after(TIP, job(run(1), run(2))).contents.keys()


def test_what_was_committed_by_hand_stays_where_it_is() -> None:
    raw = dump_yaml({"run_id": "a", "artifact_uri": "file:///home/me/mlruns/7/a/artifacts", "status": 3})
    tip = MemoryTip({"mlruns/7/meta.yaml": dump_yaml({"name": "demo", **OURS}), "mlruns/7/a/meta.yaml": raw})

    assert folders(after(tip, job(run(1)))) == {"7"}


@pytest.mark.parametrize("in_file_store", [False, True])
def test_an_empty_default_is_not_stored(in_file_store: bool) -> None:
    assert folders(after(TIP, job(run(1), in_file_store=in_file_store))) == {DEMO}


def test_an_empty_default_of_an_earlier_version_goes() -> None:
    tip = MemoryTip({"mlruns/0/meta.yaml": dump_yaml({"name": DEFAULT_NAME, **OURS})})

    assert folders(after(tip, job(run(1)))) == {DEMO}


def test_default_is_0_where_a_file_store_logged_to_it_and_the_order_does_not_matter() -> None:
    by_files = job(run(1, DEFAULT_NAME), in_file_store=True)
    by_database = job(run(2, DEFAULT_NAME))
    named = job(run(3), in_file_store=True)

    assert folders(after(TIP, by_database)) == {"0_0"}
    results = [after(TIP, *order).contents for order in permutations((by_files, by_database, named))]
    assert folders(MemoryTip(results[0])) == {"0", DEMO}
    assert all(result == results[0] for result in results)
    metas = [load_yaml(results[0][f"mlruns/0/{number:032x}/meta.yaml"]) for number in (1, 2)]
    assert [meta["experiment_id"] for meta in metas] == ["0", "0"]


def test_a_default_of_an_earlier_version_that_holds_runs_stays_0() -> None:
    tip = after(TIP, job(run(1, DEFAULT_NAME), in_file_store=True))

    assert folders(after(tip, job(run(2)), job(replace(run(1, DEFAULT_NAME))))) == {"0", DEMO}
