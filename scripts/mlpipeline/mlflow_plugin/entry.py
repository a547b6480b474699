"""What MLflow's entry points name; only MLflow imports this module, because it changes how MLflow looks stores up.

An entry point called `file` replaces MLflow's own store for `file:` URIs (`StoreRegistry.register_entrypoints`).
"""

import functools
import warnings
from typing import Any

_CANNOT_DEFINE = (ImportError, AttributeError, TypeError)
"""What defining the stores raises on an MLflow whose names have changed."""


def tracking_store(store_uri: str, artifact_uri: str | None = None) -> Any:
    """The tracking store of a `file:` URI or a path."""
    # Here and below, MLflow is imported inside: at this module's import it is only half imported itself.
    try:
        from mlpipeline.mlflow_plugin.filestores import TrackingStore
    except _CANNOT_DEFINE as error:
        from mlflow.store.tracking.file_store import FileStore

        _warn(error)
        return FileStore(store_uri, artifact_uri)
    return TrackingStore(store_uri, artifact_uri)


def registry_store(store_uri: str) -> Any:
    """The model registry of a `file:` URI or a path."""
    try:
        from mlpipeline.mlflow_plugin.filestores import RegistryStore
    except _CANNOT_DEFINE as error:
        from mlflow.store.model_registry.file_store import FileStore

        _warn(error)
        return FileStore(store_uri)
    return RegistryStore(store_uri)


def _warn(error: Exception) -> None:
    warnings.warn(
        f"mlflow-git-persistence does not fit this MLflow ({error}); MLflow's own file store takes its place.",
        stacklevel=3,
    )


def _take_paths_for_files() -> None:
    """Let `./mlruns` be what `file:./mlruns` is, in every registry of this process.

    The bare command `mlflow ui` asks for the path. Its scheme is empty, and no entry point can have an empty name: uv
    refuses to install such a package, and `pkg_resources` fails in an environment that has it. Registering the store
    from here does not do either: the server's registries are being made at this moment, and nothing names them yet.
    So their lookup, one public method, gives the store of `file:` where it would give that of the empty scheme.
    """
    from mlflow.tracking._model_registry.registry import ModelRegistryStoreRegistry
    from mlflow.tracking._tracking_service.registry import TrackingStoreRegistry

    for registry in (TrackingStoreRegistry, ModelRegistryStoreRegistry):
        registry.get_store_builder = _paths_as_files(registry.get_store_builder)


def _paths_as_files(look_up: Any) -> Any:
    @functools.wraps(look_up)
    def get_store_builder(self: object, store_uri: str) -> object:
        found = look_up(self, store_uri)
        return look_up(self, "file:") if found is look_up(self, "") else found

    return get_store_builder


_take_paths_for_files()
