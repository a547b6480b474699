"""`history.py list`: list the runs of a history."""

import argparse
from collections.abc import Mapping

from mlpipeline.cli import options
from mlpipeline.history.folder import root_folder
from mlpipeline.operations.browse import Listed, listing, newest_first
from mlpipeline.reports.report import Report
from mlpipeline.reports.runs import rest_of, run_json, table_of


def work(flags: argparse.Namespace, _environ: Mapping[str, str]) -> Report:
    """List the runs of a history."""
    rule = options.rule(flags)
    runs = listing(root_folder(flags.repository, flags.root), rule)
    excluded: dict[str, int] = {}
    for run in runs:
        if run.excluded:
            excluded[run.excluded] = excluded.get(run.excluded, 0) + 1
    rows = [run for run in runs if flags.all or run.rank]
    if flags.order == "time":
        rows.sort(key=lambda run: newest_first(run.run))
    shown = rows[: flags.limit] if flags.limit > 0 else rows
    return Report(
        outputs={
            "status": "listed",
            "metric": rule.metric,
            "mode": str(rule.mode),
            "total": len(runs),
            "excluded": excluded,
            "runs": [_run_json(run) for run in shown],
        },
        text="\n\n".join(
            part for part in (table_of(shown, rule, reasons=flags.all), rest_of(rows, shown, excluded)) if part
        ),
    )


def _run_json(run: Listed) -> dict[str, object]:
    return {"rank": run.rank, "excluded": run.excluded, **run_json(run.run)}
