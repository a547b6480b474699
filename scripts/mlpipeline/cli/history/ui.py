"""`history.py ui`: open the history in MLflow's UI."""

import argparse

from mlpipeline.cli import entry, options

DESCRIPTION = """\
Open the history in MLflow's own UI, fast however long it is: what MLflow reads is a SQLite
cache in the repository's .git folder, and of the files only those that changed since the
last time are read again. It works from any folder, and artifacts open.

It is a view: edits made in the UI are gone when it ends, and never reach the history."""

EXAMPLES = """\
examples:
  python scripts/history.py ui
  python scripts/history.py ui --port 0              any port that is free
  python scripts/history.py ui --refresh-only --json prepare the cache, print where it is"""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `history.py ui`."""
    options.add_place(parser)
    parser.add_argument("--port", type=int, default=5000, help="port of the UI; 0 for any that is free (default: 5000)")
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1, this machine alone)"
    )
    parser.add_argument("--refresh-only", action="store_true", help="bring the cache up to date and end")


COMMAND = entry.Command(
    name="ui",
    summary="open the history in MLflow's UI",
    description=DESCRIPTION,
    epilog=EXAMPLES,
    add_flags=add_flags,
    work=entry.later("mlpipeline.cli.work.ui_history"),
    extra="train",
)
