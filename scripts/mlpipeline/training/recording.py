"""MLflow: the experiment, one run a candidate, its model and files. The only module that talks to a tracking store.

It holds an explicit client. MLflow's fluent functions would set `MLFLOW_TRACKING_URI` for the whole process, resume
what `MLFLOW_RUN_ID` names, and tag runs and models with the script's absolute path.
"""

import json
import logging
import re
import shlex
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import mlflow.sklearn
import pandas as pd
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, Experiment, InputTag, LoggedModelOutput, Metric, Param
from mlflow.environment_variables import MLFLOW_ALLOW_FILE_STORE, MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT
from mlflow.exceptions import MlflowException
from mlflow.models import Model, ModelSignature
from mlflow.types import ColSpec, DataType, Schema
from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT
from sklearn.pipeline import Pipeline
from sqlalchemy.exc import SQLAlchemyError

from mlpipeline.core.credentials import without_credentials
from mlpipeline.core.errors import InputError, TrainingError
from mlpipeline.training.columns import Columns
from mlpipeline.training.evaluation import Fitted
from mlpipeline.training.provenance import pinned

MODEL_NAME = "model"
"""The folder in which a model is saved before it is logged, and the name of one whose candidate has none."""

_DIGEST = 36

EXAMPLE_ROWS = 3

# What a fitted pipeline needs to be loaded and to predict; MLflow adds itself. Inferring it takes seconds a model.
_SERVING = ("scikit-learn", "pandas", "numpy", "scipy", "joblib", "cloudpickle")


@contextmanager
def recorder(*, tracking_uri: str, experiment: str) -> Iterator["Recorder"]:
    """A recorder for one experiment, which is created where it does not exist.

    Args:
        tracking_uri: any that MLflow takes.
        experiment: its name.

    Raises:
        InputError: the store or the experiment cannot be used.
        TrainingError: the store failed later, outside of any candidate.
    """
    with _settings(), _quiet():
        try:
            client = MlflowClient(tracking_uri=tracking_uri)
            found = _experiment(client, experiment)
        except (MlflowException, SQLAlchemyError, OSError) as error:
            raise InputError(f"The tracking store cannot be used: {without_credentials(str(error))}") from error
        _check_location(found, tracking_uri)
        try:
            yield Recorder(client=client, experiment_id=found.experiment_id)
        except MlflowException as error:
            raise TrainingError(f"The tracking store stopped working: {without_credentials(str(error))}") from error


@dataclass(frozen=True, kw_only=True)
class Recorder:
    """Writes runs into one experiment."""

    client: MlflowClient
    experiment_id: str

    def start(self, name: str, *, tags: Mapping[str, str]) -> str:
        """Begin a run and return its id."""
        run_id: str = self.client.create_run(self.experiment_id, run_name=name, tags=dict(tags)).info.run_id
        return run_id

    def add_params(self, run_id: str, params: Mapping[str, object]) -> None:
        """Log parameters to a run, before its model, which takes them over."""
        self.client.log_batch(run_id, params=[Param(name, str(value)) for name, value in params.items()])

    def add_data(self, run_id: str, *, name: str, sha256: str, rows: int) -> None:
        """Name the data that a run learns from, which MLflow's UI shows as the run's dataset.

        Args:
            run_id: a run that goes on.
            name: of the data.
            sha256: of the data; its beginning is the digest, of which MLflow takes 36 characters.
            rows: how many the run learns from.
        """
        dataset = Dataset(
            name=name,
            digest=sha256[:_DIGEST],
            source_type="local",
            source=json.dumps({"uri": name}),
            profile=json.dumps({"num_rows": rows}),
        )
        used = DatasetInput(dataset, tags=[InputTag(MLFLOW_DATASET_CONTEXT, "training")])
        self.client.log_inputs(run_id, datasets=[used])

    def record(
        self, run_id: str, fitted: Fitted, *, name: str, model_type: str, example: pd.DataFrame, columns: Columns
    ) -> None:
        """Log the model, its metrics and `model.joblib` to a run.

        `model.joblib` is the very file that the logged model calls `model.pkl`, so Git keeps one blob for both.

        Args:
            run_id: a run that goes on.
            fitted: what to log.
            name: of the logged model; what MLflow refuses in it becomes a dash.
            model_type: as in the run's tag.
            example: rows as the model takes them; the first few are stored with it.
            columns: the features' roles, for the signature.
        """
        with tempfile.TemporaryDirectory() as folder:
            saved = Path(folder, MODEL_NAME)
            with self._logged_model(run_id, name, model_type) as model_id:
                mlflow.sklearn.save_model(
                    fitted.pipeline,
                    str(saved),
                    # MLflow's own log_model puts the absolute place of the artifacts here.
                    mlflow_model=Model(artifact_path=MODEL_NAME, run_id=run_id, model_id=model_id),
                    signature=_signature(columns),
                    input_example=example.head(EXAMPLE_ROWS),
                    # The default, skops, refuses trees.
                    serialization_format=mlflow.sklearn.SERIALIZATION_FORMAT_CLOUDPICKLE,
                    pip_requirements=_requirements(fitted.pipeline),
                )
                self.client.log_model_artifacts(model_id, str(saved))
            # Logged once, for both: log_model would copy earlier metrics and leave each line twice in the run.
            metrics = {**fitted.metrics, "fit_seconds": fitted.fit_seconds}
            now = int(time.time() * 1000)
            self.client.log_batch(
                run_id,
                metrics=[
                    Metric(name, value, now, 0, model_id=model_id, run_id=run_id) for name, value in metrics.items()
                ],
            )
            joblib = Path(folder, "model.joblib")
            shutil.copyfile(saved / "model.pkl", joblib)
            self.client.log_artifact(run_id, str(joblib))

    def add_files(self, run_id: str, folder: Path) -> None:
        """Log all files of a folder to a run."""
        self.client.log_artifacts(run_id, str(folder))

    def end(self, run_id: str, status: str, **tags: str) -> None:
        """End a run as FINISHED, FAILED or KILLED."""
        for name, value in tags.items():
            self.client.set_tag(run_id, name, value)
        self.client.set_terminated(run_id, status)

    @contextmanager
    def _logged_model(self, run_id: str, name: str, model_type: str) -> Iterator[str]:
        """The id of a new logged model of the run, READY once the block has filled it."""
        model_id: str = self.client.create_logged_model(
            self.experiment_id,
            # mlflow/utils/validation.py, _validate_logged_model_name
            name=re.sub(r"""[/:.%"']""", "-", name) or MODEL_NAME,
            source_run_id=run_id,
            params=self.client.get_run(run_id).data.params,
            model_type=model_type,
        ).model_id
        try:
            yield model_id
        except Exception:
            self.client.finalize_logged_model(model_id, "FAILED")
            raise
        self.client.log_outputs(run_id, [LoggedModelOutput(model_id, step=0)])
        self.client.finalize_logged_model(model_id, "READY")


def _signature(columns: Columns) -> ModelSignature:
    """Raw rows in, a number each out."""
    types = [
        (columns.numeric, DataType.double),
        (columns.boolean, DataType.boolean),
        (columns.categorical, DataType.string),
    ]
    inputs = [ColSpec(kind, name) for names, kind in types for name in names]
    return ModelSignature(inputs=Schema(inputs), outputs=Schema([ColSpec(DataType.double)]))


def _requirements(pipeline: Pipeline) -> list[str]:
    library = type(pipeline[-1]).__module__.partition(".")[0]
    return pinned([*_SERVING, "xgboost"] if library == "xgboost" else _SERVING)


def _experiment(client: MlflowClient, name: str) -> Experiment:
    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return client.get_experiment(client.create_experiment(name))
        except MlflowException:
            # Another job may have created it in the meantime.
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
    if found.lifecycle_stage != "active":
        raise InputError(
            f"The experiment '{name}' was deleted.",
            remedy=f"mlflow experiments restore --experiment-id {found.experiment_id}, or another --experiment",
        )
    return found


def _check_location(experiment: Experiment, tracking_uri: str) -> None:
    """Refuse a file store's experiment whose artifacts would land where nobody looks for them.

    A relative location is relative to the working directory, not to the store. An absolute one that does not exist
    here was written on another machine: MLflow would make those folders, outside of the checkout.
    """
    store, location = urlsplit(tracking_uri), urlsplit(experiment.artifact_location)
    if store.scheme not in {"", "file"} or location.scheme not in {"", "file"}:
        return
    folder = Path(url2pathname(location.path))
    home = Path(url2pathname(store.path)).resolve().parent
    if folder.is_absolute() and not folder.exists():
        raise InputError(
            f"The experiment '{experiment.name}' keeps its artifacts in {folder}, a folder of another machine.",
            remedy="choose another --experiment, or make its `artifact_location` relative: file:./mlflow-artifacts",
        )
    if not folder.is_absolute() and home != Path.cwd():
        raise InputError(
            f"The experiment '{experiment.name}' keeps its artifacts beside the store, in {home}.",
            remedy=f"train in that folder: cd {shlex.quote(str(home))}",
        )


@contextmanager
def _settings() -> Iterator[None]:
    """MLflow's own variables, for as long as the block lasts."""
    # MLflow 3.13 and later refuse a file store otherwise; the history is one.
    # The links that it would print to standard output hold the server's password, and --json owns that stream.
    variables = (MLFLOW_ALLOW_FILE_STORE, MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT)
    before = [variable.get_raw() for variable in variables]
    for variable in variables:
        variable.set("true")
    try:
        yield
    finally:
        for variable, value in zip(variables, before, strict=True):
            if value is None:
                variable.unset()
            else:
                variable.set(value)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what MLflow would say once a model: that skops is safer, that pip is not in uv's environments."""
    loggers = [logging.getLogger(f"mlflow.{name}") for name in ("sklearn", "utils.environment")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
