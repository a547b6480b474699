"""`history.py restore`: bring the history into the folder of the next training."""

import argparse
from pathlib import Path

from mlpipeline.cli import entry, options

DESCRIPTION = """\
Bring mlruns/ and mlflow-artifacts/ into a folder, so that training continues in that
history: in the same experiments, with the earlier runs and registered models at hand.
In the checkout itself it creates the empty folders that Git does not keep and MLflow wants.

No file is ever overwritten: what the folder holds in another state is left as it is and
named. Files are written beside their place and renamed, so nothing is ever half there."""

EXAMPLES = """\
examples:
  python scripts/history.py restore                  what Git dropped, in the checkout itself
  python scripts/history.py restore --into work      into another folder
  python scripts/history.py restore --commit origin/ml-history --no-artifacts"""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `history.py restore`."""
    options.add_place(parser)
    parser.add_argument(
        "--into", type=Path, metavar="DIR", help="the folder in which training runs (default: the history's own)"
    )
    parser.add_argument(
        "--commit", default="", metavar="REV", help="take the history of this commit (default: the files)"
    )
    parser.add_argument("--no-artifacts", dest="artifacts", action="store_false", help="bring the metadata only")


COMMAND = entry.Command(
    name="restore",
    summary="bring the history into the folder of the next training",
    description=DESCRIPTION,
    epilog=EXAMPLES,
    add_flags=add_flags,
    work=entry.later("mlpipeline.cli.work.restore_history"),
)
