"""Turn an entry into what MLflow's SQL store would hold of it: its files as rows of tables.

Reads no file, but looks whether artifacts lie inside a run's own folder.

Missing keys get the defaults of mlflow/store/tracking/file_store.py, so that both stores show the same.
"""

import json
import math
import os
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

from mlpipeline.core.documents import load_json, load_yaml
from mlpipeline.core.filenames import fault
from mlpipeline.core.records import RUN_STATUS, Kind
from mlpipeline.history.metrics import Point, metric_points
from mlpipeline.history.paths import ARTIFACTS, DESCRIPTION, artifact_folder, version_folder, version_number
from mlpipeline.history.stored import ARTIFACT_TAG
from mlpipeline.ui_cache.entries import DESCRIPTIONS, Entry, EntryKind

Value = str | int | float | None
Row = tuple[Value, ...]
Rows = dict[str, list[Row]]
"""Rows by table, their values in the order of the table's columns."""

LARGEST = 1.7976931348623157e308
"""Stands for infinity in MLflow's SQL store (SqlAlchemyStore.sanitize_metric_value)."""

_NAMESPACE = uuid.UUID("9c2e0f7a-1f4e-5d0b-9a3d-5c5b0e6f7d21")
"""Of the ids that the file store does not have and the SQL store wants; the same at every refresh."""

_SESSION, _NAME = "mlflow.trace.session", "mlflow.traceName"
_NUMBERS = {
    "mlflow.trace.tokenUsage": ("input_tokens", "output_tokens", "total_tokens"),
    "mlflow.trace.cost": ("input_cost", "output_cost", "total_cost"),
}
"""Numbers of a trace that have columns of their own, by the metadata that holds them as JSON."""


@dataclass(frozen=True, kw_only=True)
class _Source:
    """An entry with its content, and the root of its history."""

    entry: Entry
    files: Mapping[str, bytes]
    root: Path

    def described(self, path: str = "") -> "_Description":
        """Read a YAML file of the entry; its description by default.

        Raises:
            ValueError: it is malformed.
        """
        name = path or DESCRIPTIONS[self.entry.sort]
        try:
            return _Description(load_yaml(self.files[name]))
        except (KeyError, ValueError) as error:
            raise ValueError(f"{name} is {'gone' if isinstance(error, KeyError) else error}") from error

    def texts(self, folder: str) -> dict[str, str]:
        """Read the files in one of the entry's folders, by name."""
        begin = f"{folder}/"
        return {
            path.removeprefix(begin): data.decode(errors="replace")
            for path, data in self.files.items()
            if path.startswith(begin)
        }

    def inner(self, folder: str) -> list[str]:
        """List the folders in `folder` that have a `meta.yaml`."""
        parts = (path.split("/") for path in self.files if path.startswith(f"{folder}/"))
        return [part[1] for part in parts if part[2:] == ["meta.yaml"]]

    def points(self, path: str, kind: Kind) -> list[Point]:
        """Read the points of a metric's file.

        Raises:
            ValueError: it holds a line that MLflow cannot read, or none.
        """
        try:
            points = metric_points(self.files[path], of=kind)
        except ValueError as error:
            raise ValueError(f"{path} holds {error}") from error
        if not points:
            raise ValueError(f"{path} is empty")
        return points


class _Description:
    """A parsed YAML file, from which every column gets a value that it can hold."""

    def __init__(self, values: Mapping[str, object]) -> None:
        self._values = values

    def text(self, *keys: str) -> str | None:
        """Return the first of `keys` that has a value, as text."""
        found = next((self._values[key] for key in keys if self._values.get(key) is not None), None)
        return None if found is None else str(found)

    def number(self, key: str) -> int | None:
        """Return a whole number; `None` for anything else."""
        value = self._values.get(key)
        return value if isinstance(value, int) else None

    def mapping(self, key: str) -> Mapping[str, object]:
        """Return a mapping; empty for anything else."""
        value = self._values.get(key)
        return value if isinstance(value, dict) else {}

    def has(self, key: str) -> bool:
        """Tell whether there is such a key."""
        return key in self._values

    def stage(self) -> str:
        """Return `active` or `deleted`: the tables hold nothing else."""
        return "deleted" if self.text("lifecycle_stage") == "deleted" else "active"


def rows(entry: Entry, files: Mapping[str, bytes], root: Path) -> Rows:
    """Turn an entry into rows.

    Args:
        entry: the entry.
        files: its files by path inside it.
        root: the history's root; relative locations become absolute ones below it.

    Raises:
        ValueError: a file cannot be read as MLflow would; the message begins with the file's name.
    """
    found: Rows = defaultdict(list)
    for table, row in _READERS[entry.sort](_Source(entry=entry, files=files, root=root)):
        found[table].append(row)
    # MLflow writes some metric lines twice; the tables hold a point once.
    return {table: list(dict.fromkeys(each)) for table, each in found.items()}


def _experiment(source: _Source) -> Iterator[tuple[str, Row]]:
    meta, identifier = source.described(), int(source.entry.id)
    location = _location(source, meta.text("artifact_location"), ARTIFACTS)
    times = meta.number("creation_time"), meta.number("last_update_time")
    name = meta.text("name") or f"experiment {identifier}"
    yield "experiments", (identifier, name, location, meta.stage(), *times)
    for key, value in source.texts("tags").items():
        yield "experiment_tags", (key, value, identifier)
    for folder in source.inner("datasets"):
        data = source.described(f"datasets/{folder}/meta.yaml")
        described = (data.text("name") or "", data.text("digest") or "", data.text("source_type") or "")
        content = (data.text("source") or "", data.text("schema"), data.text("profile"))
        yield "datasets", (_made_id(source.entry.experiment, folder), identifier, *described, *content)


def _run(source: _Source) -> Iterator[tuple[str, Row]]:
    meta, run, tags = source.described(), source.entry.id, source.texts("tags")
    times = meta.number("start_time"), meta.number("end_time"), meta.number("deleted_time")
    status = RUN_STATUS.get(meta.number("status") or 1, "RUNNING")
    location = _location(source, meta.text("artifact_uri"), artifact_folder(Kind.RUN, run))
    name = meta.text("run_name", "name") or tags.get("mlflow.runName")
    where = meta.stage(), location, int(source.entry.experiment)
    yield "runs", (run, name, meta.text("user_id"), status, *times, *where)
    for key, value in source.texts("params").items():
        yield "params", (key, value, run)
    for key, value in tags.items():
        yield "tags", (key, value, run)
    yield from _run_metrics(source)
    yield from _run_links(source)


def _run_metrics(source: _Source) -> Iterator[tuple[str, Row]]:
    for path in source.files:
        if not path.startswith("metrics/"):
            continue
        name = path.removeprefix("metrics/")
        points = source.points(path, Kind.RUN)
        for point in points:
            yield "metrics", _metric(name, point, source.entry.id)
        # Greatest step, then time, then value, as FileStore._get_metric_from_file compares them.
        yield "latest_metrics", _metric(name, max(points), source.entry.id)


def _metric(name: str, point: Point, run: str) -> Row:
    step, time, value = point
    return name, _finite(value), time, step, math.isnan(value), run


def _run_links(source: _Source) -> Iterator[tuple[str, Row]]:
    """Link a run to what it read and made; the SQL store names the ends of a link otherwise than files."""
    run = source.entry.id
    for folder in source.inner("inputs"):
        meta = source.described(f"inputs/{folder}/meta.yaml")
        made, other = _made_id(run, folder), meta.text("source_id") or ""
        if meta.text("source_type") == "MODEL":
            yield "inputs", (made, "RUN_INPUT", run, "MODEL_INPUT", other, 0)
        else:
            yield "inputs", (made, "DATASET", _made_id(source.entry.experiment, other), "RUN", run, 0)
        for key, value in meta.mapping("tags").items():
            yield "input_tags", (made, key, str(value))
    for model in source.inner("outputs"):
        step = source.described(f"outputs/{model}/meta.yaml").number("step") or 0
        yield "inputs", (_made_id(run, model), "RUN_OUTPUT", run, "MODEL_OUTPUT", model, step)


def _logged_model(source: _Source) -> Iterator[tuple[str, Row]]:
    meta, model, experiment = source.described(), source.entry.id, int(source.entry.experiment)
    location = _location(source, meta.text("artifact_location"), artifact_folder(Kind.LOGGED_MODEL, model))
    times = meta.number("creation_timestamp") or 0, meta.number("last_updated_timestamp") or 0
    rest = meta.text("model_type"), meta.text("source_run_id"), meta.text("status_message")
    status = meta.number("status") or 1
    yield (
        "logged_models",
        (model, experiment, meta.text("name") or "", location, *times, status, meta.stage(), *rest),
    )
    for key, value in source.texts("params").items():
        yield "logged_model_params", (model, experiment, key, value)
    for key, value in source.texts("tags").items():
        yield "logged_model_tags", (model, experiment, key, value)
    for path, data in source.files.items():
        if path.startswith("metrics/"):
            points = source.points(path, Kind.LOGGED_MODEL)
            for line, (step, time, number) in zip(data.splitlines(), points, strict=True):
                run, *dataset = (field.decode(errors="replace") for field in line.split()[3:])
                named = dataset if len(dataset) == 2 else (None, None)
                # This table has no way to say NaN; a missing point is better than the 0 that MLflow writes.
                if not math.isnan(number):
                    name = path.removeprefix("metrics/")
                    yield (
                        "logged_model_metrics",
                        (model, name, time, step, _finite(number), experiment, run, *named),
                    )


def _trace(source: _Source) -> Iterator[tuple[str, Row]]:
    meta, trace, experiment = source.described(), source.entry.id, int(source.entry.experiment)
    tags, metadata = source.texts("tags"), source.texts("request_metadata")
    time = meta.number("timestamp_ms")
    time = _milliseconds(meta.text("request_time")) if time is None else time
    took = meta.number("execution_duration_ms")
    took = meta.number("execution_time_ms") if took is None else took
    state = meta.text("state", "status") or "OK"
    previews = meta.text("client_request_id"), meta.text("request_preview"), meta.text("response_preview")
    promoted = tags.get(_NAME), metadata.get(_SESSION), *_trace_numbers(metadata)
    yield "trace_info", (trace, experiment, time, took, state, *previews, *promoted)
    if ARTIFACT_TAG in tags:
        home = artifact_folder(Kind.TRACE, trace)
        tags[ARTIFACT_TAG] = _location(source, tags[ARTIFACT_TAG], home)
    for key, value in tags.items():
        yield "trace_tags", (key, value, trace)
    for key, value in metadata.items():
        yield "trace_request_metadata", (key, value, trace)
    for path in source.files:
        if path.startswith("assessments/") and path.endswith(".yaml"):
            yield from _assessment(source, path, time)


def _trace_numbers(metadata: Mapping[str, str]) -> Iterator[float | None]:
    for key, names in _NUMBERS.items():
        try:
            values = load_json(metadata.get(key, "{}"))
        except ValueError:
            values = {}
        for name in names:
            value = values.get(name) if isinstance(values, dict) else None
            yield value if isinstance(value, (int, float)) else None


def _assessment(source: _Source, path: str, trace_time: int) -> Iterator[tuple[str, Row]]:
    meta = source.described(path)
    kind = "feedback" if meta.has("feedback") else "expectation"
    if not meta.has(kind):
        return
    said = meta.mapping(kind)
    value = said.get("value")
    serialized = said.get("serialized_value")
    if isinstance(serialized, dict):
        value = load_json(str(serialized.get("value")))
    created, updated = (_milliseconds(meta.text(key)) for key in ("create_time", "last_update_time"))
    author, extra, error = meta.mapping("source"), meta.mapping("metadata"), said.get("error")
    yield (
        "assessments",
        (
            meta.text("assessment_id") or Path(path).stem,
            source.entry.id,
            int(source.entry.experiment),
            trace_time,
            meta.text("assessment_name", "name") or "",
            kind,
            json.dumps(value, default=str),
            json.dumps(error, default=str) if error else None,
            created,
            updated,
            str(author.get("source_type", "CODE")),
            str(author.get("source_id", "")),
            meta.text("run_id"),
            meta.text("span_id"),
            meta.text("rationale"),
            meta.text("overrides"),
            meta.text("valid") != "False",
            json.dumps(extra, default=str) if extra else None,
            *_aggregate(value),
        ),
    )


def _aggregate(value: object) -> tuple[float | None, bool]:
    """Compute what of an assessment can be averaged, and whether it is a number proper."""
    if isinstance(value, (bool, int, float)) and math.isfinite(value):
        return float(value), not isinstance(value, bool)
    words = {"yes": 1.0, "no": 0.0}
    return (words.get(value.strip().lower()) if isinstance(value, str) else None), False


def _registered_model(source: _Source) -> Iterator[tuple[str, Row]]:
    meta, name = source.described(), source.entry.id
    times = meta.number("creation_timestamp"), meta.number("last_updated_timestamp")
    yield "registered_models", (name, *times, meta.text("description"))
    for key, value in source.texts("tags").items():
        yield "registered_model_tags", (key, value, name)
    for alias, text in source.texts("aliases").items():
        if text.strip().isdigit():
            yield "registered_model_aliases", (alias, int(text), name)
    for path in source.files:
        folder, _, file = path.partition("/")
        number = version_number(folder)
        if number is not None and file == DESCRIPTION:
            yield from _version(source, number)


def _version(source: _Source, number: int) -> Iterator[tuple[str, Row]]:
    folder = version_folder(number)
    meta, name = source.described(f"{folder}/meta.yaml"), source.entry.id
    times = meta.number("creation_timestamp"), meta.number("last_updated_timestamp")
    model = meta.text("model_id")
    home = artifact_folder(Kind.LOGGED_MODEL, model) if model else ""
    places = (
        _location(source, place, home) if (place := meta.text(key)) else None for key in ("source", "storage_location")
    )
    stated = meta.text("description"), meta.text("user_id"), meta.text("current_stage") or "None"
    run = meta.text("run_id"), meta.text("run_link"), meta.text("status") or "READY", meta.text("status_message")
    yield "model_versions", (name, number, *times, *stated, *places, *run)
    for key, value in source.texts(f"{folder}/tags").items():
        yield "model_version_tags", (key, value, name, number)


_READERS: dict[EntryKind, Callable[[_Source], Iterator[tuple[str, Row]]]] = {
    EntryKind.EXPERIMENT: _experiment,
    EntryKind.RUN: _run,
    EntryKind.LOGGED_MODEL: _logged_model,
    EntryKind.TRACE: _trace,
    EntryKind.REGISTERED_MODEL: _registered_model,
}


def _location(source: _Source, stated: str | None, home: str) -> str:
    """Locate artifacts in a form that does not depend on the working directory.

    A folder is taken as stated only inside the history: a history that came from somewhere else could otherwise show
    any folder of this machine. Stores on the network are left to MLflow.

    Args:
        source: the entry.
        stated: the location as the entry has it.
        home: where the history keeps such artifacts, for those that named another machine's folder.

    Raises:
        ValueError: a link leads out of the history from there.
    """
    parts = urlsplit(stated or "")
    if len(parts.scheme) > 1 and parts.scheme != "file":
        return str(stated)
    path = unquote(parts.path) if parts.scheme == "file" else (stated or "")
    named = os.path.normpath(os.path.join(source.root, path))  # noqa: PTH118 - ten times a Path's speed
    if not (path and _is_inside(named, str(source.root))):
        own = f"{source.root}/{source.entry.folder}/artifacts"
        named = own if os.path.isdir(own) else f"{source.root}/{home}"  # noqa: PTH112 - as above
    if link := _link_out(source.root, named):
        raise ValueError(f"its artifacts lie behind or hold '{link}', a symbolic link that leads out of the history")
    return Path(named).as_uri()


def _link_out(root: Path, folder: str) -> str | None:
    """Find a link by which MLflow would get out of a history from a folder of artifacts: a branch can bring such."""
    top = os.path.realpath(root)
    if not _is_inside(os.path.realpath(folder), top):
        return folder
    pending = [folder] if os.path.basename(folder) == "artifacts" else []  # noqa: PTH119 - as above
    while pending:
        try:
            with os.scandir(pending.pop()) as entries:
                for each in entries:
                    if each.is_dir(follow_symlinks=False):
                        pending.append(each.path)
                    elif each.is_symlink() and not _is_inside(os.path.realpath(each.path), top):
                        return each.path
        except (FileNotFoundError, NotADirectoryError):
            continue
    return None


def _is_inside(path: str, top: str) -> bool:
    """Tell whether an absolute path leads into a folder, and not into what Git keeps there for itself."""
    return path.startswith(f"{top}{os.sep}") and not fault(path.removeprefix(f"{top}{os.sep}").replace(os.sep, "/"))


def _finite(value: float) -> float:
    return 0.0 if math.isnan(value) else max(-LARGEST, min(LARGEST, value))


def _milliseconds(text: str | None) -> int:
    """Convert an ISO 8601 time to milliseconds since the epoch; 0 where there is none."""
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return 0
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def _made_id(owner: str, name: str) -> str:
    return uuid.uuid5(_NAMESPACE, f"{owner}/{name}").hex
