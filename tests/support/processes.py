"""Run programs as a person or a job does, and read what they print."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parents[2]
SCRIPTS = PROJECT / "scripts"
PROGRAMS = Path(__file__).parent / "programs"
"""Programs that use MLflow as its users do, each in a process of its own: MLflow's state is global."""


def python(
    cwd: Path, *arguments: str | Path, check: bool = True, environ: Mapping[str, str] | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run this Python in a folder.

    Args:
        cwd: the folder.
        arguments: a program's path and what it is given.
        check: fail the test, with what the program wrote to standard error, if its exit code is not 0.
        environ: the environment; this process's own by default.
        variables: what to add to the environment.
    """
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env={**(os.environ if environ is None else environ), **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0 or not check, done.stderr
    return done


def json_object(text: str | bytes) -> dict[str, Any]:
    """Parse a JSON object; fails the test if the text is anything else."""
    parsed = json.loads(text)
    assert isinstance(parsed, dict), parsed
    return parsed
