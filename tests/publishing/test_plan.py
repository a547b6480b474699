"""What a plan decides, without any repository."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import pytest

from mlpipeline.core.documents import load_yaml
from mlpipeline.core.edits import Delete, Write
from mlpipeline.core.ranking import Mode, RuleOptions
from mlpipeline.core.records import Experiment, Incoming, Kind, Record
from mlpipeline.history.merge import Merge
from mlpipeline.history.paths import INFO, METADATA, PROMOTED
from mlpipeline.publishing import wording
from mlpipeline.publishing.plan import Contribution, Plan, plan
from support.memory import MemoryTree

NOW = 1_760_000_000


@dataclass(frozen=True)
class MemoryTip(MemoryTree):
    """A branch's tip in memory."""

    commit: str | None = "c0ffee"

    @property
    def poison(self) -> frozenset[str]:
        return frozenset()

    def folder_id(self, path: str) -> str:
        inside = sorted((name, data) for name, data in self.contents.items() if name.startswith(f"{path}/"))
        return hashlib.sha1(repr(inside).encode()).hexdigest()  # noqa: S324 - an identity, as in git


TIP = MemoryTip()


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


def deleted(record: Record) -> Record:
    return replace(record, meta={**record.meta, "lifecycle_stage": "deleted", "end_time": 99})


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
    planned = plan(MemoryTip(commit=None), contribution(run(1, 2.0)), RuleOptions(), now=NOW)

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
    tip = landed(plan(MemoryTip(), contribution(run(1, 2.0)), RuleOptions(), now=NOW), MemoryTip())

    again = plan(tip, contribution(run(1, 2.0)), RuleOptions(), now=NOW + 1)

    assert not again.is_new
    assert again.edits == ()
    assert not again.improved


def test_another_rule_alone_is_new() -> None:
    tip = landed(plan(MemoryTip(), contribution(run(1, 2.0), run(2, 3.0)), RuleOptions(), now=NOW), MemoryTip())

    planned = plan(tip, contribution(), RuleOptions(mode=Mode.MAX), now=NOW)

    assert (planned.merged.edits, planned.is_new, planned.improved) == ((), True, True)


def test_each_tip_gets_what_it_lacks() -> None:
    mine, theirs = contribution(run(1, 2.0)), contribution(run(2, 1.0))
    first = plan(MemoryTip(), mine, RuleOptions(), now=NOW)
    rival = landed(plan(MemoryTip(), theirs, RuleOptions(), now=NOW), MemoryTip())

    second = plan(rival, mine, RuleOptions(), now=NOW)

    assert second.merged.added == first.merged.added == (f"{1:032x}",)
    assert second.choice.best is not None
    assert second.choice.best.run_id == f"{2:032x}"
    assert {run.run_id for run in second.choice.ranking} == {f"{1:032x}", f"{2:032x}"}


def test_what_is_dropped_goes_unless_something_stands_there() -> None:
    tip = MemoryTip({"mlruns/0_7/old/params/a": b"1", "mlruns/0_7/meta.yaml": b"name: demo\n"})
    drops = replace(contribution(run(1, 2.0)), drop=frozenset({"mlruns/0_7/old/params/a", "mlruns/0_7/meta.yaml"}))

    planned = plan(tip, drops, RuleOptions(), now=NOW)

    assert Delete(path="mlruns/0_7/old/params/a") in planned.edits
    assert Delete(path="mlruns/0_7/meta.yaml") not in planned.edits


def promoted(tip: MemoryTip) -> dict[str, bytes]:
    derived = ("models/", "deployment/", INFO)
    return {path: data for path, data in tip.contents.items() if path.startswith(derived)}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (RuleOptions(metric="val_rsme"), "No run has the metric 'val_rsme'; metrics in this history: val_rmse."),
        (RuleOptions(metric="val_rsme"), "Did you mean 'val_rmse'?"),
        (RuleOptions(experiments=("dem",)), "No experiment is called 'dem'; experiments in this history: demo."),
        (RuleOptions(metric="accuracy"), "No run has the metric 'accuracy'"),
    ],
)
def test_a_rule_that_matches_nothing_demotes_nothing(asked: RuleOptions, said: str) -> None:
    tip = landed(plan(MemoryTip(), contribution(run(1, 2.0), run(2, 3.0, kind="lasso")), RuleOptions(), now=NOW), TIP)

    planned = plan(tip, contribution(run(3, 1.0)), asked, now=NOW)

    after = landed(planned, tip)
    assert planned.merged.added == (f"{3:032x}",)
    assert promoted(after) == promoted(tip)
    assert planned.message == "add 1, the promoted run stays\n"
    assert (planned.promoted.run_id, planned.promoted.value, planned.improved) == (f"{1:032x}", 2.0, False)
    (told,) = [text for level, text in wording.messages(planned, None) if level == "error"]
    assert said in told
    assert f"Untouched: the promoted model (run {1:032x})" in told
    assert landed(plan(after, contribution(), RuleOptions(), now=NOW), after).contents[f"{PROMOTED}/model.pkl"]


def test_what_somebody_else_deployed_is_not_removed() -> None:
    tip = MemoryTip({f"{PROMOTED}/weights.bin": b"theirs"})

    planned = plan(tip, contribution(run(1, 2.0)), RuleOptions(metric="accuracy"), now=NOW)

    assert landed(planned, tip).contents[f"{PROMOTED}/weights.bin"] == b"theirs"


def test_a_deleted_champion_makes_room_for_the_next_best() -> None:
    tip = landed(plan(MemoryTip(), contribution(run(1, 2.0), run(2, 3.0)), RuleOptions(), now=NOW), TIP)

    planned = plan(tip, contribution(deleted(run(1, 2.0))), RuleOptions(), now=NOW)

    assert planned.promoted.run_id == f"{2:032x}"
    assert json.loads(landed(planned, tip).contents[INFO])["best"]["run_id"] == f"{2:032x}"


def test_a_deleted_champion_without_a_successor_is_removed_and_told() -> None:
    tip = landed(plan(MemoryTip(), contribution(run(1, 2.0)), RuleOptions(), now=NOW), TIP)

    planned = plan(tip, contribution(deleted(run(1, 2.0))), RuleOptions(), now=NOW)

    assert not [path for path in landed(planned, tip).contents if path.startswith(("models/r", "deployment/models/b"))]
    told = [text for _, text in wording.messages(planned, None)]
    assert any(f"The promoted run {1:032x} was deleted, so its model was removed." in text for text in told)


def test_the_champion_of_an_algorithm_stays_where_another_rule_ranks_none_of_it() -> None:
    tip = landed(plan(MemoryTip(), contribution(run(1, 2.0), run(2, 3.0, kind="lasso")), RuleOptions(), now=NOW), TIP)
    accurate = replace(run(3, 1.0), files={**run(3, 1.0).files, "metrics/accuracy": b"1 0.9 0\n"})

    planned = plan(tip, contribution(accurate), RuleOptions(metric="accuracy"), now=NOW)

    after = landed(planned, tip)
    info = json.loads(after.contents[INFO])
    assert after.contents["models/lasso_best_model.pkl"] == b"model"
    assert (info["best"]["run_id"], info["selection"]["mode"]) == (f"{3:032x}", "max")
    assert info["best_per_algorithm"]["lasso"] == json.loads(tip.contents[INFO])["best_per_algorithm"]["lasso"]
    gone = plan(after, contribution(deleted(run(2, 3.0, kind="lasso"))), RuleOptions(), now=NOW)
    assert "models/lasso_best_model.pkl" not in landed(gone, after).contents


def marked(tip: MemoryTip) -> dict[str, bytes]:
    end = "/tags/mlflow_git.promoted"
    runs = {path: data for path, data in tip.contents.items() if path.endswith(end) and not path.startswith(REGISTERED)}
    return {path.split("/")[2]: data for path, data in runs.items()}


def test_the_promoted_run_alone_is_marked_whatever_a_job_says() -> None:
    first = landed(plan(TIP, contribution(run(1, 2.0)), RuleOptions(), now=NOW), TIP)
    assert marked(first) == {f"{1:032x}": b"val_rmse 2"}
    stale = replace(run(1, 2.0), files={**run(1, 2.0).files, "tags/mlflow_git.promoted": b"val_rmse 2"})

    second = landed(plan(first, contribution(run(2, 1.0)), RuleOptions(), now=NOW), first)

    assert marked(second) == {f"{2:032x}": b"val_rmse 1"}
    assert not plan(second, contribution(stale, run(2, 1.0)), RuleOptions(), now=NOW).is_new
    gone = landed(
        plan(second, contribution(deleted(run(1, 2.0)), deleted(run(2, 1.0))), RuleOptions(), now=NOW), second
    )
    assert marked(gone) == {}


REGISTERED = "mlruns/models/promoted_model"


def champion(tip: MemoryTip) -> Mapping[str, object]:
    """The version that bears the alias."""
    number = tip.contents[f"{REGISTERED}/aliases/champion"].decode()
    assert load_yaml(tip.contents[f"{REGISTERED}/meta.yaml"])["aliases"] == {"champion": number}
    return load_yaml(tip.contents[f"{REGISTERED}/version-{number}/meta.yaml"])


class TestTheRegisteredModel:
    def test_has_the_promoted_run_as_its_one_version(self) -> None:
        tips = [TIP]
        best = run(3000, 1.0)
        for each in (
            run(1, 2.0),
            run(2, 3.0),
            best,
            replace(deleted(best), meta={**deleted(best).meta, "end_time": 9000}),
        ):
            tips.append(landed(plan(tips[-1], contribution(each), RuleOptions(), now=NOW), tips[-1]))

        versions = [(champion(tip)["version"], champion(tip)["run_id"]) for tip in tips[1:]]

        assert versions == [(1, f"{1:032x}"), (1, f"{1:032x}"), (3, f"{3000:032x}"), (1, f"{1:032x}")]
        assert champion(tips[-1])["source"] == f"runs:/{1:032x}/"
        assert champion(tips[-1])["storage_location"] == f"file:./mlflow-artifacts/{1:032x}/artifacts"
        assert tips[-1].contents[f"{REGISTERED}/version-1/tags/mlflow_git.promoted"] == b"val_rmse 2"
        assert [path for path in tips[-1].contents if path.startswith(f"{REGISTERED}/version-3")] == []
        planned = plan(tips[-1], contribution(deleted(run(1, 2.0)), deleted(run(2, 3.0))), RuleOptions(), now=NOW)
        assert [path for path in landed(planned, tips[-1]).contents if path.startswith(REGISTERED)] == []

    def test_leaves_a_teams_own_versions_and_alias_alone(self) -> None:
        own = {
            f"{REGISTERED}/meta.yaml": b"name: promoted_model\n",
            f"{REGISTERED}/version-4/meta.yaml": b"name: promoted_model\nversion: 4\n",
            f"{REGISTERED}/aliases/champion": b"4",
        }

        after = landed(plan(MemoryTip(own), contribution(run(1, 2.0)), RuleOptions(), now=NOW), MemoryTip(own))

        assert {path: data for path, data in after.contents.items() if path.startswith(REGISTERED)} == own

    def test_is_no_name_of_an_algorithm(self) -> None:
        silent = run(1, 2.0)
        silent = replace(silent, files={path: silent.files[path] for path in silent.files if path != "tags/model_type"})
        tip = landed(plan(TIP, contribution(silent), RuleOptions(), now=NOW), TIP)

        again = plan(tip, contribution(silent), RuleOptions(), now=NOW)

        assert "models/model_best_model.pkl" in tip.contents
        assert not again.is_new


class TestTheExperimentsDescription:
    NOTE = "tags/mlflow.note.content"

    def described(self, tip: MemoryTip) -> list[bytes]:
        return [data for path, data in tip.contents.items() if path.endswith(self.NOTE)]

    def job(self, *records: Record, note: bytes | None = None) -> Contribution:
        part = contribution(*records)
        demo = replace(part.incoming.experiments[0], files={self.NOTE: note} if note else {})
        return replace(part, incoming=replace(part.incoming, experiments=(demo,)))

    def test_names_the_promoted_run(self) -> None:
        first = landed(plan(TIP, self.job(run(1, 2.0)), RuleOptions(), now=NOW), TIP)
        stale = self.described(first)

        second = landed(plan(first, self.job(run(2, 1.0), note=stale[0]), RuleOptions(), now=NOW), first)

        assert stale == [f"The run {1:032x} (val_rmse 2) is promoted: `models:/promoted_model@champion`.".encode()]
        assert self.described(second) == [
            f"The run {2:032x} (val_rmse 1) is promoted: `models:/promoted_model@champion`.".encode()
        ]
        deletion = self.job(deleted(run(1, 2.0)), deleted(run(2, 1.0)))
        assert self.described(landed(plan(second, deletion, RuleOptions(), now=NOW), second)) == []

    def test_gives_way_to_a_persons(self) -> None:
        tip = landed(plan(TIP, self.job(run(1, 2.0)), RuleOptions(), now=NOW), TIP)

        for job in (self.job(run(2, 1.0), note=b"Prices of houses."), self.job(run(3, 0.5))):
            tip = landed(plan(tip, job, RuleOptions(), now=NOW), tip)

        assert self.described(tip) == [b"Prices of houses."]


def test_a_changed_rule_is_told() -> None:
    tip = landed(plan(MemoryTip(), contribution(run(1, 2.0)), RuleOptions(), now=NOW), TIP)

    planned = plan(tip, contribution(), RuleOptions(mode=Mode.MAX), now=NOW)

    assert ("notice", "The rule changes from val_rmse (min) to val_rmse (max).") in planned.resolved.messages


def test_a_name_that_was_asked_for_and_is_nowhere_is_an_error_and_the_default_a_warning() -> None:
    record = replace(run(1, 2.0), files={"metrics/acc": b"1 0.9 0\n", "artifacts/model.pkl": b"model"})

    levels = {
        asked: [level for level, text in wording.messages(plan(TIP, contribution(record), asked, now=NOW), None)]
        for asked in (RuleOptions(), RuleOptions(metric="acuracy"))
    }

    assert levels == {RuleOptions(): ["warning"], RuleOptions(metric="acuracy"): ["error"]}


class TestChampionsBytes:
    def test_are_not_read_while_the_champion_stays(self) -> None:
        tip = landed(plan(MemoryTip(), contribution(run(1, 2.0)), RuleOptions(), now=NOW), MemoryTip())
        READ.clear()

        planned = plan(Counting(tip.contents), contribution(run(2, 3.0, kind="lasso")), RuleOptions(), now=NOW)

        assert f"mlflow-artifacts/{1:032x}/artifacts/model.pkl" not in READ
        metadata = next(e for e in planned.promotion.edits if e.path == "models/ridge_metadata.json")
        assert isinstance(metadata, Write)
        assert metadata.content == tip.contents["models/ridge_metadata.json"]

    def test_are_read_where_the_record_is_not_to_be_believed(self) -> None:
        tip = landed(plan(MemoryTip(), contribution(run(1, 2.0)), RuleOptions(), now=NOW), MemoryTip())
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

            after = landed(plan(edited, contribution(), RuleOptions(), now=NOW), edited)

            digest = json.loads(after.contents["models/ridge_metadata.json"])["files"]["model.pkl"]["sha256"]
            expected = other if what == "a model edited by hand" else hashlib.sha256(b"model").hexdigest()
            assert digest == expected, what
            promoted = after.contents["models/ridge_best_model.pkl"]
            assert hashlib.sha256(promoted).hexdigest() == digest, what
