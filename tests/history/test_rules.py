"""By which rule a history is ranked: what is asked, what is recorded, what the metric's name tells."""

import pytest

from mlpipeline.core.ranking import Mode, Rule, RuleOptions
from mlpipeline.history.rules import resolve

MIN, MAX = Mode.MIN, Mode.MAX
ACCURACY = Rule(metric="accuracy", mode=MAX, experiments=("houses",))


def asks(metric: str | None = None, mode: Mode | None = None, *experiments: str) -> RuleOptions:
    return RuleOptions(metric=metric, mode=mode, experiments=experiments or None)


@pytest.mark.parametrize(
    ("asked", "recorded", "rule"),
    [
        (asks(), None, Rule(metric="val_rmse", mode=MIN)),
        (asks("accuracy"), None, Rule(metric="accuracy", mode=MAX)),
        (asks("accuracy", MIN), None, Rule(metric="accuracy", mode=MIN)),
        (asks("foo"), None, Rule(metric="foo", mode=MIN)),
        (asks(), ACCURACY, ACCURACY),
        (asks("val_loss"), ACCURACY, Rule(metric="val_loss", mode=MIN, experiments=("houses",))),
        (asks(None, MIN), ACCURACY, Rule(metric="accuracy", mode=MIN, experiments=("houses",))),
        (asks("accuracy"), Rule(metric="accuracy", mode=MIN), Rule(metric="accuracy", mode=MIN)),
        (asks(None, None, "cats"), ACCURACY, Rule(metric="accuracy", mode=MAX, experiments=("cats",))),
        (RuleOptions(experiments=()), ACCURACY, Rule(metric="accuracy", mode=MAX)),
    ],
)
def test_what_is_asked_comes_before_what_is_recorded(asked: RuleOptions, recorded: Rule | None, rule: Rule) -> None:
    assert resolve(asked, recorded).rule == rule


@pytest.mark.parametrize(
    ("flag", "file", "both"),
    [
        (asks(), asks("accuracy", MIN), asks("accuracy", MIN)),
        (asks("f1"), asks("accuracy", MIN), asks("f1")),
        (asks("accuracy"), asks("accuracy", MIN), asks("accuracy", MIN)),
        (asks(None, MAX), asks("accuracy", MIN, "a"), asks("accuracy", MAX, "a")),
        (RuleOptions(experiments=()), asks("f1", None, "a"), RuleOptions(metric="f1", experiments=())),
    ],
)
def test_a_flag_comes_before_the_file_and_a_mode_goes_with_its_metric(
    flag: RuleOptions, file: RuleOptions, both: RuleOptions
) -> None:
    assert flag.over(file) == both


@pytest.mark.parametrize(
    ("asked", "recorded", "said"),
    [
        (asks("f1"), ACCURACY, ["The rule changes from accuracy (max) among the experiments 'houses' to f1 (max)"]),
        (asks(), ACCURACY, []),
        (asks("accuracy"), ACCURACY, []),
        (asks("foo"), None, ["'foo' does not tell whether low or high is better: low was assumed"]),
        (asks("foo", MAX), None, []),
        (asks(), Rule(metric="foo", mode=MAX), []),
        (asks("accuracy", MIN), None, ["'accuracy' is better high by its name, but the mode min takes the other end"]),
        (asks(), Rule(metric="val_loss", mode=MAX), ["'val_loss' is better low by its name"]),
    ],
)
def test_what_is_told_of_a_rule(asked: RuleOptions, recorded: Rule | None, said: list[str]) -> None:
    told = [text for _, text in resolve(asked, recorded).messages]
    assert len(told) == len(said)
    assert all(part in text for part, text in zip(said, told, strict=True))
