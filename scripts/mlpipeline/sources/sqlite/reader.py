"""Read an MLflow tracking database in SQLite with the standard library alone. Reads only, imports no MLflow.

What it finds has the form of MLflow's file store, so that nothing behind it need know the difference. What the file
store has no place for is refused by kind, with a count; what cannot be read is refused by name, and nothing else is
held up by it.
"""

import os
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from mlpipeline.core.documents import dump_yaml
from mlpipeline.core.edits import Content
from mlpipeline.core.errors import InputError, PipelineError
from mlpipeline.core.filenames import fault
from mlpipeline.core.records import (
    Experiment,
    Incoming,
    Kind,
    ModelVersion,
    Record,
    Refusal,
    RegisteredModel,
)
from mlpipeline.history.paths import FOLDERS, METADATA, RESERVED, is_id
from mlpipeline.sources import shapes
from mlpipeline.sources.absent import Absences, missing_models, with_address
from mlpipeline.sources.artifacts import NOWHERE, Finder, Found, Surroundings, is_pointer
from mlpipeline.sources.known import NOTHING, Known
from mlpipeline.sources.limits import LARGEST_TEXT, MOST_RECORDS, Budget, TooMuchError
from mlpipeline.sources.sqlite.protection import SLOWEST
from mlpipeline.sources.sqlite.rows import (
    ASSESSMENT,
    DATASET,
    EDGE,
    EXPERIMENT,
    LOGGED_MODEL,
    MODEL_POINT,
    REGISTERED,
    RUN,
    TRACE,
    VERSION,
    Described,
    MalformedError,
    Small,
    SmallFiles,
    assessment_document,
    dataset_id,
    dataset_meta,
    experiment_meta,
    logged_model_description,
    metric_rows,
    model_line,
    registered_model_meta,
    run_description,
    run_line,
    small_files,
    text_of,
    trace_description,
    version_meta,
    whole,
)
from mlpipeline.sources.sqlite.schema import (
    DERIVED,
    FIRST,
    LATER,
    PARTS,
    PATIENCE,
    UNSUPPORTED,
    WORKSPACE,
    Tables,
    checked_tables,
)

_DELETED_VERSION = "Deleted_Internal"


def read(database: Path, known: Known = NOTHING, *, around: Surroundings = NOWHERE) -> Incoming:
    """Read experiments, runs, logged models, traces and registered models of a database, deleted ones included.

    Args:
        database: the file, often called `mlflow.db`.
            Artifacts are looked for in the `mlruns/` or `mlartifacts/` beside it.
        known: records that are passed over.
        around: where artifacts may lie besides the folder of the database.

    Raises:
        InputError: there is no such file, it is no MLflow database, it is damaged, or another process keeps it locked.
        UnknownSchemaError: its schema is not one that we know; MLflow itself may be able to read it.
    """
    if not os.path.isfile(database):
        raise InputError(
            f"No MLflow runs: the database '{database}' does not exist.",
            remedy="train first, or name the runs with --source.",
        )
    finder = Finder(home=database.absolute().parent, around=around)
    try:
        stamp = _idle_stamp(database)
        if stamp is not None:
            incoming = _read(database, "mode=ro&immutable=1", known, finder)
            if _idle_stamp(database) == stamp:
                return incoming
        return _read(database, "mode=ro", known, finder)
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


def _read(database: Path, mode: str, known: Known, finder: Finder) -> Incoming:
    address = f"{database.absolute().as_uri()}?{mode}"
    with closing(sqlite3.connect(address, uri=True, timeout=PATIENCE, isolation_level=None)) as connection:
        connection.row_factory = sqlite3.Row
        connection.text_factory = partial(str, encoding="utf-8", errors="replace")
        connection.execute("BEGIN")  # all that is read is the state of one moment
        return _Reader(tables=checked_tables(connection, database), finder=finder, known=known).incoming()


def _unreadable(database: Path, error: sqlite3.Error | OSError) -> InputError:
    if is_pointer(database):
        return InputError(
            f"'{database}' is a pointer of Git LFS, not the database itself.", remedy="run `git lfs pull` first."
        )
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            what, remedy = "is locked by another process", "wait until the training that writes it has ended."
        case sqlite3.SQLITE_INTERRUPT:
            what = f"gave no row for {SLOWEST:.0f} seconds, and reading it was stopped"
            remedy = "copy what is wanted into a database that MLflow made."
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


@dataclass(kw_only=True)
class _Reader:
    """Gathers what a database holds.

    Attributes:
        names: the name of each experiment, by id.
        foreign: what to call each experiment of another workspace, by id.
        unsupported: how much was left out, by what it is.
        foreign_records: how many records the experiments of other workspaces have.
        logged_models: ids of all that the database lists.
    """

    tables: Tables
    finder: Finder
    known: Known
    names: dict[object, str] = field(default_factory=dict)
    foreign: dict[object, str] = field(default_factory=dict)
    experiments: list[Experiment] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    models: list[RegisteredModel] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    budget: Budget = field(default_factory=Budget)
    unsupported: Counter[str] = field(default_factory=Counter)
    foreign_records: Counter[object] = field(default_factory=Counter)
    logged_models: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.absences = Absences(finder=self.finder)

    def incoming(self) -> Incoming:
        """Read all of it."""
        kinds = {
            "experiments": self._read_experiments,
            "runs": self._read_runs,
            "logged models": self._read_logged_models,
            "traces": self._read_traces,
            "registered models": self._read_registered_models,
        }
        for what, read_all in kinds.items():
            spent = self.budget.spent
            try:
                read_all()
            except TooMuchError as error:
                self.budget.spent = spent
                remedy = "Persist more often, or move what is wanted into a database of its own."
                self._refuse(f"{what} of the database", f"none of them was stored: {error}.", remedy=remedy)
        self._count_the_rest()
        return Incoming(
            experiments=tuple(sorted(self.experiments, key=lambda each: (each.name, each.id))),
            records=tuple(sorted(self.records, key=lambda each: (each.kind, each.id))),
            models=tuple(sorted(self.models, key=lambda each: each.name)),
            refusals=tuple(self.refusals),
            warnings=(*self.warnings, *self.absences.warnings(), *missing_models(self.records, self.logged_models)),
        )

    def _read_experiments(self) -> None:
        select = self.tables.select
        files = self._small("experiment_tags", "experiment_id", "key", "value", folder="tags")
        for row in select("datasets", "experiment_id", *DATASET):
            path = f"datasets/{dataset_id(row)}/meta.yaml"
            files.add(row["experiment_id"], path, dump_yaml(dataset_meta(row)), self.budget)
        for row in select("experiments", *EXPERIMENT):
            key = row["experiment_id"]
            name = text_of(row["name"]) or str(key)
            self.budget.take(len(name))
            with self._boundary(f"experiment '{name}'", "the experiment", name):
                if row["workspace"] not in (None, WORKSPACE):
                    self.foreign[key] = f"experiment '{name}' of the workspace '{row['workspace']}'"
                    continue
                stored = self._fit(files[key], f"experiment '{name}'", name)
                experiment = Experiment(id=str(key), name=name, meta=experiment_meta(row, name), files=stored)
                self.experiments.append(with_address(experiment))
                self.names[key] = name

    def _read_runs(self) -> None:
        select = self.tables.select
        tags = self._small("tags", "run_uuid", "key", "value", folder="tags")
        rows = self._unknown(Kind.RUN, select("runs", *RUN), lambda row: run_description(row, tags[row[0]], {}))
        owner = ("run_uuid",)
        columns = ("key", "timestamp", "value", "is_nan", "step")
        points = metric_rows(select("metrics", "run_uuid", *columns, unless_skipped=owner), run_line, self.budget)
        params = self._small("params", "run_uuid", "key", "value", folder="params", unless_skipped=owner)
        edges = self._edges()

        def describe(row: sqlite3.Row) -> Described:
            key = row["run_uuid"]
            small = {**params[key], **tags[key], **edges[key]}
            return run_description(row, small, points.get(key, {}))

        for row in rows:
            self._admit(Kind.RUN, row, row["run_uuid"], partial(describe, row))

    def _read_logged_models(self) -> None:
        select = self.tables.select
        self.logged_models |= {text_of(model) for (model,) in select("logged_models", "model_id")}
        tags = self._small("logged_model_tags", "model_id", "tag_key", "tag_value", folder="tags")
        rows = self._unknown(
            Kind.LOGGED_MODEL,
            select("logged_models", *LOGGED_MODEL),
            lambda row: logged_model_description(row, tags[row[0]], {}),
        )
        owner = ("model_id",)
        metrics = select("logged_model_metrics", "model_id", "metric_name", *MODEL_POINT, unless_skipped=owner)
        points = metric_rows(metrics, model_line, self.budget)
        columns = ("model_id", "param_key", "param_value")
        params = self._small("logged_model_params", *columns, folder="params", unless_skipped=owner)

        def describe(row: sqlite3.Row) -> Described:
            key = row["model_id"]
            return logged_model_description(row, {**params[key], **tags[key]}, points.get(key, {}))

        for row in rows:
            self._admit(Kind.LOGGED_MODEL, row, row["model_id"], partial(describe, row))

    def _read_traces(self) -> None:
        select = self.tables.select
        tags = self._small("trace_tags", "request_id", "key", "value", folder="tags")
        metadata = self._small("trace_request_metadata", "request_id", "key", "value", folder="request_metadata")
        assessments = self._assessments()

        def small(row: sqlite3.Row) -> Small:
            key = row["request_id"]
            return {**tags[key], **metadata[key], **assessments[key]}

        rows = self._unknown(
            Kind.TRACE, select("trace_info", *TRACE), lambda row: trace_description(row, small(row), ())
        )
        spans: dict[object, list[sqlite3.Row]] = defaultdict(list)
        columns = ("trace_id", "parent_span_id", "start_time_unix_nano", "content")
        for row in select("spans", *columns, unless_skipped=("trace_id",)):
            if row["content"]:  # archiving empties it
                self.budget.take(len(row["content"]) if isinstance(row["content"], str | bytes) else 0)
                spans[row["trace_id"]].append(row)

        def describe(row: sqlite3.Row) -> Described:
            return trace_description(row, small(row), spans[row["request_id"]])

        for row in rows:
            self._admit(Kind.TRACE, row, row["request_id"], partial(describe, row))

    def _unknown(
        self, kind: Kind, rows: Iterable[sqlite3.Row], listed: Callable[[sqlite3.Row], Described]
    ) -> list[sqlite3.Row]:
        """Part the rows of records that are not known from the others, whose parts are not selected from here on.

        Args:
            kind: of the records.
            rows: one a record; the first column is the id.
            listed: describes a record without what is to be selected.
        """
        unknown: list[sqlite3.Row] = []
        known: list[object] = []
        for row in rows:
            known.append(row[0]) if self._is_known(kind, row, listed) else unknown.append(row)
            if len(unknown) > MOST_RECORDS:
                raise TooMuchError(f"more than {MOST_RECORDS:,} of them are new")
        self.tables.skip(known)
        return unknown

    def _is_known(self, kind: Kind, row: sqlite3.Row, listed: Callable[[sqlite3.Row], Described]) -> bool:
        name = self.names.get(row["experiment_id"])
        if name is None:
            return False
        try:
            described = listed(row)
        except Exception:  # noqa: BLE001 - what is wrong with it is said where it is admitted, by name
            return False
        record = Record(kind=kind, id=text_of(row[0]), experiment=name, meta=described.meta, files=described.files)
        return self.known.record(record)

    def _read_registered_models(self) -> None:
        select = self.tables.select
        tags = self._small("registered_model_tags", "name", "key", "value", folder="tags")
        aliases: dict[object, dict[str, object]] = defaultdict(dict)
        for name, alias, number in select("registered_model_aliases", "name", "alias", "version"):
            self.budget.take(len(text_of(alias)))
            aliases[name][text_of(alias)] = number
        versions = self._versions()
        for row in select("registered_models", *REGISTERED):
            key, name = row["name"], text_of(row["name"])
            where = f"registered model '{name}'"
            with self._boundary(where, "the model"):
                own = tuple(sorted(versions[key], key=lambda version: version.number))
                named = self._aliases(aliases[key], {version.number for version in own}, where)
                meta = registered_model_meta(row, name, named)
                files = self._fit(tags[key], where)
                self.models.append(RegisteredModel(name=name, meta=meta, files=files, aliases=named, versions=own))

    def _edges(self) -> SmallFiles:
        """The `inputs/` and `outputs/` of each run."""
        select = self.tables.select
        datasets = {
            row["dataset_uuid"]: dataset_id(row) for row in select("datasets", "dataset_uuid", "name", "digest")
        }
        tags: dict[object, dict[str, str]] = defaultdict(dict)
        for owner, name, value in select("input_tags", "input_uuid", "name", "value"):
            self.budget.take(len(text_of(name)) + len(text_of(value)))
            tags[owner][text_of(name)] = text_of(value)
        edges = SmallFiles("inputs and outputs")
        for row in select("inputs", *EDGE, unless_skipped=("source_id", "destination_id")):
            source, destination = row["source_id"], row["destination_id"]
            match row["source_type"], row["destination_type"]:
                case "DATASET", "RUN" if source in datasets:
                    meta = shapes.input_yaml(datasets[source], "DATASET", tags[row["input_uuid"]])
                    path = f"inputs/{shapes.input_id(datasets[source], text_of(destination))}/meta.yaml"
                    edges.add(destination, path, meta, self.budget)
                case "RUN_INPUT", "MODEL_INPUT":
                    meta = shapes.input_yaml(text_of(destination), "MODEL")
                    path = f"inputs/{shapes.input_id(text_of(destination), text_of(source))}/meta.yaml"
                    edges.add(source, path, meta, self.budget)
                case "RUN_OUTPUT", "MODEL_OUTPUT":
                    meta = shapes.output_yaml(text_of(destination), step=row["step"] or 0)
                    edges.add(source, f"outputs/{text_of(destination)}/meta.yaml", meta, self.budget)
                case _:
                    self.unsupported["inputs of runs that lead to nothing known"] += 1
        return edges

    def _assessments(self) -> SmallFiles:
        found = SmallFiles("assessments")
        for row in self.tables.select("assessments", *ASSESSMENT):
            name = text_of(row["assessment_id"])
            with self._boundary(f"trace {row['trace_id']}", f"its assessment {name}"):
                document = dump_yaml(assessment_document(row))
                found.add(row["trace_id"], f"assessments/{name}.yaml", document, self.budget)
        return found

    def _versions(self) -> dict[object, list[ModelVersion]]:
        select = self.tables.select
        tagged = select("model_version_tags", "name", "version", "key", "value")
        rows = (((name, number), key, value) for name, number, key, value in tagged)
        tags = small_files(rows, "tags", self.budget)
        found: dict[object, list[ModelVersion]] = defaultdict(list)
        for row in select("model_versions", *VERSION):
            if row["current_stage"] == _DELETED_VERSION:  # MLflow has blanked all it said
                continue
            where = f"registered model '{text_of(row['name'])}', version {row['version']}"
            self.budget.take(len(where))
            with self._boundary(where, "the version"):
                meta = version_meta(row)
                number = whole(row["version"])
                files = self._fit(tags[row["name"], row["version"]], where)
                found[row["name"]].append(ModelVersion(number=number, meta=meta, files=files))
        return found

    def _aliases(self, aliases: Mapping[str, object], numbers: Container[int], where: str) -> dict[str, int]:
        fit: dict[str, int] = {}
        for alias, number in aliases.items():
            if fault(alias) or "/" in alias:
                self._refuse(where, f"the alias {alias!r} was left out: no file can have this name.")
            elif not isinstance(number, int) or number not in numbers:
                self._refuse(where, f"the alias {alias!r} was left out: the model has no version {number}.")
            else:
                fit[alias] = number
        return fit

    def _admit(self, kind: Kind, row: sqlite3.Row, key: object, describe: Callable[[], Described]) -> None:
        """Take a record in, or refuse it by name."""
        experiment, identifier = row["experiment_id"], text_of(key)
        if experiment in self.foreign:
            self.foreign_records[experiment] += 1
            return None
        where, left_out, name = f"{kind} {identifier}", f"the {kind} was left out", self.names.get(experiment)
        if name is None:
            return self._refuse(where, f"{left_out}: its experiment {experiment} is not in the database.")
        if not is_id(identifier) or (kind is Kind.RUN and identifier in RESERVED):
            return self._refuse(where, f"{left_out}: its id is none that MLflow makes.", name)
        with self._boundary(where, f"the {kind}", name):
            self.records.append(self._record(kind, row, identifier, describe()))
        return None

    @contextmanager
    def _boundary(self, where: str, what: str, experiment: str = "") -> Iterator[None]:
        """Refuse what raises an error while it is read, whatever error it is, and nothing else."""
        try:
            yield
        except (sqlite3.Error, TooMuchError, PipelineError, MemoryError):
            raise
        except MalformedError as error:
            self._refuse(where, f"{what} was left out: {error}.", experiment)
        except Exception as error:  # noqa: BLE001 - a stranger wrote it
            self._refuse(
                where, f"{what} was left out: it cannot be read ({type(error).__name__}: {error}).", experiment
            )

    def _record(self, kind: Kind, row: sqlite3.Row, identifier: str, described: Described) -> Record:
        where, name = f"{kind} {identifier}", self.names[row["experiment_id"]]
        self.warnings += [f"{where}: {path}: {what}." for path, what in described.warnings]
        for path, why in described.thinned.items():
            self._refuse(where, f"{path}: {why}.", name)
        logged = self._artifacts(kind, row, identifier, described)
        small = self._fit(described.files, where, name)
        if not logged and "artifacts/traces.json" not in described.files:
            small |= self.absences.note(
                kind, identifier, location=described.location, meta=described.meta, files=described.files
            )
        return Record(
            kind=kind,
            id=identifier,
            experiment=name,
            meta=described.meta,
            files={**logged.files, **small},
            unread=frozenset(each.path for each in logged.lost),
        )

    def _small(
        self, table: str, owner: str, name: str, value: str, *, folder: str, unless_skipped: tuple[str, ...] = ()
    ) -> SmallFiles:
        """Read the rows of a table as small files of their owners."""
        rows = self.tables.select(table, owner, name, value, unless_skipped=unless_skipped)
        return small_files(rows, folder, self.budget)

    def _artifacts(self, kind: Kind, row: sqlite3.Row, identifier: str, described: Described) -> Found:
        """Find a record's artifacts on disk."""
        experiment, home = row["experiment_id"], self.finder.home
        found = self.finder.of_record(
            kind,
            identifier,
            location=described.location,
            metadata=home / METADATA / str(experiment) / f"{FOLDERS[kind]}{identifier}",
        )
        for lost in found.lost:
            shown = lost.file.relative_to(home) if lost.file.is_relative_to(home) else lost.file
            where, reason = shown.as_posix(), f"{lost.reason}, and was left out."
            self.refusals.append(
                Refusal(where=where, reason=reason, remedy=lost.remedy, experiment=self.names[experiment])
            )
        return found

    def _fit(self, files: Mapping[str, Content], where: str, experiment: str = "") -> dict[str, Content]:
        """Those of `files` that a folder can hold; the others are refused by name."""
        kept, refused = shapes.plain_files(files)
        for path, reason in refused.items():
            self._refuse(where, f"{path!r} was left out: {reason}.", experiment)
        return kept

    def _count_the_rest(self) -> None:
        """Refuse by kind what the file store has no place for."""
        for table in sorted(self.tables.columns.keys() - FIRST.keys() - LATER.keys() - DERIVED - PARTS):
            if not table.startswith("alembic_version"):
                self.unsupported[UNSUPPORTED.get(table, f"rows of the table '{table}'")] += self.tables.count(table)
        if "workspace" in self.tables.columns.get("registered_models", ()):
            others = self.tables.count("registered_models", f"workspace <> '{WORKSPACE}'")
            self.unsupported["registered models of other workspaces"] += others
        for value in self.tables.oversized:
            self._refuse(value, f"it has more than {LARGEST_TEXT >> 20} MiB, and was left out.")
        for what, count in self.unsupported.items():
            if count:
                self._refuse(f"{what} ({count})", "a history of runs has no place for them, and they were left out.")
        for experiment, where in self.foreign.items():
            lost = f"was left out with all it holds ({self.foreign_records[experiment]} runs, logged models and traces)"
            self._refuse(where, f"{lost}: a history holds the workspace '{WORKSPACE}' alone.")

    def _refuse(self, where: str, reason: str, experiment: str = "", *, remedy: str = "") -> None:
        self.refusals.append(Refusal(where=where, reason=reason, remedy=remedy, experiment=experiment))
