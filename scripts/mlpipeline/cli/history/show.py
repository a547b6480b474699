"""`history.py show`: show all about one run."""

import argparse

from mlpipeline.cli import entry, options

DESCRIPTION = """\
Show a run: when and how it ended, params, latest metrics, tags, logged models, artifacts
with their sizes, and whether it could be promoted. Reads files, needs no MLflow."""

EXAMPLES = """\
examples:
  python scripts/history.py show 4f3a
  python scripts/history.py show 4f3a --json | jq .metrics"""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `history.py show`."""
    options.add_place(parser)
    parser.add_argument("run", metavar="RUN", help="the run's id, or as much of its beginning as is unique")
    options.add_metric(parser)


COMMAND = entry.Command(
    name="show",
    summary="show all about one run",
    description=DESCRIPTION,
    epilog=EXAMPLES,
    add_flags=add_flags,
    work=entry.later("mlpipeline.cli.work.show_history"),
)
