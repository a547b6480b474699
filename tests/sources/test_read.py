"""Which reader a source gets."""

from pathlib import Path

import pytest

from mlpipeline.core.errors import InputError, UnknownSchemaError
from mlpipeline.core.records import Incoming
from mlpipeline.sources.address import Source
from mlpipeline.sources.client import reader as client
from mlpipeline.sources.known import NOTHING, Known
from mlpipeline.sources.read import read as read_source
from mlpipeline.sources.sqlite import reader as sqlite

NEWER = UnknownSchemaError("The database has a schema of the year 2030.", remedy="upgrade")
DATABASE = Source(kind="database", place="mlflow.db")


def read(source: Source, said: list[str]) -> Incoming:
    return read_source(source, NOTHING, downloads=Path("unused"), say=said.append)


def test_a_database_that_is_newer_than_we_know_is_read_by_mlflow(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def refuse(_: Path, _known: Known, **_around: object) -> Incoming:
        raise NEWER

    def answer(uri: str, **_: object) -> Incoming:
        asked.append(uri)
        return Incoming(warnings=("by MLflow",))

    monkeypatch.setattr(sqlite, "read", refuse)
    monkeypatch.setattr(client, "read", answer)
    said: list[str] = []

    assert read(DATABASE, said).warnings == ("by MLflow",)
    assert asked == [f"sqlite:///{Path('mlflow.db').absolute()}"]
    assert said == ["The database has a schema of the year 2030. MLflow itself is asked."]


def test_without_mlflow_the_schema_is_the_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path, _known: Known, **_around: object) -> Incoming:
        raise NEWER

    def absent(*_: object, **__: object) -> Incoming:
        raise ModuleNotFoundError(name="mlflow")

    monkeypatch.setattr(sqlite, "read", refuse)
    monkeypatch.setattr(client, "read", absent)

    with pytest.raises(InputError, match="year 2030"):
        read(DATABASE, [])


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (Source(kind="folder", place="no/such/folder"), "does not exist"),
        (Source(kind="database", place="no/such.db"), "does not exist"),
    ],
    ids=["folder", "database"],
)
def test_what_is_not_there_is_an_error(source: Source, why: str) -> None:
    with pytest.raises(InputError, match=why):
        read(source, [])
