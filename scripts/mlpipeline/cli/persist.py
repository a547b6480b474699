"""`persist.py`: the flags, and what is told of the outcome."""

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from mlpipeline.cli import door
from mlpipeline.errors import PipelineError, PublishError
from mlpipeline.model import Choice, Mode, Outcome, Rule
from mlpipeline.settings import ATTEMPTS, Context, PersistSettings
from mlpipeline.tabular import Table

DESCRIPTION = """\
Publish the job's MLflow runs in the Git repository: merge them into the history on
the branch, choose the best run by a metric, promote its model and push.

writes on the branch:
  mlruns/, mlflow-artifacts/        the history, readable by MLflow in every clone
  models/                           the best model of each algorithm
  deployment/models/best_model/     the promoted model, as MLflow serves it
  mlflow_persistence_info.json      leaderboard, counts, provenance

The commit is built and pushed beside the checkout, on the newest state of the branch;
other jobs may push at the same time. After that the checkout follows, if it can without
overwriting anything. A failure is reported and leaves all as it was; it ends with 0
unless --fail-on-error is given, and the commit that could not be pushed is kept."""

EXAMPLES = """\
examples:
  python scripts/persist.py                          runs in ./mlruns, branch checked out
  python scripts/persist.py --dry-run                show what would be pushed
  python scripts/persist.py --metric val_r2 --mode max
  python scripts/persist.py --root backend           a history in a folder of a monorepo
  python scripts/persist.py --branch ml-history      a history on a branch of its own"""

SHOWN = 10
"""Rows of the leaderboard that are shown."""


def parser() -> argparse.ArgumentParser:
    """The flags of `persist.py`."""
    made = door.parser(prog="persist.py", description=DESCRIPTION, epilog=EXAMPLES)
    made.add_argument(
        "--source",
        default="",
        metavar="URI",
        help="the job's runs: a folder, sqlite:///FILE or a server's address "
        "(default: $MLFLOW_TRACKING_URI, else what MLflow itself would use in the root)",
    )
    made.add_argument("--repository", type=Path, default=Path(), metavar="DIR", help="the checkout (default: .)")
    made.add_argument("--root", default=".", help="folder in the repository that holds mlruns/ (default: .)")
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
    made.add_argument("--job", default="", help="who ran this, in the commit message (default: workflow run, or host)")
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
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run `persist.py`; returns the exit code."""
    return door.run(parser(), _work, extra="persist", argv=argv, strict=lambda flags: bool(flags.fail_on_error))


def _work(flags: argparse.Namespace, environ: Mapping[str, str]) -> door.Report:
    # Here, not above: without GitPython the door must still be able to name what is missing.
    from mlpipeline.persist import persist  # noqa: PLC0415
    from mlpipeline.publishing import World  # noqa: PLC0415

    context = Context.from_environ(environ)
    settings = PersistSettings(
        source=flags.source,
        repository=flags.repository,
        root=flags.root,
        remote=flags.remote,
        branch=flags.branch or None,
        rule=Rule(metric=flags.metric, mode=Mode(flags.mode), experiments=tuple(flags.experiment)),
        job=" ".join(flags.job.split()) or context.job,
        update=flags.update,
        dry_run=context.act if flags.dry_run is None else flags.dry_run,
        attempts=max(1, flags.attempts),
        context=context,
    )
    try:
        outcome = persist(settings, World(now=time.time, sleep=time.sleep, say=_say))
    except PipelineError as error:
        # Told as an outcome, so that whoever reads the outputs finds the same names as always.
        outcome = Outcome(
            status="failed", reason=error.what, metric=settings.rule.metric, messages=(("error", str(error)),)
        )
        return _report(outcome, exit_code=error.exit_code if flags.fail_on_error else 0)
    in_error = any(level == "error" for level, _ in outcome.messages)
    return _report(outcome, exit_code=PublishError.exit_code if flags.fail_on_error and in_error else 0)


def _names(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _report(outcome: Outcome, *, exit_code: int) -> door.Report:
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
