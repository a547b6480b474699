"""`mlflow-git`: every command as a subcommand, after `pip install`."""

import sys
from collections.abc import Callable, Sequence

from mlpipeline.cli import load_data, persist, preprocess, streams, train
from mlpipeline.cli.history import main as history

COMMANDS: dict[str, tuple[Callable[..., int], str]] = {
    **{
        module.COMMAND.name: (module.main, module.COMMAND.summary) for module in (load_data, preprocess, train, persist)
    },
    "history": (history.main, history.SUMMARY),
}
"""By name: what runs the command, and what it does in a few words."""

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
        run, _ = COMMANDS[name]
        return run(arguments[1:], prog=f"mlflow-git {name}")
    usage = USAGE.format(commands="\n".join(f"  {command:<12}{summary}" for command, (_, summary) in COMMANDS.items()))
    if name in ("-h", "--help"):
        streams.show(usage)
        return 0
    streams.tell(f"{usage}\n\nmlflow-git: error: {f'no command {name!r}' if name else 'name a command'}")
    return 2
