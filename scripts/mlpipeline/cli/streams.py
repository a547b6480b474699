"""Standard output and standard error: the one place that writes to them.

What others write there while a command runs (argparse, warnings, loggers of libraries) is made harmless as well.
"""

import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import TextIO

from mlpipeline.core import harmless
from mlpipeline.core.credentials import without_credentials
from mlpipeline.reports import github
from mlpipeline.reports.report import Notice


class _Harmless(io.TextIOBase):
    """A stream of text that hands on whole lines, each made harmless."""

    def __init__(self, stream: TextIO, change: Callable[[str], str]) -> None:
        self.stream = stream
        self._change = change
        self._unfinished: list[str] = []

    def write(self, text: str) -> int:
        """Take text; what comes after its last line break waits for the rest of its line."""
        lines, end, rest = text.rpartition("\n")
        if end:
            self.stream.write(self._change("".join([*self._unfinished, lines, end])))
            self._unfinished = []
        if rest:
            self._unfinished.append(rest)
        return len(text)

    def flush(self) -> None:
        """Hand on what waits."""
        if self._unfinished:
            self.stream.write(self._change("".join(self._unfinished)))
            self._unfinished = []
        self.stream.flush()

    def writable(self) -> bool:
        """Say that it can be written to."""
        return True

    def fileno(self) -> int:
        """Give the number of the file."""
        return self.stream.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The encoding of the file, which decides what others write."""
        return self.stream.encoding


@contextmanager
def harmless_streams() -> Iterator[None]:
    """Let nothing reach standard output and standard error, whoever writes it, that its reader would obey.

    What is written to standard error besides `say` and `notify` is shown without logins, too.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that lacks a character shows its number, instead of ending the command in an error.
            stream.reconfigure(errors="backslashreplace")
    out = _Harmless(sys.stdout, harmless.log)
    err = _Harmless(sys.stderr, _others)
    with redirect_stdout(out), redirect_stderr(err):
        try:
            yield
        finally:
            for each in (out, err):
                with _until_nobody_reads(each):
                    each.flush()


def _others(text: str) -> str:
    """Write what is not ours: without logins, and indented where it goes on, so that it looks like no line of ours."""
    first, *rest = harmless.log(without_credentials(text)).splitlines(keepends=True)
    return "".join([first, *(f"  {line}" for line in rest)])


def say(line: str) -> None:
    """Show a line of progress."""
    tell(harmless.one_line(line))


def tell(text: str) -> None:
    """Write lines to standard error."""
    _write(sys.stderr, harmless.log(text))


def notify(notice: Notice, *, on_github: bool) -> None:
    """Show a notice: on GitHub as an annotation, elsewhere on standard error. An error may have several lines.

    On standard error on GitHub, too: the runner reads both streams, and `--json` owns standard output.
    """
    message = notice.message if notice.level == "error" else harmless.one_line(notice.message)
    if on_github:
        _write(sys.stderr, github.annotation(notice.level, notice.title, message))
    else:
        tell(f"{notice.level}: {message}")


def show(text: str) -> None:
    """Write what a command has to say to standard output."""
    with _until_nobody_reads(sys.stdout):
        _write(sys.stdout, harmless.log(text))


@contextmanager
def _until_nobody_reads(stream: TextIO | _Harmless) -> Iterator[None]:
    """Write to a stream, and to nowhere once its reader has seen enough, as `head` has."""
    try:
        yield
    except BrokenPipeError:
        # Python would complain once more when it closes the stream.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _write(stream: TextIO, text: str) -> None:
    """Write a text that is harmless already, after what waits."""
    stream.flush()
    print(text, file=stream.stream if isinstance(stream, _Harmless) else stream, flush=True)
