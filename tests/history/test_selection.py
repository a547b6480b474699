"""The rule by which runs are ranked, case by case."""

import math
import random
from dataclasses import replace

import pytest

from mlpipeline.core.ranking import Mode, Rule, RunSummary
from mlpipeline.history.selection import EXCLUSIONS, choose, exclusion

GOOD = RunSummary(
    run_id="a",
    run_name="",
    folder="mlruns/1/a",
    experiment_id="1",
    experiment="demo",
    algorithm="ridge",
    status="FINISHED",
    deleted=False,
    start_time=1,
    end_time=2,
    value=1.0,
    model="mlflow-artifacts/a/artifacts/model",
)

RULE = Rule(metric="val_rmse", mode=Mode.MIN)


def run(run_id: str, value: float | None, **changes: object) -> RunSummary:
    return replace(GOOD, run_id=run_id, value=value, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"experiment": "other"}, "other-experiment"),
        ({"deleted": True}, "deleted"),
        ({"status": "RUNNING"}, "not-finished"),
        ({"status": "FAILED"}, "not-finished"),
        ({"status": "KILLED"}, "not-finished"),
        ({"value": None}, "no-metric"),
        ({"value": None, "malformed": True}, "malformed-metric"),
        ({"value": math.nan}, "not-finite"),
        ({"value": math.inf}, "not-finite"),
        ({"value": -math.inf}, "not-finite"),
        ({"model": None}, "no-model"),
    ],
)
def test_each_reason_to_leave_a_run_out(changes: dict[str, object], reason: str | None) -> None:
    assert exclusion(replace(GOOD, **changes), replace(RULE, experiments=("demo",))) == reason  # type: ignore[arg-type]
    assert reason is None or reason in EXCLUSIONS


@pytest.mark.parametrize(("mode", "best"), [(Mode.MIN, "low"), (Mode.MAX, "high")])
def test_the_better_end_of_the_metric_wins(mode: Mode, best: str) -> None:
    choice = choose([run("mid", 2.0), run("high", 3.0), run("low", 1.0)], replace(RULE, mode=mode))

    assert choice.best is not None
    assert choice.best.run_id == best


def test_ties_go_to_the_earliest_end_then_to_the_run_id() -> None:
    runs = [run("c", 1.0, end_time=5), run("b", 1.0, end_time=4), run("a", 1.0, end_time=5)]

    assert [each.run_id for each in choose(runs, RULE).ranking] == ["b", "a", "c"]


def test_the_order_of_the_runs_does_not_matter() -> None:
    runs = [run(f"{number:02}", number % 5, end_time=number % 3, algorithm=f"kind{number % 4}") for number in range(40)]
    expected = choose(runs, RULE)
    for seed in range(5):
        random.Random(seed).shuffle(runs)  # noqa: S311 - an order, no secret
        assert choose(runs, RULE) == expected


def test_every_algorithm_has_its_champion() -> None:
    choice = choose([run("a", 3.0), run("b", 1.0, algorithm="gbr"), run("c", 2.0)], RULE)

    assert {name: champion.run_id for name, champion in choice.champions.items()} == {"gbr": "b", "ridge": "c"}


def test_without_a_run_there_is_no_best() -> None:
    choice = choose([run("a", None), run("b", math.nan)], RULE)

    assert choice.best is None
    assert choice.champions == {}
    assert choice.excluded == {"no-metric": ("a",), "not-finite": ("b",)}
