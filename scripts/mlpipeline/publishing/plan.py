"""Decide what a commit is to hold, from a branch's tip and what a contribution brings; pure.

Nothing is written: what follows from the merged history is read from an overlay on the tip.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from mlpipeline.core.edits import Copy, Delete, Edit, Tree, Write
from mlpipeline.core.harmless import commit_name, one_line
from mlpipeline.core.ranking import Choice, RuleOptions, RunSummary
from mlpipeline.core.records import Incoming
from mlpipeline.history import experiments, manifest, merge, reader, rules, selection
from mlpipeline.history.manifest import Manifest, Recorded
from mlpipeline.history.merge import Merge
from mlpipeline.history.overlay import Overlay
from mlpipeline.history.paths import INFO, METADATA, PROMOTED
from mlpipeline.history.rules import ResolvedRule
from mlpipeline.history.stored import git_files
from mlpipeline.lifecycle.marks import marks
from mlpipeline.lifecycle.promotion import Promotion, promote
from mlpipeline.lifecycle.registration import registration

_CONVERTING = "MLflow: keep mlruns/ from being MLflow's default store"

_CONVERTED = """
Experiments have an underscore in their ids from here on, so that mlruns/ does
not become MLflow's default store.
"""


class Tip(Tree, Protocol):
    """The history as the newest commit of its branch holds it."""

    @property
    def commit(self) -> str | None:
        """The commit's id; `None` where the branch has not begun."""

    @property
    def poison(self) -> frozenset[str]:
        """The paths that no checkout can hold, or on which Git would act; none of its files."""

    def folder_id(self, path: str) -> str:
        """Git's id of a folder that exists, relative to the history's root."""


@dataclass(frozen=True, kw_only=True)
class Contribution:
    """What is to be published.

    Attributes:
        incoming: the records, read and screened.
        others: those of further stores.
        subject: the beginning of the commit's subject, given what merging adds.
        drop: files of the tip that the commit removes, unless something merged stands at their path.
        complete: whether `incoming` has all that the tip has of its records: what it lacks goes, and its poison.
    """

    incoming: Incoming
    subject: Callable[[Merge], str]
    others: tuple[Incoming, ...] = ()
    drop: frozenset[str] = frozenset()
    complete: bool = False


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A commit that is decided upon and not written.

    Attributes:
        tip: the history that it is built on.
        tree: the history as it will be, without what is derived from it.
        incoming: what was merged, of each store.
        merged: what merging adds.
        edits: what changes in the history, merged or dropped.
        resolved: the rule by which the runs were ranked.
        choice: the ranking of the history as it will be.
        recorded: what the tip says of the choice before.
        keeps: whether the promoted model stays as it is, because the rule ranks no run: nothing is demoted by a rule
            that matches nothing.
        promotion: the promoted models that follow from the choice.
        manifest: the content of `mlflow_persistence_info.json`; `None` where it stays as it is, and for a history
            without runs.
        heals: whether it removes what no checkout can hold, which neither tree shows.
        by_hand: how many runs of the history were committed by hand.
        improved: whether another run is promoted than at the tip.
        message: the commit's message.
        when: the commit's time, seconds since the epoch.
    """

    tip: Tip
    tree: Tree
    incoming: tuple[Incoming, ...]
    merged: Merge
    edits: tuple[Edit, ...]
    resolved: ResolvedRule
    choice: Choice
    recorded: Recorded
    keeps: bool
    promotion: Promotion
    manifest: Manifest | None
    heals: bool
    by_hand: int
    improved: bool
    message: str
    when: int

    @cached_property
    def is_new(self) -> bool:
        """Whether the commit would differ from the tip."""
        if self.heals or self.tree.files != self.tip.files:
            return True
        if self.manifest is None:
            return False
        return Overlay(self.tree, self.derived(self.tip.folder_id(METADATA))).files != self.tree.files

    @property
    def promoted(self) -> Recorded:
        """The promoted run as it will be, and the rule by which it was chosen."""
        if self.keeps:
            return self.recorded
        best = self.choice.best
        return Recorded(rule=self.choice.rule, run_id=best.run_id if best else None, value=best.value if best else None)

    def derived(self, history_id: str) -> list[Edit]:
        """The edits that follow from the merged history.

        Args:
            history_id: Git's id of the merged `mlruns/`, which the manifest names as what it was computed from.
        """
        if self.manifest is None:
            return [*self.promotion.edits]
        return [*self.promotion.edits, Write(path=INFO, content=self.manifest.content(history_id))]


def plan(tip: Tip, contribution: Contribution, asked: RuleOptions, *, now: int) -> Plan:
    """Decide the commit that brings a contribution to a tip.

    Args:
        tip: the branch's newest commit.
        contribution: what is to be published.
        asked: what is asked of the rule by which the best run is chosen.
        now: seconds since the epoch.
    """
    incoming = (contribution.incoming, *contribution.others)
    poison = sorted(tip.poison) if contribution.complete else []
    healed = {experiment.name for experiment in contribution.incoming.experiments} if contribution.complete else ()
    converted = experiments.conversion(tip, healed)
    base = Overlay(tip, converted.edits) if converted.edits else tip
    merged = merge.merge_all(base, incoming, complete=contribution.complete)
    # What an experiment holds that moves goes along with it.
    moved = tuple(f"{edit.source}/" for edit in merged.edits if isinstance(edit, Copy))
    leaving = {converted.path(path) for path in contribution.drop} & base.files.keys() - merged.holds
    dropped = sorted(path for path in leaving if not path.startswith(moved))
    edits: list[Edit] = [*converted.edits, *(Delete(path=path) for path in dropped), *merged.edits]
    if edits:
        edits += _missing_git_files(tip)
    tree = Overlay(tip, edits)
    recorded = manifest.recorded(tip)
    subject = _CONVERTING if converted.edits and not merged.edits else contribution.subject(merged)
    resolved = rules.resolve(asked, recorded.rule)
    runs = reader.run_summaries(tree, resolved.rule)
    choice = selection.choose(runs, resolved.rule)
    present = {run.run_id: run for run in runs if not run.deleted}
    keeps = choice.best is None and _is_promoted(tip) and recorded.run_id in {None, *present}
    if marked := () if keeps else (*marks(tree, choice), *registration(tree, choice)):
        edits += marked
        tree = Overlay(tree, marked)
    kept = {} if keeps else _kept(recorded, choice, present)
    return Plan(
        tip=tip,
        tree=tree,
        incoming=incoming,
        merged=merged,
        edits=(*(Delete(path=path) for path in poison), *edits),
        resolved=resolved,
        choice=choice,
        recorded=recorded,
        keeps=keeps,
        promotion=promote(tree, choice, tip=tip, stale=recorded.champions.keys() - kept.keys())
        if choice.runs and not keeps
        else Promotion(),
        manifest=manifest.summarize(tree, choice, kept=kept) if choice.runs and not keeps else None,
        heals=bool(poison),
        by_hand=sum(run.by_hand for run in present.values()),
        improved=choice.best is not None and choice.best.run_id != recorded.run_id,
        message=_message(subject, choice, keeps=keeps) + (_CONVERTED if converted.edits else ""),
        when=now,
    )


def _is_promoted(tip: Tree) -> bool:
    return any(path.startswith(f"{PROMOTED}/") for path in tip.files)


def _kept(recorded: Recorded, choice: Choice, present: Mapping[str, RunSummary]) -> dict[str, Mapping[str, object]]:
    """Pick the recorded champions that stay: those of an algorithm of which the rule ranks no run.

    A champion goes only if its run was deleted, or its algorithm has a champion by now, perhaps under another name.
    """
    return {
        algorithm: entry
        for algorithm, entry in recorded.champions.items()
        if algorithm not in choice.champions
        and (run := present.get(str(entry.get("run_id"))))
        and run.algorithm not in choice.champions
    }


def _missing_git_files(tip: Tree) -> Iterator[Write]:
    """`.gitattributes` and `.gitignore` of the history, where there is none yet."""
    for path, content in git_files().items():
        if path not in tip.files:
            yield Write(path=path, content=content)


def _message(subject: str, choice: Choice, *, keeps: bool) -> str:
    best = choice.best
    subject = one_line(subject)
    if best is None:
        return f"{subject}, {'the promoted run stays' if keeps else 'no run to promote'}\n"
    return (
        f"{subject}, best {commit_name(choice.rule.metric)} {best.value:.6g} by {commit_name(best.algorithm)}\n\n"
        f"Promoted-run: {best.run_id}\nExperiment: {commit_name(best.experiment)}\n"
    )
