"""Publishes on a branch whatever a piece of work brings: build on the tip, push, and again after a lost race.

Nothing of the user's is touched before the push has landed. What the work is, a job's runs or the healing of a
repository, it says itself by `Work`.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from mlpipeline.core.edits import Edit, Tree, Write
from mlpipeline.core.errors import PublishError, RepositoryError
from mlpipeline.core.outcome import Outcome, Status
from mlpipeline.core.ranking import Choice
from mlpipeline.core.records import Incoming
from mlpipeline.core.settings import UNREACHABLE_ATTEMPTS, PersistSettings
from mlpipeline.history import manifest, merge, reader, selection
from mlpipeline.history.merge import Merge
from mlpipeline.history.paths import INFO, METADATA, PROMOTED
from mlpipeline.history.stored import git_files
from mlpipeline.lifecycle.promotion import missing_formats, model_files, promote
from mlpipeline.repo.checkout import Checkout, Moved
from mlpipeline.repo.remote import DeclinedError, UnreachableError, Verdict
from mlpipeline.repo.scratch import BUNDLED, Scratch
from mlpipeline.repo.tree import GitTree

T = TypeVar("T")

LONGEST_WAIT = 30.0
"""Seconds between two attempts, at the most."""


@dataclass(frozen=True, kw_only=True)
class World:
    """What a persist may ask of the world besides git; tests replace it.

    Attributes:
        now: seconds since the epoch.
        sleep: waits so many seconds.
        say: shows a line of progress.
    """

    now: Callable[[], float]
    sleep: Callable[[float], None]
    say: Callable[[str], None]


class Work(Protocol):
    """What is to be published."""

    @property
    def whole(self) -> bool:
        """Whether it has all that the branch has, as `merge.merge` asks."""

    def incoming(self, tip: GitTree) -> Incoming:
        """All that is to be in the history, given the branch's tip; asked anew for every tip."""

    def obsolete(self, tip: GitTree, merged: Merge, incoming: Incoming) -> list[Edit]:
        """What the commit drops, given what was merged."""

    def replaceable(self, published: Tree, incoming: Incoming) -> list[str]:
        """Files of the checkout, relative to its top, whose content the published tree is seen to hold."""

    def subject(self, merged: Merge) -> str:
        """The beginning of the commit's subject."""


@dataclass(frozen=True, kw_only=True)
class Built:
    """A commit that is ready to be pushed, or what a tip already holds.

    Attributes:
        tip: the commit it was built on.
        commit: the new commit; the tip itself where there is nothing to add.
        tree: the history in that commit, without what is derived from it.
        incoming: what was merged.
        merged: what merging made of it.
        choice: the ranking in it.
        improved: whether it promotes another run than the tip.
    """

    tip: str | None
    commit: str | None
    tree: Tree
    incoming: Incoming
    merged: Merge
    choice: Choice
    improved: bool

    @property
    def is_new(self) -> bool:
        """Whether there is anything to push."""
        return self.commit != self.tip


@dataclass(frozen=True, kw_only=True)
class Result:
    """How publishing ended, and the commit it was about."""

    outcome: Outcome
    built: Built


def target_branch(settings: PersistSettings, checkout: Checkout) -> str:
    """The branch to publish to.

    Raises:
        RepositoryError: there is no such remote, or no branch is checked out.
    """
    if settings.remote not in checkout.remotes():
        raise RepositoryError(
            f"The repository at '{checkout.top}' has no remote called '{settings.remote}'.",
            untouched="everything.",
            remedy=f"git remote add {settings.remote} URL, or name another with --remote.",
        )
    branch = settings.branch or checkout.branch
    if branch is None:
        raise RepositoryError(
            "HEAD is detached, so there is no branch to publish to.",
            untouched="everything.",
            remedy="name the branch with --branch, such as --branch main.",
        )
    return branch


@dataclass(frozen=True, kw_only=True)
class Publication:
    """One piece of work on its way to a branch; `where` names its source in messages."""

    settings: PersistSettings
    world: World
    checkout: Checkout
    scratch: Scratch
    branch: str
    work: Work
    where: str

    def run(self) -> Result:
        """Publish it.

        Raises:
            RepositoryError: the branch cannot be used.
            PublishError: the remote cannot be read, and there is nothing to keep.
        """
        try:
            tip = self._patiently(lambda: self.scratch.fetch_tip(self.branch))
        except (UnreachableError, DeclinedError) as error:
            return self._unreadable_tip(error)
        self._refuse_unrelated(tip)
        built = self._build(tip)
        if self.settings.dry_run:
            outcome = self._outcome(built, status="skipped", reason=_plan(built))
            return Result(outcome=outcome, built=built)
        return self._publish(built) if built.is_new else self._nothing_new(built)

    def _build(self, tip: str | None) -> Built:
        before = self._tree(tip)
        incoming = self.work.incoming(before)
        merged = merge.merge(before, incoming, whole=self.work.whole)
        edits = [*self.work.obsolete(before, merged, incoming), *merged.edits]
        base = self.scratch.merged(
            tip=tip, edits=[*edits, *_git_files(before)] if edits else [], root=self.settings.prefix
        )
        tree = self._tree(base)
        choice = selection.choose(reader.candidates(tree, self.settings.rule), self.settings.rule)
        previous = reader.previous_info(before)
        derived: list[Edit] = []
        if choice.runs:
            derived = promote(tree, choice, manifest.promoted_algorithms(previous))
            info = manifest.info(tree, choice, tree.folder_id(METADATA))
            derived.append(Write(path=INFO, content=info))
        commit = self.scratch.commit(
            tip=tip,
            base=base,
            edits=derived,
            root=self.settings.prefix,
            message=_message(self.work.subject(merged), choice),
            identity=self.checkout.identity() or self.settings.context.identity,
            when=int(self.world.now()),
        )
        unchanged = not derived if tip is None else self.scratch.same_tree(tip, commit)
        best = choice.best
        return Built(
            tip=tip,
            commit=tip if unchanged else commit,
            tree=tree,
            incoming=incoming,
            merged=merged,
            choice=choice,
            improved=best is not None and best.run_id != manifest.promoted_run(previous),
        )

    def _publish(self, built: Built) -> Result:
        """Push, and build again on the new tip as often as another job was faster."""
        for attempt in range(self.settings.attempts):
            self.world.say(f"Pushing {_counted(built)} to {self._target}")
            try:
                if self._push(built):
                    return self._published(built)
                self._wait(attempt, "another job pushed first")
                tip = self._patiently(lambda: self.scratch.fetch_tip(self.branch))
            except (UnreachableError, DeclinedError) as error:
                return self._failed(built, error)
            built = self._build(tip)
            if not built.is_new:
                return self._nothing_new(built)
        reason = f"other jobs pushed first {self.settings.attempts} times in a row"
        return self._failed(built, DeclinedError(reason))

    def _push(self, built: Built) -> bool:
        """Whether the commit landed; a connection that broke is tried again unless it turns out to have landed."""
        commit = str(built.commit)

        def once() -> bool:
            try:
                verdict = self.scratch.push(self.branch)
            except UnreachableError:
                if self.scratch.landed(self.branch, commit):
                    return True
                raise
            if verdict is Verdict.RACED:
                return False
            if not self.scratch.landed(self.branch, commit):
                raise DeclinedError("the push was accepted, but the branch does not hold the commit")
            return True

        return self._patiently(once)

    def _patiently(self, action: Callable[[], T]) -> T:
        """The action's result; a remote that does not answer is asked again, a few times."""
        for attempt in range(UNREACHABLE_ATTEMPTS - 1):
            try:
                return action()
            except UnreachableError as error:
                self._wait(attempt, str(error))
        return action()

    def _wait(self, attempt: int, why: str) -> None:
        # Full jitter: jobs that collided once must not wake up together again.
        seconds = random.uniform(0, min(LONGEST_WAIT, 2.0**attempt))  # noqa: S311 - no secret depends on it
        self.world.say(f"Waiting {seconds:.1f} s: {why}")
        self.world.sleep(seconds)

    def _published(self, built: Built) -> Result:
        moved = self._update_checkout(built)
        reason = f"{_counted(built)} added to {self._target}"
        outcome = self._outcome(built, status="persisted", reason=reason, moved=moved)
        return Result(outcome=replace(outcome, pushed=True, commit_sha=built.commit), built=built)

    def _nothing_new(self, built: Built) -> Result:
        moved = self._update_checkout(built)
        reason = f"{self._target} already holds every run"
        if not built.choice.runs:
            reason = f"there are no runs, neither in {self.where} nor in the history"
        outcome = self._outcome(built, status="nothing-new", reason=reason, moved=moved)
        return Result(outcome=replace(outcome, commit_sha=built.tip), built=built)

    def _failed(self, built: Built, error: UnreachableError | DeclinedError) -> Result:
        """Keep the commit where the next command can push it, and say what that command is."""
        path = self.checkout.bundle_folder() / f"{str(built.commit)[:12]}.bundle"
        self.scratch.bundle(built.tip, path)
        recover = f"git fetch '{path}' {BUNDLED} && git push {self.settings.remote} FETCH_HEAD:refs/heads/{self.branch}"
        message = (
            f"{_counted(built).capitalize()} could not be pushed to {self._target}: {error}.\n"
            f"Untouched: the checkout, the branch on the remote and the runs in {self.where}.\n"
            f"To do: {_remedy(error)}, then run this again. Or push the commit that was built: {recover}"
        )
        outcome = self._outcome(built, status="failed", reason=str(error))
        kept = replace(outcome, bundle_path=str(path), messages=(*outcome.messages, ("error", message)))
        return Result(outcome=kept, built=built)

    def _unreadable_tip(self, error: UnreachableError | DeclinedError) -> Result:
        """Without the remote, build on what the checkout knows of its branch, so that nothing is lost with the job."""
        built = self._build(self.checkout.commit(f"refs/remotes/{self.settings.remote}/{self.branch}"))
        if self.settings.dry_run or not built.is_new:
            raise PublishError(
                f"Cannot read {self._target}: {error}.",
                untouched="the checkout, the branch on the remote and the runs.",
                remedy=f"{_remedy(error)}, then run this again.",
            ) from error
        return self._failed(built, error)

    def _update_checkout(self, built: Built) -> Moved | None:
        """Let the checkout follow the branch, as a person expects who goes on working there; `None` if not wanted."""
        if not self.settings.update or built.commit is None or self.checkout.branch != self.branch:
            return None
        return self.checkout.follow(
            remote=self.settings.remote,
            branch=self.branch,
            commit=built.commit,
            replaceable=self.work.replaceable(built.tree, built.incoming),
        )

    def _refuse_unrelated(self, tip: str | None) -> None:
        """Beginning a history of its own on a branch that has commits here would leave two branches of one name."""
        if tip is None and self.checkout.branch == self.branch and self.checkout.commit("HEAD"):
            raise RepositoryError(
                f"The branch '{self.branch}' has commits here but does not exist on '{self.settings.remote}'.",
                untouched="everything.",
                remedy=f"git push --set-upstream {self.settings.remote} {self.branch}, then run this again.",
            )

    def _tree(self, commit: str | None) -> GitTree:
        return self.scratch.tree(commit, self.settings.prefix)

    @property
    def _target(self) -> str:
        return f"{self.settings.remote}/{self.branch}"

    def _outcome(self, built: Built, *, status: Status, reason: str, moved: Moved | None = None) -> Outcome:
        best = built.choice.best
        return Outcome(
            status=status,
            reason=reason,
            run_id=best.run_id if best else None,
            metric=self.settings.rule.metric,
            value=best.value if best else None,
            improved=built.improved,
            model_path=self.settings.prefix + PROMOTED if best else None,
            runs_added=len(built.merged.added),
            runs_updated=len(built.merged.updated),
            runs_excluded=sum(len(runs) for runs in built.choice.excluded.values()),
            runs_refused=len(built.incoming.refusals),
            choice=built.choice,
            messages=tuple(_messages(built, moved)),
        )


def plural(count: int, noun: str) -> str:
    """`1 run`, `2 runs`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _messages(built: Built, moved: Moved | None) -> Iterator[tuple[str, str]]:
    for refusal in built.incoming.refusals:
        yield "error" if refusal.remedy else "warning", str(refusal)
    for warning in built.incoming.warnings:
        yield "warning", warning
    if built.choice.best is None and built.choice.runs:
        yield "warning", f"No run can be promoted: {_excluded(built.choice)}."
    elif built.choice.best:
        missing = missing_formats(model_files(built.tree, built.choice.best))
        if missing:
            yield "notice", f"The promoted run did not log its model as {', '.join(missing)}; it was not made up."
    if moved and not moved.followed:
        yield (
            "warning",
            f"The checkout was left as it is: {moved.reason}. Commit or move those away, then run this again.",
        )


def _excluded(choice: Choice) -> str:
    return "; ".join(
        f"{plural(len(runs), 'run')}: {selection.EXCLUSIONS[reason]}" for reason, runs in choice.excluded.items()
    )


def _git_files(tree: Tree) -> Iterator[Write]:
    """`.gitattributes` and `.gitignore` of the history, where there is none yet."""
    for path, content in git_files().items():
        if path not in tree.files:
            yield Write(path=path, content=content)


def _message(subject: str, choice: Choice) -> str:
    best = choice.best
    if best is None:
        return f"{subject}, no run to promote\n"
    return (
        f"{subject}, best {choice.rule.metric} {best.value:.6g} by {best.algorithm}\n\n"
        f"Promoted-run: {best.run_id}\nExperiment: {' '.join(best.experiment.split())}\n"
    )


def _plan(built: Built) -> str:
    return f"dry run: {_counted(built)} would be pushed" if built.is_new else "dry run: there is nothing new to push"


def _counted(built: Built) -> str:
    added, updated = len(built.merged.added), len(built.merged.updated)
    parts = [plural(added, "run")] if added or not updated else []
    return " and ".join([*parts, *([plural(updated, "updated run")] if updated else [])])


def _remedy(error: UnreachableError | DeclinedError) -> str:
    if isinstance(error, UnreachableError):
        return "check the remote's address and the network"
    return (
        "give the job the right to push (on GitHub: 'permissions: contents: write', and a branch whose protection "
        "lets it), or read what the remote said"
    )
