"""`history.py`: its subcommands, one module each."""

from collections.abc import Sequence

from mlpipeline.cli import entry
from mlpipeline.cli.history import adopt, list, restore, show, ui  # noqa: A004 - named as it is typed

SUMMARY = "list, show, browse, restore or adopt the history of a repository"

DESCRIPTION = """\
Look at the history of MLflow runs that a repository holds, open it in MLflow's UI,
or bring it into the folder in which the next training runs.

Only adopt commits and pushes, once, to heal what was committed by hand."""

EPILOG = """\
examples:
  python scripts/history.py list                     the leaderboard
  python scripts/history.py show 4f3a                all about one run
  python scripts/history.py ui                       MLflow's UI on http://127.0.0.1:5000
  python scripts/history.py restore --into work      continue the history in another folder
  python scripts/history.py adopt --dry-run          preview what adopt would repair
  python scripts/history.py COMMAND --help           more of each"""

SUBCOMMANDS = (list.COMMAND, show.COMMAND, ui.COMMAND, restore.COMMAND, adopt.COMMAND)


def main(argv: Sequence[str] | None = None, *, prog: str = "history.py") -> int:
    """Run a subcommand; returns its exit code."""
    parser = entry.parser_of_all(SUBCOMMANDS, prog=prog, description=DESCRIPTION, epilog=EPILOG)
    return entry.run(parser, argv)
