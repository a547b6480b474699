"""Say how publishing went: reasons, warnings and remedies; pure text."""

import shlex
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence

from mlpipeline.core.edits import Tree
from mlpipeline.core.harmless import one_line
from mlpipeline.core.nearest import did_you_mean
from mlpipeline.core.ranking import Choice
from mlpipeline.core.records import Refusal
from mlpipeline.history import reader, selection
from mlpipeline.history.paths import INFO
from mlpipeline.publishing.plan import Plan
from mlpipeline.repo.checkout import FollowUp
from mlpipeline.repo.remote import Cause, Declined, Raced, Unreachable, Vanished

Failure = Raced | Declined | Unreachable | Vanished
"""How a push ends that does not land."""

NAMED = 10
"""Names that a message lists, at the most."""

REFUSED = 1000
"""Things that a message lists which were refused for one reason: each is to be found in the log."""


UNSIGNED = ("notice", "The commit is not signed, though commit.gpgSign asks for it: it is built without your key.")
"""What is said of a pushed commit where the configuration asks for signatures, by annotation level."""

_LOG_IN = "log in (a credential helper, an SSH key)"

_OWN_BRANCH = "publish on a branch of its own with --branch"

_REMEDIES: dict[Cause, str] = {
    "no-credentials": (
        "give git the credentials to push: on GitHub 'persist-credentials: true' at actions/checkout in this very job, "
        f"or a token there; elsewhere {_LOG_IN}"
    ),
    "bad-credentials": (
        "renew the credentials, which the remote does not accept (expired, revoked or mistyped): on GitHub the token "
        f"that actions/checkout is given; elsewhere {_LOG_IN}"
    ),
    "sso": "authorize the token or the SSH key for the organization's single sign-on",
    "host-key": "let ssh know the remote's host key: ssh-keyscan HOST >> ~/.ssh/known_hosts, after comparing it",
    "certificate": "let git trust the remote's certificate: git config --global http.sslCAInfo FILE",
    "not-found": (
        "check the remote's address (git remote -v), and that these credentials may see the repository: to those that "
        "may not, it does not exist"
    ),
    "rights": (
        "give the job the right to push: on GitHub 'permissions: contents: write' in this job, and 'Read and write "
        "permissions' where the repository's or the organization's settings limit workflows; elsewhere write access "
        "for the account"
    ),
    "read-only-key": "let the deploy key write: on GitHub 'Allow write access', in the repository's Deploy keys",
    "archived": "unarchive the repository, or push to another one with --remote",
    "protected": (
        f"let this job bypass the branch's rule (on GitHub in the ruleset's bypass list, or with a token of an account "
        f"that is in it), or {_OWN_BRANCH}"
    ),
    "pull-request": (
        f"{_OWN_BRANCH} and open a pull request from it, or let this job bypass the rule (on GitHub in the ruleset's "
        "bypass list)"
    ),
    "signature": (
        "exempt this job from the rule that asks for signatures, or publish on a branch without that rule with "
        "--branch: the commit that is built here is not signed, whatever commit.gpgsign says"
    ),
    "secret": (
        "take the secret that the remote names out of the run's params, tags or artifacts and revoke it; if it is "
        "none, allow it at the address that the remote gives"
    ),
    "size": "log smaller artifacts, or raise the remote's limit",
    "space": "make room on the remote: its disk or its quota is full",
    "storing": "let whoever runs the remote look at its free space and at the permissions of its objects/ folder",
    "checked-out": (
        f"{_OWN_BRANCH}, or make the remote a bare repository: this branch is checked out there, and its files would "
        "no longer be its commit's"
    ),
    "shallow": "fetch the whole history: git fetch --unshallow",
    "policy": (f"read what the remote said: its hook or rule has to let this job push, or {_OWN_BRANCH}"),
}


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
        case Declined(cause=cause):
            return _REMEDIES[cause]


def recovery(failure: Failure, *, bundle: str, remote: str, branch: str, name: str) -> tuple[str, str]:
    """Say how the commit of a push that did not land gets to the remote: what is to be done, and the command.

    Args:
        failure: how the push ended.
        bundle: the file that holds the commit.
        remote: the remote's name.
        branch: the branch it was meant for.
        name: the commit's ref in the bundle.
    """
    fetch = shlex.join(["git", "fetch", bundle, name])
    to = f"git push {shlex.quote(remote)}"
    target = shlex.quote(f"refs/heads/{branch}")
    push = f"{fetch} && {to} FETCH_HEAD:{target}"
    match failure:
        case Declined(cause="signature"):
            signed = "git log -1 --format=%B FETCH_HEAD | git commit-tree -S -p FETCH_HEAD^ FETCH_HEAD^{tree}"
            return "sign and push", f'{fetch} && {to} "$({signed})":{target}'
        case Declined(cause="protected" | "pull-request" | "checked-out"):
            own = f"mlflow-{bundle.rpartition('/')[2].removesuffix('.bundle')}"
            return "push to another branch", f"{fetch} && {to} {shlex.quote(f'FETCH_HEAD:refs/heads/{own}')}"
        case Declined(cause="no-credentials" | "bad-credentials" | "rights" | "sso" | "read-only-key"):
            return "in a clone that may push, push", push
    return "push", push


def messages(plan: Plan, follow_up: FollowUp | None) -> Iterator[tuple[str, str]]:
    """Name what a person should know of a plan, by annotation level."""
    for refusal in grouped(refusal for part in plan.incoming for refusal in part.refusals):
        yield "error" if refusal.remedy else "warning", one_line(str(refusal))
    for warning in (warning for part in plan.incoming for warning in part.warnings):
        yield "warning", one_line(warning)
    if plan.choice.best is None and plan.choice.runs:
        yield _nothing_promoted(plan)
    elif plan.choice.runs:
        yield from plan.resolved.messages
        yield from (("warning", absent) for absent in _absent_experiments(plan.choice, plan.tree))
    yield from (("warning", said) for said in passed_over(plan.choice, plan.tree))
    if plan.by_hand:
        said = f"{plural(plan.by_hand, 'run')} of the history committed by hand: in a clone the artifacts do not open"
        yield "warning", f"{said}, and the models cannot be promoted. To do: history.py adopt"
    if missing := plan.promotion.missing_formats:
        yield "notice", f"The promoted run did not log its model as {', '.join(missing)}; it was not made up."
    if follow_up and not follow_up.followed:
        remedy = f" To do: {follow_up.remedy}" if follow_up.remedy else ""
        yield "warning", f"The checkout was left as it is: {follow_up.reason.rstrip('.')}.{remedy}"


def grouped(refusals: Iterable[Refusal]) -> list[Refusal]:
    """Make one refusal of those that have the same reason and remedy: a secret in each of many runs is told once."""
    places: dict[tuple[str, str], list[str]] = defaultdict(list)
    for refusal in refusals:
        places[refusal.reason, refusal.remedy].append(refusal.where)
    return [
        Refusal(where=_listed(where, most=REFUSED), reason=reason, remedy=remedy)
        for (reason, remedy), where in places.items()
    ]


def _listed(names: Sequence[str], *, most: int = NAMED) -> str:
    more = f", and {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"


def poisoned(branch: str, paths: Collection[str]) -> str:
    """Say that somebody has put paths on a branch that no checkout can hold, or on which Git would act."""
    first, more = min(paths), f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    return (
        f"The branch '{branch}' holds paths that no run's files can have, and that may keep it from being checked out: "
        f"{first!r}{more}. They were not read. To do: history.py adopt removes them."
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
    if absent := _absent_experiments(choice, tree):
        return absent[0]
    if not choice.ranking and choice.rule.metric not in (names := reader.metric_names(tree)):
        return _absent("No run has the metric", choice.rule.metric, "metrics", names)
    return ""


def _absent_experiments(choice: Choice, tree: Tree) -> list[str]:
    """Say of each experiment of a rule that a history does not have which ones it has."""
    if not choice.rule.experiments:
        return []
    names = [experiment.name for experiment in reader.experiments(tree)]
    missing = (name for name in choice.rule.experiments if name not in names)
    return [_absent("No experiment is called", name, "experiments", names) for name in missing]


def passed_over(choice: Choice, tree: Tree) -> Iterator[str]:
    """Say what of a history has a description that cannot be read."""
    places = reader.unreadable_experiments(tree)
    for noun, names in (("run", choice.excluded.get("unreadable", ())), ("experiment", places)):
        if names:
            yield (
                f"{plural(len(names), noun)} of the history passed over, because the description cannot be read: "
                f"{_listed(names)}. To do: mend or remove what was committed there by hand."
            )


def _excluded(choice: Choice) -> str:
    reasons = "; ".join(
        f"{plural(len(runs), 'run')} {selection.EXCLUSIONS[reason]}" for reason, runs in choice.excluded.items()
    )
    return f"No run can be promoted by {choice.rule}: {reasons}."


def _absent(what: str, name: str, kind: str, names: Sequence[str]) -> str:
    known = f"{kind} in this history: {_listed(names)}" if names else f"this history has no {kind}"
    return one_line(f"{what} '{name}'; {known}.{did_you_mean(name, names)}")
