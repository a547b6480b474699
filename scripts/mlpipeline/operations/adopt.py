"""Heals a repository that already commits an `mlruns/`: one commit, published the way a job's runs are.

What the branch holds is read as a source of its own and merged into itself, so that every location becomes relative,
artifacts move out of the metadata, empty folders survive and malformed files are repaired. What cannot be read stays
where it is and is named.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from mlpipeline.core.edits import Delete, Edit, Tree
from mlpipeline.core.errors import InputError
from mlpipeline.core.outcome import Outcome
from mlpipeline.core.records import Incoming
from mlpipeline.core.settings import PersistSettings
from mlpipeline.history import health, registered_models
from mlpipeline.history.health import Health
from mlpipeline.history.merge import Merge
from mlpipeline.history.paths import ARTIFACTS, METADATA, record_of
from mlpipeline.history.screening import storable
from mlpipeline.publishing.loop import Publication, World, plural, target_branch
from mlpipeline.repo.checkout import Checkout
from mlpipeline.repo.scratch import Scratch
from mlpipeline.repo.tree import GitTree
from mlpipeline.sources import filestore


@dataclass(frozen=True, kw_only=True)
class Adoption:
    """How an adoption ended.

    Attributes:
        outcome: as of any publishing.
        before: what a clone opened of the history as it was.
        after: what a clone opens of the history as it is published, or would be.
    """

    outcome: Outcome
    before: Health
    after: Health


def adopt(settings: PersistSettings, world: World) -> Adoption:
    """Heal the history of a branch.

    Raises:
        InputError: the branch holds no `mlruns/` there.
        RepositoryError: the checkout, the branch or the remote cannot be used.
        PublishError: the remote cannot be read.
    """
    checkout = Checkout(settings.repository)
    branch = target_branch(settings, checkout)
    with (
        checkout.scratch(settings.remote, inherited_settings=settings.context.git_settings) as scratch,
        tempfile.TemporaryDirectory(prefix="mlflow-adopt-") as folder,
    ):
        publication = Publication(
            settings=settings,
            world=world,
            checkout=checkout,
            scratch=scratch,
            branch=branch,
            work=_OwnHistory(scratch=scratch, prefix=settings.prefix, folder=Path(folder), world=world),
            where=f"{settings.remote}/{branch}",
        )
        result = publication.run()
        before = scratch.tree(result.built.tip, settings.prefix)
        return Adoption(outcome=result.outcome, before=health.judge(before), after=health.judge(result.built.tree))


@dataclass(frozen=True, kw_only=True)
class _OwnHistory:
    """What a branch holds, as a source for itself.

    Attributes:
        scratch: where the branch's objects are.
        prefix: the history's root in it, empty or with a `/` at its end.
        folder: an empty folder in which the branch's files are laid out.
        world: shows progress.
        whole: true, for it is all there is.
    """

    scratch: Scratch
    prefix: str
    folder: Path
    world: World
    whole: bool = True

    def incoming(self, tip: GitTree) -> Incoming:
        """All that the tip holds, read from a copy laid out beside it."""
        if tip.commit is None or not any(path.startswith(f"{METADATA}/") for path in tip.files):
            raise InputError(
                f"The branch holds no {self.prefix}{METADATA}/, so there is nothing to adopt.",
                untouched="everything.",
                remedy="name the folder that holds it with --root, or publish runs with persist.py.",
            )
        self.world.say(f"Reading {plural(len(tip.files), 'file')} of the branch")
        place = self._place(tip.commit)
        if not place.exists():
            place.mkdir()
            self.scratch.lay_out(tip.commit, [self.prefix + name for name in _HOMES], place)
        incoming = storable(filestore.read(place / self.prefix / METADATA, elsewhere=False))
        return replace(incoming, warnings=(*incoming.warnings, *_absent_models(incoming)))

    def obsolete(self, tip: GitTree, merged: Merge, incoming: Incoming) -> list[Edit]:
        """The old places of files that stand elsewhere or in another form now."""
        root = self._place(str(tip.commit)) / self.prefix
        read = {origin.relative_to(root).as_posix() for origin in incoming.origins if origin.is_relative_to(root)}
        return [Delete(path=path) for path in sorted((read & tip.files.keys()) - merged.holds)]

    def replaceable(self, published: Tree, incoming: Incoming) -> list[str]:  # noqa: ARG002 - all of it is tracked
        """Nothing: what the branch held is tracked, and git itself knows whether it was edited."""
        return []

    def subject(self, merged: Merge) -> str:
        """What was healed."""
        return f"MLflow: adopt {plural(len(merged.added) + len(merged.updated), 'run')} that were committed by hand"

    def _place(self, commit: str) -> Path:
        return self.folder.resolve() / commit


def _absent_models(incoming: Incoming) -> Iterator[str]:
    """Registered versions that no healing can open: what they were made of was never committed."""
    logged = {record.id for record in incoming.records if any(path.startswith("artifacts/") for path in record.files)}
    for model in incoming.models:
        for version in model.versions:
            location = registered_models.portable(
                str(version.meta.get("storage_location") or version.meta.get("source") or "")
            )
            record, _ = record_of(f"{location.removeprefix('file:./')}/MLmodel")
            if record not in logged and not location.startswith("runs:/"):
                what = f"Version {version.number} of '{model.name}'"
                yield f"{what} was registered from files that are not in the repository."


_HOMES = (METADATA, ARTIFACTS, "mlartifacts")
"""Where repositories keep runs and what they logged; `mlflow server` writes artifacts to `mlartifacts/`."""
