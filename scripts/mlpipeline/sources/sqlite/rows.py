"""Turn rows of MLflow's tables into what its file store would have written; pure."""

import json
import re
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from mlpipeline.core.edits import Content
from mlpipeline.core.filenames import fault
from mlpipeline.core.records import Kind
from mlpipeline.history.large_metrics import Growing
from mlpipeline.history.stored import ARTIFACT_TAG
from mlpipeline.sources import shapes
from mlpipeline.sources.limits import Budget, excess
from mlpipeline.sources.metric_files import MetricFiles
from mlpipeline.sources.sqlite.schema import WORKSPACE

_LOGGED_MODEL_URI = re.compile(r"models:/(m-\w+)")

_TRACE_NAME = "tags/mlflow.traceName"

_SPANS_PLACE = "tags/mlflow.trace.spansLocation"

_TOKENS = (
    "input_tokens", "output_tokens", "total_tokens", "cache_read_input_tokens", "cache_creation_input_tokens",
    "cache_creation_input_tokens_above_1hr",
)  # fmt: skip

_COSTS = ("input_cost", "output_cost", "total_cost")

Small = Mapping[str, bytes]
"""Small files by path inside what they belong to."""


class MalformedError(Exception):
    """A row that has no form in the file store; the message says why."""


class Metric(Growing):
    """A metric that grows; `fault` says what is wrong with it."""

    fault = ""


Points = Mapping[str, Metric]
"""The metrics of a record by name."""


@dataclass(frozen=True, kw_only=True)
class Described:
    """A record but for its artifacts on disk.

    Attributes:
        meta: its description.
        files: its small files.
        location: where its artifacts lie.
        warnings: what was repaired in its files, with their paths.
        thinned: why of a metric only some lines were kept, by path.
    """

    meta: Mapping[str, object]
    files: Mapping[str, Content]
    location: str
    warnings: Sequence[tuple[str, str]] = ()
    thinned: Mapping[str, str] = field(default_factory=dict)


EXPERIMENT = (
    "experiment_id", "name", "artifact_location", "lifecycle_stage", "creation_time", "last_update_time", "workspace",
)  # fmt: skip

RUN = (
    "run_uuid", "experiment_id", "name", "user_id", "status", "start_time", "end_time", "lifecycle_stage",
    "deleted_time", "artifact_uri",
)  # fmt: skip

DATASET = ("name", "digest", "dataset_source_type", "dataset_source", "dataset_schema", "dataset_profile")

EDGE = ("input_uuid", "source_type", "source_id", "destination_type", "destination_id", "step")

LOGGED_MODEL = (
    "model_id", "experiment_id", "name", "artifact_location", "creation_timestamp_ms", "last_updated_timestamp_ms",
    "status", "status_message", "lifecycle_stage", "model_type", "source_run_id",
)  # fmt: skip

MODEL_POINT = ("metric_timestamp_ms", "metric_value", "metric_step", "run_id", "dataset_name", "dataset_digest")

TRACE = (
    "request_id", "experiment_id", "timestamp_ms", "execution_time_ms", "status", "client_request_id",
    "request_preview", "response_preview", "trace_name", "session_id", *_TOKENS, *_COSTS,
)  # fmt: skip

ASSESSMENT = (
    "assessment_id", "trace_id", "name", "assessment_type", "value", "error", "created_timestamp",
    "last_updated_timestamp", "source_type", "source_id", "span_id", "rationale", "overrides", "valid",
    "assessment_metadata",
)  # fmt: skip

REGISTERED = ("name", "creation_time", "last_updated_time", "description")

VERSION = (
    "name", "version", "creation_time", "last_updated_time", "description", "user_id", "current_stage", "source",
    "run_id", "status", "status_message", "run_link", "storage_location",
)  # fmt: skip


def experiment_meta(row: sqlite3.Row, name: str) -> dict[str, object]:
    """Describe an experiment as `meta.yaml` does."""
    times = {key: row[key] if isinstance(row[key], int) else None for key in ("creation_time", "last_update_time")}
    return {
        "artifact_location": text_of(row["artifact_location"]),
        **times,
        "effective_trace_archival_retention": None,
        "experiment_id": str(row["experiment_id"]),
        "lifecycle_stage": _lifecycle(row),
        "name": name,
        "trace_location": None,
        "workspace": WORKSPACE,
    }


def run_description(row: sqlite3.Row, small: Small, points: Points) -> Described:
    """Describe a run."""
    location = text_of(row["artifact_uri"])
    deleted = {} if row["deleted_time"] is None else {"deleted_time": _time(row["deleted_time"])}
    named = small.get("tags/mlflow.runName", b"").decode()  # MLflow 1 kept the name nowhere else
    meta = shapes.run_meta(
        run_id=text_of(row["run_uuid"]),
        run_name=text_of(row["name"]) or named,
        experiment_id=str(row["experiment_id"]),
        artifact_uri=location,
        status=text_of(row["status"]),
        lifecycle_stage=_lifecycle(row),
        start_time=_time(row["start_time"]),
        end_time=_time(row["end_time"]),
        user_id=text_of(row["user_id"]),
    )
    metrics = _metric_files(points, Kind.RUN)
    return _with_metrics({**meta, **deleted}, small, location, metrics)


def _with_metrics(meta: Mapping[str, object], small: Small, location: str, metrics: MetricFiles) -> Described:
    files = metrics.noted(small)
    return Described(meta=meta, files=files, location=location, warnings=metrics.warnings, thinned=metrics.thinned)


def run_line(row: sqlite3.Row) -> str:
    """Write a point of a run's metric as a line."""
    _, _, timestamp, value, is_nan, step = row
    return f"{whole(timestamp)} {'nan' if is_nan else _number(value)} {whole(step or 0)}\n"


def logged_model_description(row: sqlite3.Row, small: Small, points: Points) -> Described:
    """Describe a logged model."""
    location = text_of(row["artifact_location"])
    deleted = {"lifecycle_stage": "deleted"} if _lifecycle(row) == "deleted" else {}
    meta = {
        "artifact_location": location,
        "creation_timestamp": _time(row["creation_timestamp_ms"]),
        "experiment_id": str(row["experiment_id"]),
        "last_updated_timestamp": _time(row["last_updated_timestamp_ms"]),
        **deleted,
        "model_id": text_of(row["model_id"]),
        "model_type": _text_or_none(row["model_type"]),
        "name": text_of(row["name"]),
        "source_run_id": _text_or_none(row["source_run_id"]),
        "status": whole(row["status"]),
        "status_message": _text_or_none(row["status_message"]),
    }
    metrics = _metric_files(points, Kind.LOGGED_MODEL)
    return _with_metrics(meta, small, location, metrics)


def model_line(row: sqlite3.Row) -> str:
    """Write a point of a logged model's metric as a line."""
    _, _, timestamp, value, step, run_id, dataset, digest = row
    fields = [str(whole(timestamp)), _number(value), str(whole(step)), text_of(run_id)]
    described = f"{text_of(dataset)} {text_of(digest)}".split()
    # MLflow cannot read the line that it writes itself if a dataset's name holds a space.
    if dataset and digest and len(described) == 2:
        fields += described
    return f"{' '.join(fields)}\n"


def trace_description(row: sqlite3.Row, small: Small, spans: Iterable[sqlite3.Row]) -> Described:
    """Describe a trace as MLflow 3 does, whichever version wrote it; MLflow 3.17 keeps some of its files in columns."""
    optional = {name: row[name] for name in ("client_request_id", "request_preview", "response_preview")}
    optional["execution_duration_ms"] = _time(row["execution_time_ms"])
    meta: dict[str, object] = {
        "request_time": _rfc3339(row["timestamp_ms"]),
        "state": "STATE_UNSPECIFIED" if row["status"] == "TRACE_STATUS_UNSPECIFIED" else text_of(row["status"]),
        "trace_id": text_of(row["request_id"]),
        "trace_location": {
            "mlflow_experiment": {"experiment_id": str(row["experiment_id"])},
            "type": "MLFLOW_EXPERIMENT",
        },
    } | {key: value for key, value in optional.items() if value is not None}
    columns = {
        _TRACE_NAME: text_of(row["trace_name"]),
        "request_metadata/mlflow.trace.session": text_of(row["session_id"]),
        "request_metadata/mlflow.trace.tokenUsage": _json_of(row, _TOKENS),
        "request_metadata/mlflow.trace.cost": _json_of(row, _COSTS),
    }
    files = {**small, **{path: text.encode() for path, text in columns.items() if text}}
    # To the file store spans are an artifact; the tag would have MLflow look for them in a database.
    files.pop(_SPANS_PLACE, None)
    ordered = sorted(spans, key=lambda span: (span["parent_span_id"] is not None, whole(span["start_time_unix_nano"])))
    if ordered:
        files["artifacts/traces.json"] = f'{{"spans": [{", ".join(map(_span, ordered))}]}}'.encode()
    location = files.get(f"tags/{ARTIFACT_TAG}", b"").decode()
    return Described(meta=meta, files=files, location=location)


def _span(row: sqlite3.Row) -> str:
    content = text_of(row["content"])
    try:
        json.loads(content)
    except ValueError as error:
        raise MalformedError(f"a span is not JSON: {error}") from error
    return content


def assessment_document(row: sqlite3.Row) -> dict[str, object]:
    """An assessment as its protocol buffer is written in JSON: what is not set is not there."""
    value = json.loads(row["value"], parse_int=float)  # a protocol buffer's value has no whole numbers
    content: dict[str, object]
    match row["assessment_type"]:
        case "feedback":
            error = {key: text for key, text in json.loads(row["error"] or "{}").items() if text is not None}
            content = {"feedback": {"value": value} | ({"error": error} if error else {})}
        case "expectation" if value is None or isinstance(value, bool | float | str):
            content = {"expectation": {"value": value}}
        case "expectation":
            text = {"serialization_format": "JSON_FORMAT", "value": json.dumps(json.loads(row["value"]))}
            content = {"expectation": {"serialized_value": text}}
        case "issue":
            content = {"issue": {"issue_name": value["issue_name"]}}
        case other:
            raise MalformedError(f"it is of the unknown type {other!r}")
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
        **content,
        **{key: each for key, each in optional.items() if each},
    }


def registered_model_meta(row: sqlite3.Row, name: str, aliases: Mapping[str, int]) -> dict[str, object]:
    """Describe a registered model as `meta.yaml` does.

    Raises:
        MalformedError: no folder can have its name.
    """
    if fault(name) or set(name) & set("/%\\"):
        raise MalformedError("no folder can have its name")
    return shapes.registered_model_meta(
        name=name,
        aliases=aliases,
        description=_text_or_none(row["description"]),
        creation_timestamp=_time(row["creation_time"]),
        last_updated_timestamp=_time(row["last_updated_time"]),
        workspace=WORKSPACE,
    )


def version_meta(row: sqlite3.Row) -> dict[str, object]:
    """Describe a model version as `meta.yaml` does."""
    source = text_of(row["source"])
    logged = _LOGGED_MODEL_URI.fullmatch(source)
    return {
        "creation_timestamp": _time(row["creation_time"]),
        "current_stage": text_of(row["current_stage"]),
        "deployment_job_state": None,
        "description": _text_or_none(row["description"]),
        "last_updated_timestamp": _time(row["last_updated_time"]),
        "model_id": logged[1] if logged else None,
        "name": text_of(row["name"]),
        "run_id": _text_or_none(row["run_id"]),
        "run_link": _text_or_none(row["run_link"]),
        "source": source,
        "status": text_of(row["status"]),
        "status_message": _text_or_none(row["status_message"]),
        "storage_location": text_of(row["storage_location"]) or source,
        "user_id": _text_or_none(row["user_id"]),
        "version": whole(row["version"]),
        "workspace": WORKSPACE,
    }


def dataset_meta(row: sqlite3.Row) -> dict[str, object]:
    """Describe a dataset as `meta.yaml` does."""
    return {
        "digest": text_of(row["digest"]),
        "name": text_of(row["name"]),
        "profile": _text_or_none(row["dataset_profile"]),
        "schema": _text_or_none(row["dataset_schema"]),
        "source": text_of(row["dataset_source"]),
        "source_type": text_of(row["dataset_source_type"]),
    }


def dataset_id(row: sqlite3.Row) -> str:
    """Give the id under which the file store keeps a dataset."""
    return shapes.dataset_id(text_of(row["name"]), text_of(row["digest"]))


class SmallFiles:
    """Small files by what they belong to.

    Attributes:
        folder: where they lie in it.
        files: by owner and path.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.files: dict[object, dict[str, bytes]] = defaultdict(dict)
        self._crowded: Counter[object] = Counter()

    def add(self, owner: object, path: str, data: bytes, budget: Budget) -> None:
        """Take a file in, unless its owner has too many.

        Raises:
            TooMuchError: memory does not hold it.
        """
        if owner in self._crowded:
            self._crowded[owner] += 1
            return
        budget.take(len(path) + len(data))
        files = self.files[owner]
        files[path] = data
        if excess(len(files), self.folder):
            self._crowded[owner] = len(files)
            files.clear()

    def __getitem__(self, owner: object) -> dict[str, bytes]:
        """Give the files of an owner.

        Raises:
            MalformedError: it has too many.
        """
        if reason := excess(self._crowded.get(owner, 0), self.folder):
            raise MalformedError(reason)
        return self.files.get(owner, {})


def small_files(rows: Iterable[Iterable[Any]], folder: str, budget: Budget) -> SmallFiles:
    """Small files by what they belong to, from rows of owner, name and value."""
    found = SmallFiles(folder)
    for owner, name, value in rows:
        found.add(owner, f"{folder}/{text_of(name)}", text_of(value).encode(), budget)
    return found


def metric_rows(
    rows: Iterable[sqlite3.Row], line: Callable[[sqlite3.Row], str], budget: Budget
) -> dict[object, dict[str, Metric]]:
    """Metrics by what they belong to; its id and the metric's name are the first two columns."""
    found: dict[object, dict[str, Metric]] = defaultdict(dict)
    for row in rows:
        metrics, name = found[row[0]], text_of(row[1])
        metric = metrics.get(name)
        if metric is None:
            budget.take(len(name))
            metric = metrics[name] = Metric()
        try:
            metric.add(line(row).encode())
        except MalformedError as error:
            metric.fault = metric.fault or str(error)
    return found


def _metric_files(points: Points, kind: Kind) -> MetricFiles:
    if reason := excess(len(points), "metrics"):
        raise MalformedError(reason)
    found = MetricFiles()
    for name, metric in points.items():
        if metric.fault:
            raise MalformedError(f"its metric {name!r} holds what cannot be read: {metric.fault}")
        found.add(f"metrics/{name}", metric.stored(of=kind))
    return found


def _number(value: object) -> str:
    if value is None:  # as SQLite stores NaN
        return "nan"
    if not isinstance(value, int | float):
        raise MalformedError(f"{value!r} is no number")
    return shapes.metric_value(value)


def whole(value: object) -> int:
    """Give a whole number.

    Raises:
        MalformedError: it is none; SQLite lets any column hold anything.
    """
    if not isinstance(value, int):
        raise MalformedError(f"{value!r} is no whole number")
    return value


def _time(value: object) -> int | None:
    return None if value is None else whole(value)


def _rfc3339(milliseconds: object) -> str:
    """A time as protocol buffers write it in JSON."""
    seconds, rest = divmod(whole(milliseconds), 1000)
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError) as error:
        raise MalformedError(f"{milliseconds!r} is no time") from error
    return f"{moment:%Y-%m-%dT%H:%M:%S}{f'.{rest:03d}' if rest else ''}Z"


def _lifecycle(row: sqlite3.Row) -> str:
    return "deleted" if row["lifecycle_stage"] == "deleted" else "active"


def _json_of(row: sqlite3.Row, columns: Iterable[str]) -> str:
    found = {name: row[name] for name in columns if row[name] is not None}
    return json.dumps(found) if found else ""


def _text_or_none(value: object) -> str | None:
    return text_of(value) or None


def text_of(value: object) -> str:
    """A text of the database; SQLite lets any column hold anything."""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return "" if value is None else str(value)
