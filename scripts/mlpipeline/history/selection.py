"""Choose the best run of a history; pure."""

import math
from collections import defaultdict
from collections.abc import Iterable

from mlpipeline.core.ranking import Choice, Mode, Rule, RunSummary

EXCLUSIONS = {
    "other-experiment": "in an experiment that takes no part",
    "unreadable": "with a description that cannot be read",
    "deleted": "deleted",
    "not-finished": "not FINISHED",
    "no-metric": "without the metric",
    "malformed-metric": "with a file of the metric that cannot be read",
    "not-finite": "with a latest value that is NaN or infinite",
    "no-model": "without a model (an MLflow model, model.joblib, model.pkl, or one .pkl, .pth, .onnx ...)",
}
"""Which runs cannot be promoted: what is said of them by the reason's name, in the order in which reasons are tried."""


def choose(candidates: Iterable[RunSummary], rule: Rule) -> Choice:
    """Rank the runs that can be promoted and name the reason for every other.

    Runs are ranked by the latest value of the rule's metric, ties by the earliest end, then by run id.
    """
    eligible: list[RunSummary] = []
    excluded: dict[str, list[str]] = defaultdict(list)
    for candidate in candidates:
        if reason := exclusion(candidate, rule):
            excluded[reason].append(candidate.run_id)
        else:
            eligible.append(candidate)
    eligible.sort(key=lambda candidate: _rank(candidate, rule))
    champions: dict[str, RunSummary] = {}
    for candidate in eligible:
        champions.setdefault(candidate.algorithm, candidate)
    return Choice(
        rule=rule,
        ranking=tuple(eligible),
        champions=champions,
        excluded={reason: tuple(sorted(excluded[reason])) for reason in EXCLUSIONS if reason in excluded},
    )


def exclusion(candidate: RunSummary, rule: Rule) -> str | None:
    """Name the first of `EXCLUSIONS` that keeps a run from being promoted; `None` if nothing does."""
    checks = {
        "other-experiment": bool(rule.experiments) and candidate.experiment not in rule.experiments,
        "unreadable": candidate.unreadable,
        "deleted": candidate.deleted,
        "not-finished": candidate.status != "FINISHED",
        "no-metric": candidate.value is None and not candidate.malformed,
        "malformed-metric": candidate.malformed,
        "not-finite": candidate.value is not None and not math.isfinite(candidate.value),
        "no-model": candidate.model is None,
    }
    return next((reason for reason in EXCLUSIONS if checks[reason]), None)


def _rank(candidate: RunSummary, rule: Rule) -> tuple[float, float, str]:
    value = math.nan if candidate.value is None else candidate.value
    end = math.inf if candidate.end_time is None else candidate.end_time
    return value if rule.mode is Mode.MIN else -value, end, candidate.run_id
