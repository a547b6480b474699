"""`history.py list`: list the runs of a history."""

import argparse
from collections import Counter
from collections.abc import Mapping

from mlpipeline.cli.work.settings import history_root, rule_options
from mlpipeline.operations.browse import Listed, listing, newest_first
from mlpipeline.reports.report import Notice, Report
from mlpipeline.reports.runs import rest_of, run_json, table_of


def work(flags: argparse.Namespace, _environ: Mapping[str, str]) -> Report:
    """List the runs of a history."""
    listed = listing(history_root(flags), rule_options(flags))
    excluded = Counter(run.excluded for run in listed.runs if run.excluded)
    rows = [run for run in listed.runs if flags.all or run.rank]
    if flags.order == "time":
        rows.sort(key=lambda run: newest_first(run.run))
    shown = rows[: flags.limit] if flags.limit > 0 else rows
    return Report(
        outputs={
            "status": "listed",
            "metric": listed.rule.metric,
            "mode": str(listed.rule.mode),
            "total": len(listed.runs),
            "excluded": dict(excluded),
            "runs": [_run_json(run) for run in shown],
        },
        text="\n\n".join(
            part for part in (table_of(shown, listed.rule, reasons=flags.all), rest_of(rows, shown, excluded)) if part
        ),
        notices=[
            Notice(level="warning", title="history.py list", message=said)
            for said in (*listed.passed_over, listed.unmatched)
            if said
        ],
    )


def _run_json(run: Listed) -> dict[str, object]:
    return {"rank": run.rank, "promoted": run.promoted, "excluded": run.excluded, **run_json(run.run)}
