"""Flags that several commands share, each defined once.

A flag that is not given leaves the choice to `mlflow-git.yaml`, then to the history or a default
(`cli/work/settings.py`).
"""

import argparse
from pathlib import Path

from mlpipeline.core.ranking import Mode
from mlpipeline.core.settings import ATTEMPTS


def add_place(parser: argparse.ArgumentParser) -> None:
    """Add the flags that name a history: `--repository` and `--root`."""
    parser.add_argument("--repository", type=Path, default=Path(), metavar="DIR", help="the checkout (default: .)")
    parser.add_argument(
        "--root",
        default="",
        help="folder in the repository that holds mlruns/ (default: of mlflow-git.yaml, else its top)",
    )


def add_metric(parser: argparse.ArgumentParser) -> None:
    """Add the flags that rank runs: `--metric` and `--mode`."""
    parser.add_argument(
        "--metric",
        default="",
        help="metric that decides, by its latest value (default: of mlflow-git.yaml, else the one by which the "
        "history was ranked last, else val_rmse)",
    )
    parser.add_argument(
        "--mode",
        choices=[str(mode) for mode in Mode],
        default="",
        help="which end of the metric is better (default: as for --metric, else what the metric's name tells)",
    )


def add_experiment(parser: argparse.ArgumentParser) -> None:
    """Add the flag that names experiments."""
    parser.add_argument(
        "--experiment",
        action="extend",
        type=_lines,
        default=None,
        metavar="NAME",
        help="take the runs of this experiment only; may be repeated, or hold one a line; '' for all "
        "(default: as for --metric, else all)",
    )


def add_publishing(parser: argparse.ArgumentParser, *, strict: bool = False) -> None:
    """Add the flags of every command that publishes; `strict` is whether it fails by default where publishing does."""
    add_place(parser)
    parser.add_argument("--remote", default="", help="where to push (default: of mlflow-git.yaml, else origin)")
    parser.add_argument(
        "--branch", default="", help="branch to publish to (default: of mlflow-git.yaml, else the one checked out)"
    )
    add_metric(parser)
    add_experiment(parser)
    parser.add_argument(
        "--attempts",
        type=_count,
        default=ATTEMPTS,
        metavar="N",
        help=f"pushes that may lose a race (default: {ATTEMPTS})",
    )
    parser.add_argument(
        "--allow-secret",
        action="extend",
        type=_lines,
        default=[],
        metavar="NAME",
        help="store what looks like a credential and is none, by the name that its refusal gives, such as "
        "params/token; may be repeated, or hold one a line; adds to mlflow-git.yaml (default: none)",
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
    parser.add_argument(
        "--fail-on-error",
        action=argparse.BooleanOptionalAction,
        default=strict,
        help=f"end with the error's exit code instead of 0 (default: {'yes' if strict else 'no'})",
    )


def _count(text: str) -> int:
    """Parse a number of times, of which there is at least one."""
    if not (text.isdecimal() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number of at least 1")
    return int(text)


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]
