"""What the commands that publish have in common: flags, settings, and what is told of the outcome."""

import argparse
import sys
from collections.abc import Callable

from mlpipeline.cli import door
from mlpipeline.errors import PublishError
from mlpipeline.model import Choice, Mode, Outcome, Rule
from mlpipeline.settings import ATTEMPTS, Context, PersistSettings
from mlpipeline.tabular import Table

SHOWN = 10
"""Rows of the leaderboard that are shown."""


def add_flags(made: argparse.ArgumentParser) -> None:
    """Add the flags of everything that publishes."""
    made.add_argument("--remote", default="origin", help="where to push (default: origin)")
    made.add_argument("--branch", default="", help="branch to publish to (default: the one checked out)")
    made.add_argument(
        "--metric", default="val_rmse", help="metric that decides, by its latest value (default: val_rmse)"
    )
    made.add_argument(
        "--mode", choices=[*Mode], default=Mode.MIN, help="which end of the metric is better (default: min)"
    )
    made.add_argument(
        "--experiment",
        action="extend",
        type=_names,
        default=[],
        metavar="NAME",
        help="choose among the runs of this experiment only; may be repeated, or hold one a line (default: all)",
    )
    made.add_argument(
        "--attempts", type=int, default=ATTEMPTS, metavar="N", help=f"pushes that may lose a race (default: {ATTEMPTS})"
    )
    made.add_argument(
        "--update",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="let the checkout follow the pushed branch (default: yes)",
    )
    made.add_argument(
        "--dry-run",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="stop before pushing (default: only under act, where a push would reach your real remote)",
    )
    made.add_argument("--fail-on-error", action="store_true", help="end with the error's exit code instead of 0")


def settings(flags: argparse.Namespace, context: Context, *, source: str, job: str) -> PersistSettings:
    """What the flags and the environment ask for."""
    return PersistSettings(
        source=source,
        repository=flags.repository,
        root=flags.root,
        remote=flags.remote,
        branch=flags.branch or None,
        rule=Rule(metric=flags.metric, mode=Mode(flags.mode), experiments=tuple(flags.experiment)),
        job=job,
        update=flags.update,
        dry_run=context.act if flags.dry_run is None else flags.dry_run,
        attempts=max(1, flags.attempts),
        context=context,
    )


def say(line: str) -> None:
    """Show a line of progress."""
    print(line, file=sys.stderr, flush=True)


def exit_code(outcome: Outcome, flags: argparse.Namespace) -> int:
    """0, unless the flags are strict and something was told as an error."""
    in_error = any(level == "error" for level, _ in outcome.messages)
    return PublishError.exit_code if flags.fail_on_error and in_error else 0


def report(outcome: Outcome, *, exit_code: int) -> door.Report:
    """The outcome as outputs, text, summary and annotations."""
    return door.Report(
        outputs={name: value for name, value in vars(outcome).items() if name not in ("choice", "messages")},
        text=_text(outcome),
        summary=_summary(outcome),
        notices=[
            door.Notice(level=level, title=f"MLflow persistence: {outcome.status}", message=message)
            for level, message in outcome.messages
        ],
        exit_code=exit_code,
    )


def _text(outcome: Outcome) -> str:
    facts = "\n".join(f"{name:<10} {value}" for name, value in _facts(outcome).items())
    return "\n\n".join(part for part in (_leaderboard(outcome.choice, Table.text), facts) if part)


def _summary(outcome: Outcome) -> str:
    facts = Table(header=("", ""), rows=[(name, value) for name, value in _facts(outcome).items()]).markdown()
    messages = "\n".join(f"- **{level}**: {' '.join(message.split())}" for level, message in outcome.messages)
    board = _leaderboard(outcome.choice, Table.markdown)
    return "\n\n".join(part for part in ("### MLflow persistence", facts, messages, board) if part)


def _facts(outcome: Outcome) -> dict[str, str]:
    best = outcome.choice.best if outcome.choice else None
    facts = {"status": outcome.status, "reason": outcome.reason}
    if best:
        change = "new" if outcome.improved else "as before"
        facts["promoted"] = f"{best.algorithm}, {outcome.metric} {best.value:.6g}, run {best.run_id} ({change})"
        facts["model"] = str(outcome.model_path)
    if outcome.commit_sha:
        facts["commit"] = outcome.commit_sha
    if outcome.bundle_path:
        facts["bundle"] = outcome.bundle_path
    return facts


def _leaderboard(choice: Choice | None, shape: Callable[[Table], str]) -> str:
    if choice is None or not choice.ranking:
        return ""
    metric = choice.rule.metric
    rows = [
        (str(rank), run.algorithm, f"{run.value:.6g}", run.run_name, run.experiment, run.run_id)
        for rank, run in enumerate(choice.ranking[:SHOWN], start=1)
    ]
    header = ("rank", "algorithm", metric, "run", "experiment", "run id")
    more = len(choice.ranking) - len(rows)
    table = shape(Table(header=header, rows=rows, numeric=frozenset({"rank", metric})))
    return f"{table}\n\n{more} more in mlflow_persistence_info.json or MLflow" if more else table


def _names(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]
