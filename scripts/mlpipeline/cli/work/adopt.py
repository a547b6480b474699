"""Adopt: flags to settings, and the table of what opens before and after."""

import argparse
import time
from collections.abc import Mapping
from dataclasses import replace

from mlpipeline.cli import streams
from mlpipeline.cli.work.settings import publish_settings
from mlpipeline.history.health import Health
from mlpipeline.operations.adopt import adopt
from mlpipeline.publishing.loop import Effects
from mlpipeline.reports import persisted
from mlpipeline.reports.report import Report
from mlpipeline.reports.tables import Table

_ROWS = {
    "runs on disk": "runs",
    "listed by MLflow": "visible",
    "opened by MLflow": "opened",
    "artifacts on disk": "artifacts",
    "found by MLflow": "listable",
    "models on disk": "models",
    "resolved by MLflow": "resolvable",
}


def work(flags: argparse.Namespace, environ: Mapping[str, str]) -> Report:
    """Heal the branch's history."""
    effects = Effects(now=time.time, sleep=time.sleep, say=streams.say)
    adoption = adopt(publish_settings(flags, environ), effects)
    report = persisted.report(adoption.outcome, strict=flags.fail_on_error)
    opened = _table(adoption.before, adoption.after)
    sides = {"before": adoption.before, "after": adoption.after}
    counts = {f"{name}_{side}": getattr(health, name) for side, health in sides.items() for name in _ROWS.values()}
    return replace(
        report,
        outputs={**report.outputs, **counts},
        text=f"{opened.text()}\n\n{report.text}",
        summary=f"### What MLflow opens in a fresh clone\n\n{opened.markdown()}\n\n{report.summary}",
    )


def _table(before: Health, after: Health) -> Table:
    rows = [(row, str(getattr(before, name)), str(getattr(after, name))) for row, name in _ROWS.items()]
    return Table(header=("in a fresh clone", "before", "after"), rows=rows, numeric=frozenset({"before", "after"}))
