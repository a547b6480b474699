"""A history made by a job and persisted, and a Python in which the project counts as installed."""

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.gitrepo import clone, make_origin
from support.processes import PROGRAMS
from support.servers import mlflow_server

PROJECT = Path(__file__).parents[2]

TRAIN = PROGRAMS / "train_and_register.py"


@dataclass(frozen=True, kw_only=True)
class History:
    """A bare origin that holds a persisted history, and the environment in which the project is installed."""

    origin: Path
    environ: dict[str, str]

    def clone(self, folder: Path) -> Path:
        return clone(self.origin, folder)

    def run(self, cwd: Path, program: str | Path, *arguments: str, before: tuple[str, ...] = ()) -> "Done":
        """Run a Python program with the plugin and without a flag; its last line is JSON."""
        done = subprocess.run(
            [*before, sys.executable, *(["-c", program] if isinstance(program, str) else [program]), *arguments],
            cwd=cwd,
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return Done(told=json.loads(done.stdout.splitlines()[-1]), errors=done.stderr)

    @contextmanager
    def ui(self, cwd: Path, *arguments: str) -> Iterator[str]:
        """`mlflow ui` in a folder; gives its address."""
        log = cwd.parent / "ui.log"
        with mlflow_server(cwd, "ui", "--workers", "1", *arguments, log=log, **self.environ) as server:
            yield server.address


@dataclass(frozen=True, kw_only=True)
class Done:
    """What a program told, and what it wrote to standard error."""

    told: dict[str, object]
    errors: str


@pytest.fixture(scope="session")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    folder = tmp_path_factory.mktemp("plugin")
    with pytest.MonkeyPatch.context() as patch:
        # Sessions start before the fixture that isolates each test.
        for name in [name for name in os.environ if name.startswith(("GIT_", "GITHUB_", "MLFLOW_", "ACT"))]:
            patch.delenv(name)
        patch.setenv("HOME", str(folder))
        patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        for who in ("AUTHOR", "COMMITTER"):
            patch.setenv(f"GIT_{who}_NAME", "Tester")
            patch.setenv(f"GIT_{who}_EMAIL", "tester@example.org")
        environ = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "GIT_PYTHON_REFRESH": "quiet"}
        # MLflow finds its web server by name.
        environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environ['PATH']}"
        origin = make_origin(folder)
        job = clone(origin, folder / "job")
        subprocess.run([sys.executable, TRAIN], cwd=job, env={**environ, "MLFLOW_ALLOW_FILE_STORE": "true"}, check=True)
        persist = [sys.executable, str(PROJECT / "scripts/persist.py"), "--fail-on-error"]
        subprocess.run(persist, cwd=job, env=environ, check=True, capture_output=True)
        job.rename(folder / "retired")  # no location of the job's may be good any more
    return History(origin=origin, environ={**environ, "PYTHONPATH": str(_installed(folder / "site"))})


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
