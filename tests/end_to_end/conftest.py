"""The demo's history, made once: two jobs persisted, and a clone that has never seen a training."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.web import wait_for

SCRIPTS = Path(__file__).parents[2] / "scripts"


@dataclass(frozen=True, kw_only=True)
class Demo:
    """What `demo.py` made, and what it told."""

    folder: Path
    clone: Path
    told: str
    progress: str


def python(cwd: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run this Python in a folder; fails the test if the program fails."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    folder = tmp_path_factory.mktemp("demo") / "d"
    done = python(folder.parent, str(SCRIPTS / "demo.py"), "--folder", str(folder))
    # Elsewhere: no path of the place where it was trained may still be good.
    clone = folder.rename(folder.with_name("moved")) / "clone"
    return Demo(folder=clone.parent, clone=clone, told=done.stdout, progress=done.stderr)


@contextmanager
def _serving(cwd: Path, *command: str, health: str) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # MLflow finds its web server by name.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environ = {**os.environ, "PATH": path, "MLFLOW_ALLOW_FILE_STORE": "true", "MLFLOW_DISABLE_TELEMETRY": "true"}
    address = f"http://127.0.0.1:{port}"
    with (cwd.parent / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", *command, "--host", "127.0.0.1", "--port", str(port)],
            cwd=cwd,
            env=environ,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            wait_for(address + health, process, cwd.parent / "server.log")
            yield address
        finally:
            # MLflow's servers spawn workers of their own, and those lag behind.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture
def serving() -> Callable[..., object]:
    return _serving
