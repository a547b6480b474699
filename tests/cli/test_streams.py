"""What reaches the two streams while a command runs, whoever writes it."""

import subprocess
import sys
from pathlib import Path

import pytest

from mlpipeline.cli import streams
from mlpipeline.reports.report import Notice

SCRIPTS = Path(__file__).parents[2] / "scripts"
EVIL = "x\n::error::\x1b[2J\u202e"
SHOWN = "x\n\\x3a:error::\\x1b[2J\\u202e\n"


def test_what_others_write_is_harmless(capsys: pytest.CaptureFixture[str]) -> None:
    with streams.harmless_streams():
        for stream in (sys.stdout, sys.stderr):
            stream.write(f"{EVIL}\n")
    # On standard error what goes on in a second line must not look like one of ours.
    assert capsys.readouterr() == (SHOWN, SHOWN.replace("\n\\x3a", "\n  \\x3a"))


def test_a_command_in_pieces_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    with streams.harmless_streams():
        for piece in (":", ":error", "::x", "\n", "a #", "#[", "group]b"):
            sys.stderr.write(piece)
    assert capsys.readouterr().err == "\\x3a:error::x\na \\x23#[group]b"


LIBRARY = """
import logging, warnings
from mlpipeline.cli import streams
with streams.harmless_streams():
    warnings.warn("cannot reach https://me:secret@host/")
    logging.warning("no https://me:secret@host/\\r::error::x")
"""


def test_logins_in_what_libraries_write_are_hidden() -> None:
    command = [sys.executable, "-c", LIBRARY]
    told = subprocess.run(command, cwd=SCRIPTS, capture_output=True, text=True, check=True).stderr
    assert "secret" not in told
    assert told.count("https://***@host/") == 2
    assert r"\r::error::x" in told


def test_what_was_begun_comes_before_what_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with streams.harmless_streams():
        sys.stderr.write("begun")
        streams.say("said\nin one line")
    assert capsys.readouterr().err == "begunsaid in one line\n"


@pytest.mark.parametrize("wrapped", [True, False])
def test_an_annotation_is_one_command(wrapped: bool, capsys: pytest.CaptureFixture[str]) -> None:
    notice = Notice(level="error", title="a\n::b", message=f"100%\r\n##[group]\n{EVIL}")
    if wrapped:
        with streams.harmless_streams():
            streams.notify(notice, on_github=True)
    else:
        streams.notify(notice, on_github=True)
    assert capsys.readouterr().err == (
        "::error title=a %3A%3Ab::100%25%0A\\x23#[group]%0Ax%0A\\x3a:error::\\x1b[2J\\u202e\n"
    )


def test_arguments_that_are_echoed_are_harmless(tmp_path: Path) -> None:
    odd = ["--x\n::stop-commands::y", "\x1b[31m", "https://me:secret@host/"]
    command = [sys.executable, str(SCRIPTS / "persist.py"), *odd]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "\\x3a:stop-commands::y \\x1b[31m https://***@host/" in done.stderr
    assert not any(line.lstrip().startswith("::") for line in done.stderr.splitlines())


def test_the_streams_are_back_afterwards() -> None:
    before = (sys.stdout, sys.stderr)
    with streams.harmless_streams():
        assert (sys.stdout, sys.stderr) != before
    assert (sys.stdout, sys.stderr) == before
