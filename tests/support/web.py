"""Asking servers that a test started on the loopback."""

import json
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return when a server answers; fail the test with its log if it ends or never does."""
    for _ in range(300):
        assert process.poll() is None, log.read_text(encoding="utf-8")
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - the loopback
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    pytest.fail(f"no answer from {url}: {log.read_text(encoding='utf-8')}")


def ask(url: str, **body: object) -> dict[str, object]:
    """The JSON object that a server answers with; a request with a body is a POST."""
    request = urllib.request.Request(url, headers={"Content-Type": "application/json"})  # noqa: S310 - the loopback
    if body:
        request.data = json.dumps(body).encode()
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - the loopback
        loaded = json.load(answer)
    assert isinstance(loaded, dict)
    return loaded
