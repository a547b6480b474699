"""Decide by which rule a history's runs are ranked; pure.

What is asked for comes first (a flag, then the configuration file, see `RuleOptions.over`), then the rule that the
history records, then the default.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from mlpipeline.core.ranking import Mode, Rule, RuleOptions
from mlpipeline.history.modes import mode_of

DEFAULT_METRIC = "val_rmse"


@dataclass(frozen=True, kw_only=True)
class ResolvedRule:
    """A rule.

    Attributes:
        rule: the rule.
        is_asked: whether its metric or its experiments were asked for, and not found in the history or by default.
        messages: what to tell of how it was found, by annotation level.
    """

    rule: Rule
    is_asked: bool
    messages: tuple[tuple[str, str], ...]


def resolve(asked: RuleOptions, recorded: Rule | None) -> ResolvedRule:
    """Find the rule that holds for a history.

    Args:
        asked: what a flag or the configuration file asks for.
        recorded: the rule by which the history was ranked last.
    """
    known = asked.over(recorded.options) if recorded else asked
    metric = known.metric or DEFAULT_METRIC
    mode = known.mode or mode_of(metric) or Mode.MIN
    rule = Rule(metric=metric, mode=mode, experiments=known.experiments or ())
    return ResolvedRule(
        rule=rule,
        is_asked=asked.metric is not None or bool(asked.experiments),
        messages=tuple(_messages(rule, known.mode, recorded)),
    )


def _messages(rule: Rule, known: Mode | None, recorded: Rule | None) -> Iterator[tuple[str, str]]:
    if recorded is not None and recorded != rule:
        yield "notice", f"The rule changes from {recorded} to {rule}."
    better = mode_of(rule.metric)
    if better is None and known is None:
        said = f"The name '{rule.metric}' does not tell whether low or high is better: low was assumed."
        yield "warning", f"{said} To do: --mode min or --mode max, or 'mode' in mlflow-git.yaml."
    if better is not None and better is not rule.mode:
        end = "high" if better is Mode.MAX else "low"
        said = f"'{rule.metric}' is better {end} by its name, but the mode {rule.mode} takes the other end."
        yield "warning", f"{said} To do: --mode {better}, unless this is meant."
