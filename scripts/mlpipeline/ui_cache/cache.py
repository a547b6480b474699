"""The SQLite file in which MLflow's UI finds a history, kept up to date with the files.

Writes that one file. Each refresh is one transaction: it is there whole or not at all.
"""

import sqlite3
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from mlpipeline.core.errors import PipelineError
from mlpipeline.core.workspace import workspace
from mlpipeline.ui_cache import entries
from mlpipeline.ui_cache.entries import Entry, EntryKind
from mlpipeline.ui_cache.rows import Row, Rows, rows
from mlpipeline.ui_cache.tables import TABLES, CacheTable

_NEW = "browse-"
"""What the name of the folder begins with in which an empty cache is made."""

FORMAT = "1"
"""Raised whenever this package would write other rows for the same files."""

_BOOKKEEPING = """
CREATE TABLE history_cache (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE history_entries (folder TEXT PRIMARY KEY, sort TEXT NOT NULL, state BLOB NOT NULL) WITHOUT ROWID;
"""


@dataclass(frozen=True, kw_only=True)
class Refreshed:
    """What a refresh did.

    Attributes:
        rebuilt: whether the cache was made anew: there was none, or one of another MLflow or another place.
        read: entries that were new or had changed.
        removed: entries whose files are gone.
        kept: entries that were not read, because their files are as they were.
        refused: entries that MLflow could not read either, each with the reason; they are tried again next time.
    """

    rebuilt: bool
    read: int
    removed: int
    kept: int
    refused: tuple[str, ...]


def refresh(file: Path, root: Path) -> Refreshed:
    """Bring a cache up to date with the history below `root`; makes it where there is none.

    Args:
        file: the cache.
        root: the folder that holds `mlruns/`; artifacts are found there from any working directory.

    Raises:
        PipelineError: MLflow did not make its tables.
        ImportError: MLflow is not installed.
    """
    root = root.resolve()
    identity = {"format": FORMAT, "mlflow": version("mlflow"), "root": str(root)}
    rebuilt = _identity(file) != identity
    if rebuilt:
        _create(file, identity)
    with closing(sqlite3.connect(file, isolation_level=None, timeout=60)) as connection, _transaction(connection):
        known = dict(connection.execute("SELECT folder, state FROM history_entries"))
        found = {entry.folder: entry for entry in entries.find(root)}
        gone = [folder for folder in known if folder not in found]
        stale = {
            *gone,
            *(folder for folder, state in known.items() if folder in found and found[folder].state != state),
        }
        # Rows go by id: of a run that was copied into a second experiment by hand, the other copy must come back.
        ids = {folder.rpartition("/")[2] for folder in stale}
        changed = [entry for entry in found.values() if entry.folder not in known or entry.id in ids]
        writer = _Writer(connection)
        writer.remove([*gone, *(entry.folder for entry in changed if entry.folder in known)])
        refused = tuple(writer.add(changed, root))
        if gone or changed:
            connection.execute("ANALYZE")
    return Refreshed(
        rebuilt=rebuilt,
        read=len(changed) - len(refused),
        removed=len(gone),
        kept=len(found) - len(changed),
        refused=refused,
    )


def copy(file: Path, target: Path) -> None:
    """A copy of a cache in the state of its last refresh, even while another one runs."""
    with closing(sqlite3.connect(file, timeout=60)) as source, closing(sqlite3.connect(target)) as other:
        source.backup(other)


def _identity(file: Path) -> Mapping[str, str]:
    """Of which history and for which MLflow a cache is; empty where it is none."""
    if not file.is_file():
        return {}
    try:
        with closing(sqlite3.connect(file)) as connection:
            return dict(connection.execute("SELECT key, value FROM history_cache"))
    except sqlite3.DatabaseError:
        return {}


def _create(file: Path, identity: Mapping[str, str]) -> None:
    """Put an empty cache in place of `file`."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with workspace(_NEW, file.parent) as folder:
        store = _empty_store(folder.path)
        with closing(sqlite3.connect(store)) as connection:
            connection.executescript(_BOOKKEEPING)
            connection.executemany("INSERT INTO history_cache VALUES (?, ?)", identity.items())
            connection.commit()
        store.replace(file)


def _empty_store(folder: Path) -> Path:
    """A new SQLite store with MLflow's own tables, in `folder`."""
    store = folder / "empty.db"
    # In a process of its own: MLflow is slow to import, and needed only this once.
    command = [sys.executable, "-m", "mlflow", "db", "upgrade", f"sqlite:///{store}"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode or not store.is_file():
        raise PipelineError(
            f"MLflow could not make its tables in '{store}':\n{done.stderr.strip()}", untouched="the history."
        )
    return store


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All or nothing; a second refresh of the same cache waits for the first."""
    connection.execute("PRAGMA cache_size = -200000")
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


class _Writer:
    """Puts entries into the tables and takes them out, inside one transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._fitting = {table.name: self._fit(table) for tables in TABLES.values() for table in tables}

    def remove(self, folders: Iterable[str]) -> None:
        """Delete all rows of the entries that lay in these folders."""
        for folder in folders:
            ((sort,),) = self._connection.execute("SELECT sort FROM history_entries WHERE folder = ?", (folder,))
            for table in TABLES[EntryKind(sort)]:
                owner = folder.rpartition("/")[2]
                self._connection.execute(f"DELETE FROM {table.name} WHERE {table.owned}", (owner,))  # noqa: S608
            self._connection.execute("DELETE FROM history_entries WHERE folder = ?", (folder,))

    def add(self, changed: Iterable[Entry], root: Path) -> Iterator[str]:
        """Insert entries; yields the reason for each that cannot be read."""
        for entry in changed:
            self._connection.execute("SAVEPOINT entry")
            try:
                self._add(entry, rows(entry, entry.read(root), root))
            except sqlite3.OperationalError:
                raise  # the cache itself: its disk is full, for one
            except Exception as error:  # noqa: BLE001 - nothing that a stranger wrote may hold up the others
                self._connection.execute("ROLLBACK TO entry")
                yield f"{entry.sort} {entry.folder}: {error}"
            self._connection.execute("RELEASE entry")

    def _add(self, entry: Entry, found: Rows) -> None:
        for table in TABLES[entry.sort]:
            self._insert(table, found.get(table.name, ()))
        self._connection.execute(
            "INSERT INTO history_entries VALUES (?, ?, ?)", (entry.folder, entry.sort, entry.state)
        )

    def _insert(self, table: CacheTable, found: Sequence[Row]) -> None:
        if not found:
            return
        if table.name == "experiments":
            found = [self._with_own_name(row) for row in found]
        statement, places = self._fitting[table.name]
        fitting = found if len(places) == len(table.columns) else [tuple(row[at] for at in places) for row in found]
        self._connection.executemany(statement, fitting)

    def _fit(self, table: CacheTable) -> tuple[str, list[int]]:
        """The statement that inserts into a table, and which values it takes: an older MLflow lacks some columns."""
        there = {column for _, column, *_ in self._connection.execute(f"PRAGMA table_info({table.name})")}
        places = [at for at, column in enumerate(table.columns) if column in there]
        columns = ", ".join(f'"{table.columns[at]}"' for at in places)
        # OR REPLACE: a run that was copied into a second experiment by hand must not end the refresh.
        values = ", ".join("?" * len(places))
        return f"INSERT OR REPLACE INTO {table.name} ({columns}) VALUES ({values})", places  # noqa: S608

    def _with_own_name(self, row: Row) -> Row:
        """An experiment whose name no other has, which the table insists on and files do not."""
        identifier, name, *rest = row
        taken = self._connection.execute(
            "SELECT 1 FROM experiments WHERE name = ? AND experiment_id <> ?", (name, identifier)
        ).fetchone()
        return (identifier, f"{name} ({identifier})" if taken else name, *rest)
