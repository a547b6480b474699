"""Runs MLflow's UI on a copy of the cache until somebody ends it."""

import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from mlpipeline.core.errors import InputError, PipelineError
from mlpipeline.core.workspace import workspace
from mlpipeline.ui_cache import cache

_SERVED = "mlflow-git-ui-"
"""What the name of the folder begins with that holds the copy of the cache which is served."""

PATIENCE = 10.0
"""Seconds the server has to end by itself."""


def serve(file: Path, *, host: str, port: int, environ: Mapping[str, str], ready: Callable[[str], None]) -> None:
    """Show a cache in MLflow's UI; returns after Ctrl-C.

    The server gets a copy: what is edited in the UI must neither seem to be in the history, nor stay in the cache.

    Args:
        file: the cache.
        host: the address to listen on.
        port: the port; 0 for any that is free.
        environ: the environment of the server.
        ready: called with the UI's address once it answers.

    Raises:
        InputError: the port is taken.
        PipelineError: the server ended by itself.
    """
    port = _free_port(host, port)
    with workspace(_SERVED) as folder:
        copied = folder.path / "history.db"
        cache.copy(file, copied)
        command = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", f"sqlite:///{copied}"]
        command += ["--host", host, "--port", str(port), "--workers", "1"]
        with _running(command, folder.path, environ) as server, suppress(KeyboardInterrupt):
            address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
            while server.poll() is None and not _answers(f"{address}/health"):
                with suppress(subprocess.TimeoutExpired):
                    server.wait(0.2)
            if server.poll() is None:
                ready(address)
            code = server.wait()
            raise PipelineError(f"MLflow's UI ended with exit code {code}; see its output above.")


@contextmanager
def _running(command: list[str], folder: Path, environ: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A server and all that it starts, ended with the block."""
    # MLflow finds its web server by name, and starts workers for jobs that a history does not have.
    path = f"{Path(sys.executable).parent}{os.pathsep}{environ.get('PATH', '')}"
    variables = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", **environ, "PATH": path}
    with _interrupted_by(signal.SIGTERM):
        # A session of its own: Ctrl-C reaches this process alone, which then ends the server in order.
        server = subprocess.Popen(command, cwd=folder, env=variables, start_new_session=True)
        try:
            yield server
        finally:
            _end(server)


@contextmanager
def _interrupted_by(number: signal.Signals) -> Iterator[None]:
    """Let a signal end this process as Ctrl-C does, so that it takes the server with it."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(number, interrupt)
    try:
        yield
    finally:
        signal.signal(number, before)


def _end(server: subprocess.Popen[bytes]) -> None:
    if os.name == "nt":
        server.terminate()
        server.wait()
        return
    with suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
        server.wait(PATIENCE)
    # Its workers may outlive it.
    with suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGKILL)
    server.wait()


def _free_port(host: str, port: int) -> int:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as tried:
        if os.name != "nt":
            # As the server does: the port of one that ended a moment ago is free.
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((host, port))
        except OSError as error:
            raise InputError(
                f"Port {port} of {host} cannot be used: {error.strerror}.",
                remedy=f"name another, such as --port {port + 1}, or any that is free with --port 0.",
            ) from error
        return int(tried.getsockname()[1])


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - our own server
            return True
    except (urllib.error.URLError, OSError):
        return False
