"""Flags that several commands share, each defined once, and the settings they make."""

import argparse
from collections.abc import Mapping
from pathlib import Path

from mlpipeline.cli.context import context_of
from mlpipeline.core.ranking import Mode, Rule
from mlpipeline.core.settings import ATTEMPTS, PublishSettings


def add_place(parser: argparse.ArgumentParser) -> None:
    """Add the flags that name a history: `--repository` and `--root`."""
    parser.add_argument("--repository", type=Path, default=Path(), metavar="DIR", help="the checkout (default: .)")
    parser.add_argument("--root", default=".", help="folder in the repository that holds mlruns/ (default: .)")


def add_metric(parser: argparse.ArgumentParser) -> None:
    """Add the flags that rank runs: `--metric` and `--mode`."""
    parser.add_argument(
        "--metric", default="val_rmse", help="metric that decides, by its latest value (default: val_rmse)"
    )
    parser.add_argument(
        "--mode",
        choices=[str(mode) for mode in Mode],
        default=str(Mode.MIN),
        help="which end of the metric is better (default: min)",
    )


def add_experiment(parser: argparse.ArgumentParser) -> None:
    """Add the flag that names experiments."""
    parser.add_argument(
        "--experiment",
        action="extend",
        type=_lines,
        default=[],
        metavar="NAME",
        help="take the runs of this experiment only; may be repeated, or hold one a line (default: all)",
    )


def add_publishing(parser: argparse.ArgumentParser) -> None:
    """Add the flags of every command that publishes."""
    add_place(parser)
    parser.add_argument("--remote", default="origin", help="where to push (default: origin)")
    parser.add_argument("--branch", default="", help="branch to publish to (default: the one checked out)")
    add_metric(parser)
    add_experiment(parser)
    parser.add_argument(
        "--attempts", type=int, default=ATTEMPTS, metavar="N", help=f"pushes that may lose a race (default: {ATTEMPTS})"
    )
    parser.add_argument(
        "--update",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="let the checkout follow the pushed branch (default: yes)",
    )
    parser.add_argument(
        "--dry-run",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="stop before pushing (default: only under act, where a push would reach your real remote)",
    )
    parser.add_argument("--fail-on-error", action="store_true", help="end with the error's exit code instead of 0")


def rule(flags: argparse.Namespace) -> Rule:
    """Make the rule that flags ask for."""
    return Rule(metric=flags.metric, mode=Mode(flags.mode), experiments=tuple(getattr(flags, "experiment", ())))


def settings(flags: argparse.Namespace, environ: Mapping[str, str]) -> PublishSettings:
    """Make the settings that flags and environment ask for.

    Raises:
        InputError: `--root` leaves the repository.
    """
    context = context_of(environ)
    return PublishSettings(
        repository=flags.repository,
        root=flags.root,
        remote=flags.remote,
        branch=flags.branch or None,
        rule=rule(flags),
        update=flags.update,
        dry_run=context.act if flags.dry_run is None else flags.dry_run,
        attempts=max(1, flags.attempts),
        context=context,
    )


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]
