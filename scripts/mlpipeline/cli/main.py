"""`mlflow-git`: every command as a subcommand, after `pip install`."""

import importlib
import sys
from collections.abc import Callable, Sequence

COMMANDS = {
    "load-data": ("mlpipeline.cli.load_data", "read a table, check it, write it with a report"),
    "preprocess": ("mlpipeline.cli.preprocess", "drop duplicates, split, settle what is done with each column"),
    "train": ("mlpipeline.cli.train", "train every candidate, one MLflow run each"),
    "persist": ("mlpipeline.cli.persist", "publish a job's MLflow runs in the Git repository"),
    "history": ("mlpipeline.cli.history.main", "list, show, browse, restore or adopt the history of a repository"),
}
"""By name: the module whose `main` is the command, and what it does. Only the module that is asked for is imported."""

USAGE = """\
usage: mlflow-git COMMAND ...

Keep MLflow's run history in your Git repository.

commands:
{commands}

mlflow-git COMMAND --help tells more of each. In a checkout of the project the same commands are scripts:
python scripts/persist.py is mlflow-git persist."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that is named first; returns its exit code."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    name = arguments[0] if arguments else ""
    if name in COMMANDS:
        module, _ = COMMANDS[name]
        run: Callable[..., int] = importlib.import_module(module).main
        return run(arguments[1:], prog=f"mlflow-git {name}")
    usage = USAGE.format(commands="\n".join(f"  {command:<12}{summary}" for command, (_, summary) in COMMANDS.items()))
    if name in ("-h", "--help"):
        print(usage)
        return 0
    print(f"{usage}\n\nmlflow-git: error: {f'no command {name!r}' if name else 'name a command'}", file=sys.stderr)
    return 2
