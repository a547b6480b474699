"""What becomes of the errors that a command meets."""

import errno

import pytest

from mlpipeline.cli import entry
from mlpipeline.reports.report import Report


def ended(error: Exception, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    def work(*_: object) -> Report:
        raise error

    command = entry.Command(name="x", summary="", description="", epilog="", add_flags=lambda _: None, work=work)
    code = entry.run(entry.parser_of(command, prog="x"), [])
    return code, capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/data/x"), "make room"),
        (PermissionError(errno.EACCES, "Permission denied", "/data/x"), "give this user the right to write there"),
        (OSError(errno.EROFS, "Read-only file system", "/data/x"), "give this user the right to write there"),
    ],
)
def test_what_no_program_can_prevent_is_no_bug(error: OSError, remedy: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = ended(error, capsys)

    assert code == 1
    assert f"error: {error.strerror}: '/data/x'." in said
    assert f"To do: {remedy}" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("error", [FileNotFoundError(errno.ENOENT, "No such file", "/data/x"), KeyError("x")])
def test_anything_else_is(error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = ended(error, capsys)

    assert code == 1
    assert "Traceback" in said
    assert "This is a bug in x." in said
