"""One tracking server for all tests of reading through MLflow's client."""

import contextlib
import json
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlpipeline.core.records import Incoming
from sources.client import tracking as program
from sources.client.tracking import Tracking, read
from support.processes import PROJECT, SCRIPTS, python
from support.servers import mlflow_server


@pytest.fixture(scope="session")
def tracking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tracking]:
    folder = tmp_path_factory.mktemp("server")
    database, artifacts, log = folder / "mlflow.db", folder / "artifacts", folder / "log"
    with mlflow_server(
        folder,
        *("server", "--backend-store-uri", f"sqlite:///{database}", "--artifacts-destination", str(artifacts)),
        *("--workers", "1"),
        log=log,
        MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false",
    ) as server:
        modules = f"{SCRIPTS}{os.pathsep}{PROJECT / 'tests'}"
        filled = python(folder, program.__file__, server.address, PYTHONPATH=modules)
        ids = json.loads(filled.stdout.splitlines()[-1])
        yield Tracking(uri=server.address, database=database, artifacts=artifacts, log=log, ids=ids)


@pytest.fixture(scope="session")
def everything(tracking: Tracking, tmp_path_factory: pytest.TempPathFactory) -> Incoming:
    return read(tracking.uri, tmp_path_factory.mktemp("downloads"))


@pytest.fixture(scope="session")
def database(tracking: Tracking, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The server's database, with artifacts in folders of this machine."""
    file = tmp_path_factory.mktemp("database") / "mlflow.db"
    with (
        contextlib.closing(sqlite3.connect(tracking.database)) as source,
        contextlib.closing(sqlite3.connect(file)) as target,
    ):
        source.backup(target)
        for table, column in (
            ("experiments", "artifact_location"), ("runs", "artifact_uri"), ("logged_models", "artifact_location"),
            ("trace_tags", "value"),
        ):  # fmt: skip
            change = f"UPDATE {table} SET {column} = replace({column}, 'mlflow-artifacts:', ?)"  # noqa: S608
            target.execute(change, [str(tracking.artifacts)])
        target.commit()
    return file
