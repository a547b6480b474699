"""What a plan decides, without any repository."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from mlpipeline.core.edits import Delete, Write
from mlpipeline.core.ranking import Mode, Rule
from mlpipeline.core.records import Experiment, Incoming, Kind, Record
from mlpipeline.history.merge import Merge
from mlpipeline.history.paths import INFO, METADATA, PROMOTED
from mlpipeline.publishing.plan import Contribution, Plan, plan
from support.memory import MemoryTree

NOW = 1_760_000_000


@dataclass(frozen=True)
class MemoryTip(MemoryTree):
    """A branch's tip in memory."""

    commit: str | None = "c0ffee"

    def folder_id(self, path: str) -> str:
        inside = sorted((name, data) for name, data in self.contents.items() if name.startswith(f"{path}/"))
        return hashlib.sha1(repr(inside).encode()).hexdigest()  # noqa: S324 - an identity, as in git


def run(number: int, value: float, *, model: bytes = b"model", kind: str = "ridge") -> Record:
    return Record(
        kind=Kind.RUN,
        id=f"{number:032x}",
        experiment="demo",
        meta={"run_id": f"{number:032x}", "status": 3, "end_time": number, "lifecycle_stage": "active"},
        files={
            "metrics/val_rmse": f"1 {value} 0\n".encode(),
            "tags/model_type": kind.encode(),
            "artifacts/model.pkl": model,
        },
    )


def contribution(*records: Record) -> Contribution:
    demo = Experiment(id="7", name="demo", meta={"name": "demo", "experiment_id": "7"}, files={})
    return Contribution(incoming=Incoming(experiments=(demo,), records=records), subject=subject)


def subject(merged: Merge) -> str:
    return f"add {len(merged.added)}"


def landed(planned: Plan, tip: MemoryTip) -> MemoryTip:
    """The tip that a plan leaves behind."""
    history = MemoryTip(tip.with_edits(planned.edits).contents)
    return MemoryTip(history.with_edits(planned.derived(history.folder_id(METADATA))).contents)


class Counting(MemoryTip):
    """A tip that keeps count of what is read."""

    def read(self, paths: Iterable[str]) -> Mapping[str, bytes]:
        asked = list(paths)
        READ.extend(asked)
        return super().read(asked)


READ: list[str] = []


def test_a_first_run_is_promoted() -> None:
    planned = plan(MemoryTip(commit=None), contribution(run(1, 2.0)), Rule(), now=NOW)

    assert planned.is_new
    assert planned.improved
    assert planned.choice.best is not None
    assert planned.choice.best.run_id == f"{1:032x}"
    assert planned.message.startswith("add 1, best val_rmse 2 by ridge\n")
    assert planned.when == NOW
    tip = landed(planned, MemoryTip(commit=None))
    assert tip.contents[f"{PROMOTED}/model.pkl"] == b"model"
    assert json.loads(tip.contents[INFO])["provenance"]["history_tree"] == tip.folder_id(METADATA)


def test_what_is_there_already_is_nothing_new() -> None:
    tip = landed(plan(MemoryTip(), contribution(run(1, 2.0)), Rule(), now=NOW), MemoryTip())

    again = plan(tip, contribution(run(1, 2.0)), Rule(), now=NOW + 1)

    assert not again.is_new
    assert again.edits == ()
    assert not again.improved


def test_another_rule_alone_is_new() -> None:
    tip = landed(plan(MemoryTip(), contribution(run(1, 2.0), run(2, 3.0)), Rule(), now=NOW), MemoryTip())

    planned = plan(tip, contribution(), Rule(mode=Mode.MAX), now=NOW)

    assert (planned.edits, planned.is_new, planned.improved) == ((), True, True)


def test_each_tip_gets_what_it_lacks() -> None:
    mine, theirs = contribution(run(1, 2.0)), contribution(run(2, 1.0))
    first = plan(MemoryTip(), mine, Rule(), now=NOW)
    rival = landed(plan(MemoryTip(), theirs, Rule(), now=NOW), MemoryTip())

    second = plan(rival, mine, Rule(), now=NOW)

    assert second.merged.added == first.merged.added == (f"{1:032x}",)
    assert second.choice.best is not None
    assert second.choice.best.run_id == f"{2:032x}"
    assert {run.run_id for run in second.choice.ranking} == {f"{1:032x}", f"{2:032x}"}


def test_what_is_dropped_goes_unless_something_stands_there() -> None:
    tip = MemoryTip({"mlruns/7/old/params/a": b"1", "mlruns/7/meta.yaml": b"name: demo\n"})
    drops = replace(contribution(run(1, 2.0)), drop=frozenset({"mlruns/7/old/params/a", "mlruns/7/meta.yaml"}))

    planned = plan(tip, drops, Rule(), now=NOW)

    assert Delete(path="mlruns/7/old/params/a") in planned.edits
    assert Delete(path="mlruns/7/meta.yaml") not in planned.edits


class TestChampionsBytes:
    def test_are_not_read_while_the_champion_stays(self) -> None:
        tip = landed(plan(MemoryTip(), contribution(run(1, 2.0)), Rule(), now=NOW), MemoryTip())
        READ.clear()

        planned = plan(Counting(tip.contents), contribution(run(2, 3.0, kind="lasso")), Rule(), now=NOW)

        assert f"mlflow-artifacts/{1:032x}/artifacts/model.pkl" not in READ
        metadata = next(e for e in planned.promotion.edits if e.path == "models/ridge_metadata.json")
        assert isinstance(metadata, Write)
        assert metadata.content == tip.contents["models/ridge_metadata.json"]

    def test_are_read_where_the_record_is_not_to_be_believed(self) -> None:
        tip = landed(plan(MemoryTip(), contribution(run(1, 2.0)), Rule(), now=NOW), MemoryTip())
        true = tip.contents["models/ridge_metadata.json"]
        other = hashlib.sha256(b"edited").hexdigest()
        edits = {
            "a model edited by hand": {f"mlflow-artifacts/{1:032x}/artifacts/model.pkl": b"edited"},
            "a copy edited by hand": {"models/ridge_best_model.pkl": b"edited"},
            "no record": {"models/ridge_metadata.json": b"{"},
            "a record without digests": {"models/ridge_metadata.json": true.replace(b'"sha256"', b'"md5"')},
            "a digest that is none": {"models/ridge_metadata.json": true.replace(b'"sha256": "', b'"sha256": "x')},
        }
        for what, edit in edits.items():
            edited = MemoryTip({**tip.contents, **edit})

            after = landed(plan(edited, contribution(), Rule(), now=NOW), edited)

            digest = json.loads(after.contents["models/ridge_metadata.json"])["files"]["model.pkl"]["sha256"]
            expected = other if what == "a model edited by hand" else hashlib.sha256(b"model").hexdigest()
            assert digest == expected, what
            promoted = after.contents["models/ridge_best_model.pkl"]
            assert hashlib.sha256(promoted).hexdigest() == digest, what
