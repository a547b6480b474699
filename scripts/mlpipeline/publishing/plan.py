"""Decide what a commit is to hold, from a branch's tip and what a contribution brings; pure.

Nothing is written: what follows from the merged history is read from an overlay on the tip.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from mlpipeline.core.edits import Delete, Edit, Tree, Write
from mlpipeline.core.ranking import Choice, Rule
from mlpipeline.core.records import Incoming
from mlpipeline.history import manifest, merge, reader, selection
from mlpipeline.history.manifest import Manifest
from mlpipeline.history.merge import Merge
from mlpipeline.history.overlay import Overlay
from mlpipeline.history.paths import INFO, METADATA
from mlpipeline.history.stored import git_files
from mlpipeline.lifecycle.promotion import Promotion, promote


class Tip(Tree, Protocol):
    """The history as the newest commit of its branch holds it."""

    @property
    def commit(self) -> str | None:
        """The commit's id; `None` where the branch has not begun."""

    def folder_id(self, path: str) -> str:
        """Git's id of a folder that exists, relative to the history's root."""


@dataclass(frozen=True, kw_only=True)
class Contribution:
    """What is to be published.

    Attributes:
        incoming: the records, read and screened.
        subject: the beginning of the commit's subject, given what merging adds.
        drop: files of the tip that the commit removes, unless something merged stands at their path.
        complete: whether `incoming` has all that the tip has of its records: what it lacks goes.
    """

    incoming: Incoming
    subject: Callable[[Merge], str]
    drop: frozenset[str] = frozenset()
    complete: bool = False


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A commit that is decided upon and not written.

    Attributes:
        tip: the history that it is built on.
        tree: the history as it will be, without what is derived from it.
        incoming: what was merged.
        merged: what merging adds.
        edits: what changes in the history, merged or dropped.
        choice: the ranking of the history as it will be.
        promotion: the promoted models that follow from the choice.
        manifest: the content of `mlflow_persistence_info.json`; `None` for a history without runs.
        improved: whether another run is promoted than at the tip.
        message: the commit's message.
        when: the commit's time, seconds since the epoch.
    """

    tip: Tip
    tree: Tree
    incoming: Incoming
    merged: Merge
    edits: tuple[Edit, ...]
    choice: Choice
    promotion: Promotion
    manifest: Manifest | None
    improved: bool
    message: str
    when: int

    @cached_property
    def is_new(self) -> bool:
        """Whether the commit would differ from the tip."""
        if self.tree.files != self.tip.files:
            return True
        if self.manifest is None:
            return False
        return Overlay(self.tree, self.derived(self.tip.folder_id(METADATA))).files != self.tree.files

    def derived(self, history_id: str) -> list[Edit]:
        """The edits that follow from the merged history.

        Args:
            history_id: Git's id of the merged `mlruns/`, which the manifest names as what it was computed from.
        """
        if self.manifest is None:
            return [*self.promotion.edits]
        return [*self.promotion.edits, Write(path=INFO, content=self.manifest.content(history_id))]


def plan(tip: Tip, contribution: Contribution, rule: Rule, *, now: int) -> Plan:
    """Decide the commit that brings a contribution to a tip.

    Args:
        tip: the branch's newest commit.
        contribution: what is to be published.
        rule: how the best run is chosen.
        now: seconds since the epoch.
    """
    merged = merge.merge(tip, contribution.incoming, complete=contribution.complete)
    dropped = sorted((contribution.drop & tip.files.keys()) - merged.holds)
    edits: list[Edit] = [*(Delete(path=path) for path in dropped), *merged.edits]
    if edits:
        edits += _missing_git_files(tip)
    tree = Overlay(tip, edits)
    choice = selection.choose(reader.run_summaries(tree, rule), rule)
    previous = reader.previous_info(tip)
    return Plan(
        tip=tip,
        tree=tree,
        incoming=contribution.incoming,
        merged=merged,
        edits=tuple(edits),
        choice=choice,
        promotion=promote(tree, choice, tip=tip, previous=manifest.promoted_algorithms(previous))
        if choice.runs
        else Promotion(),
        manifest=manifest.summarize(tree, choice) if choice.runs else None,
        improved=choice.best is not None and choice.best.run_id != manifest.promoted_run(previous),
        message=_message(contribution.subject(merged), choice),
        when=now,
    )


def _missing_git_files(tip: Tree) -> Iterator[Write]:
    """`.gitattributes` and `.gitignore` of the history, where there is none yet."""
    for path, content in git_files().items():
        if path not in tip.files:
            yield Write(path=path, content=content)


def _message(subject: str, choice: Choice) -> str:
    best = choice.best
    if best is None:
        return f"{subject}, no run to promote\n"
    return (
        f"{subject}, best {choice.rule.metric} {best.value:.6g} by {best.algorithm}\n\n"
        f"Promoted-run: {best.run_id}\nExperiment: {' '.join(best.experiment.split())}\n"
    )
