"""The wheel, built and installed into an environment that holds nothing else: no checkout is in reach."""

import subprocess
import sys
import venv
from pathlib import Path

import pytest

from mlpipeline.cli import install
from mlpipeline.cli.main import COMMANDS

PROJECT = Path(__file__).parents[2]
MISSING = 3
"""The exit code where a package is missing."""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel and without what it requires."""
    wheels = pytest.importorskip("hatchling.builders.wheel")
    folder = tmp_path_factory.mktemp("installed")
    (wheel,) = wheels.WheelBuilder(str(PROJECT)).build(directory=str(folder))
    venv.create(folder / "venv", with_pip=False)
    pip = [sys.executable, "-m", "pip", "--python", str(install._interpreter(folder / "venv"))]
    subprocess.run([*pip, "install", "--quiet", "--no-index", "--no-deps", wheel], check=True)
    return folder / "venv"


def run(environment: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `mlflow-git` away from the project."""
    program = install._interpreter(environment).with_name("mlflow-git")
    return subprocess.run([program, *arguments], cwd=environment, capture_output=True, text=True, check=False)


def test_pip_installs_a_command_that_lists_every_other(environment: Path) -> None:
    done = run(environment, "--help")

    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines() if line.startswith("  ")] == list(COMMANDS)


@pytest.mark.parametrize("command", [*([name] for name in COMMANDS), ["history", "list"]], ids=" ".join)
def test_help_needs_nothing_that_the_package_requires(environment: Path, command: list[str]) -> None:
    done = run(environment, *command, "--help")

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"usage: mlflow-git {' '.join(command)} ")


@pytest.mark.parametrize(
    ("command", "package"),
    [
        (["persist", "--fail-on-error"], "mlflow-git-persistence"),
        (["history", "list"], "mlflow-git-persistence"),
        (["load-data"], "'mlflow-git-persistence[train]'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_missing_package_is_installed_by_pip(environment: Path, command: list[str], package: str) -> None:
    done = run(environment, *command)

    assert done.returncode == MISSING
    assert done.stderr.splitlines()[-1] == f"To do: pip install {package}"


def test_python_runs_the_package(environment: Path) -> None:
    python = install._interpreter(environment)
    done = subprocess.run(
        [python, "-m", "mlpipeline", "--help"], cwd=environment, capture_output=True, text=True, check=True
    )

    assert done.stdout == run(environment, "--help").stdout
