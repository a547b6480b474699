"""Schemas: those that are known, those that are newer, and databases that are none of MLflow's."""

from pathlib import Path

import pytest

from mlpipeline.core.errors import InputError, UnknownSchemaError
from mlpipeline.sources.sqlite import reader as sqlite
from mlpipeline.sources.sqlite import schema
from sources.sqlite.stories import change, query


def test_another_database(tmp_path: Path) -> None:
    file = tmp_path / "other.db"
    change(file, "CREATE TABLE runs (run_uuid)")

    with pytest.raises(InputError, match="is not an MLflow tracking database"):
        sqlite.read(file)


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE runs RENAME COLUMN status TO state",
        "ALTER TABLE params RENAME TO parameters",
        "ALTER TABLE inputs RENAME TO edges",
        "ALTER TABLE spans RENAME COLUMN content TO payload",
    ],
)
def test_an_unknown_schema(statement: str, newest: Path) -> None:
    change(newest, statement)

    with pytest.raises(UnknownSchemaError, match="dc11669786a5") as caught:
        sqlite.read(newest)

    assert "pip install" in caught.value.remedy


def test_a_newer_schema_with_all_we_need(newest: Path) -> None:
    expected = sqlite.read(newest)
    change(
        newest,
        "UPDATE alembic_version SET version_num = 'feedfacefeed'",
        "ALTER TABLE runs ADD COLUMN mood TEXT",
        "CREATE TABLE starships (name TEXT)",
    )

    assert sqlite.read(newest) == expected


def test_every_table_of_the_newest_mlflow_is_known(newest: Path) -> None:
    """A table that a next MLflow adds is to be put in its place, not to be reported by its bare name."""
    tables = {str(name) for (name,) in query(newest, "SELECT name FROM sqlite_master WHERE type = 'table'")}

    known = {*schema.FIRST, *schema.LATER, *schema.DERIVED, *schema.UNSUPPORTED, *schema.PARTS}

    assert tables - known == set()
