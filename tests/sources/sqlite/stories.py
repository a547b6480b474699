"""The databases of several MLflow versions, one story in each, and what tests ask of them."""

import gzip
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from mlpipeline.core.documents import load_yaml
from mlpipeline.core.records import NOTES, Incoming, Kind, Record

FOLDER = Path(__file__).parent / "databases"
VERSIONS = sorted(file.name.removeprefix("mlflow-").removesuffix(".db.gz") for file in FOLDER.glob("*.db.gz"))
NEWEST = "3.17.2"


def unpacked(version: str, folder: Path) -> Path:
    file = folder / "mlflow.db"
    file.write_bytes(gzip.decompress((FOLDER / f"mlflow-{version}.db.gz").read_bytes()))
    return file


def change(database: Path, *statements: str, **values: object) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        for statement in statements:
            connection.execute(statement, values)


def query(database: Path, statement: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(statement).fetchall()


def has(database: Path, table: str) -> bool:
    return (table,) in query(database, "SELECT name FROM sqlite_master")


def named(incoming: Incoming, name: str, kind: Kind = Kind.RUN) -> Record:
    key = "run_name" if kind is Kind.RUN else "name"
    [record] = [each for each in incoming.records if each.kind is kind and each.meta.get(key) == name]
    return record


def small(files: Mapping[str, object], folder: str) -> dict[str, str]:
    """Texts of the files of one folder that MLflow wrote, by name."""
    return {
        path.removeprefix(f"{folder}/"): content.decode()
        for path, content in files.items()
        if path.startswith(f"{folder}/") and isinstance(content, bytes) and path not in NOTES
    }


def metas(files: Mapping[str, object], folder: str) -> list[dict[str, object]]:
    return [load_yaml(text.encode()) for text in small(files, folder).values()]


def refusals(incoming: Incoming) -> str:
    return "\n".join(str(each) for each in incoming.refusals)


def has_id(identifier: str, record: Record) -> bool:
    return record.id == identifier


def winner_id(database: Path) -> str:
    return str(query(database, "SELECT run_uuid FROM tags WHERE key = 'mlflow.runName' AND value = 'winner'")[0][0])
