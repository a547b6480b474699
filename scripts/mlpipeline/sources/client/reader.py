"""Reads a tracking server, or a database the way MLflow itself reads it, through MLflow's own client.

Reads only, and never writes outside of the folder for downloads. What it returns has the shapes that MLflow's file
store writes (`mlflow/store/tracking/file_store.py` and `mlflow/store/model_registry/file_store.py` of MLflow 3.17).
Whatever a server says about names and places is taken for a stranger's word: no name leaves its folder, and artifacts
are fetched only from places that end in the record's id, as all that MLflow makes do.
"""

import contextlib
import json
import logging
import os
import posixpath
import re
import shutil
import sqlite3
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import yaml

from mlpipeline.core.documents import dump_yaml
from mlpipeline.core.errors import InputError, MissingDependencyError
from mlpipeline.core.records import (
    RUN_STATUS,
    Experiment,
    Incoming,
    Kind,
    ModelVersion,
    Record,
    Refusal,
    RegisteredModel,
)
from mlpipeline.history.metrics import sound_metric
from mlpipeline.history.paths import LOAD_MARK, is_id, is_unsafe
from mlpipeline.history.stored import ARTIFACT_TAG
from mlpipeline.sources import artifacts, shapes

Known = Callable[[str], bool]
"""Tells whether the history is known to hold the record of an id as it is, so that it need not be read."""

Entity = Any
"""An object of MLflow's client; MLflow is imported late, so its types are not at hand."""

PROBE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": 1, "MLFLOW_HTTP_REQUEST_TIMEOUT": 10}
"""How the first request is made. By default MLflow tries a server that is not there for four minutes."""

READING = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": 3, "MLFLOW_HTTP_REQUEST_TIMEOUT": 60}
"""How all others are made, once the server has answered; retries wait 0, 4 and 8 seconds."""

ASKING = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": 0, "MLFLOW_HTTP_REQUEST_TIMEOUT": 60}
"""How features that a server may not have are asked for: one without them answers 503, which is no reason to wait."""

WORKERS = 8
"""Records that are read at once; MLflow's client keeps ten connections."""

PAGE = 500
"""Runs or traces that are asked for at once; servers refuse more than 500 traces."""

PROMPT_TAG = "mlflow.prompt.is_prompt"
"""The tag of a registered model that is a prompt; MLflow's client hides it, and such models unless it is asked for."""

_HOMELESS = {
    "evaluation dataset": "search_datasets",
    "webhook": "list_webhooks",
    "issue": "search_issues",
    "MCP server": "search_mcp_servers",
    "gateway endpoint": "list_gateway_endpoints",
    "gateway secret": "list_secret_infos",
}
_HOMELESS_IN_EXPERIMENTS = {"scorer": "list_scorers", "review queue": "list_review_queues"}
"""What a file store has no place for, and the methods of MLflow's client or store that list it.

Label schemas are not asked for: a server makes one as soon as they are.
"""

_SPANS_TAG = "mlflow.trace.spansLocation"
_SPANS_OF_STORE = ("TRACKING_STORE", "ARCHIVE_REPO")
_SPANS_FILE = "traces.json"
_STATUS = {name: number for number, name in RUN_STATUS.items()}
_MODEL_PENDING = 1
_DOWNLOADS = {Kind.RUN: "runs", Kind.LOGGED_MODEL: "models", Kind.TRACE: "traces"}
_LOGIN = "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
_DATABASE = re.compile(r"(sqlite|postgresql|mysql|mssql)(\+\w+)?:", re.IGNORECASE)


def read(
    uri: str,
    *,
    downloads: Path,
    experiments: Sequence[str] = (),
    known: Known = lambda _: False,
    say: Callable[[str], None],
) -> Incoming:
    """All that a server or a database holds and a file store can hold, the deleted included.

    Args:
        uri: `http(s)://`, `postgresql://` or any other that MLflow's client takes. A `sqlite:///` file is copied first
            and brought to this MLflow's schema in the copy.
        downloads: a folder for artifacts. What an earlier call has completed there is not fetched again.
        experiments: names; empty for all. Registered models then come along only if they were made of their runs.
        known: ids of runs, logged models and traces for which this is true are passed over.
        say: shows a line of progress.

    Raises:
        InputError: there is no such server, it does not let us in, or it stopped answering.
        MissingDependencyError: artifacts lie where MLflow needs another package to reach them.
        ImportError: MLflow, or the database's driver, is not installed.
    """
    downloads.mkdir(parents=True, exist_ok=True)
    with _quiet():
        with _bounded(PROBE):
            client = _connect(uri, downloads)
        fetcher = _Fetcher(uri=uri, tracking_uri=client.tracking_uri, folder=downloads.absolute(), home=_home(uri))
        reader = _Reader(uri=uri, client=client, fetcher=fetcher, known=known, tell=say)
        with _bounded(READING):
            reader.read(experiments)
        with _bounded(ASKING):
            reader.count_what_stays()
    return reader.incoming()


class _UnfitError(Exception):
    """A record that cannot be stored; the message says why."""


@dataclass(frozen=True, kw_only=True)
class _Where:
    """What a record says of its artifacts.

    Attributes:
        location: where they lie.
        state: changes when they may have changed; empty while the record is being written.
        spans: gives the content of a trace's `traces.json`, where the database holds it.
    """

    location: str
    state: str
    spans: Callable[[], bytes] | None = None


@dataclass(frozen=True, kw_only=True)
class _Fetched:
    """A record's artifacts on this machine, and why others are not among them, by path."""

    files: dict[str, Path]
    refused: dict[str, str]


@dataclass(kw_only=True)
class _Fetcher:
    """Brings artifacts to this machine, one folder a record; what lies here already is taken as it lies.

    A record's folder holds `artifacts/`; `begun`, the state of the record when its first file was fetched; and
    `complete`, written last. Files get their names when they are whole, so an interrupted call is continued.

    Attributes:
        uri: the source.
        tracking_uri: the source as MLflow's client has it.
        folder: where to.
        home: the folder to which relative locations are relative.
        elsewhere: folders that this machine does not have.
        size: bytes that were fetched.
    """

    uri: str
    tracking_uri: str
    folder: Path
    home: Path
    elsewhere: list[str] = field(default_factory=list)
    size: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def fetch(self, kind: Kind, record_id: str, where: _Where) -> _Fetched:
        """A record's artifacts.

        Raises:
            InputError: the server stopped answering, or it is the wrong one for this place.
            MissingDependencyError: MLflow needs another package to reach the place.
            _UnfitError: the place cannot be right, or cannot be read.
        """
        self._check_place(where.location, record_id)
        folder = self.folder / _DOWNLOADS[kind] / record_id
        is_local = urlsplit(where.location).scheme.lower() in ("", "file")
        unsafe: list[str] = []
        if not is_local or where.spans:
            unsafe = self._update(folder, "" if is_local else where.location, where)
        places = [(str(folder / "artifacts"), self.folder)]
        if is_local and where.location:
            places.insert(0, (where.location, self.home))
            self._look_for(kind, self.home / urlsplit(where.location).path, where.location)
        fetched = _Fetched(files={}, refused=dict.fromkeys(unsafe, "this is no path that stays in its folder."))
        for location, home in places:
            found = artifacts.of_record(kind, record_id, location=location, home=home)
            fetched.files.update(found.files)
            fetched.refused.update({path.name: reason for path, reason in found.refused.items()})
        return fetched

    def _look_for(self, kind: Kind, folder: Path, location: str) -> None:
        # Without artifacts a run has no folder, and its experiment may have none; the place of all must be there.
        root = folder if kind is Kind.LOGGED_MODEL else folder.parent.parent.parent
        if not root.is_dir() and (kind is Kind.LOGGED_MODEL or not _DATABASE.match(self.uri)):
            self.elsewhere.append(location)

    def _check_place(self, location: str, record_id: str) -> None:
        """Refuse a place that would have this machine publish what it may read, or show its login to others."""
        if not location:
            return
        parts, shown = urlsplit(location), hidden(location)
        scheme, server = parts.scheme.lower(), urlsplit(self.uri)
        if parts.path.rstrip("/").split("/")[-2:] != [record_id, "artifacts"] or scheme in ("runs", "models"):
            raise _UnfitError(f"its artifacts lie at '{shown}', and MLflow makes no such place")
        if scheme == "mlflow-artifacts" and server.scheme.lower() not in ("http", "https"):
            raise InputError(
                f"The artifacts lie behind the MLflow server that uses this database ('{shown}').",
                untouched="everything.",
                remedy="name that server as the source, such as --source http://localhost:5000.",
            )
        if scheme in ("http", "https", "mlflow-artifacts") and parts.netloc:
            same = (parts.hostname, parts.port) == (server.hostname, server.port)
            if not same or scheme not in ("mlflow-artifacts", server.scheme.lower()):
                raise _UnfitError(f"its artifacts lie on another server ('{shown}'), which is not given our login")

    def _update(self, folder: Path, location: str, where: _Where) -> list[str]:
        """Bring a record's folder to its state; returns the paths that were left out because they are not safe."""
        begun, complete = folder / "begun", folder / "complete"
        if where.state and _content(complete) == where.state:
            return []
        if not where.state or _content(begun) != where.state:
            # What lies there is of another state, or was fetched while the record was being written.
            shutil.rmtree(folder, ignore_errors=True)
        _put(begun, where.state.encode())
        unsafe = self._download(folder, location, skip=_SPANS_FILE if where.spans else "") if location else []
        if where.spans:
            _put(folder / "artifacts" / _SPANS_FILE, where.spans())
        if where.state and not unsafe:
            _put(complete, where.state.encode())
        return unsafe

    def _download(self, folder: Path, location: str, *, skip: str) -> list[str]:
        try:
            return self._download_all(folder, location, skip=skip)
        except _UnfitError:
            raise
        except ImportError as error:
            raise MissingDependencyError(
                f"MLflow needs the Python package '{error.name}' to reach the artifacts at '{hidden(location)}'.",
                untouched="everything.",
                remedy=f"{sys.executable} -m pip install {error.name}",
            ) from error
        except Exception as error:
            # Each cloud's library raises errors of its own.
            if _is_out_of_reach(error):
                raise _stopped(self.uri, error) from error
            raise _UnfitError(f"its artifacts cannot be fetched: {words(error)}") from error

    def _download_all(self, folder: Path, location: str, *, skip: str) -> list[str]:
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        repository = get_artifact_repository(location, tracking_uri=self.tracking_uri)
        unsafe: list[str] = []
        folders = [""]
        while folders:
            at = folders.pop()
            for each in repository.list_artifacts(at or None):
                if each.path in (".", at, skip):
                    continue
                if is_unsafe(each.path) or posixpath.dirname(each.path) != at:
                    unsafe.append(each.path)
                elif each.is_dir:
                    folders.append(each.path)
                elif posixpath.basename(each.path) != LOAD_MARK:
                    self._download_file(repository, each, folder)
        return unsafe

    def _download_file(self, repository: Entity, file: Entity, folder: Path) -> None:
        target = folder / "artifacts" / file.path
        if target.is_file() and file.file_size in (None, target.stat().st_size):
            return
        is_proxied = repository.artifact_uri.startswith(("http:", "https:"))
        growing = folder / "partial"
        # The public way lists every file once more before it fetches it.
        repository._download_file(quote(file.path) if is_proxied else file.path, str(growing))
        size = growing.stat().st_size
        if file.file_size not in (None, size):
            raise _UnfitError(f"its artifact '{file.path}' should have {file.file_size} bytes, and {size} came")
        target.parent.mkdir(parents=True, exist_ok=True)
        growing.replace(target)
        with self.lock:
            self.size += size


@dataclass(kw_only=True)
class _Reader:
    """One reading. Records are read by several threads, which only append to the lists."""

    uri: str
    client: Entity
    fetcher: _Fetcher
    known: Known
    tell: Callable[[str], None]
    found: dict[str, Entity] = field(default_factory=dict)
    datasets: dict[str, dict[str, bytes]] = field(default_factory=lambda: defaultdict(dict))
    records: list[Record] = field(default_factory=list)
    models: list[RegisteredModel] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    listed: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def read(self, names: Sequence[str]) -> None:
        """Read the experiments of these names, or all, with what they hold; then the registry."""
        every = list(_paged(partial(self.client.search_experiments, view_type=_all_stages(), max_results=PAGE)))
        for each in every:
            if not names or each.name in names:
                self.found[each.experiment_id] = each
        missing = sorted(set(names) - {each.name for each in every})
        self.warnings += [f"{hidden(self.uri)} has no experiment called '{name}'." for name in missing]
        self._read_all([job for each in self.found.values() for job in self._jobs(each)])
        self._read_registry(only_ours=bool(names))

    def incoming(self) -> Incoming:
        """What was read, in an order that does not depend on which thread was faster."""
        if elsewhere := self.fetcher.elsewhere:
            count = len(elsewhere)
            self.warnings.append(
                f"{count} {'record' if count == 1 else 'records'} may have artifacts in folders that this machine does"
                f" not have, such as {min(elsewhere)}; they were stored without any. Read them on the server's own"
                " machine, or let the server proxy its artifacts."
            )
        found = sorted(self.found.values(), key=lambda each: (each.name, each.experiment_id))
        return Incoming(
            experiments=tuple(self._experiment(each) for each in found),
            records=tuple(sorted(self.records, key=lambda each: (each.kind, each.id))),
            models=tuple(sorted(self.models, key=lambda each: each.name)),
            refusals=tuple(sorted(self.refusals, key=str)),
            warnings=tuple(sorted(self.warnings)),
        )

    def count_what_stays(self) -> None:
        """Name what a file store has no place for, as far as the client can list it."""
        from mlflow.tracking._tracking_service.client import TrackingServiceClient

        store = TrackingServiceClient(self.client.tracking_uri).store
        for what, method in {**_HOMELESS, **_HOMELESS_IN_EXPERIMENTS}.items():
            listing = getattr(self.client, method, None) or getattr(store, method, None)
            if listing is None:
                continue
            places = [(each,) for each in self.found] if what in _HOMELESS_IN_EXPERIMENTS else [()]
            names = sorted(name for place in places for name in _names(partial(listing, *place)))
            if names:
                shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
                plural = what if len(names) == 1 else f"{what}s"
                reason = f"a file store has no place for this; what is left out: {shown}."
                self.refusals.append(Refusal(where=f"{len(names)} {plural}", reason=reason))

    def _experiment(self, experiment: Entity) -> Experiment:
        meta = {key: value for key, value in dict(experiment).items() if key != "tags" and _is_plain(value)}
        tags = {f"tags/{key}": _text(value) for key, value in experiment.tags.items()}
        files = self._safe(f"experiment '{experiment.name}'", tags, experiment.name)
        datasets = self.datasets.get(experiment.experiment_id, {})
        return Experiment(
            id=experiment.experiment_id,
            name=experiment.name,
            meta=meta,
            files={**files, **dict(sorted(datasets.items()))},
        )

    def _jobs(self, experiment: Entity) -> Iterator[Callable[[], None]]:
        """What is to be read of an experiment, a record each."""
        listings: dict[Kind, Callable[..., Entity]] = {
            Kind.RUN: partial(self.client.search_runs, run_view_type=_all_stages(), max_results=PAGE),
            Kind.LOGGED_MODEL: self.client.search_logged_models,
            Kind.TRACE: partial(_search_traces, self.client),
        }
        for kind, listing in listings.items():
            for entity in self._list(kind, experiment, partial(listing, [experiment.experiment_id])):
                record_id = _id(kind, entity)
                self.listed.add(record_id)
                if not self.known(record_id):
                    yield partial(self._read_record, kind, entity, experiment.name)

    def _list(self, kind: Kind, experiment: Entity, listing: Callable[..., Entity]) -> list[Entity]:
        from mlflow.exceptions import MlflowException

        try:
            return list(_paged(listing))
        except MlflowException as error:
            if _is_out_of_reach(error):
                raise _stopped(self.uri, error) from error
            if _status(error) not in _NO_SUCH_FEATURE:
                self._refuse(f"experiment '{experiment.name}'", f"its {kind}s cannot be listed: {words(error)}")
            return []

    def _read_all(self, jobs: Sequence[Callable[[], None]]) -> None:
        executor = ThreadPoolExecutor(WORKERS)
        try:
            futures = [executor.submit(job) for job in jobs]
            for done, future in enumerate(as_completed(futures), start=1):
                future.result()
                if done % max(1, len(jobs) // 10) == 0 or done == len(jobs):
                    size = f"{self.fetcher.size / 1_000_000:.0f} MB"
                    self.tell(f"Downloaded {done} of {len(jobs)} runs, models and traces, {size}")
        finally:
            executor.shutdown(cancel_futures=True)

    def _read_record(self, kind: Kind, entity: Entity, experiment: str) -> None:
        from mlflow.exceptions import MlflowException

        record_id = _id(kind, entity)
        read = {Kind.RUN: self._run, Kind.LOGGED_MODEL: self._logged_model, Kind.TRACE: self._trace}[kind]
        try:
            if not is_id(record_id):
                raise _UnfitError("its id is none that MLflow makes")  # noqa: TRY301 - one place words the refusal
            self.records.append(read(entity, experiment))
        except _UnfitError as error:
            self._refuse(f"{kind} {record_id}", f"{error}.", experiment)
        except (MlflowException, OSError, ValueError) as error:
            if _is_out_of_reach(error):
                raise _stopped(self.uri, error) from error
            self._refuse(f"{kind} {record_id}", f"it cannot be read: {words(error)}.", experiment)

    def _run(self, listed: Entity, experiment: str) -> Record:
        # Listed runs come without the models that went into them.
        run = self.client.get_run(listed.info.run_id)
        info, run_id = run.info, run.info.run_id
        where = f"run {run_id}"
        small = {f"params/{key}": _text(value) for key, value in run.data.params.items()}
        small |= {f"tags/{key}": _text(value) for key, value in run.data.tags.items()}
        small |= self._inputs(run)
        for output in run.outputs.model_outputs if run.outputs else ():
            small[f"outputs/{output.model_id}/meta.yaml"] = shapes.output_yaml(output.model_id, step=output.step)
            if output.model_id not in self.listed:
                self._refuse(
                    f"logged model {output.model_id}",
                    f"it was logged by {where}, and the server does not list it any more: it was deleted.",
                    experiment,
                )
        history = {key: self.client.get_metric_history(run_id, key) for key in run.data.metrics}
        metrics = {key: b"".join(metric_line(point) for point in points) for key, points in history.items()}
        finished = info.status not in ("RUNNING", "SCHEDULED")
        location = info.artifact_uri or ""
        place = _Where(location=location, state=f"{info.status} {info.end_time} {location}" if finished else "")
        return Record(
            kind=Kind.RUN,
            id=run_id,
            experiment=experiment,
            meta=run_meta(info),
            files={
                **self._safe(where, small | self._sound(Kind.RUN, where, metrics), experiment),
                **self._artifacts(Kind.RUN, run_id, experiment, where=place),
            },
        )

    def _inputs(self, run: Entity) -> dict[str, bytes]:
        """A run's `inputs/...`; the datasets among them are files of the experiment."""
        files: dict[str, bytes] = {}
        for each in run.inputs.dataset_inputs if run.inputs else ():
            source = shapes.dataset_id(each.dataset.name, each.dataset.digest)
            tags = {tag.key: tag.value for tag in each.tags}
            files[f"inputs/{shapes.input_id(source, run.info.run_id)}/meta.yaml"] = shapes.input_yaml(
                source, "DATASET", tags
            )
            with self.lock:
                described = dump_yaml(_without_blanks(dict(each.dataset), "schema", "profile"))
                self.datasets[run.info.experiment_id][f"datasets/{source}/meta.yaml"] = described
        for model in run.inputs.model_inputs if run.inputs else ():
            files[f"inputs/{shapes.input_id(model.model_id, run.info.run_id)}/meta.yaml"] = shapes.input_yaml(
                model.model_id, "MODEL"
            )
        return files

    def _logged_model(self, model: Entity, experiment: str) -> Record:
        where = f"logged model {model.model_id}"
        meta = model.to_dictionary()
        small = {f"params/{key}": _text(value) for key, value in model.params.items()}
        small |= {f"tags/{key}": _text(value) for key, value in model.tags.items()}
        metrics: dict[str, bytes] = defaultdict(bytes)
        for point in model.metrics or ():
            metrics[point.key] += metric_line(point, run_id=point.run_id)
        location = model.artifact_location or ""
        state = f"{meta['status']} {model.last_updated_timestamp} {location}"
        place = _Where(location=location, state="" if meta["status"] == _MODEL_PENDING else state)
        return Record(
            kind=Kind.LOGGED_MODEL,
            id=model.model_id,
            experiment=experiment,
            meta=_without_blanks(
                {key: value for key, value in meta.items() if key not in ("tags", "params", "metrics")},
                *("status_message", "model_type", "source_run_id"),
            ),
            files={
                **self._safe(where, small | self._sound(Kind.LOGGED_MODEL, where, metrics), experiment),
                **self._artifacts(Kind.LOGGED_MODEL, model.model_id, experiment, where=place),
            },
        )

    def _trace(self, trace: Entity, experiment: str) -> Record:
        info = trace.info
        where = f"trace {info.trace_id}"
        meta = info.to_dict()
        tags = dict(meta.pop("tags", None) or {})
        metadata = meta.pop("trace_metadata", None) or {}
        location = tags.get(ARTIFACT_TAG, "")
        in_store = tags.pop(_SPANS_TAG, "") in _SPANS_OF_STORE
        meta.pop("assessments", None)
        small = {f"tags/{key}": _text(value) for key, value in tags.items()}
        small |= {f"request_metadata/{key}": _text(value) for key, value in metadata.items()}
        for each in info.assessments or ():
            try:
                told = dump_yaml({"valid": True, **each.to_dictionary()})
            except yaml.YAMLError:
                reason = "its value has no form that a file store can hold."
                self._refuse(f"assessment '{each.name}' of {where}", reason, experiment)
            else:
                small[f"assessments/{each.assessment_id}.yaml"] = told
        state = f"{meta.get('state')} {meta.get('execution_duration_ms')} {location}"
        place = _Where(
            location=location,
            state="" if meta.get("state") == "IN_PROGRESS" else state,
            spans=partial(self._spans, info.trace_id) if in_store else None,
        )
        return Record(
            kind=Kind.TRACE,
            id=info.trace_id,
            experiment=experiment,
            meta=meta,
            files={
                **self._safe(where, small, experiment),
                **self._artifacts(Kind.TRACE, info.trace_id, experiment, where=place),
            },
        )

    def _spans(self, trace_id: str) -> bytes:
        """A trace's spans, as MLflow writes `traces.json` where it has no database."""
        from mlflow.tracing.utils import TraceJSONEncoder

        data = self.client.get_trace(trace_id, display=False).data.to_dict()
        return json.dumps(data, cls=TraceJSONEncoder, ensure_ascii=False).encode()

    def _sound(self, kind: Kind, where: str, metrics: Mapping[str, bytes]) -> dict[str, bytes]:
        files: dict[str, bytes] = {}
        for key, data in metrics.items():
            repaired = sound_metric(data, of=kind)
            if repaired.lost:
                self.warnings.append(f"{where}, metric '{key}': {repaired.lost}.")
            if repaired.data:
                files[f"metrics/{key}"] = repaired.data
        return files

    def _safe(self, where: str, files: Mapping[str, bytes], experiment: str) -> dict[str, bytes]:
        """Those of `files` whose paths can be paths; one that is a folder of another cannot."""
        folders = {path[: match.start()] for path in files for match in re.finditer("/", path)}
        safe: dict[str, bytes] = {}
        for path, data in files.items():
            if is_unsafe(path):
                self._refuse(f"{path!r} of {where}", "no file can have this name.", experiment)
            elif path in folders:
                self._refuse(f"{path!r} of {where}", "another name begins with this one and '/'.", experiment)
            else:
                safe[path] = data
        return safe

    def _refuse(self, where: str, reason: str, experiment: str = "") -> None:
        self.refusals.append(Refusal(where=where, reason=reason, experiment=experiment))

    def _artifacts(self, kind: Kind, record_id: str, experiment: str, *, where: _Where) -> dict[str, Path]:
        """A record's `artifacts/...`; those that cannot be stored are refused by name."""
        found = self.fetcher.fetch(kind, record_id, where)
        for path, reason in found.refused.items():
            self._refuse(f"artifact '{path}' of {kind} {record_id}", reason, experiment)
        return found.files

    def _read_registry(self, *, only_ours: bool) -> None:
        from mlflow.exceptions import MlflowException

        prompts = f"tag.`{PROMPT_TAG}` = 'true'"
        try:
            models: list[tuple[Entity, Mapping[str, str]]] = [
                (each, {}) for each in _paged(self.client.search_registered_models)
            ]
            models += [
                (each, {PROMPT_TAG: "true"})
                for each in _paged(partial(self.client.search_registered_models, filter_string=prompts))
            ]
            versions: dict[str, dict[int, Entity]] = defaultdict(dict)
            for condition in ("", prompts):
                for each in _paged(partial(self.client.search_model_versions, filter_string=condition or None)):
                    versions[each.name][int(each.version)] = each
        except MlflowException as error:
            if _is_out_of_reach(error):
                raise _stopped(self.uri, error) from error
            if _status(error) not in _NO_SUCH_FEATURE:
                self._refuse("registered models", f"they cannot be listed: {words(error)}")
            return
        for model, hidden_tags in models:
            own = [versions[model.name][number] for number in sorted(versions[model.name])]
            if not only_ours or any(self._is_ours(version) for version in own):
                self._read_registered_model(model, own, hidden_tags)

    def _is_ours(self, version: Entity) -> bool:
        return bool({version.run_id, _model_id(version)} & self.listed)

    def _read_registered_model(self, model: Entity, versions: Iterable[Entity], hidden_tags: Mapping[str, str]) -> None:
        where = f"registered model '{model.name}'"
        if is_unsafe(model.name) or "/" in model.name:
            return self._refuse(where, "no folder can have this name.")
        tags = {f"tags/{key}": _text(value) for key, value in {**model.tags, **hidden_tags}.items()}
        self.models.append(
            RegisteredModel(
                name=model.name,
                meta=registered_model_meta(model),
                files=self._safe(where, tags, ""),
                aliases={alias: int(number) for alias, number in model.aliases.items()},
                versions=tuple(self._version(where, version) for version in versions),
            )
        )
        return None

    def _version(self, where: str, version: Entity) -> ModelVersion:
        number = int(version.version)
        tags = {f"tags/{key}": _text(value) for key, value in version.tags.items()}
        location = version.source
        if model_id := _model_id(version):
            logged = next((each for each in self.records if each.id == model_id), None)
            location = logged.meta["artifact_location"] if logged else location
        return ModelVersion(
            number=number,
            meta=version_meta(version, storage_location=str(location)),
            files=self._safe(f"version {number} of {where}", tags, ""),
        )


def run_meta(info: Entity) -> dict[str, object]:
    """A run's `meta.yaml`."""
    return {
        "artifact_uri": info.artifact_uri,
        "end_time": info.end_time,
        "entry_point_name": "",
        "experiment_id": info.experiment_id,
        "lifecycle_stage": info.lifecycle_stage,
        "run_id": info.run_id,
        "run_name": info.run_name,
        "source_name": "",
        "source_type": 4,
        "source_version": "",
        "start_time": info.start_time,
        "status": _STATUS[info.status],
        "tags": [],
        "user_id": info.user_id,
    }


def registered_model_meta(model: Entity) -> dict[str, object]:
    """A registered model's `meta.yaml`."""
    return {
        "aliases": {alias: str(number) for alias, number in sorted(model.aliases.items())},
        "creation_timestamp": model.creation_timestamp,
        "deployment_job_id": None,
        "deployment_job_state": None,
        "description": model.description or None,
        "last_updated_timestamp": model.last_updated_timestamp,
        "name": model.name,
        "workspace": getattr(model, "workspace", "default"),
    }


def version_meta(version: Entity, *, storage_location: str) -> dict[str, object]:
    """A model version's `meta.yaml`."""
    return {
        "creation_timestamp": version.creation_timestamp,
        "current_stage": version.current_stage,
        "deployment_job_state": None,
        "description": version.description or None,
        "last_updated_timestamp": version.last_updated_timestamp,
        "model_id": _model_id(version) or None,
        "name": version.name,
        "run_id": version.run_id or None,
        "run_link": version.run_link or None,
        "source": version.source,
        "status": version.status,
        "status_message": version.status_message or None,
        "storage_location": storage_location,
        "user_id": version.user_id or None,
        "version": int(version.version),
        "workspace": getattr(version, "workspace", "default"),
    }


def metric_line(metric: Entity, *, run_id: str = "") -> bytes:
    """A line of `metrics/<name>`: of a run, or with `run_id` of a logged model."""
    fields = [metric.timestamp, shapes.metric_value(metric.value), metric.step, run_id]
    if metric.dataset_name and metric.dataset_digest:
        fields += [metric.dataset_name, metric.dataset_digest]
    return " ".join(str(each) for each in fields if each != "").encode() + b"\n"


def hidden(text: str) -> str:
    """`text` without what may be a login in it: `user:password@` of URLs, and their queries."""
    return re.sub(r"(?<=[\w/.])\?[^\s'\")]+", "?***", re.sub(r"(?<=://)\S*@", "***@", text))


def words(error: BaseException) -> str:
    """What an error says, in one line that can be shown."""
    text = str(error).strip() or type(error).__name__
    line = hidden(re.split(r"\n|\.? Response (?:text|body):", text, maxsplit=1)[0])
    return line if len(line) < 300 else f"{line[:300]}..."


_NO_SUCH_FEATURE = (404, 405, 501)
"""How a server says that it is of an MLflow that has no such thing, as one of MLflow 2 has no logged models."""

_NO_ENTRY = (401, 403)


def _unusable(uri: str, error: BaseException) -> InputError:
    """Why the source cannot be read at all."""
    name, status = hidden(uri), _status(error)
    if status in _NO_ENTRY:
        return InputError(
            f"The tracking server '{name}' does not let us in (HTTP status {status}).",
            untouched="everything.",
            remedy=f"set {_LOGIN}, of an account that may read.",
        )
    if _is_out_of_reach(error):
        return InputError(
            f"The tracking server '{name}' cannot be reached: {words(list(_chain(error))[-1])}.",
            untouched="everything.",
            remedy=f"start it, or correct --source; a server with a login takes it from {_LOGIN}.",
        )
    return InputError(
        f"'{name}' cannot be read by MLflow: {words(error)}",
        untouched="everything.",
        remedy=f"check --source; a server with a login takes it from {_LOGIN}.",
    )


def _stopped(uri: str, error: BaseException) -> InputError:
    if _status(error) in _NO_ENTRY:
        return _unusable(uri, error)
    return InputError(
        f"The tracking server '{hidden(uri)}', or the place of its artifacts, no longer answers: {words(error)}",
        untouched="everything.",
        remedy="run the same command again; what was downloaded is not downloaded again.",
    )


def _is_out_of_reach(error: BaseException) -> bool:
    """Whether the next request can be expected to fail alike: no connection, or a login that is not taken.

    Every database driver has an `OperationalError` of its own.
    """
    import requests

    lost = (requests.ConnectionError, requests.Timeout)
    is_lost = any(isinstance(each, lost) or type(each).__name__ == "OperationalError" for each in _chain(error))
    return is_lost or _status(error) == _NO_ENTRY[0]


def _status(error: BaseException) -> int:
    """The HTTP status that an error stands for; 0 for none."""
    import requests
    from mlflow.exceptions import MlflowException

    for each in _chain(error):
        if isinstance(each, requests.RequestException) and each.response is not None:
            return int(each.response.status_code)
        if isinstance(each, MlflowException):
            return int(each.get_http_status_code())
    return 0


def _chain(error: BaseException) -> Iterator[BaseException]:
    at: BaseException | None = error
    while at is not None:
        yield at
        at = at.__cause__ or at.__context__


def _connect(uri: str, downloads: Path) -> Entity:
    """A client that has had its first answer."""
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    location = _checked_database(uri, downloads) if _DATABASE.match(uri) else uri
    try:
        client = MlflowClient(location)
        client.search_experiments(max_results=1)
    except MlflowException as error:
        raise _unusable(uri, error) from error
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
            options = "-c default_transaction_read_only=on"
            url = url.update_query_dict({"connect_timeout": "10", **url.query, "options": options})
        engine = sqlalchemy.create_engine(url)
        try:
            if not sqlalchemy.inspect(engine).has_table("experiments"):
                raise InputError(
                    f"'{hidden(uri)}' is a database without MLflow's tables.",
                    untouched="everything.",
                    remedy="correct --source.",
                )
            if schema._get_schema_version(engine) != schema._get_latest_schema_revision():
                if url.get_backend_name() != "sqlite":
                    raise InputError(
                        f"'{hidden(uri)}' has the schema of another version of MLflow.",
                        untouched="everything.",
                        remedy="name the MLflow server that uses it as the source, or run this with that MLflow.",
                    )
                schema._upgrade_db(engine)
        finally:
            engine.dispose()
    except (sqlalchemy.exc.SQLAlchemyError, CommandError, sqlite3.Error) as error:
        raise InputError(
            f"The database '{hidden(uri)}' cannot be read: {words(error)}",
            untouched="everything.",
            remedy="correct --source, or run this with the MLflow that wrote it.",
        ) from error
    location: str = url.render_as_string(hide_password=False)
    return location


def _copied(file: Path, downloads: Path) -> Path:
    if not file.is_file():
        raise InputError(
            f"No MLflow runs: the database '{file}' does not exist.",
            untouched="everything.",
            remedy="correct --source.",
        )
    copy = downloads.absolute() / "database.sqlite"
    copy.unlink(missing_ok=True)
    with (
        contextlib.closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as source,
        contextlib.closing(sqlite3.connect(copy)) as target,
    ):
        source.backup(target)
    return copy


def _home(uri: str) -> Path:
    """The folder to which relative locations are relative: where MLflow ran, as far as that can be told."""
    sqlite = re.match(r"sqlite(?:\+\w+)?:///([^?]+)", uri)
    return (Path(sqlite[1]).parent if sqlite else Path()).absolute()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Nothing that MLflow prints reaches standard output, and only warnings reach standard error."""
    before = logging.root.manager.disable
    logging.disable(logging.INFO)
    try:
        with contextlib.redirect_stdout(sys.stderr), _bounded({"MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": False}):
            yield
    finally:
        logging.disable(before)


@contextlib.contextmanager
def _bounded(settings: Mapping[str, int]) -> Iterator[None]:
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


def _paged(listing: Callable[..., Entity]) -> Iterator[Entity]:
    """All entities that a listing gives page by page."""
    token = None
    while True:
        page = listing(page_token=token) if token else listing()
        yield from page
        following = getattr(page, "token", None)
        if not following or following == token:
            return
        token = following


def _names(listing: Callable[..., Entity]) -> list[str]:
    """The names of what a feature lists; none where the server does not have it, or not there."""
    from mlflow.exceptions import MlflowException

    try:
        return [_name(each) for each in _paged(listing)]
    except (MlflowException, NotImplementedError):
        return []


def _name(entity: Entity) -> str:
    keys = ("name", "scorer_name", "secret_name", "title")
    return next((str(name) for key in keys if (name := getattr(entity, key, None))), "unnamed")


def _search_traces(client: Entity, locations: Sequence[str], page_token: str | None = None) -> Entity:
    return client.search_traces(locations=locations, include_spans=False, max_results=PAGE, page_token=page_token)


def _all_stages() -> Entity:
    from mlflow.entities import ViewType

    return ViewType.ALL


def _id(kind: Kind, entity: Entity) -> str:
    if kind is Kind.LOGGED_MODEL:
        return str(entity.model_id)
    return str(entity.info.run_id if kind is Kind.RUN else entity.info.trace_id)


def _model_id(version: Entity) -> str:
    """The logged model that a version was made of; databases keep it in the source alone."""
    source = re.fullmatch(r"models:/(m-\w+)", version.source or "")
    return str(getattr(version, "model_id", None) or (source[1] if source else ""))


def _text(value: object) -> bytes:
    return ("" if value is None else str(value)).encode()


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, (str, int, float))


def _without_blanks(values: Mapping[str, object], *keys: str) -> dict[str, object]:
    """`values` with `None` for an empty text: between client and server the two are the same."""
    return {key: (value or None) if key in keys else value for key, value in values.items()}


def _folder_exists(location: str, home: Path) -> bool:
    return (home / urlsplit(location).path).is_dir()


def _content(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.is_file() else ""


def _put(file: Path, data: bytes) -> None:
    """Write a file that is there whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    partial_file = file.with_name(f"{file.name}.partial")
    partial_file.write_bytes(data)
    os.replace(partial_file, file)  # noqa: PTH105 - what Path.replace does, by the name that says atomic
