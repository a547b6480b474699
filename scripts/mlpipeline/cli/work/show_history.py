"""`history.py show`: show all about one run."""

import argparse
from collections.abc import Mapping

from mlpipeline.cli.work.settings import history_root, rule_options
from mlpipeline.core.documents import finite
from mlpipeline.operations.browse import show
from mlpipeline.reports.report import Report
from mlpipeline.reports.runs import description_of, run_json


def work(flags: argparse.Namespace, _environ: Mapping[str, str]) -> Report:
    """Show all about one run."""
    shown = show(history_root(flags), flags.run, rule_options(flags))
    outputs = {
        "status": "shown",
        "run": {**run_json(shown.run), "excluded": shown.excluded, "promoted": shown.promoted},
        "meta": dict(shown.meta),
        "params": dict(shown.data.params),
        "metrics": {name: finite(value) for name, value in shown.data.metrics.items()},
        "tags": dict(shown.data.tags),
        "models": [vars(model) for model in shown.models],
        "artifacts": [{"path": path, "bytes": size} for path, size in shown.artifacts.items()],
    }
    return Report(outputs=outputs, text=description_of(shown))
