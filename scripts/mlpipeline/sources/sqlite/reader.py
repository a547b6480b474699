"""Reads an MLflow tracking database in SQLite with the standard library alone. Reads only, imports no MLflow.

What it finds is told as MLflow's file store would have written it, so that nothing behind it need know the difference.
Tables and columns as in `mlflow/store/tracking/dbmodels/models.py` and `mlflow/store/model_registry/dbmodels/models.py`
of MLflow 1.30 to 3.17; what a database can hold is seen by its tables, not by its version. What the file store has no
place for is refused by kind, with a count; what cannot be read is refused by name, and nothing else is held up by it.
"""

import json
import re
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from mlpipeline.core.documents import dump_yaml
from mlpipeline.core.edits import Content
from mlpipeline.core.errors import InputError, UnknownSchemaError
from mlpipeline.core.records import (
    MODEL_READY,
    RUN_STATUS,
    Experiment,
    Incoming,
    Kind,
    ModelVersion,
    Record,
    Refusal,
    RegisteredModel,
)
from mlpipeline.history.paths import FOLDERS, METADATA, RESERVED, is_id, is_unsafe
from mlpipeline.history.stored import ARTIFACT_TAG
from mlpipeline.sources import artifacts, shapes

Known = Callable[[str], bool]
"""Tells whether the history is known to hold the record with an id as it is, so that it need not be told again."""

PATIENCE = 10.0
"""Seconds to wait for another process that is writing."""

_FIRST = {
    "alembic_version": ("version_num",),
    "experiments": ("experiment_id", "name", "artifact_location", "lifecycle_stage"),
    "runs": ("run_uuid", "experiment_id", "status", "start_time", "end_time", "lifecycle_stage", "artifact_uri"),
    "params": ("key", "value", "run_uuid"),
    "tags": ("key", "value", "run_uuid"),
    "metrics": ("key", "value", "timestamp", "run_uuid"),
}
"""The tables that every MLflow makes, and the columns without which their rows mean nothing."""

_LATER = {
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

_SERVANTS = {
    "latest_metrics", "trace_metrics", "span_metrics", "sql_trace_metric_daily_rollups", "sql_span_cost_daily_rollups",
    "sql_assessment_daily_rollups", "sql_trace_rollup_rebuild_queue", "job_locks", "scheduler_leases", "workspaces",
}  # fmt: skip
"""Tables that MLflow computes from the others, or keeps for its own running."""

_HOMELESS = {
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

_PARTS = {
    "evaluation_dataset_records", "evaluation_dataset_tags", "scorer_versions", "review_queue_items",
    "review_queue_users", "review_queue_label_schemas", "webhook_events", "endpoint_bindings",
    "endpoint_model_mappings", "endpoint_tags", "guardrail_configs", "mcp_server_versions", "mcp_server_tags",
    "mcp_server_version_tags", "mcp_server_aliases", "mcp_access_endpoints",
}  # fmt: skip
"""Tables that hold parts of what `_HOMELESS` counts."""

_WORKSPACE = "default"
_DELETED_VERSION = "Deleted_Internal"
_LOGGED_MODEL_URI = re.compile(r"models:/(m-\w+)")
_REMOTE = re.compile(r"(?!file:)([A-Za-z][A-Za-z0-9+.-]+):")
_SERVED = "mlflow-artifacts"
_STATUS = {name: number for number, name in RUN_STATUS.items()}
_TRACE_NAME = "tags/mlflow.traceName"
_SPANS_PLACE = "tags/mlflow.trace.spansLocation"
_TOKENS = (
    "input_tokens", "output_tokens", "total_tokens", "cache_read_input_tokens", "cache_creation_input_tokens",
    "cache_creation_input_tokens_above_1hr",
)  # fmt: skip
_COSTS = ("input_cost", "output_cost", "total_cost")

Small = Mapping[str, bytes]
"""Small files by path inside what they belong to."""


def read(database: Path, *, home: Path | None = None, known: Known = lambda _: False) -> Incoming:
    """All experiments, runs, logged models, traces and registered models of a database, the deleted ones included.

    Args:
        database: the file, often called `mlflow.db`.
        home: the folder in which MLflow ran; artifacts lie in its `mlruns/` or `mlartifacts/`. The database's own
            folder by default.
        known: records with ids for which this is true are passed over.

    Raises:
        InputError: there is no such file, it is no MLflow database, it is damaged, or another process keeps it locked.
        UnknownSchemaError: its schema is not one that we know; MLflow itself may be able to read it.
    """
    if not database.is_file():
        raise InputError(
            f"No MLflow runs: the database '{database}' does not exist.",
            untouched="everything.",
            remedy="train first, or name the runs with --source.",
        )
    place = (home or database.parent).absolute()
    try:
        stamp = _idle_stamp(database)
        if stamp is not None:
            incoming = _read(database, "mode=ro&immutable=1", place, known)
            if _idle_stamp(database) == stamp:
                return incoming
        return _read(database, "mode=ro", place, known)
    except (sqlite3.Error, OSError) as error:
        raise _unreadable(database, error) from error


def _idle_stamp(database: Path) -> tuple[int, int] | None:
    """Time and size of a database in WAL mode that no process has open; `None` for all others.

    An ordinary reader of such a database would leave two files beside it.
    """
    with database.open("rb") as file:
        in_wal_mode = file.read(20)[18:] == b"\x02\x02"  # https://www.sqlite.org/fileformat2.html#the_database_header
    if not in_wal_mode or database.with_name(f"{database.name}-wal").exists():
        return None
    state = database.stat()
    return state.st_mtime_ns, state.st_size


def _read(database: Path, mode: str, home: Path, known: Known) -> Incoming:
    address = f"{database.absolute().as_uri()}?{mode}"
    with closing(sqlite3.connect(address, uri=True, timeout=PATIENCE, isolation_level=None)) as connection:
        connection.row_factory = sqlite3.Row
        connection.text_factory = partial(str, encoding="utf-8", errors="replace")
        connection.execute("BEGIN")  # all that is read is the state of one moment
        return _Reader(tables=_tables(connection, database), home=home, known=known).incoming()


def _unreadable(database: Path, error: sqlite3.Error | OSError) -> InputError:
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            what, remedy = "is locked by another process", "wait until the training that writes it has ended."
        case sqlite3.SQLITE_NOTADB:
            what, remedy = "is not a SQLite database", "name MLflow's own, such as sqlite:///mlflow.db."
        case sqlite3.SQLITE_CORRUPT:
            what, remedy = "is damaged", f"save what can be saved: sqlite3 '{database}' .recover | sqlite3 rescued.db"
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
            what = "cannot be opened for reading, or a process that wrote it was cut off"
            remedy = f"check its permissions, then let SQLite tidy up: sqlite3 '{database}' 'PRAGMA quick_check'"
        case _:
            what, remedy = "cannot be read", ""
    return InputError(f"The database '{database}' {what}: {error}.", untouched="the database.", remedy=remedy)


@dataclass(frozen=True, kw_only=True)
class _Tables:
    """The tables of a database whose schema was checked; `columns` by table."""

    connection: sqlite3.Connection
    columns: Mapping[str, frozenset[str]]

    def rows(self, table: str, *columns: str) -> Iterator[sqlite3.Row]:
        """Rows in the order in which they were written; where table or column came with a later MLflow: none, NULL."""
        there = self.columns.get(table, frozenset())
        if there:
            wanted = ", ".join(f'"{name}"' if name in there else f'NULL AS "{name}"' for name in columns)
            inside = f" WHERE workspace = '{_WORKSPACE}'" if "workspace" in there and table != "experiments" else ""
            # No name in it comes from anywhere but this module.
            yield from self.connection.execute(f'SELECT {wanted} FROM "{table}"{inside} ORDER BY rowid')  # noqa: S608

    def count(self, table: str, where: str = "TRUE") -> int:
        """How many rows of a table fulfil a condition."""
        name = table.replace('"', '""')
        rows = self.connection.execute(f'SELECT count(*) FROM "{name}" WHERE {where}')  # noqa: S608 - quoted
        return int(rows.fetchone()[0])


def _tables(connection: sqlite3.Connection, database: Path) -> _Tables:
    """The tables of an MLflow database.

    Raises:
        InputError: it is none.
        UnknownSchemaError: its schema is not one that we know.
    """
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
    later = list(_LATER)
    expected = _FIRST | {name: _LATER[name] for name in later[: _last_index(later, columns) + 1]}
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
    return _Tables(connection=connection, columns=columns)


def _last_index(names: list[str], present: Container[str]) -> int:
    return max((index for index, name in enumerate(names) if name in present), default=-1)


class _MalformedError(Exception):
    """Something that cannot be told as the file store would; the message says why."""


@dataclass(frozen=True, kw_only=True)
class _Described:
    """A record but for its artifacts on disk: its description, its small files, and where its artifacts lie."""

    meta: Mapping[str, object]
    files: Small
    location: str


@dataclass(kw_only=True)
class _Reader:
    """Gathers what a database holds.

    Attributes:
        names: the name of each experiment, by id.
        elsewhere: what to call each experiment of another workspace, by id.
        homeless: how much was left out, by what it is.
        passed: how many records the experiments of other workspaces have.
        astray: how many records have no artifacts here, by kind and by where they keep them.
    """

    tables: _Tables
    home: Path
    known: Known
    names: dict[object, str] = field(default_factory=dict)
    elsewhere: dict[object, str] = field(default_factory=dict)
    experiments: list[Experiment] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    models: list[RegisteredModel] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    homeless: Counter[str] = field(default_factory=Counter)
    passed: Counter[object] = field(default_factory=Counter)
    astray: Counter[tuple[Kind, str]] = field(default_factory=Counter)

    def incoming(self) -> Incoming:
        """Read all of it."""
        self._read_experiments()
        self._read_runs()
        self._read_logged_models()
        self._read_traces()
        self._read_registered_models()
        self._count_the_rest()
        return Incoming(
            experiments=tuple(sorted(self.experiments, key=lambda each: (each.name, each.id))),
            records=tuple(sorted(self.records, key=lambda each: (each.kind, each.id))),
            models=tuple(sorted(self.models, key=lambda each: each.name)),
            refusals=tuple(self.refusals),
            warnings=tuple(self._warnings()),
        )

    def _read_experiments(self) -> None:
        rows = self.tables.rows
        files = _files(rows("experiment_tags", "experiment_id", "key", "value"), "tags")
        for row in rows("datasets", "experiment_id", *_DATASET):
            path = f"datasets/{_dataset_id(row)}/meta.yaml"
            files[row["experiment_id"]][path] = dump_yaml(_dataset(row))
        for row in rows("experiments", *_EXPERIMENT):
            key = row["experiment_id"]
            name = _text(row["name"]) or str(key)
            if row["workspace"] not in (None, _WORKSPACE):
                self.elsewhere[key] = f"experiment '{name}' of the workspace '{row['workspace']}'"
                continue
            self.names[key] = name
            stored = self._fit(files[key], f"experiment '{name}'", name)
            self.experiments.append(Experiment(id=str(key), name=name, meta=_experiment(row, name), files=stored))

    def _read_runs(self) -> None:
        rows = self.tables.rows
        points = _points(rows("metrics", "run_uuid", "key", "timestamp", "value", "is_nan", "step"))
        params = _files(rows("params", "run_uuid", "key", "value"), "params")
        tags = _files(rows("tags", "run_uuid", "key", "value"), "tags")
        edges = self._edges()
        for row in rows("runs", *_RUN):
            key = row["run_uuid"]
            small = {**params[key], **tags[key], **edges[key]}
            self._admit(Kind.RUN, row, key, partial(_run, row, small, points[key]))

    def _read_logged_models(self) -> None:
        rows = self.tables.rows
        points = _points(rows("logged_model_metrics", "model_id", "metric_name", *_MODEL_POINT))
        params = _files(rows("logged_model_params", "model_id", "param_key", "param_value"), "params")
        tags = _files(rows("logged_model_tags", "model_id", "tag_key", "tag_value"), "tags")
        for row in rows("logged_models", *_LOGGED_MODEL):
            key = row["model_id"]
            self._admit(
                Kind.LOGGED_MODEL, row, key, partial(_logged_model, row, {**params[key], **tags[key]}, points[key])
            )

    def _read_traces(self) -> None:
        rows = self.tables.rows
        tags = _files(rows("trace_tags", "request_id", "key", "value"), "tags")
        metadata = _files(rows("trace_request_metadata", "request_id", "key", "value"), "request_metadata")
        assessments = self._assessments()
        spans: dict[object, list[sqlite3.Row]] = defaultdict(list)
        for row in rows("spans", "trace_id", "parent_span_id", "start_time_unix_nano", "content"):
            if row["content"]:  # archiving empties it
                spans[row["trace_id"]].append(row)
        for row in rows("trace_info", *_TRACE):
            key = row["request_id"]
            small = {**tags[key], **metadata[key], **assessments[key]}
            self._admit(Kind.TRACE, row, key, partial(_trace, row, small, spans[key]))

    def _read_registered_models(self) -> None:
        rows = self.tables.rows
        tags = _files(rows("registered_model_tags", "name", "key", "value"), "tags")
        aliases: dict[object, dict[str, object]] = defaultdict(dict)
        for name, alias, number in rows("registered_model_aliases", "name", "alias", "version"):
            aliases[name][_text(alias)] = number
        versions = self._versions()
        for row in rows("registered_models", *_REGISTERED):
            key, name = row["name"], _text(row["name"])
            where = f"registered model '{name}'"
            own = tuple(sorted(versions[key], key=lambda version: version.number))
            named = self._aliases(aliases[key], {version.number for version in own}, where)
            try:
                meta = _registered_model(row, name, named)
            except _MalformedError as error:
                self._refuse(where, f"the model was left out: {error}.")
                continue
            files = self._fit(tags[key], where)
            self.models.append(RegisteredModel(name=name, meta=meta, files=files, aliases=named, versions=own))

    def _edges(self) -> dict[object, dict[str, bytes]]:
        """The `inputs/` and `outputs/` of each run."""
        rows = self.tables.rows
        datasets = {row["dataset_uuid"]: _dataset_id(row) for row in rows("datasets", "dataset_uuid", "name", "digest")}
        tags: dict[object, dict[str, str]] = defaultdict(dict)
        for owner, name, value in rows("input_tags", "input_uuid", "name", "value"):
            tags[owner][_text(name)] = _text(value)
        edges: dict[object, dict[str, bytes]] = defaultdict(dict)
        for row in rows("inputs", *_EDGE):
            source, destination = row["source_id"], row["destination_id"]
            match row["source_type"], row["destination_type"]:
                case "DATASET", "RUN" if source in datasets:
                    meta = shapes.input_yaml(datasets[source], "DATASET", tags[row["input_uuid"]])
                    edges[destination][f"inputs/{shapes.input_id(datasets[source], _text(destination))}/meta.yaml"] = (
                        meta
                    )
                case "RUN_INPUT", "MODEL_INPUT":
                    meta = shapes.input_yaml(_text(destination), "MODEL")
                    edges[source][f"inputs/{shapes.input_id(_text(destination), _text(source))}/meta.yaml"] = meta
                case "RUN_OUTPUT", "MODEL_OUTPUT":
                    meta = shapes.output_yaml(_text(destination), step=row["step"] or 0)
                    edges[source][f"outputs/{_text(destination)}/meta.yaml"] = meta
                case _:
                    self.homeless["inputs of runs that lead to nothing known"] += 1
        return edges

    def _assessments(self) -> dict[object, dict[str, bytes]]:
        found: dict[object, dict[str, bytes]] = defaultdict(dict)
        for row in self.tables.rows("assessments", *_ASSESSMENT):
            name = _text(row["assessment_id"])
            try:
                found[row["trace_id"]][f"assessments/{name}.yaml"] = dump_yaml(_assessment(row))
            except (_MalformedError, ValueError, TypeError, KeyError, AttributeError) as error:
                self._refuse(f"trace {row['trace_id']}", f"its assessment {name} was left out: {error}.")
        return found

    def _versions(self) -> dict[object, list[ModelVersion]]:
        rows = self.tables.rows
        tagged = rows("model_version_tags", "name", "version", "key", "value")
        tags = _files((((name, number), key, value) for name, number, key, value in tagged), "tags")
        found: dict[object, list[ModelVersion]] = defaultdict(list)
        for row in rows("model_versions", *_VERSION):
            if row["current_stage"] == _DELETED_VERSION:  # MLflow has blanked all it said
                continue
            where = f"registered model '{_text(row['name'])}', version {row['version']}"
            try:
                meta = _version(row)
                number = _whole(row["version"])
            except _MalformedError as error:
                self._refuse(where, f"the version was left out: {error}.")
            else:
                files = self._fit(tags[row["name"], row["version"]], where)
                found[row["name"]].append(ModelVersion(number=number, meta=meta, files=files))
        return found

    def _aliases(self, aliases: Mapping[str, object], numbers: Container[int], where: str) -> dict[str, int]:
        fit: dict[str, int] = {}
        for alias, number in aliases.items():
            if is_unsafe(alias) or "/" in alias:
                self._refuse(where, f"the alias {alias!r} was left out: no file can have this name.")
            elif not isinstance(number, int) or number not in numbers:
                self._refuse(where, f"the alias {alias!r} was left out: the model has no version {number}.")
            else:
                fit[alias] = number
        return fit

    def _admit(self, kind: Kind, row: sqlite3.Row, key: object, describe: Callable[[], _Described]) -> None:
        """Take a record in, or refuse it by name."""
        experiment, identifier = row["experiment_id"], _text(key)
        if experiment in self.elsewhere:
            self.passed[experiment] += 1
            return None
        if self.known(identifier):
            return None
        where, left_out, name = f"{kind} {identifier}", f"the {kind} was left out", self.names.get(experiment)
        if name is None:
            return self._refuse(where, f"{left_out}: its experiment {experiment} is not in the database.")
        if not is_id(identifier) or (kind is Kind.RUN and identifier in RESERVED):
            return self._refuse(where, f"{left_out}: its id is none that MLflow makes.", name)
        try:
            described = describe()
        except _MalformedError as error:
            return self._refuse(where, f"{left_out}: {error}.", name)
        logged = self._artifacts(kind, row, identifier, described)
        files = {**logged, **self._fit(described.files, where, name)}
        self.records.append(Record(kind=kind, id=identifier, experiment=name, meta=described.meta, files=files))
        return None

    def _artifacts(self, kind: Kind, row: sqlite3.Row, identifier: str, described: _Described) -> dict[str, Path]:
        """A record's artifacts on disk; where none are and some might be, that is noted for a warning."""
        experiment, location = row["experiment_id"], described.location
        found = artifacts.of_record(
            kind,
            identifier,
            location=location,
            home=self.home,
            metadata=self.home / METADATA / str(experiment) / f"{FOLDERS[kind]}{identifier}",
        )
        for path, reason in found.refused.items():
            shown = path.relative_to(self.home) if path.is_relative_to(self.home) else path
            self._refuse(shown.as_posix(), reason, self.names[experiment])
        if not found.files and not found.refused and "artifacts/traces.json" not in described.files:
            remote = _REMOTE.match(location)
            # A server's own folder that is here holds all that the server was given.
            if remote and not (remote[1] == _SERVED and (self.home / "mlartifacts").is_dir()):
                self.astray[kind, f"{remote[1]}: locations"] += 1
            elif _must_have_artifacts(kind, described.meta):
                self.astray[kind, "local folders"] += 1
        return found.files

    def _fit(self, files: Small, where: str, experiment: str = "") -> dict[str, Content]:
        """Those of `files` that a folder can hold; the others are refused by name."""
        folders = {path[: match.start()] for path in files for match in re.finditer("/", path)}
        fit: dict[str, Content] = {}
        for path, content in files.items():
            if is_unsafe(path):
                self._refuse(where, f"{path!r} was left out: no file can have this name.", experiment)
            elif path in folders:
                self._refuse(where, f"{path!r} was left out: another name begins with it and '/'.", experiment)
            else:
                fit[path] = content
        return fit

    def _count_the_rest(self) -> None:
        """Refuse by kind what is not told."""
        for table in sorted(self.tables.columns.keys() - _FIRST.keys() - _LATER.keys() - _SERVANTS - _PARTS):
            if not table.startswith("alembic_version"):
                self.homeless[_HOMELESS.get(table, f"rows of the table '{table}'")] += self.tables.count(table)
        if "workspace" in self.tables.columns.get("registered_models", ()):
            others = self.tables.count("registered_models", f"workspace <> '{_WORKSPACE}'")
            self.homeless["registered models of other workspaces"] += others
        for what, count in self.homeless.items():
            if count:
                self._refuse(f"{what} ({count})", "a history of runs has no place for them, and they were left out.")
        for experiment, where in self.elsewhere.items():
            lost = f"was left out with all it holds ({self.passed[experiment]} runs, logged models and traces)"
            self._refuse(where, f"{lost}: a history holds the workspace '{_WORKSPACE}' alone.")

    def _warnings(self) -> Iterator[str]:
        for (kind, place), count in self.astray.items():
            some = f"1 {kind} was" if count == 1 else f"{count} {kind}s were"
            yield f"{some} stored without artifacts, which are not on this disk ({place})."

    def _refuse(self, where: str, reason: str, experiment: str = "") -> None:
        self.refusals.append(Refusal(where=where, reason=reason, experiment=experiment))


_EXPERIMENT = (
    "experiment_id", "name", "artifact_location", "lifecycle_stage", "creation_time", "last_update_time", "workspace",
)  # fmt: skip
_RUN = (
    "run_uuid", "experiment_id", "name", "user_id", "status", "start_time", "end_time", "lifecycle_stage",
    "deleted_time", "artifact_uri",
)  # fmt: skip
_DATASET = ("name", "digest", "dataset_source_type", "dataset_source", "dataset_schema", "dataset_profile")
_EDGE = ("input_uuid", "source_type", "source_id", "destination_type", "destination_id", "step")
_LOGGED_MODEL = (
    "model_id", "experiment_id", "name", "artifact_location", "creation_timestamp_ms", "last_updated_timestamp_ms",
    "status", "status_message", "lifecycle_stage", "model_type", "source_run_id",
)  # fmt: skip
_MODEL_POINT = ("metric_timestamp_ms", "metric_value", "metric_step", "run_id", "dataset_name", "dataset_digest")
_TRACE = (
    "request_id", "experiment_id", "timestamp_ms", "execution_time_ms", "status", "client_request_id",
    "request_preview", "response_preview", "trace_name", "session_id", *_TOKENS, *_COSTS,
)  # fmt: skip
_ASSESSMENT = (
    "assessment_id", "trace_id", "name", "assessment_type", "value", "error", "created_timestamp",
    "last_updated_timestamp", "source_type", "source_id", "span_id", "rationale", "overrides", "valid",
    "assessment_metadata",
)  # fmt: skip
_REGISTERED = ("name", "creation_time", "last_updated_time", "description")
_VERSION = (
    "name", "version", "creation_time", "last_updated_time", "description", "user_id", "current_stage", "source",
    "run_id", "status", "status_message", "run_link", "storage_location",
)  # fmt: skip


def _must_have_artifacts(kind: Kind, meta: Mapping[str, object]) -> bool:
    """Whether MLflow never makes such a record without artifacts; runs often have none."""
    if kind is Kind.LOGGED_MODEL:
        return meta["status"] == MODEL_READY
    return kind is Kind.TRACE and meta["state"] != "IN_PROGRESS"


def _experiment(row: sqlite3.Row, name: str) -> dict[str, object]:
    times = {key: row[key] if isinstance(row[key], int) else None for key in ("creation_time", "last_update_time")}
    return {
        "artifact_location": _text(row["artifact_location"]),
        **times,
        "effective_trace_archival_retention": None,
        "experiment_id": str(row["experiment_id"]),
        "lifecycle_stage": _lifecycle(row),
        "name": name,
        "trace_location": None,
        "workspace": _WORKSPACE,
    }


def _run(row: sqlite3.Row, small: Small, points: Mapping[str, list[sqlite3.Row]]) -> _Described:
    location = _text(row["artifact_uri"])
    deleted = {} if row["deleted_time"] is None else {"deleted_time": _time(row["deleted_time"])}
    named = small.get("tags/mlflow.runName", b"").decode()  # MLflow 1 kept the name nowhere else
    meta: dict[str, object] = {
        "artifact_uri": location,
        **deleted,
        "end_time": _time(row["end_time"]),
        "entry_point_name": "",
        "experiment_id": str(row["experiment_id"]),
        "lifecycle_stage": _lifecycle(row),
        "run_id": _text(row["run_uuid"]),
        "run_name": _text(row["name"]) or named,
        "source_name": "",
        "source_type": 4,
        "source_version": "",
        "start_time": _time(row["start_time"]),
        "status": _STATUS.get(row["status"], _STATUS["RUNNING"]),
        "tags": [],
        "user_id": _text(row["user_id"]),
    }
    metrics = {f"metrics/{name}": _lines(_run_line, rows, name) for name, rows in points.items()}
    return _Described(meta=meta, files={**metrics, **small}, location=location)


def _run_line(row: sqlite3.Row) -> str:
    _, _, timestamp, value, is_nan, step = row
    return f"{_whole(timestamp)} {'nan' if is_nan else _number(value)} {_whole(step or 0)}\n"


def _logged_model(row: sqlite3.Row, small: Small, points: Mapping[str, list[sqlite3.Row]]) -> _Described:
    location = _text(row["artifact_location"])
    deleted = {"lifecycle_stage": "deleted"} if _lifecycle(row) == "deleted" else {}
    meta = {
        "artifact_location": location,
        "creation_timestamp": _time(row["creation_timestamp_ms"]),
        "experiment_id": str(row["experiment_id"]),
        "last_updated_timestamp": _time(row["last_updated_timestamp_ms"]),
        **deleted,
        "model_id": _text(row["model_id"]),
        "model_type": _text_or_none(row["model_type"]),
        "name": _text(row["name"]),
        "source_run_id": _text_or_none(row["source_run_id"]),
        "status": _whole(row["status"]),
        "status_message": _text_or_none(row["status_message"]),
    }
    metrics = {f"metrics/{name}": _lines(_model_line, rows, name) for name, rows in points.items()}
    return _Described(meta=meta, files={**metrics, **small}, location=location)


def _model_line(row: sqlite3.Row) -> str:
    _, _, timestamp, value, step, run_id, dataset, digest = row
    fields = [str(_whole(timestamp)), _number(value), str(_whole(step)), _text(run_id)]
    described = f"{_text(dataset)} {_text(digest)}".split()
    # MLflow cannot read the line that it writes itself if a dataset's name holds a space.
    if dataset and digest and len(described) == 2:
        fields += described
    return f"{' '.join(fields)}\n"


def _trace(row: sqlite3.Row, small: Small, spans: Iterable[sqlite3.Row]) -> _Described:
    """A trace as MLflow 3 tells it, whichever version wrote it; MLflow 3.17 keeps some of its files in columns."""
    optional = {name: row[name] for name in ("client_request_id", "request_preview", "response_preview")}
    optional["execution_duration_ms"] = _time(row["execution_time_ms"])
    meta: dict[str, object] = {
        "request_time": _rfc3339(row["timestamp_ms"]),
        "state": "STATE_UNSPECIFIED" if row["status"] == "TRACE_STATUS_UNSPECIFIED" else _text(row["status"]),
        "trace_id": _text(row["request_id"]),
        "trace_location": {
            "mlflow_experiment": {"experiment_id": str(row["experiment_id"])},
            "type": "MLFLOW_EXPERIMENT",
        },
    } | {key: value for key, value in optional.items() if value is not None}
    columns = {
        _TRACE_NAME: _text(row["trace_name"]),
        "request_metadata/mlflow.trace.session": _text(row["session_id"]),
        "request_metadata/mlflow.trace.tokenUsage": _json_of(row, _TOKENS),
        "request_metadata/mlflow.trace.cost": _json_of(row, _COSTS),
    }
    files = {**small, **{path: text.encode() for path, text in columns.items() if text}}
    # To the file store spans are an artifact; told that they are in a database, MLflow would not find them.
    files.pop(_SPANS_PLACE, None)
    ordered = sorted(spans, key=lambda span: (span["parent_span_id"] is not None, _whole(span["start_time_unix_nano"])))
    if ordered:
        files["artifacts/traces.json"] = f'{{"spans": [{", ".join(map(_span, ordered))}]}}'.encode()
    location = files.get(f"tags/{ARTIFACT_TAG}", b"").decode()
    return _Described(meta=meta, files=files, location=location)


def _span(row: sqlite3.Row) -> str:
    content = _text(row["content"])
    try:
        json.loads(content)
    except ValueError as error:
        raise _MalformedError(f"a span is not JSON: {error}") from error
    return content


def _assessment(row: sqlite3.Row) -> dict[str, object]:
    """An assessment as its protocol buffer is written in JSON: what is not set is not there."""
    value = json.loads(row["value"], parse_int=float)  # a protocol buffer's value has no whole numbers
    told: dict[str, object]
    match row["assessment_type"]:
        case "feedback":
            error = {key: text for key, text in json.loads(row["error"] or "{}").items() if text is not None}
            told = {"feedback": {"value": value} | ({"error": error} if error else {})}
        case "expectation" if value is None or isinstance(value, bool | float | str):
            told = {"expectation": {"value": value}}
        case "expectation":
            text = {"serialization_format": "JSON_FORMAT", "value": json.dumps(json.loads(row["value"]))}
            told = {"expectation": {"serialized_value": text}}
        case "issue":
            told = {"issue": {"issue_name": value["issue_name"]}}
        case other:
            raise _MalformedError(f"it is of the unknown type {other!r}")
    metadata = {key: str(text) for key, text in json.loads(row["assessment_metadata"] or "{}").items()}
    source = {"source_id": row["source_id"], "source_type": row["source_type"]}
    optional = {
        "metadata": metadata,
        "overrides": row["overrides"],
        "rationale": row["rationale"],
        "span_id": row["span_id"],
    }
    return {
        "assessment_id": row["assessment_id"],
        "assessment_name": row["name"],
        "create_time": _rfc3339(row["created_timestamp"]),
        "last_update_time": _rfc3339(row["last_updated_timestamp"]),
        "source": {key: text for key, text in source.items() if text is not None},
        "trace_id": row["trace_id"],
        "valid": bool(row["valid"]),
        **told,
        **{key: each for key, each in optional.items() if each},
    }


def _registered_model(row: sqlite3.Row, name: str, aliases: Mapping[str, int]) -> dict[str, object]:
    if is_unsafe(name) or set(name) & set("/%"):
        raise _MalformedError("no folder can have its name")
    return {
        "aliases": {alias: str(number) for alias, number in sorted(aliases.items())},
        "creation_timestamp": _time(row["creation_time"]),
        "deployment_job_id": None,
        "deployment_job_state": None,
        "description": _text_or_none(row["description"]),
        "last_updated_timestamp": _time(row["last_updated_time"]),
        "name": name,
        "workspace": _WORKSPACE,
    }


def _version(row: sqlite3.Row) -> dict[str, object]:
    source = _text(row["source"])
    logged = _LOGGED_MODEL_URI.fullmatch(source)
    return {
        "creation_timestamp": _time(row["creation_time"]),
        "current_stage": _text(row["current_stage"]),
        "deployment_job_state": None,
        "description": _text_or_none(row["description"]),
        "last_updated_timestamp": _time(row["last_updated_time"]),
        "model_id": logged[1] if logged else None,
        "name": _text(row["name"]),
        "run_id": _text_or_none(row["run_id"]),
        "run_link": _text_or_none(row["run_link"]),
        "source": source,
        "status": _text(row["status"]),
        "status_message": _text_or_none(row["status_message"]),
        "storage_location": _text(row["storage_location"]) or source,
        "user_id": _text_or_none(row["user_id"]),
        "version": _whole(row["version"]),
        "workspace": _WORKSPACE,
    }


def _dataset(row: sqlite3.Row) -> dict[str, object]:
    return {
        "digest": _text(row["digest"]),
        "name": _text(row["name"]),
        "profile": _text_or_none(row["dataset_profile"]),
        "schema": _text_or_none(row["dataset_schema"]),
        "source": _text(row["dataset_source"]),
        "source_type": _text(row["dataset_source_type"]),
    }


def _dataset_id(row: sqlite3.Row) -> str:
    return shapes.dataset_id(_text(row["name"]), _text(row["digest"]))


def _files(rows: Iterable[Iterable[Any]], folder: str) -> dict[object, dict[str, bytes]]:
    """Small files by what they belong to, from rows of owner, name and value."""
    found: dict[object, dict[str, bytes]] = defaultdict(dict)
    for owner, name, value in rows:
        found[owner][f"{folder}/{_text(name)}"] = _text(value).encode()
    return found


def _points(rows: Iterable[sqlite3.Row]) -> dict[object, dict[str, list[sqlite3.Row]]]:
    """The rows of metrics by what they belong to and by the metric's name; these are the first two columns."""
    found: dict[object, dict[str, list[sqlite3.Row]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        found[row[0]][_text(row[1])].append(row)
    return found


def _lines(line: Callable[[sqlite3.Row], str], rows: Iterable[sqlite3.Row], name: str) -> bytes:
    try:
        return "".join(map(line, rows)).encode()
    except _MalformedError as error:
        raise _MalformedError(f"its metric {name!r} holds what cannot be read: {error}") from error


def _number(value: object) -> str:
    if value is None:  # as SQLite stores NaN
        return "nan"
    if not isinstance(value, int | float):
        raise _MalformedError(f"{value!r} is no number")
    return shapes.metric_value(value)


def _whole(value: object) -> int:
    if not isinstance(value, int):
        raise _MalformedError(f"{value!r} is no whole number")
    return value


def _time(value: object) -> int | None:
    return None if value is None else _whole(value)


def _rfc3339(milliseconds: object) -> str:
    """A time as protocol buffers write it in JSON."""
    seconds, rest = divmod(_whole(milliseconds), 1000)
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError) as error:
        raise _MalformedError(f"{milliseconds!r} is no time") from error
    return f"{moment:%Y-%m-%dT%H:%M:%S}{f'.{rest:03d}' if rest else ''}Z"


def _lifecycle(row: sqlite3.Row) -> str:
    return "deleted" if row["lifecycle_stage"] == "deleted" else "active"


def _json_of(row: sqlite3.Row, columns: Iterable[str]) -> str:
    found = {name: row[name] for name in columns if row[name] is not None}
    return json.dumps(found) if found else ""


def _text_or_none(value: object) -> str | None:
    return _text(value) or None


def _text(value: object) -> str:
    """A text of the database; SQLite lets any column hold anything."""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return "" if value is None else str(value)
