"""Say how publishing went: reasons, warnings and remedies; pure text."""

from collections.abc import Iterator, Sequence

from mlpipeline.core.edits import Tree
from mlpipeline.core.nearest import did_you_mean
from mlpipeline.core.ranking import Choice
from mlpipeline.history import reader, selection
from mlpipeline.history.paths import INFO
from mlpipeline.publishing.plan import Plan
from mlpipeline.repo.checkout import FollowUp
from mlpipeline.repo.remote import Declined, Raced, Unreachable, Vanished

Failure = Raced | Declined | Unreachable | Vanished
"""How a push ends that does not land."""

NAMED = 10
"""Names of metrics or experiments that a message lists, at the most."""


def plural(count: int, noun: str) -> str:
    """Count a noun: `1 run`, `2 runs`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def counted(plan: Plan) -> str:
    """Count the runs that a plan adds and updates."""
    added, updated = len(plan.merged.added), len(plan.merged.updated)
    parts = [plural(added, "run")] if added or not updated else []
    return " and ".join([*parts, *([plural(updated, "updated run")] if updated else [])])


def dry_run(plan: Plan) -> str:
    """Say what would be pushed."""
    return f"dry run: {counted(plan)} would be pushed" if plan.is_new else "dry run: there is nothing new to push"


def reason(failure: Failure, *, attempts: int) -> str:
    """Say why a push did not land, as the rest of a sentence."""
    match failure:
        case Raced():
            return f"other jobs pushed first {attempts} times in a row"
        case Vanished():
            return "the push was accepted, but the branch does not hold the commit"
        case Declined(reason=said) | Unreachable(reason=said):
            return said


def remedy(failure: Failure) -> str:
    """Say what to do about a push that did not land, as the beginning of a sentence."""
    match failure:
        case Raced():
            return "let fewer jobs push at once, or let one job persist the runs of all, or raise --attempts"
        case Vanished():
            return "look at the remote for what moved the branch back: a hook, a mirror or a forced push"
        case Unreachable():
            return "check the remote's address and the network"
        case Declined(cause="rights"):
            return (
                "give the job the right to push (on GitHub: 'permissions: contents: write', and a branch whose "
                "protection lets it)"
            )
        case Declined():
            return (
                "read what the remote said: its hook or the branch's protection has to let this job push, or publish "
                "on a branch of its own with --branch"
            )


def messages(plan: Plan, follow_up: FollowUp | None) -> Iterator[tuple[str, str]]:
    """Name what a person should know of a plan, by annotation level."""
    for refusal in plan.incoming.refusals:
        yield "error" if refusal.remedy else "warning", str(refusal)
    for warning in plan.incoming.warnings:
        yield "warning", warning
    if plan.choice.best is None and plan.choice.runs:
        yield _nothing_promoted(plan)
    elif plan.choice.runs:
        yield from plan.resolved.messages
        for name in plan.choice.rule.experiments:
            if absent := absent_experiment(name, plan.tree):
                yield "warning", absent
    if missing := plan.promotion.missing_formats:
        yield "notice", f"The promoted run did not log its model as {', '.join(missing)}; it was not made up."
    if follow_up and not follow_up.followed:
        yield (
            "warning",
            f"The checkout was left as it is: {follow_up.reason}. Commit or move those away, then run this again.",
        )


def _nothing_promoted(plan: Plan) -> tuple[str, str]:
    """Say why the rule promotes nothing, and what becomes of what was promoted before."""
    absent = unmatched(plan.choice, plan.tree)
    why = absent or _excluded(plan.choice)
    if plan.keeps:
        run = f" (run {plan.recorded.run_id})" if plan.recorded.run_id else ""
        return "error", f"{why}\nUntouched: the promoted model{run} and {INFO}; the runs were stored."
    if plan.recorded.run_id:
        return "warning", f"{why}\nThe promoted run {plan.recorded.run_id} was deleted, so its model was removed."
    return "error" if absent and plan.resolved.is_asked else "warning", why


def unmatched(choice: Choice, tree: Tree) -> str:
    """Say which name of a rule nothing in a history has, and what the history has instead; empty if all are there."""
    for name in choice.rule.experiments:
        if absent := absent_experiment(name, tree):
            return absent
    if not choice.ranking and choice.rule.metric not in (names := reader.metric_names(tree)):
        return _absent("No run has the metric", choice.rule.metric, "metrics", names)
    return ""


def absent_experiment(name: str, tree: Tree) -> str:
    """Say that a history has no experiment of this name, and which ones it has; empty if it has."""
    names = [experiment.name for experiment in reader.experiments(tree)]
    return "" if name in names else _absent("No experiment is called", name, "experiments", names)


def _excluded(choice: Choice) -> str:
    reasons = "; ".join(
        f"{plural(len(runs), 'run')} {selection.EXCLUSIONS[reason]}" for reason, runs in choice.excluded.items()
    )
    return f"No run can be promoted by {choice.rule}: {reasons}."


def _absent(what: str, name: str, kind: str, names: Sequence[str]) -> str:
    more = [f"and {len(names) - NAMED} more"] if len(names) > NAMED else []
    known = f"{kind} in this history: {', '.join([*names[:NAMED], *more])}" if names else f"this history has no {kind}"
    return f"{what} '{name}'; {known}.{did_you_mean(name, names)}"
