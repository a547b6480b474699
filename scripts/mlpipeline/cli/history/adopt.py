"""`history.py adopt`: its flags, and the table of what opens before and after."""

import argparse
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from mlpipeline.cli import options
from mlpipeline.core.errors import PipelineError
from mlpipeline.core.outcome import Outcome
from mlpipeline.core.settings import Context
from mlpipeline.reports import persisted
from mlpipeline.reports.report import Report
from mlpipeline.reports.tables import Table

if TYPE_CHECKING:
    from mlpipeline.history.health import Health

DESCRIPTION = """\
Heal a repository that already commits an mlruns/, in one commit that is pushed as persist.py
pushes: locations become relative, artifacts move to mlflow-artifacts/, folders that Git
dropped come back, malformed files are repaired. What cannot be read stays where it is and
is named. Experiments and versions keep their numbers.

Shows how much of the history MLflow opens in a fresh clone before and after."""

EXAMPLES = """\
  python scripts/history.py adopt --dry-run          show what is broken and would be healed
  python scripts/history.py adopt
  python scripts/history.py adopt --root backend     a history in a folder of a monorepo"""

_ROWS = {
    "runs on disk": "runs",
    "listed by MLflow": "visible",
    "opened by MLflow": "opened",
    "artifacts on disk": "artifacts",
    "found by MLflow": "listable",
    "models on disk": "models",
    "resolved by MLflow": "resolvable",
}


def add_flags(made: argparse.ArgumentParser) -> None:
    """Add the flags of `adopt`."""
    options.add_flags(made)


def work(flags: argparse.Namespace, environ: Mapping[str, str]) -> Report:
    """Run `adopt`."""
    from mlpipeline.operations.adopt import adopt
    from mlpipeline.publishing.loop import Effects

    context = Context.from_environ(environ)
    settings = options.settings(flags, context, source="", job=context.job)
    try:
        adoption = adopt(settings, Effects(now=time.time, sleep=time.sleep, say=options.say))
    except PipelineError as error:
        failed = Outcome(status="failed", reason=error.what, metric=flags.metric, messages=(("error", str(error)),))
        return persisted.report(failed, exit_code=error.exit_code if flags.fail_on_error else 0)
    report = persisted.report(adoption.outcome, exit_code=options.exit_code(adoption.outcome, flags))
    opened = _table(adoption.before, adoption.after)
    counted = {f"{name}_{when}": value for when, name, value in _counts(adoption.before, adoption.after)}
    return replace(
        report,
        outputs={**report.outputs, **counted},
        text=f"{opened.text()}\n\n{report.text}",
        summary=f"### What MLflow opens in a fresh clone\n\n{opened.markdown()}\n\n{report.summary}",
    )


def _table(before: "Health", after: "Health") -> Table:
    rows = [(row, str(getattr(before, name)), str(getattr(after, name))) for row, name in _ROWS.items()]
    return Table(header=("in a fresh clone", "before", "after"), rows=rows, numeric=frozenset({"before", "after"}))


def _counts(before: "Health", after: "Health") -> list[tuple[str, str, int]]:
    sides = {"before": before, "after": after}
    return [(when, name, getattr(health, name)) for when, health in sides.items() for name in _ROWS.values()]
