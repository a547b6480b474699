"""The boundary that every command passes: it reads the environment, reports and turns errors into exit codes."""

import argparse
import json
import os
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from mlpipeline.core.errors import MissingDependencyError, PipelineError
from mlpipeline.reports import github
from mlpipeline.reports.report import Notice, Report

EXIT_CODES = """\
exit codes:
  0  done; also a failure that was reported, unless the command is strict
  1  an unexpected error: a bug
  2  bad usage, or an input that cannot be used
  3  a missing dependency
  4  no candidate could be trained
  5  no usable Git repository, branch or remote
  6  the history was built but did not reach the remote
"""

Work = Callable[[argparse.Namespace, Mapping[str, str]], Report]


def parser(*, prog: str, description: str, epilog: str = "") -> argparse.ArgumentParser:
    """A parser in one style, with `--json` and the exit codes already in it."""
    made = argparse.ArgumentParser(
        prog=prog,
        description=description,
        epilog="\n\n".join(part for part in (epilog.strip(), EXIT_CODES) if part),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    made.add_argument("--json", action="store_true", help="print one JSON object with the outputs instead of text")
    return made


def run(
    arguments: argparse.ArgumentParser,
    work: Work,
    *,
    extra: str,
    argv: Sequence[str] | None = None,
    strict: Callable[[argparse.Namespace], bool] = lambda _: True,
) -> int:
    """Parse, work, report; never lets an exception through.

    Args:
        arguments: the command's parser, made by `parser`.
        work: takes the parsed flags and the environment, returns what to report.
        extra: the lock in requirements/ that holds what this command needs, without its ending.
        argv: arguments, for tests; the process's own by default.
        strict: whether these flags ask for an exit code other than 0 after a reported error.

    Returns:
        The exit code.
    """
    parsed = arguments.parse_args(argv)
    environ = dict(os.environ)
    try:
        report = work(parsed, environ)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except ImportError as error:
        failure = _missing(error, extra)
    except PipelineError as error:
        failure = error
    except Exception:  # noqa: BLE001 - the one broad catch: a bug must still reach the annotations
        failure = PipelineError(f"{traceback.format_exc().rstrip()}\nThis is a bug in {arguments.prog}.")
    else:
        _tell(report, environ, as_json=parsed.json)
        return report.exit_code
    _fail(failure, environ, parsed, title=arguments.prog)
    return failure.exit_code if strict(parsed) else 0


def _missing(error: ImportError, extra: str) -> PipelineError:
    if error.name is None or error.name.startswith("mlpipeline"):
        return PipelineError(f"{error}\nThis is a bug: a module of the project itself cannot be imported.")
    # What stands in argv[0] is how the person called the command: in the new environment it is called the same way.
    command, install = sys.argv[0], os.path.relpath(Path(__file__).parents[2] / "install.py")
    return MissingDependencyError(
        f"The Python package '{error.name}' is not installed for {sys.executable}.",
        remedy=f"python3 {install} {extra} && .venv/bin/python {command}",
    )


def _fail(error: PipelineError, environ: Mapping[str, str], parsed: argparse.Namespace, *, title: str) -> None:
    message = str(error)
    outputs = {"status": "failed", "reason": error.what}
    _tell(
        Report(
            outputs=outputs,
            text="",
            summary=f"### {title} failed\n\n```text\n{message}\n```",
            notices=[Notice(level="error", title=f"{title} failed", message=message)],
        ),
        environ,
        as_json=parsed.json,
    )


def _tell(report: Report, environ: Mapping[str, str], *, as_json: bool) -> None:
    on_github = environ.get("GITHUB_ACTIONS") == "true"
    for notice in report.notices:
        if on_github:
            # On standard error too: the runner reads both streams, and --json owns standard output.
            print(github.annotation(notice.level, notice.title, notice.message), file=sys.stderr)
        else:
            print(f"{notice.level}: {notice.message}", file=sys.stderr)
    if path := environ.get("GITHUB_OUTPUT"):
        github.write_outputs(Path(path), report.outputs)
    if report.summary and (path := environ.get("GITHUB_STEP_SUMMARY")):
        github.write_summary(Path(path), report.summary)
    _print(json.dumps(dict(report.outputs), indent=2) if as_json else report.text)


def _print(text: str) -> None:
    try:
        if text:
            print(text, flush=True)
    except BrokenPipeError:
        # Whoever reads has seen enough, as `head` has; Python would complain once more when it closes the stream.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
