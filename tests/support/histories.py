"""A history as its users have it: persisted by a job, cloned elsewhere; and one that MLflow itself logged."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlpipeline.cli import persist as persisting
from mlpipeline.cli.history import main as history
from mlpipeline.ui_cache import cache
from support import gitrepo, mlstore

SCRIPTS = Path(__file__).parents[2] / "scripts"
QUIET = {"MLFLOW_ALLOW_FILE_STORE": "true", "MLFLOW_DISABLE_TELEMETRY": "true"}

LOG = """
import mlflow, numpy
client = mlflow.MlflowClient()
mlflow.set_experiment("demo")
class Model(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input): return model_input
for name in ("one", "two"):
    with mlflow.start_run(run_name=name) as run:
        mlflow.log_params({"alpha": "0.5", "nested/name": "line\\nline "})
        for step, value in enumerate([2.0, 1.5, float("nan")]):
            mlflow.log_metric("val_rmse", value, step=step)
        mlflow.log_metric("val_rmse", 1.25, step=3)
        mlflow.log_metric("nothing", float("nan"))
        mlflow.set_tag("accent", "caf\\u00e9")
        mlflow.log_text("hello", "folder/hello.txt")
        mlflow.log_input(mlflow.data.from_numpy(numpy.zeros((3, 2)), name="train"), context="training")
        if name == "two":
            break
        info = mlflow.pyfunc.log_model(
            name="model", python_model=Model(), pip_requirements=["mlflow"], registered_model_name="houses"
        )
        mlflow.log_metric("after", 3.0, model_id=info.model_id, step=2)
        with mlflow.start_span("root") as span:
            span.set_inputs({"q": 1})
trace = mlflow.get_last_active_trace_id()
mlflow.log_feedback(trace_id=trace, name="good", value=True, rationale="it is")
mlflow.log_expectation(trace_id=trace, name="answer", value={"a": 1})
client.set_registered_model_alias("houses", "champion", 1)
client.set_registered_model_tag("houses", "k", "v")
client.set_model_version_tag("houses", "1", "vk", "vv")
gone = client.create_run(client.get_experiment_by_name("demo").experiment_id, run_name="gone")
client.delete_run(gone.info.run_id)
"""


def python(cwd: Path, *arguments: str, **environ: str) -> str:
    """Run this Python in a folder; its standard output."""
    environ = {**os.environ, **QUIET, **environ}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=cwd, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that MLflow wrote: runs, datasets, a logged and registered model, a trace with assessments."""
    folder = tmp_path_factory.mktemp("logged")
    python(folder, "-c", LOG, MLFLOW_TRACKING_URI="file:./mlruns", MLFLOW_ENABLE_ASYNC_TRACE_LOGGING="false")
    return folder / "mlruns"


@pytest.fixture(scope="session")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow's empty tables, made once: it takes five seconds."""
    return cache._empty_store(tmp_path_factory.mktemp("tables"))


@pytest.fixture
def quick_tables(tables: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let caches begin with a copy of those tables."""
    monkeypatch.setattr(cache, "_empty_store", lambda folder: Path(shutil.copy(tables, folder / "empty.db")))


Persisted = Callable[[Path], Path]


@pytest.fixture
def persisted(tmp_path: Path) -> Persisted:
    """Persist a store through a job's checkout; the folder of a clone made afterwards."""
    origin = gitrepo.make_origin(tmp_path)

    def persist(store: Path) -> Path:
        checkout = gitrepo.clone(origin, tmp_path / "job")
        code = persisting.main(["--repository", str(checkout), "--source", store.as_uri(), "--fail-on-error"])
        assert code == 0
        return gitrepo.clone(origin, tmp_path / "clone")

    return persist


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Where a test writes the runs that it persists."""
    return tmp_path / "training" / "mlruns"


@pytest.fixture
def three_runs(store: Path, persisted: Persisted) -> Path:
    """A clone of a history of three runs."""
    for number, value in enumerate((3.0, 1.0, 2.0)):
        mlstore.write_run(store, run_id=f"{number}" * 32, value=value, params={"alpha": str(number)})
    return persisted(store)


Command = Callable[..., dict[str, object]]


def items(outputs: dict[str, object], name: str) -> list[Any]:
    """One of the lists in what `history.py` printed."""
    found = outputs[name]
    assert isinstance(found, list)
    return found


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Call `history.py` with `--json`; what it printed."""

    def call(*arguments: str, code: int = 0) -> dict[str, object]:
        capsys.readouterr()
        ended = history.main([*arguments, "--json"])
        told = capsys.readouterr()
        assert ended == code, told.err
        outputs: dict[str, object] = json.loads(told.out)
        return outputs

    return call
