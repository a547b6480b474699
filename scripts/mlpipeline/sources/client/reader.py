"""Read a tracking server, or a database the way MLflow itself reads it, through MLflow's own client. Reads only."""

import json
import sys
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from pathlib import Path
from types import SimpleNamespace

from mlpipeline.core.credentials import without_credentials
from mlpipeline.core.documents import dump_yaml
from mlpipeline.core.edits import Content
from mlpipeline.core.errors import InputError, PipelineError
from mlpipeline.core.filenames import fault
from mlpipeline.core.records import (
    MODEL_PENDING,
    Experiment,
    Incoming,
    Kind,
    ModelVersion,
    Record,
    Refusal,
    RegisteredModel,
)
from mlpipeline.history.large_metrics import Growing
from mlpipeline.history.paths import is_id
from mlpipeline.history.stored import ARTIFACT_TAG
from mlpipeline.sources import shapes
from mlpipeline.sources.absent import Absences, with_address
from mlpipeline.sources.artifacts import NOWHERE, Finder, Surroundings
from mlpipeline.sources.client.answers import limited
from mlpipeline.sources.client.connect import (
    ASKING,
    DATABASE,
    PROBE,
    READING,
    bounded,
    connect,
    protected,
    quiet,
    working_folder,
)
from mlpipeline.sources.client.download import ArtifactsPlace, Fetcher
from mlpipeline.sources.client.errors import (
    NO_SUCH_FEATURE,
    UnfitError,
    http_status,
    is_out_of_reach,
    stopped,
    words,
)
from mlpipeline.sources.client.listing import PAGE, all_stages, names_listed, paged, search_traces
from mlpipeline.sources.client.meta import (
    SPANS_TAG,
    Entity,
    encoded,
    is_plain,
    listed_record,
    logged_model_meta,
    metric_line,
    model_id_of,
    record_id_of,
    registered_model_meta,
    run_meta,
    tag_files,
    trace_files,
    trace_meta,
    version_meta,
    without_blanks,
)
from mlpipeline.sources.known import NOTHING, Known
from mlpipeline.sources.limits import MOST_RECORDS, Budget, TooMuchError, excess
from mlpipeline.sources.metric_files import MetricFiles

MOST_EXPERIMENTS = 10_000
"""Each is asked for its records three times."""

WORKERS = 8
"""Records that are read at once; MLflow's client keeps ten connections."""

PROMPT_TAG = "mlflow.prompt.is_prompt"
"""The tag of a registered model that is a prompt; MLflow's client hides it, and such models unless it is asked for."""

_UNSUPPORTED = {
    "evaluation dataset": "search_datasets",
    "webhook": "list_webhooks",
    "issue": "search_issues",
    "MCP server": "search_mcp_servers",
    "gateway endpoint": "list_gateway_endpoints",
    "gateway secret": "list_secret_infos",
}

_UNSUPPORTED_IN_EXPERIMENTS = {"scorer": "list_scorers", "review queue": "list_review_queues"}
"""What a file store has no place for, and the methods of MLflow's client or store that list it.

Label schemas are not asked for: a server makes one as soon as they are.
"""

_SERVER_REMEDY = "Read them on the server's own machine, or let the server proxy its artifacts."

_SPANS_OF_STORE = ("TRACKING_STORE", "ARCHIVE_REPO")


def read(
    uri: str,
    *,
    downloads: Path,
    known: Known = NOTHING,
    say: Callable[[str], None],
    around: Surroundings = NOWHERE,
) -> Incoming:
    """All that a server or a database holds and a file store can hold, the deleted included.

    Args:
        uri: `http(s)://`, `postgresql://` or any other that MLflow's client takes. A `sqlite:///` file is copied first
            and brought to this MLflow's schema in the copy.
        downloads: a folder for artifacts. What an earlier call has completed there is not fetched again.
        known: records that are passed over.
        say: shows a line of progress.
        around: where artifacts on this machine may lie besides the folder in which MLflow ran.

    Raises:
        InputError: there is no such server, it rejects the credentials, or it stopped answering.
        MissingDependencyError: artifacts lie where MLflow needs another package to reach them.
        ImportError: MLflow, or the database's driver, is not installed.
    """
    downloads.mkdir(parents=True, exist_ok=True)
    with quiet(), limited(), protected() if DATABASE.match(uri) else nullcontext():
        with bounded(PROBE):
            client = connect(uri, downloads)
        finder = Finder(home=working_folder(uri), around=around)
        fetcher = Fetcher(uri=uri, tracking_uri=client.tracking_uri, folder=downloads.absolute(), finder=finder)
        reader = _Reader(uri=uri, client=client, fetcher=fetcher, known=known, say=say)
        with bounded(READING):
            reader.read()
        with bounded(ASKING):
            reader.count_what_stays()
    return reader.incoming()


@dataclass(kw_only=True)
class _Reader:
    """One reading. Records are read by several threads, which only append to the lists."""

    uri: str
    client: Entity
    fetcher: Fetcher
    known: Known
    say: Callable[[str], None]
    experiments: dict[str, Entity] = field(default_factory=dict)
    datasets: dict[str, dict[str, bytes]] = field(default_factory=lambda: defaultdict(dict))
    records: list[Record] = field(default_factory=list)
    models: list[RegisteredModel] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    listed: set[str] = field(default_factory=set)
    budget: Budget = field(default_factory=Budget)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.absences = Absences(finder=self.fetcher.finder, remedy=_SERVER_REMEDY)

    def read(self) -> None:
        """Read the experiments with what they hold, then the registry."""
        listing = partial(self.client.search_experiments, view_type=all_stages(), max_results=PAGE)
        try:
            self.experiments = {each.experiment_id: each for each in paged(listing, most=MOST_EXPERIMENTS)}
            jobs = list(
                islice((job for each in self.experiments.values() for job in self._jobs(each)), MOST_RECORDS + 1)
            )
            if len(jobs) > MOST_RECORDS:
                raise TooMuchError(f"more than {MOST_RECORDS:,} runs, models and traces are new")  # noqa: TRY301
        except TooMuchError as error:
            raise InputError(
                f"The tracking server '{without_credentials(self.uri)}' has too much: {error}.",
                remedy="persist more often, or see what is wrong with the server.",
            ) from error
        self._read_all(jobs)
        self._read_registry()

    def incoming(self) -> Incoming:
        """What was read, in an order that does not depend on which thread was faster."""
        experiments: list[Experiment] = []
        for each in sorted(self.experiments.values(), key=lambda each: (str(each.name), str(each.experiment_id))):
            with self._boundary(f"experiment '{each.name}'"):
                experiments.append(self._experiment(each))
        return Incoming(
            experiments=tuple(experiments),
            records=tuple(sorted(self.records, key=lambda each: (each.kind, each.id))),
            models=tuple(sorted(self.models, key=lambda each: each.name)),
            refusals=tuple(sorted(self.refusals, key=str)),
            warnings=tuple(sorted([*self.warnings, *self.absences.warnings()])),
        )

    def count_what_stays(self) -> None:
        """Name what a file store has no place for, as far as the client can list it."""
        from mlflow.tracking._tracking_service.client import TrackingServiceClient

        store = TrackingServiceClient(self.client.tracking_uri).store
        for what, method in {**_UNSUPPORTED, **_UNSUPPORTED_IN_EXPERIMENTS}.items():
            listing = getattr(self.client, method, None) or getattr(store, method, None)
            if listing is None:
                continue
            places = [(experiment,) for experiment in self.experiments] if what in _UNSUPPORTED_IN_EXPERIMENTS else [()]
            names = sorted(name for place in places for name in names_listed(partial(listing, *place)))
            if names:
                shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
                plural = what if len(names) == 1 else f"{what}s"
                reason = f"a file store has no place for this; what is left out: {shown}."
                self.refusals.append(Refusal(where=f"{len(names)} {plural}", reason=reason))

    def _experiment(self, experiment: Entity) -> Experiment:
        meta = {key: value for key, value in dict(experiment).items() if key != "tags" and is_plain(value)}
        tags = tag_files(experiment.tags)
        files = self._fit(f"experiment '{experiment.name}'", tags, experiment.name)
        datasets = self.datasets.get(experiment.experiment_id, {})
        read = Experiment(
            id=experiment.experiment_id,
            name=experiment.name,
            meta=meta,
            files={**files, **dict(sorted(datasets.items()))},
        )
        return with_address(read)

    def _jobs(self, experiment: Entity) -> Iterator[Callable[[], None]]:
        """What is to be read of an experiment, a record each."""
        listings: dict[Kind, Callable[..., Entity]] = {
            Kind.RUN: partial(self.client.search_runs, run_view_type=all_stages(), max_results=PAGE),
            Kind.LOGGED_MODEL: self.client.search_logged_models,
            Kind.TRACE: partial(search_traces, self.client),
        }
        for kind, listing in listings.items():
            for entity in self._list(kind, experiment, partial(listing, [experiment.experiment_id])):
                is_known = True
                with self._boundary(f"a {kind} of the list", experiment.name):
                    self.listed.add(record_id_of(kind, entity))
                    is_known = self.known.record(listed_record(kind, entity, experiment.name))
                if not is_known:
                    # What a run logged is read once more, and does not wait in memory.
                    listed = SimpleNamespace(info=entity.info) if kind is Kind.RUN else entity
                    yield partial(self._read_record, kind, listed, experiment.name)

    def _list(self, kind: Kind, experiment: Entity, listing: Callable[..., Entity]) -> Iterator[Entity]:
        """List an experiment's records of a kind, as far as they can be listed."""
        pages = paged(listing)
        try:
            while (entity := next(pages, None)) is not None:
                yield entity
        except Exception as error:
            if is_out_of_reach(error):
                raise stopped(self.uri, error) from error
            if http_status(error) not in NO_SUCH_FEATURE:
                self._refuse(f"experiment '{experiment.name}'", f"not all its {kind}s can be listed: {words(error)}")

    def _read_all(self, jobs: Sequence[Callable[[], None]]) -> None:
        executor = ThreadPoolExecutor(WORKERS)
        try:
            futures = [executor.submit(job) for job in jobs]
            for done, future in enumerate(as_completed(futures), start=1):
                future.result()
                if done % max(1, len(jobs) // 10) == 0 or done == len(jobs):
                    size = f"{self.fetcher.size / 1_000_000:.0f} MB"
                    self.say(f"Downloaded {done} of {len(jobs)} runs, models and traces, {size}")
        finally:
            executor.shutdown(cancel_futures=True)

    def _read_record(self, kind: Kind, entity: Entity, experiment: str) -> None:
        record_id = record_id_of(kind, entity)
        read = {Kind.RUN: self._run, Kind.LOGGED_MODEL: self._logged_model, Kind.TRACE: self._trace}[kind]
        with self._boundary(f"{kind} {record_id}", experiment):
            if not is_id(record_id):
                raise UnfitError("its id is none that MLflow makes")
            self._admit(read(entity, experiment))

    def _admit(self, record: Record) -> None:
        """Take a record in, if memory holds it."""
        texts = [(path, content) for path, content in record.files.items() if isinstance(content, bytes)]
        for folder, count in Counter(path.partition("/")[0] for path, _ in texts).items():
            if reason := excess(count, folder):
                raise UnfitError(reason)
        with self.lock:
            self.budget.take(sum(len(path) + len(content) for path, content in texts))
        self.records.append(record)

    @contextmanager
    def _boundary(self, where: str, experiment: str = "") -> Iterator[None]:
        """Refuse what raises an error while it is read, whatever error it is, and nothing else.

        Raises:
            InputError: the server stopped answering.
        """
        try:
            yield
        except (PipelineError, MemoryError):
            raise
        except (UnfitError, TooMuchError) as error:
            self._refuse(where, f"{error}.", experiment)
        except Exception as error:
            if is_out_of_reach(error):
                raise stopped(self.uri, error) from error
            self._refuse(where, f"it cannot be read: {words(error)}.", experiment)

    def _run(self, listed: Entity, experiment: str) -> Record:
        # Listed runs come without the models that went into them.
        run = self.client.get_run(listed.info.run_id)
        info, run_id = run.info, run.info.run_id
        if run_id != listed.info.run_id:
            raise UnfitError(f"the server answers with the run {run_id!r}")
        where = f"run {run_id}"
        small = {f"params/{key}": encoded(value) for key, value in run.data.params.items()}
        small |= tag_files(run.data.tags)
        small |= self._inputs(run)
        for output in run.outputs.model_outputs if run.outputs else ():
            small[f"outputs/{output.model_id}/meta.yaml"] = shapes.output_yaml(output.model_id, step=output.step)
            if output.model_id not in self.listed:
                self._refuse(
                    f"logged model {output.model_id}",
                    f"it was logged by {where}, and the server does not list it any more: it was deleted.",
                    experiment,
                )
        if reason := excess(len(run.data.metrics), "metrics"):
            raise UnfitError(reason)
        metrics = {key: self._history(run_id, key) for key in run.data.metrics}
        finished = info.status not in ("RUNNING", "SCHEDULED")
        location = info.artifact_uri or ""
        place = ArtifactsPlace(location=location, state=f"{info.status} {info.end_time} {location}" if finished else "")
        files = self._fit(where, self._with_metrics(Kind.RUN, where, small, metrics, experiment), experiment)
        return self._with_artifacts(
            Record(kind=Kind.RUN, id=run_id, experiment=experiment, meta=run_meta(info), files=files), place
        )

    def _history(self, run_id: str, key: str) -> Growing:
        """Read the points of a metric, a page of them in memory at a time."""
        from mlflow.tracking._tracking_service import client as service

        store = service.TrackingServiceClient(self.client.tracking_uri).store
        page = partial(store.get_metric_history, run_id, key, service.GET_METRIC_HISTORY_MAX_RESULTS)
        metric = Growing()
        for point in paged(page, most=sys.maxsize):
            metric.add(metric_line(point))
        return metric

    def _inputs(self, run: Entity) -> dict[str, bytes]:
        """A run's `inputs/...`; the datasets among them are files of the experiment."""
        files: dict[str, bytes] = {}
        for dataset_input in run.inputs.dataset_inputs if run.inputs else ():
            source = shapes.dataset_id(dataset_input.dataset.name, dataset_input.dataset.digest)
            tags = {tag.key: tag.value for tag in dataset_input.tags}
            files[f"inputs/{shapes.input_id(source, run.info.run_id)}/meta.yaml"] = shapes.input_yaml(
                source, "DATASET", tags
            )
            with self.lock:
                described = dump_yaml(without_blanks(dict(dataset_input.dataset), "schema", "profile"))
                self.datasets[run.info.experiment_id][f"datasets/{source}/meta.yaml"] = described
        for model in run.inputs.model_inputs if run.inputs else ():
            files[f"inputs/{shapes.input_id(model.model_id, run.info.run_id)}/meta.yaml"] = shapes.input_yaml(
                model.model_id, "MODEL"
            )
        return files

    def _logged_model(self, model: Entity, experiment: str) -> Record:
        where = f"logged model {model.model_id}"
        meta = logged_model_meta(model)
        small = {f"params/{key}": encoded(value) for key, value in model.params.items()}
        small |= tag_files(model.tags)
        metrics: dict[str, Growing] = defaultdict(Growing)
        for point in model.metrics or ():
            metrics[point.key].add(metric_line(point, run_id=point.run_id))
        location = model.artifact_location or ""
        state = f"{meta['status']} {model.last_updated_timestamp} {location}"
        place = ArtifactsPlace(location=location, state="" if meta["status"] == MODEL_PENDING else state)
        files = self._fit(where, self._with_metrics(Kind.LOGGED_MODEL, where, small, metrics, experiment), experiment)
        return self._with_artifacts(
            Record(kind=Kind.LOGGED_MODEL, id=model.model_id, experiment=experiment, meta=meta, files=files), place
        )

    def _trace(self, trace: Entity, experiment: str) -> Record:
        info = trace.info
        where = f"trace {info.trace_id}"
        meta = trace_meta(info)
        location = info.tags.get(ARTIFACT_TAG, "")
        in_store = info.tags.get(SPANS_TAG, "") in _SPANS_OF_STORE
        small, refused = trace_files(info)
        for name in refused:
            reason = "its value has no form that a file store can hold."
            self._refuse(f"assessment '{name}' of {where}", reason, experiment)
        state = f"{meta.get('state')} {meta.get('execution_duration_ms')} {location}"
        place = ArtifactsPlace(
            location=location,
            state="" if meta.get("state") == "IN_PROGRESS" else state,
            spans=partial(self._spans, info.trace_id) if in_store else None,
        )
        files = self._fit(where, small, experiment)
        return self._with_artifacts(
            Record(kind=Kind.TRACE, id=info.trace_id, experiment=experiment, meta=meta, files=files), place
        )

    def _spans(self, trace_id: str) -> bytes:
        """A trace's spans, as MLflow writes `traces.json` where it has no database."""
        from mlflow.tracing.utils import TraceJSONEncoder

        data = self.client.get_trace(trace_id, display=False).data.to_dict()
        return json.dumps(data, cls=TraceJSONEncoder, ensure_ascii=False).encode()

    def _with_metrics(
        self, kind: Kind, where: str, files: Mapping[str, Content], metrics: Mapping[str, Growing], experiment: str
    ) -> dict[str, Content]:
        """Repair a record's metrics, and add them to its other files."""
        sound = MetricFiles()
        for key, metric in metrics.items():
            sound.add(f"metrics/{key}", metric.stored(of=kind))
        self.warnings += [f"{where}, {path}: {what}." for path, what in sound.warnings]
        for path, why in sound.thinned.items():
            self._refuse(where, f"{path}: {why}.", experiment)
        return sound.noted(files)

    def _fit(self, where: str, files: Mapping[str, Content], experiment: str) -> dict[str, Content]:
        """Those of `files` that a folder can hold; the others are refused by name."""
        kept, refused = shapes.plain_files(files)
        for path, reason in refused.items():
            self._refuse(f"{path!r} of {where}", f"{reason}.", experiment)
        return kept

    def _refuse(self, where: str, reason: str, experiment: str = "") -> None:
        self.refusals.append(Refusal(where=where, reason=reason, experiment=experiment))

    def _with_artifacts(self, record: Record, where: ArtifactsPlace) -> Record:
        """Add a record's `artifacts/...`; those that cannot be stored are refused by name."""
        found = self.fetcher.fetch(record.kind, record.id, where)
        for path, reason in found.refused.items():
            self._refuse(f"artifact '{path}' of {record.kind} {record.id}", reason, record.experiment)
        notes: dict[str, bytes] = {}
        if not found.is_here:
            with self.lock:
                notes = self.absences.note(
                    record.kind, record.id, location=where.location, meta=record.meta, files=record.files
                )
        return replace(record, files={**notes, **record.files, **found.files}, unread=found.unread)

    def _read_registry(self) -> None:
        prompts = f"tag.`{PROMPT_TAG}` = 'true'"
        try:
            models: list[tuple[Entity, Mapping[str, str]]] = [
                (each, {}) for each in paged(self.client.search_registered_models)
            ]
            models += [
                (each, {PROMPT_TAG: "true"})
                for each in paged(partial(self.client.search_registered_models, filter_string=prompts))
            ]
            versions: dict[str, dict[int, Entity]] = defaultdict(dict)
            for condition in ("", prompts):
                for each in paged(partial(self.client.search_model_versions, filter_string=condition or None)):
                    versions[each.name][int(each.version)] = each
        except Exception as error:
            if is_out_of_reach(error):
                raise stopped(self.uri, error) from error
            if http_status(error) not in NO_SUCH_FEATURE:
                self._refuse("registered models", f"they cannot be listed: {words(error)}")
            return
        for model, hidden_tags in models:
            with self._boundary(f"registered model '{model.name}'"):
                own = [versions[model.name][number] for number in sorted(versions[model.name])]
                self._read_registered_model(model, own, hidden_tags)

    def _read_registered_model(self, model: Entity, versions: Iterable[Entity], hidden_tags: Mapping[str, str]) -> None:
        where = f"registered model '{model.name}'"
        if fault(model.name) or "/" in model.name:
            return self._refuse(where, "no folder can have this name.")
        tags = tag_files({**model.tags, **hidden_tags})
        self.models.append(
            RegisteredModel(
                name=model.name,
                meta=registered_model_meta(model),
                files=self._fit(where, tags, ""),
                aliases={alias: int(number) for alias, number in model.aliases.items()},
                versions=tuple(self._version(where, version) for version in versions),
            )
        )
        return None

    def _version(self, where: str, version: Entity) -> ModelVersion:
        number = int(version.version)
        tags = tag_files(version.tags)
        location = version.source
        if model_id := model_id_of(version):
            logged = next((record for record in self.records if record.id == model_id), None)
            location = logged.meta["artifact_location"] if logged else location
        return ModelVersion(
            number=number,
            meta=version_meta(version, storage_location=str(location)),
            files=self._fit(f"version {number} of {where}", tags, ""),
        )
