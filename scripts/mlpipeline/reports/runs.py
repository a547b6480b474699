"""Runs as a person or a program reads them: a list, all about one, values of JSON; pure."""

from collections.abc import Mapping, Sequence

from mlpipeline.core.documents import finite, iso
from mlpipeline.core.harmless import one_line
from mlpipeline.core.ranking import Rule, RunSummary
from mlpipeline.history.selection import EXCLUSIONS
from mlpipeline.operations.browse import Listed, Shown
from mlpipeline.reports.tables import Table

WIDEST = 60
"""Characters of the widest column of names: one long name must not widen every line."""


def table_of(shown: Sequence[Listed], rule: Rule, *, reasons: bool) -> str:
    """Write the table of a list of runs."""
    if not shown:
        return ""
    header = ("rank", "algorithm", rule.metric, "status", "ended", "experiment", "run", "run id")
    rows = [
        (
            f"{each.rank or '-'}{'*' if each.promoted else ' '}",
            each.run.algorithm,
            "-" if each.run.value is None else f"{each.run.value:.6g}",
            each.run.status,
            _time(each.run.end_time),
            each.run.experiment,
            each.run.run_name,
            each.run.run_id,
            *([each.excluded or ""] if reasons else []),
        )
        for each in shown
    ]
    table = Table(
        header=(*header, "excluded") if reasons else header, rows=rows, numeric=frozenset({"rank", rule.metric})
    )
    return table.text()


def rest_of(rows: Sequence[Listed], shown: Sequence[Listed], excluded: Mapping[str, int]) -> str:
    """Say how many runs a list leaves out, and why runs cannot be promoted."""
    lines = [f"{len(rows) - len(shown)} more: see --limit."] if len(shown) < len(rows) else []
    if any(each.promoted for each in shown):
        lines.append("* its model is the promoted one.")
    if not (rows or excluded):
        lines.append("There are no runs.")
    if excluded:
        lines.append("cannot be promoted:")
        lines += [
            f"  {excluded[reason]:>5}  {reason}: {EXCLUSIONS[reason]}" for reason in EXCLUSIONS if reason in excluded
        ]
    return "\n".join(lines)


def description_of(shown: Shown) -> str:
    """Describe one run: facts, metrics, params, tags, models, artifacts."""
    run = shown.run
    promotable = f"no: {EXCLUSIONS[shown.excluded]}" if shown.excluded else "yes"
    facts = {
        "run": run.run_id,
        "name": run.run_name,
        "experiment": f"{run.experiment} ({run.experiment_id})",
        "algorithm": run.algorithm,
        "status": f"{run.status}, deleted" if run.deleted else run.status,
        "started": _time(run.start_time),
        "ended": _time(run.end_time),
        "user": str(shown.meta.get("user_id") or ""),
        "promotable": promotable,
        "promoted": "yes" if shown.promoted else "no",
        "files": run.folder,
    }
    sections = {
        "": facts,
        "metrics (latest)": {name: f"{value:.6g}" for name, value in shown.data.metrics.items()},
        "params": shown.data.params,
        "tags": shown.data.tags,
        "models": {
            model.id: f"{model.name}, {model.status}, {_bytes(model.size)}, {model.folder}" for model in shown.models
        },
        "artifacts": {path: _bytes(size) for path, size in shown.artifacts.items()},
    }
    return "\n\n".join(_section(title, values) for title, values in sections.items() if values)


def run_json(run: RunSummary) -> dict[str, object]:
    """Give a run's values as `--json` prints them."""
    return {
        "run_id": run.run_id,
        "run_name": run.run_name,
        "experiment": run.experiment,
        "algorithm": run.algorithm,
        "value": None if run.value is None else finite(run.value),
        "status": run.status,
        "deleted": run.deleted,
        "start_time": run.start_time,
        "end_time": run.end_time,
        "model_path": run.model,
    }


def _section(title: str, values: Mapping[str, str]) -> str:
    shown = [(one_line(name), one_line(value)) for name, value in values.items()]
    width = min(WIDEST, max(len(name) for name, _ in shown))
    indent = "  " if title else ""
    lines = [f"{indent}{name:<{width}}  {value}".rstrip() for name, value in shown]
    return "\n".join([title, *lines] if title else lines)


def _time(milliseconds: int | None) -> str:
    written = iso(milliseconds)
    return written[: len("2026-01-01T00:00:00")].replace("T", " ") if written else "-"


def _bytes(size: int) -> str:
    kibibytes = size / 1024
    return f"{kibibytes / 1024:.1f} MiB" if kibibytes >= 1024 else f"{kibibytes:.1f} KiB"
