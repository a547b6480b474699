"""Which source a tracking URI names."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import unquote

from mlpipeline.core.credentials import without_credentials
from mlpipeline.core.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a job's runs are: a folder, a database file, or an address that MLflow's client understands."""

    kind: Literal["folder", "database", "server"]
    place: str

    @property
    def shown(self) -> str:
        """The place as it may be shown."""
        return without_credentials(self.place)


def source_of(uri: str, root: Path) -> Source:
    """The source that a tracking URI names.

    Args:
        uri: a tracking URI as MLflow has it, relative to the working directory; empty for what MLflow itself would
            use in `root`: its `mlruns/` if there are experiments in it, else its `mlflow.db`.
        root: the history's root in the checkout.

    Raises:
        InputError: it is none that can be read.
    """
    if not uri:
        database = root / "mlflow.db"
        # As in mlflow/tracking/_tracking_service/utils.py, _get_default_tracking_uri.
        if database.exists() and not any(root.glob("mlruns/[0-9]*/meta.yaml")):
            return Source(kind="database", place=str(database))
        return Source(kind="folder", place=str(root / "mlruns"))
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]+):", uri)
    if scheme is None:
        return Source(kind="folder", place=uri)
    if path := re.fullmatch(r"file:(?://(?:localhost)?(?=/))?(?!//)([^?#]+)", uri):
        return Source(kind="folder", place=unquote(path[1]))
    if path := re.fullmatch(r"sqlite:///([^?#]+)", uri):
        return Source(kind="database", place=unquote(path[1]))
    if scheme[1].partition("+")[0] in ("http", "https", "postgresql", "mysql", "mssql"):
        return Source(kind="server", place=uri)
    raise InputError(
        f"--source '{Source(kind='server', place=uri).shown}' is not a supported source.",
        remedy="name a folder (file:./mlruns), a database (sqlite:///mlflow.db) or a tracking server (https://...).",
    )
