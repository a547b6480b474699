"""The demo's history, made once: two jobs persisted, and a clone that has never seen a training."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.processes import SCRIPTS, python
from support.servers import mlflow_server


@dataclass(frozen=True, kw_only=True)
class Demo:
    """What `demo.py` made, and what it told."""

    folder: Path
    clone: Path
    told: str
    progress: str


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    folder = tmp_path_factory.mktemp("demo") / "d"
    done = python(folder.parent, str(SCRIPTS / "demo.py"), "--folder", str(folder))
    # Elsewhere: no path of the place where it was trained may still be good.
    clone = folder.rename(folder.with_name("moved")) / "clone"
    return Demo(folder=clone.parent, clone=clone, told=done.stdout, progress=done.stderr)


@contextmanager
def _serving(cwd: Path, *command: str, health: str) -> Iterator[str]:
    log = cwd.parent / "server.log"
    with mlflow_server(cwd, *command, log=log, health=health, MLFLOW_ALLOW_FILE_STORE="true") as server:
        yield server.address


@pytest.fixture
def serving() -> Callable[..., object]:
    return _serving
