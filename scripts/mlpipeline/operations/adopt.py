"""Heal a repository that already commits an `mlruns/`: one commit, published the way a job's runs are.

What the branch holds is read as a source of its own and merged into itself, so that every location becomes relative,
artifacts move out of the metadata, empty folders survive and malformed files are repaired. What cannot be read stays
where it is and is named.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from mlpipeline.core.errors import InputError
from mlpipeline.core.outcome import Outcome
from mlpipeline.core.records import Incoming
from mlpipeline.core.settings import PublishSettings
from mlpipeline.history import health, registered_models
from mlpipeline.history.health import Health
from mlpipeline.history.merge import Merge
from mlpipeline.history.paths import ARTIFACTS, METADATA, ArtifactFile, RecordFile, parse
from mlpipeline.history.screening import storable
from mlpipeline.publishing.loop import Effects, Publication, target_branch
from mlpipeline.publishing.plan import Contribution
from mlpipeline.publishing.wording import plural
from mlpipeline.repo.checkout import Checkout
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


def adopt(settings: PublishSettings, effects: Effects) -> Adoption:
    """Heal the history of a branch.

    Raises:
        InputError: the branch holds no `mlruns/` there.
        RepositoryError: the checkout, the branch or the remote cannot be used.
        PublishError: the remote cannot be read.
    """
    checkout = Checkout(settings.repository)
    branch = target_branch(settings, checkout)
    with checkout.scratch(settings.remote, inherited_settings=settings.context.git_settings) as scratch:
        history = _BranchHistory(
            folder=scratch.folder, prefix=settings.prefix, allowed=settings.allow_secrets, say=effects.say
        )
        publication = Publication(
            settings=settings,
            effects=effects,
            checkout=checkout,
            scratch=scratch,
            branch=branch,
            contribute=history.contribution,
            # What the branch held is tracked, so git itself knows whether it was edited.
            replaceable=lambda _: [],
            where=f"{settings.remote}/{branch}",
        )
        result = publication.run()
        return Adoption(
            outcome=result.outcome, before=health.judge(result.plan.tip), after=health.judge(result.plan.tree)
        )


@dataclass(frozen=True, kw_only=True)
class _BranchHistory:
    """What a branch holds, as a contribution to itself.

    Attributes:
        prefix: the history's root in it, empty or with a `/` at its end.
        folder: a folder in which the branch's files can be laid out.
        allowed: names of what is no secret though it looks like one.
        say: shows a line of progress.
    """

    prefix: str
    folder: Path
    allowed: Collection[str]
    say: Callable[[str], None]

    def contribution(self, tip: GitTree) -> Contribution:
        """Read all that a tip holds from a copy of its files; what stands elsewhere afterwards leaves its old place.

        Raises:
            InputError: it holds no history.
        """
        if tip.commit is None or not any(path.startswith(f"{METADATA}/") for path in (*tip.files, *tip.poison)):
            raise InputError(
                f"The branch holds no {self.prefix}{METADATA}/, so there is nothing to adopt.",
                remedy="name the folder that holds it with --root, or publish runs with persist.py.",
            )
        self.say(f"Reading {plural(len(tip.files), 'file')} of the branch")
        place = self.folder / tip.commit
        if not place.exists():
            place.mkdir()
            tip.lay_out([self.prefix + name for name in _HOMES], place)
        root = place / self.prefix
        # All that the branch has there may be what cannot be laid out.
        (root / METADATA).mkdir(parents=True, exist_ok=True)
        incoming = storable(filestore.read(root / METADATA, elsewhere=False), allowed=self.allowed)
        return Contribution(
            incoming=replace(incoming, warnings=(*incoming.warnings, *_absent_models(incoming), *_removals(tip))),
            subject=_subject,
            drop=frozenset(
                origin.relative_to(root).as_posix() for origin in incoming.origins if origin.is_relative_to(root)
            ),
            complete=True,
        )


def _removals(tip: GitTree) -> Iterator[str]:
    """Name what is removed because no checkout can hold it, or because Git acts on it."""
    yield from (f"{path!r} {tip.left_out[path]}, and was removed from the branch." for path in sorted(tip.poison))


def _subject(merged: Merge) -> str:
    if not merged.edits:
        return "MLflow: remove what no checkout can hold"
    return f"MLflow: adopt {plural(len(merged.added) + len(merged.updated), 'run')} that were committed by hand"


def _absent_models(incoming: Incoming) -> Iterator[str]:
    """Registered versions that no healing can open: what they were made of was never committed."""
    logged = {record.id for record in incoming.records if any(path.startswith("artifacts/") for path in record.files)}
    for model in incoming.models:
        for version in model.versions:
            location = registered_models.portable(
                str(version.meta.get("storage_location") or version.meta.get("source") or "")
            )
            file = parse(f"{location.removeprefix('file:./')}/MLmodel")
            is_stored = isinstance(file, ArtifactFile | RecordFile) and file.id in logged
            if not is_stored and not location.startswith("runs:/"):
                what = f"Version {version.number} of '{model.name}'"
                yield f"{what} was registered from files that are not in the repository."


_HOMES = (METADATA, ARTIFACTS, "mlartifacts")
"""Where repositories keep runs and what they logged; `mlflow server` writes artifacts to `mlartifacts/`."""
