"""`mlflow-git`: every command under one name, and as light as the commands themselves."""

import subprocess
import sys
from pathlib import Path

import pytest

from mlpipeline.cli.main import COMMANDS, main

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_its_help_under_its_name(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])

    told = capsys.readouterr().out
    assert ended.value.code == 0
    assert told.startswith(f"usage: mlflow-git {name} ")
    assert "exit codes:" in told


def test_a_subcommand_of_a_subcommand(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["history", "list", "--repository", str(tmp_path)]) == 2
    assert "there is no folder 'mlruns'" in capsys.readouterr().err


def test_its_own_help_lists_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    told = capsys.readouterr().out
    for name, (_, summary) in COMMANDS.items():
        assert f"  {name:<12}{summary}\n" in told


@pytest.mark.parametrize(("argv", "complaint"), [([], "name a command"), (["presist"], "no command 'presist'")])
def test_anything_else_is_bad_usage(argv: list[str], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(argv) == 2
    assert complaint in capsys.readouterr().err


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS)], ids=" ".join)
def test_help_loads_no_package(command: list[str]) -> None:
    program = (
        "import sys\n"
        "from mlpipeline.cli.main import main\n"
        "try: main([*sys.argv[1:], '--help'])\n"
        "except SystemExit: pass\n"
        "print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *command], cwd=SCRIPTS, capture_output=True, text=True, check=True
    )
    assert not set(done.stderr.split()) & {"mlflow", "sklearn", "pandas", "numpy", "git", "yaml"}


def test_the_package_is_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mlpipeline", "persist", "--help"],
        cwd=SCRIPTS,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("usage: mlflow-git persist ")


@pytest.mark.parametrize("attempts", ["0", "-1", "1.5", "many", ""])
def test_a_number_of_attempts_is_at_least_one(attempts: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["persist", f"--attempts={attempts}"])

    assert ended.value.code == 2
    assert f"argument --attempts: '{attempts}' is not a whole number of at least 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (["history", "adopt"], 5),
        (["history", "adopt", "--no-fail-on-error"], 0),
        (["persist"], 0),
        (["persist", "--fail-on-error"], 5),
    ],
)
def test_a_failure_is_an_exit_code_where_a_person_or_a_flag_asks_for_it(
    command: list[str], code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, "--repository", str(tmp_path)]) == code
    assert "is not inside a Git repository" in capsys.readouterr().err
