"""Bring a contribution to a branch: plan on its tip, write, push, and plan again after a lost race.

Nothing of the user's is touched before the push has landed.
"""

import random
import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from mlpipeline.core.errors import PublishError, RepositoryError
from mlpipeline.core.outcome import Outcome, Status
from mlpipeline.core.records import Incoming
from mlpipeline.core.settings import UNREACHABLE_ATTEMPTS, PublishSettings
from mlpipeline.history.paths import METADATA, PROMOTED
from mlpipeline.publishing import wording
from mlpipeline.publishing.attributes import kept_as_they_are
from mlpipeline.publishing.ownership import refuse_foreign
from mlpipeline.publishing.plan import Contribution, Plan, plan
from mlpipeline.publishing.wording import Failure, counted
from mlpipeline.repo.checkout import Checkout, FollowUp
from mlpipeline.repo.fastimport import Changes, CommitInfo
from mlpipeline.repo.remote import Declined, Fetched, Landed, Raced, Unreachable
from mlpipeline.repo.scratch import BUNDLED, Scratch
from mlpipeline.repo.tree import GitTree

Answer = TypeVar("Answer")

LONGEST_WAIT = 30.0
"""Seconds between two attempts, at the most."""


@dataclass(frozen=True, kw_only=True)
class Effects:
    """What publishing does besides git; tests replace it.

    Attributes:
        now: gives the seconds since the epoch.
        sleep: waits so many seconds.
        say: shows a line of progress.
    """

    now: Callable[[], float]
    sleep: Callable[[float], None]
    say: Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Result:
    """How publishing ended, and the plan it ended with."""

    outcome: Outcome
    plan: Plan


def target_branch(settings: PublishSettings, checkout: Checkout) -> str:
    """Name the branch to publish to.

    Raises:
        RepositoryError: there is no such remote, or no branch to publish to.
    """
    if settings.remote not in checkout.remotes():
        raise RepositoryError(
            f"The repository at '{checkout.top}' has no remote called '{settings.remote}'.",
            remedy=f"git remote add {shlex.quote(settings.remote)} URL, or name another with --remote.",
        )
    branch = settings.branch or checkout.branch or settings.context.branch
    if branch is None:
        raise RepositoryError(
            "HEAD is detached, so there is no branch to publish to.",
            remedy="name the branch with --branch, such as --branch main.",
        )
    # What GITHUB_REF holds is the branch's full name.
    name = branch.removeprefix("refs/heads/")
    if name.startswith("refs/") or not checkout.is_branch_name(name):
        raise RepositoryError(
            f"'{branch}' is not the name of a branch.",
            remedy="name the branch with --branch, such as --branch main.",
        )
    return name


@dataclass(frozen=True, kw_only=True)
class Publication:
    """A contribution on its way to a branch.

    Attributes:
        settings: what was asked for.
        effects: clock, sleep and progress.
        checkout: the user's repository.
        scratch: where commits are written and pushed from.
        branch: the branch to publish to.
        contribute: what is to be published, given a tip; asked again for every tip.
        replaceable: the checkout's files, relative to its top, that may be replaced once a plan has landed, because
            the pushed tree was seen to hold their content.
        where: the source, in messages.
    """

    settings: PublishSettings
    effects: Effects
    checkout: Checkout
    scratch: Scratch
    branch: str
    contribute: Callable[[GitTree], Contribution]
    replaceable: Callable[[Plan], list[str]]
    where: str

    def run(self) -> Result:
        """Publish it.

        Raises:
            RepositoryError: the branch cannot be used.
            PublishError: the remote cannot be read, and there is nothing to keep.
        """
        fetched = self._patiently(partial(self.scratch.fetch_tip, self.branch))
        if not isinstance(fetched, Fetched):
            return self._without_remote(fetched)
        self._refuse_unrelated(fetched.commit)
        first = self._plan(fetched.commit)
        if self.settings.dry_run:
            return Result(outcome=self._outcome(first, status="skipped", reason=wording.dry_run(first)), plan=first)
        return self._publish(first)

    def _plan(self, tip: str | None) -> Plan:
        """Decide what to write on a tip.

        Raises:
            RepositoryError: what others own would be written over, or is to be encrypted.
        """
        tree = self.scratch.tree(tip, self.settings.prefix)
        planned = plan(tree, self.contribute(tree), self.settings.rule, now=int(self.effects.now()))
        if tree.poison and not planned.heals:
            warning = wording.poisoned(self.branch, tree.poison)
            planned = replace(planned, incoming=(*planned.incoming, Incoming(warnings=(warning,))))
        if planned.is_new:
            refuse_foreign(planned, tree, self.checkout.top if self.checkout.branch == self.branch else None)
        return kept_as_they_are(planned, tree)

    def _publish(self, planned: Plan) -> Result:
        """Write and push, and plan again on the new tip as often as another job was faster."""
        for attempt in range(self.settings.attempts):
            if not planned.is_new:
                return self._nothing_new(planned)
            commit = self._write(planned)
            self.effects.say(f"Pushing {counted(planned)} to {self._target}")
            result = self._patiently(partial(self.scratch.push, self.branch, commit))
            if isinstance(result, Landed):
                return self._published(planned, commit)
            if not isinstance(result, Raced):
                return self._failed(planned, commit, result)
            self._wait(attempt, "another job pushed first")
            fetched = self._patiently(partial(self.scratch.fetch_tip, self.branch))
            if not isinstance(fetched, Fetched):
                return self._failed(planned, commit, fetched)
            planned = self._plan(fetched.commit)
        if not planned.is_new:
            return self._nothing_new(planned)
        return self._failed(planned, self._write(planned), Raced())

    def _write(self, planned: Plan) -> str:
        """Write the planned commit into the scratch repository; its id."""
        info = CommitInfo(
            parent=planned.tip.commit,
            message=planned.message,
            identity=self.checkout.identity() or self.settings.context.identity,
            when=planned.when,
        )
        changes = Changes(root=self.settings.prefix, edits=planned.edits, folder=METADATA, derive=planned.derived)
        return self.scratch.commit(info, changes)

    def _patiently(self, ask: Callable[[], Answer]) -> Answer:
        """The remote's answer; one that cannot be reached is asked again, a few times."""
        for attempt in range(UNREACHABLE_ATTEMPTS - 1):
            answer = ask()
            if not isinstance(answer, Unreachable):
                return answer
            self._wait(attempt, answer.reason)
        return ask()

    def _wait(self, attempt: int, why: str) -> None:
        # Full jitter: jobs that collided once must not wake up together again.
        seconds = random.uniform(0, min(LONGEST_WAIT, 2.0**attempt))  # noqa: S311 - no secret depends on it
        self.effects.say(f"Waiting {seconds:.1f} s: {why}")
        self.effects.sleep(seconds)

    def _published(self, planned: Plan, commit: str) -> Result:
        follow_up = self._update_checkout(planned, commit)
        reason = f"{counted(planned)} added to {self._target}"
        outcome = self._outcome(planned, status="persisted", reason=reason, follow_up=follow_up)
        unsigned = (wording.UNSIGNED,) if self.checkout.wants_signatures() else ()
        messages = (*outcome.messages, *unsigned)
        return Result(outcome=replace(outcome, pushed=True, commit_sha=commit, messages=messages), plan=planned)

    def _nothing_new(self, planned: Plan) -> Result:
        follow_up = self._update_checkout(planned, planned.tip.commit)
        reason = f"{self._target} already holds every run"
        if not planned.choice.runs:
            reason = f"there are no runs, neither in {self.where} nor in the history"
        outcome = self._outcome(planned, status="nothing-new", reason=reason, follow_up=follow_up)
        return Result(outcome=replace(outcome, commit_sha=planned.tip.commit), plan=planned)

    def _failed(self, planned: Plan, commit: str, failure: Failure) -> Result:
        """Keep the commit where the next command can push it, and say what that command is."""
        path = self.checkout.bundle_folder() / f"{commit[:12]}.bundle"
        self.scratch.bundle(planned.tip.commit, path)
        means, command = wording.recovery(
            failure, bundle=str(path), remote=self.settings.remote, branch=self.branch, name=BUNDLED
        )
        reason = wording.reason(failure, attempts=self.settings.attempts)
        message = (
            f"{counted(planned).capitalize()} could not be pushed to {self._target}: {reason.rstrip('.')}.\n"
            f"Untouched: the checkout, the branch on the remote and the runs in {self.where}.\n"
            f"To do: {wording.remedy(failure)}, then run this again. Or {means} the commit that was built: {command}"
        )
        outcome = self._outcome(planned, status="failed", reason=reason)
        kept = replace(
            outcome, bundle_path=str(path), recovery=command, messages=(*outcome.messages, ("error", message))
        )
        return Result(outcome=kept, plan=planned)

    def _without_remote(self, failure: Declined | Unreachable) -> Result:
        """Plan on what the checkout knows of the branch, so that nothing is lost with the job."""
        planned = self._plan(self.checkout.commit(f"refs/remotes/{self.settings.remote}/{self.branch}"))
        if self.settings.dry_run or not planned.is_new:
            raise PublishError(
                f"Cannot read {self._target}: {failure.reason}.",
                untouched="the checkout, the branch on the remote and the runs.",
                remedy=f"{wording.remedy(failure)}, then run this again.",
            )
        return self._failed(planned, self._write(planned), failure)

    def _update_checkout(self, planned: Plan, commit: str | None) -> FollowUp | None:
        """Let the checkout follow the branch, as a person expects who goes on working there; `None` if not wanted."""
        if not self.settings.update or commit is None or self.checkout.branch != self.branch:
            return None
        return self.checkout.follow(
            remote=self.settings.remote,
            branch=self.branch,
            commit=commit,
            replaceable=self.replaceable(planned),
        )

    def _refuse_unrelated(self, tip: str | None) -> None:
        """Beginning a history of its own on a branch that has commits here would leave two branches of one name."""
        if tip is None and self.checkout.branch == self.branch and self.checkout.commit("HEAD"):
            raise RepositoryError(
                f"The branch '{self.branch}' has commits here but does not exist on '{self.settings.remote}'.",
                untouched="the branch and the remote.",
                remedy=f"{shlex.join(['git', 'push', '--set-upstream', self.settings.remote, self.branch])}, "
                "then run this again.",
            )

    @property
    def _target(self) -> str:
        return f"{self.settings.remote}/{self.branch}"

    def _outcome(self, planned: Plan, *, status: Status, reason: str, follow_up: FollowUp | None = None) -> Outcome:
        promoted = planned.promoted
        if planned.keeps:
            reason = f"{reason}; the rule ranks no run, so the promoted run stays"
        return Outcome(
            status=status,
            reason=reason,
            run_id=promoted.run_id,
            metric=promoted.rule.metric if promoted.rule else None,
            value=promoted.value,
            improved=planned.improved,
            model_path=self.settings.prefix + PROMOTED if planned.keeps or promoted.run_id else None,
            runs_added=len(planned.merged.added),
            runs_updated=len(planned.merged.updated),
            runs_excluded=sum(len(runs) for runs in planned.choice.excluded.values()),
            runs_refused=sum(len(part.refusals) for part in planned.incoming),
            choice=planned.choice,
            messages=tuple(wording.messages(planned, follow_up)),
        )
