"""`persist.py`: publish the job's MLflow runs in the Git repository."""

import argparse
from collections.abc import Sequence

from mlpipeline.cli import entry, options
from mlpipeline.reports import persisted

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
  python scripts/persist.py                          runs in ./mlflow.db and ./mlruns
  python scripts/persist.py --dry-run                show what would be pushed
  python scripts/persist.py --metric val_r2 --mode max
  python scripts/persist.py --root backend           a history in a folder of a monorepo
  python scripts/persist.py --branch ml-history      a history on a branch of its own"""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `persist.py`."""
    parser.add_argument(
        "--source",
        default="",
        metavar="URI",
        help="the job's runs: a folder, sqlite:///FILE or a server's address "
        "(default: $MLFLOW_TRACKING_URI, else the stores that are in the root, MLflow's default first)",
    )
    options.add_publishing(parser)
    parser.add_argument(
        "--job", default="", help="who ran this, in the commit message (default: workflow run, or host)"
    )


COMMAND = entry.Command(
    name="persist",
    summary="publish a job's MLflow runs in the Git repository",
    description=DESCRIPTION,
    epilog=EXAMPLES,
    add_flags=add_flags,
    work=entry.later("mlpipeline.cli.work.persist"),
    failure=lambda _, error, flags: persisted.failure(error, metric=flags.metric or None),
    is_strict=lambda flags: bool(flags.fail_on_error),
)


def main(argv: Sequence[str] | None = None, *, prog: str = "persist.py") -> int:
    """Run the command; returns its exit code."""
    return entry.run(entry.parser_of(COMMAND, prog=prog), argv)
