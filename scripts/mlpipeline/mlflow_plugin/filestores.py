"""MLflow's file stores, for a history that moves: clones, other working directories, dropped folders, no write access.

Inside, they are MLflow's own stores and work on the relative locations of the history, so what they write is what
MLflow writes at the repository's root. What leaves them by a public method has absolute locations.
"""

import functools
import inspect
import logging
import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from mlflow import environment_variables
from mlflow.entities import Experiment, LoggedModel, Run, RunInfo, TraceInfo
from mlflow.entities.model_registry import ModelVersion, RegisteredModel
from mlflow.exceptions import MissingConfigException, MlflowException
from mlflow.store.model_registry.file_store import FileStore as ModelRegistryFileStore
from mlflow.store.tracking.file_store import FileStore

from mlpipeline.history.paths import ARTIFACTS
from mlpipeline.history.stored import ARTIFACT_TAG, relocated
from mlpipeline.mlflow_plugin import places

_logger = logging.getLogger(__name__)

_MALFORMED = (MlflowException, yaml.YAMLError, ValueError, TypeError, KeyError, AttributeError)
"""What MLflow raises on a file whose content it does not expect, such as one with the marks of a merge conflict."""

_inside = threading.local()
"""`store`: the one that this thread is in."""

_flag = threading.Lock()


def _located(store: type) -> type:
    """Class decorator: what the public methods return has absolute locations, what they use inside has not."""
    for name, method in inspect.getmembers(store, inspect.isfunction):
        if not name.startswith("_"):
            setattr(store, name, _outermost(method))
    return store


def _outermost(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        around = getattr(_inside, "store", None)
        if around is self:
            return method(self, *args, **kwargs)
        _inside.store = self
        try:
            result = method(self, *args, **kwargs)
        finally:
            _inside.store = around
        _locate(result, _home(self))
        return result

    return call


def _locate(value: object, home: Path) -> None:
    """Make the locations in what a store returns absolute."""
    match value:
        case list() | tuple():
            for each in value:
                _locate(each, home)
        case Run():
            _locate(value.info, home)
        case RegisteredModel():
            _locate(value.latest_versions, home)
        case TraceInfo() if ARTIFACT_TAG in value.tags:
            value.tags[ARTIFACT_TAG] = places.opened(value.tags[ARTIFACT_TAG], home)
        case RunInfo():
            _set_location(value, "_artifact_uri", home, places.opened)
        case Experiment() | LoggedModel():
            _set_location(value, "_artifact_location", home, places.opened)
        case ModelVersion():
            _set_location(value, "_source", home, places.opened)
        case _:
            pass


def _set_location(value: object, attribute: str, home: Path, form: Callable[[str, Path], str]) -> None:
    # Most of MLflow's values have no public way to set their location.
    if location := getattr(value, attribute, None):
        setattr(value, attribute, form(location, home))


def _home(store: Any) -> Path:
    # Not kept: MLflow keeps the store of `file:./mlruns` even when the process changes its working directory.
    return Path(os.path.abspath(store.root_directory)).parent  # noqa: PTH100 - resolve() would follow links


@_located
class TrackingStore(FileStore):  # type: ignore[misc]
    """Experiments, runs, logged models and traces."""

    def __init__(self, store_uri: str, artifact_uri: str | None = None) -> None:
        with _file_store_allowed():
            try:
                super().__init__(store_uri, artifact_uri)
            except OSError:
                if not Path(self.root_directory).is_dir():
                    raise
                # The folder of the deleted experiments cannot be made; an empty one stands for it.
                self._no_trash = tempfile.TemporaryDirectory()
                self.trash_folder = self._no_trash.name
        if artifact_uri is None and (_home(self) / ARTIFACTS).is_dir():
            # New experiments put their artifacts where the history keeps them.
            self.artifact_root_uri = f"file:./{ARTIFACTS}"

    def create_run(self, experiment_id: str | None, *args: Any, **kwargs: Any) -> Any:
        """Begin a run; a history need not have the default experiment, which MLflow makes with the store alone."""
        if experiment_id in (None, FileStore.DEFAULT_EXPERIMENT_ID) and not self._has_experiment(
            FileStore.DEFAULT_EXPERIMENT_ID
        ):
            self._create_default_experiment()
        return super().create_run(experiment_id, *args, **kwargs)

    def finalize_logged_model(self, model_id: str, status: Any) -> Any:
        """Close a logged model, whose files name their own place: in the history that is relative, too."""
        model = super().finalize_logged_model(model_id, status)
        folder = model.artifact_location.removeprefix("file:./")
        description = _home(self) / folder / "MLmodel"
        if folder != model.artifact_location and description.is_file():
            description.write_bytes(relocated(description, folder))
        return model

    def _is_valid_run_directory(self, run_dir: str) -> bool:
        # MLflow asks for folders that Git drops when they are empty. A run is a direct child of its experiment here,
        # and MLflow goes on to compare both ids, so nothing that was uploaded as an artifact passes for one.
        return Path(run_dir, "meta.yaml").is_file()

    def _get_run_info_from_dir(self, run_dir: str) -> Any:
        with _named_if_malformed(run_dir):
            return super()._get_run_info_from_dir(run_dir)

    def _get_model_info_from_dir(self, model_dir: str) -> Any:
        with _named_if_malformed(model_dir):
            return super()._get_model_info_from_dir(model_dir)

    @staticmethod
    def _get_metric_from_file(parent_path: str, metric_name: str, *run: str) -> Any:
        try:
            return FileStore._get_metric_from_file(parent_path, metric_name, *run)
        except _MALFORMED as error:
            _warn_once(f"The metric {Path(parent_path, metric_name)} is left out: {error}")
            return None

    def _get_all_metrics(self, run_info: Any) -> list[Any]:
        return [metric for metric in super()._get_all_metrics(run_info) if metric is not None]

    def _get_all_model_metrics(self, model_id: str, model_dir: str) -> list[Any]:
        try:
            return list(super()._get_all_model_metrics(model_id=model_id, model_dir=model_dir))
        except _MALFORMED as error:
            _warn_once(f"The metrics in {model_dir} are left out: {error}")
            return []


@_located
class RegistryStore(ModelRegistryFileStore):  # type: ignore[misc]
    """Registered models, their versions and aliases."""

    def __init__(self, store_uri: str) -> None:
        with _file_store_allowed():
            try:
                super().__init__(store_uri)
            except OSError:
                if not Path(self.root_directory).is_dir():
                    raise

    def get_model_version_download_uri(self, name: str, version: str) -> str:
        """Where a version's files are."""
        return places.opened(super().get_model_version_download_uri(name, version), _home(self))

    def _get_all_registered_model_paths(self) -> list[str]:
        # The folder is missing where no model was ever registered and nothing may be written.
        return list(super()._get_all_registered_model_paths()) if Path(self.models_directory).is_dir() else []

    def _save_model_version_as_meta_file(self, model_version: Any, *args: Any, **kwargs: Any) -> None:
        # A version's source comes from outside, as an absolute location that a store has handed out.
        for attribute in ("_source", "_storage_location"):
            _set_location(model_version, attribute, _home(self), places.stored)
        super()._save_model_version_as_meta_file(model_version, *args, **kwargs)


@contextmanager
def _file_store_allowed() -> Iterator[None]:
    """Sets MLflow's flag for the moment in which a store is made, which is when MLflow looks at it."""
    flag = environment_variables.MLFLOW_ALLOW_FILE_STORE
    with _flag:
        before = flag.get_raw()
        flag.set("true")
        try:
            yield
        finally:
            flag.unset() if before is None else flag.set(before)


@contextmanager
def _named_if_malformed(folder: str) -> Iterator[None]:
    """Lets a record that cannot be read pass for a missing one, which MLflow leaves out of lists, and names it."""
    try:
        yield
    except MissingConfigException:
        raise
    except _MALFORMED as error:
        _warn_once(f"{folder} is left out, its meta.yaml cannot be read: {error}")
        raise MissingConfigException(f"'{folder}' cannot be read: {error}") from error


@functools.cache
def _warn_once(message: str) -> None:
    # A UI asks again and again.
    _logger.warning(message)
