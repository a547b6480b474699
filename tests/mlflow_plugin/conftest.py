"""A history made by a job and persisted, and a Python in which the project counts as installed."""

import os
import subprocess
import sys
import tomllib
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support.gitrepo import clone, make_origin
from support.processes import PROGRAMS, PROJECT, SCRIPTS, json_object, python
from support.servers import Server, mlflow_server


@dataclass(frozen=True, kw_only=True)
class Done:
    """What a program told, and what it wrote to standard error."""

    told: dict[str, Any]
    errors: str


@dataclass(frozen=True, kw_only=True)
class History:
    """A bare origin that holds a persisted history, and a folder of packages in which the project is installed."""

    origin: Path
    site: Path

    def clone(self, folder: Path) -> Path:
        return clone(self.origin, folder)

    def run(self, cwd: Path, program: Path, *arguments: str, before: tuple[str, ...] = ()) -> Done:
        """Run a Python program with the plugin and without a flag, on its `mlruns`; its last line is JSON."""
        done = subprocess.run(
            [*before, sys.executable, program, *arguments],
            cwd=cwd,
            env={**os.environ, **self._variables, "MLFLOW_TRACKING_URI": (cwd / "mlruns").as_uri()},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return Done(told=json_object(done.stdout.splitlines()[-1]), errors=done.stderr)

    def ui(self, cwd: Path, *arguments: str) -> AbstractContextManager[Server]:
        """Start `mlflow ui` in a folder."""
        log = cwd.parent / "ui.log"
        return mlflow_server(cwd, "ui", "--workers", "1", *arguments, log=log, **self._variables)

    @property
    def _variables(self) -> dict[str, str]:
        return {"PYTHONPATH": str(self.site), "MLFLOW_DISABLE_TELEMETRY": "true"}


@pytest.fixture(scope="session")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    folder = tmp_path_factory.mktemp("plugin")
    origin = make_origin(folder)
    job = clone(origin, folder / "job")
    train = PROGRAMS / "train_and_register.py"
    python(job, train, MLFLOW_ALLOW_FILE_STORE="true", MLFLOW_DISABLE_TELEMETRY="true")
    python(job, SCRIPTS / "persist.py", "--fail-on-error")
    job.rename(folder / "retired")  # no location of the job's may be good any more
    return History(origin=origin, site=_installed(folder / "site"))


def _installed(site: Path) -> Path:
    """A folder that Python takes for one in which the project is installed."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    described = site / "mlflow_git_persistence-0.0.0.dist-info"
    described.mkdir(parents=True)
    (site / "mlpipeline").symlink_to(PROJECT / "scripts/mlpipeline")
    (described / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: 0.0.0\n")
    lines = [
        line
        for group, entries in project["entry-points"].items()
        for line in (f"[{group}]", *(f"{name} = {value}" for name, value in entries.items()))
    ]
    (described / "entry_points.txt").write_text("\n".join(lines) + "\n")
    return site
