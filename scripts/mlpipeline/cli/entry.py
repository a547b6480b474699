"""The boundary that every command passes: it reads the environment, reports, and turns errors into exit codes."""

import argparse
import errno
import importlib
import os
import shlex
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from mlpipeline.cli import streams
from mlpipeline.core.credentials import without_credentials
from mlpipeline.core.errors import MissingDependencyError, PipelineError
from mlpipeline.core.harmless import json_text
from mlpipeline.core.nearest import did_you_mean
from mlpipeline.reports import github
from mlpipeline.reports.report import Report, failed

EXIT_CODES = """\
exit codes:
  0  done; of persist also a failure that was reported, unless --fail-on-error is given
  1  an unexpected error: a bug
  2  bad usage, or an input that cannot be used
  3  a missing dependency
  4  no candidate could be trained
  5  no usable Git repository, branch or remote
  6  the history was built but did not reach the remote
"""

_JSON_HELP = "print one JSON object with the outputs instead of text"

Work = Callable[[argparse.Namespace, Mapping[str, str]], Report]
"""Does what a command is for, given its flags and the environment."""


@dataclass(frozen=True, kw_only=True)
class Command:
    """A command: what it is called, what it takes, what it does.

    Attributes:
        name: as it is typed.
        summary: what it does, in a few words.
        description: what it does, for its `--help`.
        epilog: examples and what else `--help` ends with.
        add_flags: adds its flags, without `--json`.
        work: does it; `later` for work that needs packages.
        extra: the lock in requirements/ that holds what it needs.
        failure: what to report of an error, given the flags.
        is_strict: whether these flags ask for an exit code other than 0 after a reported error.
    """

    name: str
    summary: str
    description: str
    epilog: str
    add_flags: Callable[[argparse.ArgumentParser], None]
    work: Work
    extra: str = "persist"
    failure: Callable[[str, PipelineError, argparse.Namespace], Report] = lambda prog, error, _: failed(prog, error)
    is_strict: Callable[[argparse.Namespace], bool] = lambda _: True


def later(module: str) -> Work:
    """Name the module whose `work` does a command's work.

    It is imported when the command runs: `--help` needs nothing but Python.
    """

    def work(flags: argparse.Namespace, environ: Mapping[str, str]) -> Report:
        report: Report = importlib.import_module(module).work(flags, environ)
        return report

    return work


class _Parser(argparse.ArgumentParser):
    """A parser that names the flag or the word that may have been meant."""

    def error(self, message: str) -> NoReturn:
        """Print how the command is used and what is wrong, and exit with 2."""
        start, _, rest = message.partition("unrecognized arguments: ")
        wrong = next((word.partition("=")[0] for word in rest.split() if word.startswith("-")), "")
        super().error(message + (did_you_mean(wrong, self._flags()) if wrong and not start else ""))

    def _flags(self) -> set[str]:
        flags = set(self._option_string_actions)
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction):
                flags |= {flag for parser in action.choices.values() for flag in parser._option_string_actions}
        return {flag for flag in flags if flag.startswith("--")}

    def _check_value(self, action: argparse.Action, value: object) -> None:
        choices = [str(choice) for choice in action.choices or ()]
        if choices and str(value) not in choices:
            said = f"'{value}' is none of {', '.join(choices)}.{did_you_mean(str(value), choices)}"
            raise argparse.ArgumentError(action, said)


def parser_of(command: Command, *, prog: str) -> argparse.ArgumentParser:
    """Make a command's parser."""
    parser = _Parser(prog=prog)
    _describe(parser, command.description, command.epilog)
    parser.add_argument("--json", action="store_true", help=_JSON_HELP)
    command.add_flags(parser)
    parser.set_defaults(command=command)
    return parser


def parser_of_all(commands: Sequence[Command], *, prog: str, description: str, epilog: str) -> argparse.ArgumentParser:
    """Make a parser with one of several commands to choose."""
    parser = _Parser(prog=prog)
    _describe(parser, description, epilog)
    parser.add_argument("--json", action="store_true", help=_JSON_HELP)
    choices = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in commands:
        chosen = choices.add_parser(command.name, help=command.summary)
        _describe(chosen, command.description, command.epilog)
        command.add_flags(chosen)
        # Without a default of its own: one here would undo a --json that stands before the command.
        chosen.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help=_JSON_HELP)
        chosen.set_defaults(command=command)
    return parser


def run(parser: argparse.ArgumentParser, argv: Sequence[str] | None = None) -> int:
    """Parse, work, report; never lets an exception through.

    Args:
        parser: made by `parser_of` or `parser_of_all`.
        argv: arguments; the process's own by default.

    Returns:
        The exit code.
    """
    _forget_repositories()
    with streams.harmless_streams():
        return _run(parser, argv)


def _run(parser: argparse.ArgumentParser, argv: Sequence[str] | None) -> int:
    flags = parser.parse_args(argv)
    command: Command = flags.command
    environ = dict(os.environ)
    try:
        report = command.work(flags, environ)
    except KeyboardInterrupt:
        streams.say("interrupted")
        return 130
    except ImportError as error:
        failure = _missing(error, command.extra)
    except PipelineError as error:
        failure = error
    except Exception as error:  # noqa: BLE001 - the one broad catch: a bug must still reach the annotations
        failure = _of_system(error) or _bug(parser.prog)
    else:
        _publish(report, environ, as_json=flags.json)
        return report.exit_code
    _publish(command.failure(parser.prog, failure, flags), environ, as_json=flags.json)
    return failure.exit_code if command.is_strict(flags) else 0


def _bug(prog: str) -> PipelineError:
    """Tell of the exception that is being handled."""
    return PipelineError(f"{without_credentials(traceback.format_exc().rstrip())}\nThis is a bug in {prog}.")


_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE}


def _of_system(error: Exception) -> PipelineError | None:
    """Tell of an error that no program can prevent; `None` for any other."""
    if not isinstance(error, OSError) or error.errno not in _DENIED | _FULL:
        return None
    where = f": '{error.filename}'" if error.filename else ""
    remedy = (
        "give this user the right to write there"
        if error.errno in _DENIED
        else "make room (on the disk, of open files) or look at the disk"
    )
    return PipelineError(f"{error.strerror}{where}.", remedy=f"{remedy}, then run this again.")


_OF_ANOTHER_REPOSITORY = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_ATTR_SOURCE",
    "GIT_CEILING_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_GLOB_PATHSPECS",
    "GIT_GRAFT_FILE",
    "GIT_ICASE_PATHSPECS",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_INTERNAL_SUPER_PREFIX",
    "GIT_LITERAL_PATHSPECS",
    "GIT_NAMESPACE",
    "GIT_NOGLOB_PATHSPECS",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_QUARANTINE_PATH",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
)
"""What git sets for its hooks and for `rebase --exec`: which repository, index and objects it works on itself.

More than `git rev-parse --local-env-vars` lists, but for its settings (`GIT_CONFIG_*`), which hold logins as well.
"""


def _forget_repositories() -> None:
    """Let the git that this process starts find its repository by the folder that it is started in."""
    for name in _OF_ANOTHER_REPOSITORY:
        os.environ.pop(name, None)


def _describe(parser: argparse.ArgumentParser, description: str, epilog: str) -> None:
    parser.description = description
    parser.epilog = "\n\n".join(part for part in (epilog.strip(), EXIT_CODES) if part)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.allow_abbrev = False
    # Python 3.14 would colour it by sequences that the streams show as text.
    setattr(parser, "color", False)  # noqa: B010 - no attribute in Python 3.11


def _missing(error: ImportError, extra: str) -> PipelineError:
    if error.name is None or error.name.startswith("mlpipeline"):
        return PipelineError(f"{error}\nThis is a bug: a module of the project itself cannot be imported.")
    what = f"The Python package '{error.name}' is not installed for {sys.executable}."
    install = Path(__file__).parents[2] / "install.py"
    if not install.is_file():
        # What the lock `persist` holds is what the package itself requires, so there is no extra of that name.
        package = "mlflow-git-persistence" if extra == "persist" else f"'mlflow-git-persistence[{extra}]'"
        return MissingDependencyError(what, remedy=f"pip install {package}")
    # argv[0] is how the person called the command: in the new environment it is called the same way.
    return MissingDependencyError(
        what,
        remedy=f"{shlex.join(['python3', os.path.relpath(install), extra])} && "
        f"{shlex.join(['.venv/bin/python', sys.argv[0]])}",
    )


def _publish(report: Report, environ: Mapping[str, str], *, as_json: bool) -> None:
    """Write a report to standard output, to standard error and to GitHub's files."""
    on_github = environ.get("GITHUB_ACTIONS") == "true"
    for notice in report.notices:
        streams.notify(notice, on_github=on_github)
    if path := environ.get("GITHUB_OUTPUT"):
        github.write_outputs(Path(path), report.outputs)
    if report.summary and (path := environ.get("GITHUB_STEP_SUMMARY")):
        github.write_summary(Path(path), report.summary)
    if text := json_text(report.outputs) if as_json else report.text:
        streams.show(text)
