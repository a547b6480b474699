"""The use case this project exists for: a job's runs, published on a branch."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mlpipeline import layout, merge
from mlpipeline.merge import Merge
from mlpipeline.model import Edit, Incoming, Kind, Outcome, Tree
from mlpipeline.publishing import Publication, World, plural, target_branch
from mlpipeline.repo import Checkout, GitTree
from mlpipeline.settings import PersistSettings, store_folder
from mlpipeline.storable import storable
from mlpipeline.stores import filestore, history


def persist(settings: PersistSettings, world: World) -> Outcome:
    """Publish a job's runs.

    Returns:
        How it ended; `failed` only with a bundle or a reason to read.

    Raises:
        InputError: the source cannot be read.
        RepositoryError: the checkout, the branch or the remote cannot be used.
        PublishError: the remote said no, or did not answer, and no commit could be built.
    """
    if settings.context.skip:
        return Outcome(status="skipped", reason=settings.context.skip, metric=settings.rule.metric)
    checkout = Checkout(settings.repository)
    branch = target_branch(settings, checkout)
    own = checkout.top / settings.prefix / layout.METADATA
    store = store_folder(settings.source or settings.context.tracking_uri, own).absolute()
    runs = _JobRuns(
        checkout=checkout,
        prefix=settings.prefix,
        own=own,
        store=own if store.resolve() == own else store,
        job=settings.job,
        say=world.say,
    )
    with checkout.scratch(settings.remote, inherited_settings=settings.context.git_settings) as scratch:
        publication = Publication(
            settings=settings,
            world=world,
            checkout=checkout,
            scratch=scratch,
            branch=branch,
            work=runs,
            where=runs.where,
        )
        return publication.run().outcome


@dataclass(frozen=True, kw_only=True)
class _JobRuns:
    """The runs in a store, which may be the `mlruns/` of the checkout itself.

    Attributes:
        checkout: the checkout.
        prefix: the history's root in it, empty or with a `/` at its end.
        own: the checkout's `mlruns/`.
        store: where the runs are.
        job: who ran this.
        say: shows a line of progress.
    """

    checkout: Checkout
    prefix: str
    own: Path
    store: Path
    job: str
    say: Callable[[str], None]

    @property
    def where(self) -> str:
        """The store as a person names it."""
        top = self.checkout.top
        return str(self.store.relative_to(top)) if self.store.is_relative_to(top) else str(self.store)

    def incoming(self, tip: GitTree) -> Incoming:
        """What the store holds and the tip is not known to hold already."""
        self.say(f"Reading runs from {self.where}")
        known = self._known_folders(tip)
        incoming = storable(filestore.read(self.store, known=lambda folder: folder in known))
        runs = sum(record.kind is Kind.RUN for record in incoming.records)
        self.say(f"Found {plural(runs, 'run')} to compare with the branch")
        return incoming

    def obsolete(self, tip: GitTree, merged: Merge, incoming: Incoming) -> list[Edit]:  # noqa: ARG002 - a job adds
        """Nothing."""
        return []

    def subject(self, merged: Merge) -> str:
        """What the job adds, and who it was."""
        if merged.added:
            return f"MLflow: add {plural(len(merged.added), 'run')} from {self.job}"
        if merged.updated:
            return f"MLflow: update {plural(len(merged.updated), 'run')} from {self.job}"
        return (
            f"MLflow: add what belongs to runs, from {self.job}"
            if merged.edits
            else f"MLflow: choose again, asked by {self.job}"
        )

    def replaceable(self, published: Tree, incoming: Incoming) -> list[str]:
        """The job's own files in the checkout, once the published tree is seen to hold what is in them now."""
        if self.store != self.own:
            return []
        again = storable(filestore.read(self.store, known=self._is_unread(incoming)))
        if merge.merge(published, again).edits or self._leaves_half(published, incoming):
            return []
        changed = self.checkout.changed_files(self._own_folders())
        inside = (origin for origin in again.origins if origin.is_relative_to(self.checkout.top))
        return sorted(changed & {origin.relative_to(self.checkout.top).as_posix() for origin in inside})

    def _known_folders(self, tip: Tree) -> frozenset[Path]:
        """Folders of the store that need not be read: in the checkout as the index has them, and as the tip has them.

        This keeps a history that came with the clone from being read, and a history that others committed by hand
        from being rewritten, every time a run is added.
        """
        if self.store != self.own:
            return frozenset()
        prefix = self.prefix
        changed = self.checkout.changed_files(self._own_folders())
        indexed = self.checkout.indexed_files(self._own_folders())
        clean = {path.removeprefix(prefix): identifier for path, identifier in indexed.items() if path not in changed}
        there = {path.removeprefix(prefix) for path in changed} | {path.removeprefix(prefix) for path in indexed}
        folders: dict[str, Path] = {}
        doubtful: set[str] = set()
        for path in there:
            record, folder = layout.record_of(path)
            if record is None:
                continue
            if folder is not None:
                folders[record] = self.checkout.top / prefix / folder
            if tip.files.get(path, "") != clean.get(path):
                doubtful.add(record)
        return frozenset(folder for record, folder in folders.items() if record not in doubtful)

    def _is_unread(self, incoming: Incoming) -> Callable[[Path], bool]:
        read = {origin.parent for origin in incoming.origins if origin.name == "meta.yaml"}
        return lambda folder: folder not in read

    def _leaves_half(self, published: Tree, incoming: Incoming) -> bool:
        """Whether an experiment that goes to another id would leave something behind that was not stored."""
        ids = {each.name: each.id for each in history.experiments(published)}
        moving = {each.name for each in incoming.experiments if ids.get(each.name) != each.id}
        return any(refusal.experiment in moving for refusal in incoming.refusals)

    def _own_folders(self) -> list[str]:
        return [self.prefix + layout.METADATA, self.prefix + layout.ARTIFACTS]
