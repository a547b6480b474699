"""Connect MLflow's client to a server, or to a database without changing it."""

import contextlib
import logging
import re
import sqlite3
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from mlpipeline.core.credentials import without_credentials
from mlpipeline.core.errors import InputError
from mlpipeline.sources.client.errors import unusable, words
from mlpipeline.sources.client.meta import Entity
from mlpipeline.sources.sqlite.protection import protect
from mlpipeline.sources.sqlite.schema import refuse_programs

PROBE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": 1, "MLFLOW_HTTP_REQUEST_TIMEOUT": 10}
"""How the first request is made. By default MLflow tries a server that is not there for four minutes."""

READING = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": 3, "MLFLOW_HTTP_REQUEST_TIMEOUT": 60}
"""How all others are made, once the server has answered; retries wait 0, 4 and 8 seconds."""

ASKING = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": 0, "MLFLOW_HTTP_REQUEST_TIMEOUT": 60}
"""How features that a server may not have are asked for: one without them answers 503, which is no reason to wait."""

_WATCH = "mlpipeline.watch"
"""The key under which SQLAlchemy keeps what stops a statement of a connection."""

DATABASE = re.compile(r"(sqlite|postgresql|mysql|mssql)(\+\w+)?:", re.IGNORECASE)


def connect(uri: str, downloads: Path) -> Entity:
    """A client that has had its first answer."""
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    location = _checked_database(uri, downloads) if DATABASE.match(uri) else uri
    try:
        client = MlflowClient(location)
        client.search_experiments(max_results=1)
    except MlflowException as error:
        raise unusable(uri, error) from error
    return client


def _checked_database(uri: str, downloads: Path) -> str:
    """The URI under which MLflow can open a database and change nothing in it.

    MLflow creates its tables in a database that has none, and migrates one of an older MLflow, as soon as it opens it.
    """
    import sqlalchemy
    from alembic.util import CommandError
    from mlflow.store.db import utils as schema

    try:
        url = sqlalchemy.make_url(uri)
        if url.get_backend_name() == "sqlite":
            url = url.set(database=str(_copied(Path(url.database or ""), downloads)))
        elif url.get_backend_name() == "postgresql":
            options = "-c default_transaction_read_only=on -c statement_timeout=600000"
            url = url.update_query_dict({"connect_timeout": "10", **url.query, "options": options})
        engine = sqlalchemy.create_engine(url)
        try:
            if not sqlalchemy.inspect(engine).has_table("experiments"):
                raise InputError(
                    f"'{without_credentials(uri)}' is a database without MLflow's tables.",
                    remedy="correct --source.",
                )
            if schema._get_schema_version(engine) != schema._get_latest_schema_revision():
                if url.get_backend_name() != "sqlite":
                    raise InputError(
                        f"'{without_credentials(uri)}' has the schema of another version of MLflow.",
                        remedy="name the MLflow server that uses it as the source, or run this with that MLflow.",
                    )
                schema._upgrade_db(engine)
        finally:
            engine.dispose()
    except (sqlalchemy.exc.SQLAlchemyError, CommandError, sqlite3.Error) as error:
        raise InputError(
            f"The database '{without_credentials(uri)}' cannot be read: {words(error)}",
            remedy="correct --source, or run this with the MLflow that wrote it.",
        ) from error
    location: str = url.render_as_string(hide_password=False)
    return location


def _copied(file: Path, downloads: Path) -> Path:
    if not file.is_file():
        raise InputError(
            f"No MLflow runs: the database '{file}' does not exist.",
            remedy="correct --source.",
        )
    copy = downloads.absolute() / "database.sqlite"
    copy.unlink(missing_ok=True)
    with (
        contextlib.closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as source,
        contextlib.closing(sqlite3.connect(copy)) as target,
    ):
        protect(source)
        refuse_programs(source, file)
        source.backup(target)
    return copy


@contextlib.contextmanager
def protected() -> Iterator[None]:
    """Protect every SQLite database that MLflow opens, as those are that are read without it."""
    import sqlalchemy

    def opened(connection: object, record: Entity) -> None:
        if isinstance(connection, sqlite3.Connection):
            record.info[_WATCH] = protect(connection)

    def begun(connection: Entity, *_: object) -> None:
        if watch := connection.info.get(_WATCH):
            watch.restart()

    events = (("connect", opened), ("before_cursor_execute", begun))
    for name, listener in events:
        sqlalchemy.event.listen(sqlalchemy.Engine, name, listener)
    try:
        yield
    finally:
        for name, listener in events:
            sqlalchemy.event.remove(sqlalchemy.Engine, name, listener)


def working_folder(uri: str) -> Path:
    """The folder to which relative locations are relative: where MLflow ran, as far as that can be told."""
    sqlite = re.match(r"sqlite(?:\+\w+)?:///([^?]+)", uri)
    return (Path(sqlite[1]).parent if sqlite else Path()).absolute()


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Nothing that MLflow prints reaches standard output, and only warnings reach standard error."""
    before = logging.root.manager.disable
    logging.disable(logging.INFO)
    try:
        with contextlib.redirect_stdout(sys.stderr), bounded({"MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": False}):
            yield
    finally:
        logging.disable(before)


@contextlib.contextmanager
def bounded(settings: Mapping[str, int]) -> Iterator[None]:
    """Settings of MLflow for a while; those that the user made stand."""
    from mlflow import environment_variables

    variables = {name: getattr(environment_variables, name) for name in settings}
    ours = [name for name, variable in variables.items() if not variable.is_set()]
    for name in ours:
        variables[name].set(settings[name])
    try:
        yield
    finally:
        for name in ours:
            variables[name].unset()
