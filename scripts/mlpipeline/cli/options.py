"""Flags that several commands share, and the settings they make."""

import argparse
import sys

from mlpipeline.core.errors import PublishError
from mlpipeline.core.outcome import Outcome
from mlpipeline.core.ranking import Mode, Rule
from mlpipeline.core.settings import ATTEMPTS, Context, PersistSettings


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


def _names(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]
