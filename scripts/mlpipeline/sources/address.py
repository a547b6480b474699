"""Which source a tracking URI names."""

import os
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import unquote

from mlpipeline.core.credentials import without_credentials
from mlpipeline.core.errors import InputError
from mlpipeline.core.files import open_regular
from mlpipeline.history.paths import METADATA


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a job's runs are: a folder, a database file, or an address that MLflow's client understands."""

    kind: Literal["folder", "database", "server"]
    place: str

    @property
    def shown(self) -> str:
        """The place as it may be shown."""
        return without_credentials(self.place)


DATABASE = "mlflow.db"
"""The database that MLflow from 3.7 on takes for its default store."""

_DEEPEST = 4
"""How deep below the history's root a store is looked for."""

_SKIPPED = frozenset({"node_modules", "site-packages", "__pycache__", "mlflow-artifacts", "mlartifacts"})

_SQLITE = b"SQLite format 3\0"


def stores_in(root: Path, *, tracked: Callable[[Path], bool]) -> list[Source]:
    """Find the stores that a job may have logged to without being told where.

    The one that MLflow takes by default in `root` comes first: `mlruns/` where it holds experiments whose ids are
    digits, else `mlflow.db` (mlflow/tracking/_tracking_service/utils.py, _get_default_tracking_uri). A job may name the
    other one itself, so both are found, and so is every other database of MLflow's and every other `mlruns` below
    `root` that Git does not track: scripts name databases, and notebooks log beside themselves.

    Args:
        root: the history's root in the checkout.
        tracked: tells whether Git tracks a file or anything in a folder.
    """
    database = Source(kind="database", place=str(root / DATABASE))
    folder = Source(kind="folder", place=str(root / METADATA))
    is_folder_first = any(path.parent.name.isdigit() for path in root.glob(f"{METADATA}/*/meta.yaml"))
    own = [folder, database] if is_folder_first else [database, folder]
    found = [source for source in own if Path(source.place).exists()]
    places = {source.place for source in own}
    others = [source for source in _below(root) if source.place not in places and not tracked(Path(source.place))]
    return [*found, *others]


def _below(root: Path) -> Iterator[Source]:
    for at, folders, files in os.walk(root):
        here = Path(at)
        if METADATA in folders and any((here / METADATA).glob("*/meta.yaml")):
            yield Source(kind="folder", place=str(here / METADATA))
        for name in sorted(files):
            if name.endswith((".db", ".sqlite", ".sqlite3")) and _is_mlflows(here / name):
                yield Source(kind="database", place=str(here / name))
        is_deepest = len(here.relative_to(root).parts) >= _DEEPEST
        folders[:] = (
            []
            if is_deepest
            else sorted(
                name
                for name in folders
                if not name.startswith(".")
                and name not in {*_SKIPPED, METADATA}
                and not any((here / name / mark).exists() for mark in (".git", "pyvenv.cfg"))
            )
        )


def _is_mlflows(file: Path) -> bool:
    """Tell whether a file is a SQLite database with MLflow's tables, without changing anything beside it."""
    try:
        with open_regular(file) as opened:
            if opened.read(len(_SQLITE)) != _SQLITE:
                return False
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as database:
            named = database.execute("SELECT count(*) FROM sqlite_master WHERE name IN ('experiments', 'runs')")
            return bool(named.fetchone()[0] == len(("experiments", "runs")))
    except (OSError, sqlite3.Error):
        return False


def source_of(uri: str) -> Source:
    """The source that a tracking URI names, relative to the working directory as MLflow has it.

    Raises:
        InputError: it is none that can be read.
    """
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
