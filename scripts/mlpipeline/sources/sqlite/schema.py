"""Which tables and columns an MLflow database has, by version; reads only their names.

As in `mlflow/store/tracking/dbmodels/models.py` and `mlflow/store/model_registry/dbmodels/models.py` of MLflow 1.30 to
3.17; what a database can hold is seen by its tables, not by its version.
"""

import sqlite3
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from mlpipeline.core.errors import InputError, UnknownSchemaError
from mlpipeline.sources.sqlite.protection import Watch, protect

PATIENCE = 10.0
"""Seconds to wait for another process that is writing."""

FIRST = {
    "alembic_version": ("version_num",),
    "experiments": ("experiment_id", "name", "artifact_location", "lifecycle_stage"),
    "runs": ("run_uuid", "experiment_id", "status", "start_time", "end_time", "lifecycle_stage", "artifact_uri"),
    "params": ("key", "value", "run_uuid"),
    "tags": ("key", "value", "run_uuid"),
    "metrics": ("key", "value", "timestamp", "run_uuid"),
}
"""The tables that every MLflow makes, and the columns without which their rows mean nothing."""

LATER = {
    "experiment_tags": ("key", "value", "experiment_id"),
    "registered_models": ("name", "creation_time", "last_updated_time", "description"),
    "model_versions": ("name", "version", "creation_time", "last_updated_time", "current_stage", "source", "run_id"),
    "registered_model_tags": ("key", "value", "name"),
    "model_version_tags": ("key", "value", "name", "version"),
    "registered_model_aliases": ("alias", "version", "name"),
    "datasets": ("dataset_uuid", "experiment_id", "name", "digest", "dataset_source_type", "dataset_source"),
    "inputs": ("input_uuid", "source_type", "source_id", "destination_type", "destination_id"),
    "input_tags": ("input_uuid", "name", "value"),
    "trace_info": ("request_id", "experiment_id", "timestamp_ms", "execution_time_ms", "status"),
    "trace_tags": ("key", "value", "request_id"),
    "trace_request_metadata": ("key", "value", "request_id"),
    "logged_models": ("model_id", "experiment_id", "name", "artifact_location", "status", "lifecycle_stage"),
    "logged_model_metrics": ("model_id", "metric_name", "metric_timestamp_ms", "metric_step", "metric_value", "run_id"),
    "logged_model_params": ("model_id", "param_key", "param_value"),
    "logged_model_tags": ("model_id", "tag_key", "tag_value"),
    "assessments": ("assessment_id", "trace_id", "name", "assessment_type", "value", "created_timestamp"),
    "spans": ("trace_id", "parent_span_id", "start_time_unix_nano", "content"),
}
"""Those that came later, in the order of their coming: MLflow never has one of them without those before it."""

DERIVED = {
    "latest_metrics", "trace_metrics", "span_metrics", "sql_trace_metric_daily_rollups", "sql_span_cost_daily_rollups",
    "sql_assessment_daily_rollups", "sql_trace_rollup_rebuild_queue", "job_locks", "scheduler_leases", "workspaces",
}  # fmt: skip
"""Tables that MLflow computes from the others, or keeps for its own running."""

UNSUPPORTED = {
    "evaluation_datasets": "evaluation datasets",
    "scorers": "scorers",
    "online_scoring_configs": "settings of online scoring",
    "entity_associations": "links between traces, runs, datasets and prompts",
    "issues": "issues",
    "label_schemas": "label schemas",
    "review_queues": "review queues",
    "jobs": "jobs",
    "webhooks": "webhooks",
    "secrets": "gateway secrets",
    "endpoints": "gateway endpoints",
    "model_definitions": "gateway model definitions",
    "guardrails": "gateway guardrails",
    "budget_policies": "gateway budget policies",
    "mcp_servers": "MCP servers",
}
"""What the file store has no place for, by table."""

PARTS = {
    "evaluation_dataset_records", "evaluation_dataset_tags", "scorer_versions", "review_queue_items",
    "review_queue_users", "review_queue_label_schemas", "webhook_events", "endpoint_bindings",
    "endpoint_model_mappings", "endpoint_tags", "guardrail_configs", "mcp_server_versions", "mcp_server_tags",
    "mcp_server_version_tags", "mcp_server_aliases", "mcp_access_endpoints",
}  # fmt: skip
"""Tables that hold parts of what `UNSUPPORTED` counts."""

_NAMING = frozenset(
    name for names in (*FIRST.values(), *LATER.values()) for name in names if name.endswith(("id", "key", "name"))
)
"""Columns that say which row it is."""

WORKSPACE = "default"

_SHOWN = 80
"""Characters of a name that a message shows."""

_SKIPPED = "(SELECT id FROM temp.skipped)"


@dataclass(frozen=True, kw_only=True)
class Tables:
    """The tables of a database whose schema was checked.

    Attributes:
        connection: to the database.
        columns: by table.
        watch: stops what takes too long.
        oversized: the values that were passed over with their rows, because they are too long to be read.
    """

    connection: sqlite3.Connection
    columns: Mapping[str, frozenset[str]]
    watch: Watch = field(default_factory=Watch)
    oversized: list[str] = field(default_factory=list)

    def select(self, table: str, *columns: str, unless_skipped: tuple[str, ...] = ()) -> Iterator[sqlite3.Row]:
        """Select rows in the order in which they were written.

        Args:
            table: where it came with a later MLflow than the database's, there are none.
            columns: those that came with a later MLflow are NULL.
            unless_skipped: columns in which an owner's id may stand; rows of owners given to `skip` are left out.
        """
        there = self.columns.get(table, frozenset())
        if there:
            wanted = ", ".join(f'"{name}"' if name in there else f'NULL AS "{name}"' for name in columns)
            is_parted = "workspace" in there and table != "experiments"
            where = f"workspace = '{WORKSPACE}'" if is_parted else "TRUE"
            where += "".join(f' AND "{name}" NOT IN {_SKIPPED}' for name in unless_skipped)
            # No name in it comes from anywhere but this package.
            rows = f'FROM "{table}" WHERE {where} ORDER BY rowid'
            yield from self._rows(f"SELECT {wanted} {rows}", partial(self._row_named, rows, table, columns))

    def _rows(self, query: str, named: Callable[[int], str]) -> Iterator[sqlite3.Row]:
        """Yield the rows of a query, but for those that hold a value which is too long."""
        taken = 0
        while True:
            try:
                for row in self.watch.timed(self.connection.execute(f"{query} LIMIT -1 OFFSET {taken}")):
                    taken += 1
                    yield row
            except sqlite3.DataError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_TOOBIG:
                    raise
                self.oversized.append(named(taken))
                taken += 1
            else:
                return

    def _row_named(self, rows: str, table: str, columns: Sequence[str], at: int) -> str:
        """Name a row by what can be read of it, and what cannot."""
        long: list[str] = []
        known: list[str] = []
        for name in columns:
            if name in self.columns[table]:
                query = f'SELECT "{name}" {rows} LIMIT 1 OFFSET {at}'
                try:
                    (value,) = next(self.watch.timed(self.connection.execute(query)))
                except sqlite3.DataError:
                    long.append(name)
                else:
                    known += [f"{name} {str(value)[:_SHOWN]!r}"] if name in _NAMING else []
        return f"{' and '.join(long) or 'row'} of {table}, {', '.join(known) or 'a row without a name'}"

    def skip(self, owners: Iterable[object]) -> None:
        """Let `select` leave out rows of these owners, and of no others.

        The ids go into a temporary table, which SQLite keeps apart from the database.
        """
        self.connection.execute("PRAGMA query_only = OFF")
        self.connection.execute("CREATE TABLE IF NOT EXISTS temp.skipped (id PRIMARY KEY) WITHOUT ROWID")
        self.connection.execute("DELETE FROM temp.skipped")
        self.connection.executemany("INSERT INTO temp.skipped VALUES (?)", ((owner,) for owner in owners))
        self.connection.execute("PRAGMA query_only = ON")

    def count(self, table: str, where: str = "TRUE") -> int:
        """How many rows of a table fulfil a condition."""
        name = table.replace('"', '""')
        query = f'SELECT count(*) FROM "{name}" WHERE {where}'  # noqa: S608 - quoted
        return int(next(self.watch.timed(self.connection.execute(query)))[0])


def checked_tables(connection: sqlite3.Connection, database: Path) -> Tables:
    """The tables of an MLflow database.

    Raises:
        InputError: it is none, or holds what MLflow never makes and what runs when it is read.
        UnknownSchemaError: its schema is not one that we know.
    """
    watch = protect(connection)
    connection.execute("PRAGMA query_only = ON")
    refuse_programs(connection, database)
    columns: dict[str, frozenset[str]] = {
        name: frozenset(names.split("\n"))
        for name, names in connection.execute(
            "SELECT t.name, group_concat(c.name, char(10)) FROM sqlite_master t JOIN pragma_table_info(t.name) c"
            " WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' GROUP BY t.name"
        )
    }
    if not {"alembic_version", "experiments", "runs"} <= columns.keys():
        raise InputError(
            f"'{database}' is not an MLflow tracking database.",
            untouched="the database.",
            remedy="name MLflow's own, such as sqlite:///mlflow.db.",
        )
    later = list(LATER)
    expected = FIRST | {name: LATER[name] for name in later[: _last_index(later, columns) + 1]}
    missing = [
        f"{table}.{name}" for table in expected for name in expected[table] if name not in columns.get(table, ())
    ]
    if missing:
        revision = next(iter(connection.execute("SELECT * FROM alembic_version")), ("unknown",))[0]
        raise UnknownSchemaError(
            f"The database '{database}' has the schema {revision} of MLflow, without {', '.join(missing[:3])}.",
            untouched="the database.",
            remedy="pip install --upgrade mlflow, so that MLflow itself can read it.",
        )
    return Tables(connection=connection, columns=columns, watch=watch)


def refuse_programs(connection: sqlite3.Connection, database: Path) -> None:
    """Make sure that nothing in a database runs when it is read; triggers do not.

    Raises:
        InputError: it has a view or a virtual table, or computes a column that is read here.
    """
    found = connection.execute(
        "SELECT CASE type WHEN 'view' THEN type ELSE 'virtual table' END, name FROM sqlite_master"
        " WHERE type = 'view' OR (type = 'table' AND coalesce(rootpage, 0) = 0)"
    ).fetchone()
    found = found or next((("computed column", name) for name in _computed(connection)), None)
    if found is not None:
        what, name = found
        raise InputError(
            f"The database '{database}' has the {what} {str(name)[:_SHOWN]!r}, and MLflow makes none.",
            untouched="the database; nothing of it was read.",
            remedy="copy what is wanted into a database that MLflow made.",
        )


def _computed(connection: sqlite3.Connection) -> Iterator[str]:
    for table, names in (FIRST | LATER).items():
        for (column,) in connection.execute("SELECT name FROM pragma_table_xinfo(?) WHERE hidden <> 0", (table,)):
            if column in names:
                yield f"{table}.{column}"


def _last_index(names: list[str], present: Container[str]) -> int:
    return max((index for index, name in enumerate(names) if name in present), default=-1)
