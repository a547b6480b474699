"""Publish a job's runs on a branch: the use case this project exists for."""

import re
import shutil
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlpipeline.core.edits import Edit
from mlpipeline.core.outcome import Outcome
from mlpipeline.core.records import Incoming, Kind
from mlpipeline.core.settings import PublishSettings
from mlpipeline.history import merge, reader
from mlpipeline.history.merge import Merge
from mlpipeline.history.paths import ARTIFACTS, METADATA, ArtifactFile, RecordFile, RegisteredModelFile, parse
from mlpipeline.history.screening import storable
from mlpipeline.publishing.loop import Effects, Publication, target_branch
from mlpipeline.publishing.plan import Contribution, Plan
from mlpipeline.publishing.wording import plural
from mlpipeline.repo.checkout import Checkout
from mlpipeline.repo.tree import GitTree
from mlpipeline.sources.address import Source, source_of, stores_in
from mlpipeline.sources.artifacts import Surroundings
from mlpipeline.sources.known import NOTHING, Known, known_records
from mlpipeline.sources.read import read


def persist(settings: PublishSettings, effects: Effects, *, source: str, job: str) -> Outcome:
    """Publish a job's runs.

    Args:
        settings: where and how to publish.
        effects: clock, sleep and progress.
        source: URI of the job's runs; empty for the stores that are in the root, MLflow's default first.
        job: who ran this, for the commit message; empty for what the environment says.

    Returns:
        How it ended; `failed` only with a bundle or a reason to read.

    Raises:
        InputError: the source cannot be read.
        RepositoryError: the checkout, the branch or the remote cannot be used.
        PublishError: the remote said no, or did not answer, and no commit could be built.
    """
    if settings.context.skip:
        return Outcome(
            status="skipped",
            reason=settings.context.skip,
            metric=settings.rule.metric,
            messages=(("warning", f"Nothing was pushed: {settings.context.skip}."),),
        )
    checkout = Checkout(settings.repository)
    branch = target_branch(settings, checkout)
    runs = _Job(
        checkout=checkout,
        prefix=settings.prefix,
        sources=_sources(source or settings.context.tracking_uri, checkout, settings.prefix),
        name=job or settings.context.job,
        allowed=settings.allow_secrets,
        say=effects.say,
    )
    with checkout.scratch(settings.remote, inherited_settings=settings.context.git_settings) as scratch:
        publication = Publication(
            settings=settings,
            effects=effects,
            checkout=checkout,
            scratch=scratch,
            branch=branch,
            contribute=runs.contribution,
            replaceable=runs.replaceable,
            where=runs.where,
        )
        outcome = publication.run().outcome
    if outcome.status in ("persisted", "nothing-new"):
        shutil.rmtree(runs.downloads, ignore_errors=True)
    return outcome


def _sources(uri: str, checkout: Checkout, prefix: str) -> list[Source]:
    """Name the sources, with one name for the checkout's own `mlruns/`, however it was called."""
    root = checkout.top / prefix
    own = Source(kind="folder", place=str(root / METADATA))
    if not uri:
        return stores_in(root, tracked=lambda path: bool(checkout.indexed_files([str(path)]))) or [own]
    source = source_of(uri)
    is_own = source.kind == "folder" and Path(source.place).absolute().resolve() == root / METADATA
    return [own if is_own else source]


@dataclass(kw_only=True)
class _Job:
    """The runs of a source, which may be the `mlruns/` of the checkout itself.

    Attributes:
        checkout: the checkout.
        prefix: the history's root in it, empty or with a `/` at its end.
        sources: where the runs are.
        name: who ran this.
        allowed: names of what is no secret though it looks like one.
        say: shows a line of progress.
    """

    checkout: Checkout
    prefix: str
    sources: Sequence[Source]
    name: str
    allowed: Collection[str]
    say: Callable[[str], None]
    _read: Contribution | None = None

    @property
    def where(self) -> str:
        """The sources as a person names them."""
        return " and ".join(source.shown.removeprefix(f"{self.checkout.top}/") for source in self.sources)

    @property
    def downloads(self) -> Path:
        """Where artifacts of a server are kept until they are published."""
        return self.checkout.bundle_folder() / "downloads"

    def contribution(self, tip: GitTree) -> Contribution:
        """Read what the source holds and the tip is not known to hold already.

        The source is read and screened once: on the tip that another job has pushed meanwhile, merging leaves out what
        that tip has.
        """
        if self._read is None:
            self.say(f"Reading runs from {self.where}")
            first, *others = (self._incoming(source, self._known(source, tip)) for source in self.sources)
            runs = sum(record.kind is Kind.RUN for incoming in (first, *others) for record in incoming.records)
            self.say(f"Found {plural(runs, 'run')} to compare with the branch")
            self._read = Contribution(incoming=first, others=tuple(others), subject=self._subject)
        return self._read

    def replaceable(self, plan: Plan) -> list[str]:
        """Name those of the job's own files in the checkout of which the planned tree holds what is in them now.

        The files are read once more: training may have gone on since they were read, and what it wrote must stay.
        """
        own = next((source for source in self.sources if self._is_own(source)), None)
        if own is None or _leaves_half(plan):
            return []
        seen = {origin.parent for part in plan.incoming for origin in part.origins if origin.name == "meta.yaml"}
        again = self._incoming(own, Known(folder=lambda folder: folder not in seen))
        stored = _without(again, merge.merge(plan.tree, again).edits)
        top = self.checkout.top
        origins = stored.origins - stored.withheld
        inside = {origin.relative_to(top).as_posix() for origin in origins if origin.is_relative_to(top)}
        changed = self.checkout.changed_files([*self._own_folders(), *_strays(inside)])
        return sorted(changed & inside)

    def _subject(self, merged: Merge) -> str:
        if merged.added:
            return f"MLflow: add {plural(len(merged.added), 'run')} from {self.name}"
        if merged.updated:
            return f"MLflow: update {plural(len(merged.updated), 'run')} from {self.name}"
        if merged.edits:
            return f"MLflow: add what belongs to runs, from {self.name}"
        return f"MLflow: choose again, asked by {self.name}"

    def _incoming(self, source: Source, known: Known) -> Incoming:
        top = self.checkout.top
        # MLflow may have run anywhere in the checkout: `mlflow run` and notebooks do so in a folder of their own.
        around = Surroundings(bases=(top / self.prefix, top, Path.cwd()), searched=(top, Path(source.place).parent))
        found = read(source, known, downloads=self.downloads, say=self.say, around=around)
        return storable(found, allowed=self.allowed)

    def _known(self, source: Source, tip: GitTree) -> Known:
        if self._is_own(source):
            return Known(folder=self._known_folders(tip).__contains__)
        if source.kind == "folder":
            return NOTHING
        return Known(record=known_records(tip))

    def _known_folders(self, tip: GitTree) -> frozenset[Path]:
        """Folders of the store that need not be read: in the checkout as the index has them, and as the tip has them.

        This keeps a history that came with the clone from being read, and a history that others committed by hand
        from being rewritten, every time a run is added.
        """
        prefix = self.prefix
        changed = self.checkout.changed_files(self._own_folders())
        indexed = self.checkout.indexed_files(self._own_folders())
        clean = {path.removeprefix(prefix): identifier for path, identifier in indexed.items() if path not in changed}
        there = {path.removeprefix(prefix) for path in changed} | {path.removeprefix(prefix) for path in indexed}
        folders: dict[str, Path] = {}
        doubtful: set[str] = set()
        for path in there:
            file = parse(path)
            if isinstance(file, RecordFile):
                folders[file.id] = self.checkout.top / prefix / file.folder
            if isinstance(file, RecordFile | ArtifactFile) and tip.identifier(path) != clean.get(path):
                doubtful.add(file.id)
        return frozenset(folder for record, folder in folders.items() if record not in doubtful)

    def _is_own(self, source: Source) -> bool:
        own = self.checkout.top / self.prefix / METADATA
        return source.kind == "folder" and Path(source.place) == own

    def _own_folders(self) -> list[str]:
        return [self.prefix + METADATA, self.prefix + ARTIFACTS]


def _strays(origins: Iterable[str]) -> set[str]:
    """Name folders of artifacts that MLflow made below the folder in which it ran, as the history's locations have it.

    Their content is published where these locations lead from the history's root.
    """
    found = (re.match(rf".+/{ARTIFACTS}/(?:models/|traces/)?[^/]+/artifacts(?=/)", origin) for origin in origins)
    return {match[0] for match in found if match}


def _without(incoming: Incoming, edits: Iterable[Edit]) -> Incoming:
    """Leave out the records, experiments and registered models that edits are for."""
    files = [parse(edit.path) for edit in edits]
    records = {file.id for file in files if isinstance(file, RecordFile | ArtifactFile)}
    models = {file.name for file in files if isinstance(file, RegisteredModelFile)}
    # An experiment may be stored under another id than its own.
    has_experiments = any(not isinstance(file, RecordFile | ArtifactFile | RegisteredModelFile) for file in files)
    return Incoming(
        experiments=() if has_experiments else incoming.experiments,
        records=tuple(record for record in incoming.records if record.id not in records),
        models=tuple(model for model in incoming.models if model.name not in models),
    )


def _leaves_half(plan: Plan) -> bool:
    """Whether an experiment that goes to another id would leave something behind that was not stored."""
    ids = {experiment.name: experiment.id for experiment in reader.experiments(plan.tree)}
    experiments = (experiment for part in plan.incoming for experiment in part.experiments)
    moving = {experiment.name for experiment in experiments if ids.get(experiment.name) != experiment.id}
    return any(refusal.experiment in moving for part in plan.incoming for refusal in part.refusals)
