"""Start MLflow's servers on the loopback, and ask them."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from support.processes import json_object

PATIENCE = 60.0
"""Seconds in which a server has to answer."""


@dataclass(frozen=True, kw_only=True)
class Server:
    """A server that answers.

    Attributes:
        address: such as `http://127.0.0.1:5000`.
        log: what it writes to standard output and standard error.
    """

    address: str
    log: Path


@contextmanager
def mlflow_server(cwd: Path, *command: str, log: Path, health: str = "/health", **variables: str) -> Iterator[Server]:
    """Start one of MLflow's servers on a free port, and kill it afterwards.

    Args:
        cwd: the folder it runs in.
        command: what follows `python -m mlflow`, without host and port.
        log: the file for its output.
        health: the path that answers once it is up.
        variables: what to add to the environment.
    """
    port = free_port()
    # MLflow finds its web server by name.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environ = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", **variables, "PATH": path}
    server = Server(address=f"http://127.0.0.1:{port}", log=log)
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", *command, "--host", "127.0.0.1", "--port", str(port)],
            cwd=cwd,
            env=environ,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        wait_for(server.address + health, process, log)
        yield server
    finally:
        # MLflow's servers start workers of their own, in the same group, and those outlive them for a while.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Answer requests on a free port of the loopback by a handler; gives the address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def free_port() -> int:
    """A port of the loopback that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return when a server answers; fail the test with its log if it ends or never does."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError):
            fetch(url, timeout=2)
            return
        time.sleep(0.1)
    pytest.fail(f"no answer from {url}: {log.read_text(encoding='utf-8')}")


def ask(url: str, **body: object) -> dict[str, Any]:
    """The JSON object that a server answers with; a request with a body is a POST."""
    return json_object(fetch(url, json.dumps(body).encode() if body else None))


def fetch(url: str, body: bytes | None = None, *, timeout: float = 60) -> bytes:
    """What a server answers with, after so many seconds at the most."""
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, data=body, headers=headers)  # noqa: S310 - the loopback
    with urllib.request.urlopen(request, timeout=timeout) as answer:  # noqa: S310 - the loopback
        content: bytes = answer.read()
    return content
