"""`history.py list`: rank the runs, and say which cannot be promoted."""

import argparse

from mlpipeline.cli import entry, options

DESCRIPTION = """\
List the runs of the history in the checkout as persist.py would rank them, whether they
are committed or not. Times are UTC. Reads files, needs no MLflow."""

EXAMPLES = """\
examples:
  python scripts/history.py list --limit 50
  python scripts/history.py list --metric val_r2 --mode max --experiment houses
  python scripts/history.py list --all --order time  also those that cannot be promoted, newest first
  python scripts/history.py list --json | jq -r '.runs[].run_id'"""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `history.py list`."""
    options.add_place(parser)
    options.add_metric(parser)
    options.add_experiment(parser)
    parser.add_argument("--limit", type=int, default=20, metavar="N", help="rows at the most; 0 for all (default: 20)")
    parser.add_argument(
        "--order", choices=("rank", "time"), default="rank", help="best or newest first (default: rank)"
    )
    parser.add_argument("--all", action="store_true", help="list the runs that cannot be promoted as well, and say why")


COMMAND = entry.Command(
    name="list",
    summary="rank the runs, and say which cannot be promoted",
    description=DESCRIPTION,
    epilog=EXAMPLES,
    add_flags=add_flags,
    work=entry.later("mlpipeline.cli.work.list_history"),
)
