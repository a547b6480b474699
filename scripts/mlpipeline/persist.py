"""The use case this project exists for: a job's runs, published on a branch.

Reads the runs, then repeats until the remote has accepted or said no: take the branch's tip, merge, choose, promote,
commit, push. Nothing of the user's is touched before the push has landed.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from mlpipeline import layout, merge, metadata, promotion, selection
from mlpipeline.errors import PublishError, RepositoryError
from mlpipeline.model import Choice, Edit, Incoming, Kind, Outcome, Status, Tree, Write
from mlpipeline.repo import BUNDLED, Checkout, DeclinedError, GitTree, Moved, Scratch, UnreachableError, Verdict
from mlpipeline.settings import UNREACHABLE_ATTEMPTS, PersistSettings, store_folder
from mlpipeline.storable import storable
from mlpipeline.stores import filestore, history

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


@dataclass(frozen=True, kw_only=True)
class Built:
    """A commit that is ready to be pushed, or what a tip already holds.

    Attributes:
        tip: the commit it was built on.
        commit: the new commit; the tip itself where there is nothing to add.
        tree: the history in that commit.
        choice: the ranking in it.
        added: runs that the tip did not have.
        updated: runs that the tip had in an older state.
        improved: whether it promotes another run than the tip.
    """

    tip: str | None
    commit: str | None
    tree: Tree
    choice: Choice
    added: tuple[str, ...]
    updated: tuple[str, ...]
    improved: bool

    @property
    def is_new(self) -> bool:
        """Whether there is anything to push."""
        return self.commit != self.tip


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
    branch = _branch(settings, checkout)
    own = checkout.top / settings.prefix / layout.METADATA
    store = store_folder(settings.source or settings.context.tracking_uri, own).absolute()
    store = own if store.resolve() == own else store
    with checkout.scratch(settings.remote, inherited_settings=settings.context.git_settings) as scratch:
        job = _Persist(
            settings=settings, world=world, checkout=checkout, scratch=scratch, branch=branch, store=store, own=own
        )
        return job.run()


def _branch(settings: PersistSettings, checkout: Checkout) -> str:
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
class _Persist:
    settings: PersistSettings
    world: World
    checkout: Checkout
    scratch: Scratch
    branch: str
    store: Path
    own: Path

    def run(self) -> Outcome:
        self.world.say(f"Reading runs from {self._shown(self.store)}")
        try:
            tip = self._patiently(lambda: self.scratch.fetch_tip(self.branch))
        except (UnreachableError, DeclinedError) as error:
            return self._unreadable_tip(error)
        self._refuse_unrelated(tip)
        incoming = self._incoming(self._tree(tip))
        built = self._build(tip, incoming)
        if self.settings.dry_run:
            return self._outcome(built, incoming, status="skipped", reason=_plan(built))
        if not built.is_new:
            return self._nothing_new(built, incoming)
        return self._publish(built, incoming)

    def _incoming(self, tip: Tree) -> Incoming:
        known = self._known_folders(tip)
        incoming = storable(filestore.read(self.store, known=lambda folder: folder in known))
        runs = sum(record.kind is Kind.RUN for record in incoming.records)
        self.world.say(f"Found {runs} {_plural(runs, 'run')} to compare with {self.settings.remote}/{self.branch}")
        return incoming

    def _known_folders(self, tip: Tree) -> frozenset[Path]:
        """Folders of the store that need not be read: in the checkout as the index has them, and as the tip has them.

        This keeps a history that came with the clone from being read, and a history that others committed by hand
        from being rewritten, every time a run is added.
        """
        if self.store != self.own:
            return frozenset()
        prefix = self.settings.prefix
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

    def _build(self, tip: str | None, incoming: Incoming) -> Built:
        before = self._tree(tip)
        merged = merge.merge(before, incoming)
        edits = [*merged.edits, *_git_files(before)] if merged.edits else []
        base = self.scratch.merged(tip=tip, edits=edits, root=self.settings.prefix)
        tree = self._tree(base)
        choice = selection.choose(history.candidates(tree, self.settings.rule), self.settings.rule)
        previous = history.previous_info(before)
        derived: list[Edit] = []
        if history.counts(tree)["runs"]:
            derived = promotion.promote(tree, choice, metadata.promoted_algorithms(previous))
            info = metadata.info(tree, choice, tree.folder_id(layout.METADATA))
            derived.append(Write(path=layout.INFO, content=info))
        commit = self.scratch.commit(
            tip=tip,
            base=base,
            edits=derived,
            root=self.settings.prefix,
            message=_message(self.settings.job, merged, choice),
            identity=self.checkout.identity() or self.settings.context.identity,
            when=int(self.world.now()),
        )
        unchanged = not derived if tip is None else self.scratch.same_tree(tip, commit)
        best = choice.best
        return Built(
            tip=tip,
            commit=tip if unchanged else commit,
            tree=self._tree(commit),
            choice=choice,
            added=merged.added,
            updated=merged.updated,
            improved=best is not None and best.run_id != metadata.promoted_run(previous),
        )

    def _publish(self, built: Built, incoming: Incoming) -> Outcome:
        """Push, and build again on the new tip as often as another job was faster."""
        for attempt in range(self.settings.attempts):
            self.world.say(f"Pushing {_counted(built)} to {self.settings.remote}/{self.branch}")
            try:
                if self._push(built):
                    return self._published(built, incoming)
                self._wait(attempt, "another job pushed first")
                tip = self._patiently(lambda: self.scratch.fetch_tip(self.branch))
            except (UnreachableError, DeclinedError) as error:
                return self._failed(built, incoming, error)
            built = self._build(tip, incoming)
            if not built.is_new:
                return self._nothing_new(built, incoming)
        reason = f"other jobs pushed first {self.settings.attempts} times in a row"
        return self._failed(built, incoming, DeclinedError(reason))

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

    def _published(self, built: Built, incoming: Incoming) -> Outcome:
        moved = self._update_checkout(built, incoming)
        reason = f"{_counted(built)} added to {self.settings.remote}/{self.branch}"
        return replace(
            self._outcome(built, incoming, status="persisted", reason=reason, moved=moved),
            pushed=True,
            commit_sha=built.commit,
        )

    def _nothing_new(self, built: Built, incoming: Incoming) -> Outcome:
        moved = self._update_checkout(built, incoming)
        reason = f"{self.settings.remote}/{self.branch} already holds every run"
        if not history.counts(built.tree)["runs"]:
            reason = f"there are no runs, neither in {self._shown(self.store)} nor in the history"
        return replace(
            self._outcome(built, incoming, status="nothing-new", reason=reason, moved=moved), commit_sha=built.tip
        )

    def _failed(self, built: Built, incoming: Incoming, error: UnreachableError | DeclinedError) -> Outcome:
        """Keep the commit where the next command can push it, and say what that command is."""
        path = self.checkout.bundle_folder() / f"{str(built.commit)[:12]}.bundle"
        self.scratch.bundle(built.tip, path)
        target = f"{self.settings.remote}/{self.branch}"
        recover = f"git fetch '{path}' {BUNDLED} && git push {self.settings.remote} FETCH_HEAD:refs/heads/{self.branch}"
        message = (
            f"{_counted(built).capitalize()} could not be pushed to {target}: {error}.\n"
            f"Untouched: the checkout, the branch on the remote and the runs in {self._shown(self.store)}.\n"
            f"To do: {_remedy(error)}, then run this again. Or push the commit that was built: {recover}"
        )
        outcome = self._outcome(built, incoming, status="failed", reason=str(error))
        return replace(outcome, bundle_path=str(path), messages=(*outcome.messages, ("error", message)))

    def _unreadable_tip(self, error: UnreachableError | DeclinedError) -> Outcome:
        """Without the remote, build on what the checkout knows of its branch, so that nothing is lost with the job."""
        tip = self.checkout.commit(f"refs/remotes/{self.settings.remote}/{self.branch}")
        incoming = self._incoming(self._tree(tip))
        built = self._build(tip, incoming)
        if self.settings.dry_run or not built.is_new:
            raise PublishError(
                f"Cannot read {self.settings.remote}/{self.branch}: {error}.",
                untouched="the checkout, the branch on the remote and the runs.",
                remedy=f"{_remedy(error)}, then run this again.",
            ) from error
        return self._failed(built, incoming, error)

    def _update_checkout(self, built: Built, incoming: Incoming) -> Moved | None:
        """Let the checkout follow the branch, as a person expects who goes on working there; `None` if not wanted."""
        if not self.settings.update or built.commit is None or self.checkout.branch != self.branch:
            return None
        return self.checkout.follow(
            remote=self.settings.remote,
            branch=self.branch,
            commit=built.commit,
            replaceable=self._replaceable(built.tree, incoming),
        )

    def _replaceable(self, published: Tree, incoming: Incoming) -> list[str]:
        """The job's own files in the checkout, once the published tree is seen to hold what is in them now."""
        if self.store != self.own:
            return []
        again = storable(filestore.read(self.store, known=self._is_unread(incoming)))
        if merge.merge(published, again).edits or self._leaves_half(published, incoming):
            return []
        changed = self.checkout.changed_files(self._own_folders())
        inside = (origin for origin in again.origins if origin.is_relative_to(self.checkout.top))
        return sorted(changed & {origin.relative_to(self.checkout.top).as_posix() for origin in inside})

    def _is_unread(self, incoming: Incoming) -> Callable[[Path], bool]:
        read = {origin.parent for origin in incoming.origins if origin.name == "meta.yaml"}
        return lambda folder: folder not in read

    def _leaves_half(self, published: Tree, incoming: Incoming) -> bool:
        """Whether an experiment that goes to another id would leave something behind that was not stored."""
        ids = {each.name: each.id for each in history.experiments(published)}
        moving = {each.name for each in incoming.experiments if ids.get(each.name) != each.id}
        return any(refusal.experiment in moving for refusal in incoming.refusals)

    def _own_folders(self) -> list[str]:
        return [self.settings.prefix + layout.METADATA, self.settings.prefix + layout.ARTIFACTS]

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

    def _shown(self, path: Path) -> str:
        return str(path.relative_to(self.checkout.top)) if path.is_relative_to(self.checkout.top) else str(path)

    def _outcome(
        self, built: Built, incoming: Incoming, *, status: Status, reason: str, moved: Moved | None = None
    ) -> Outcome:
        best = built.choice.best
        return Outcome(
            status=status,
            reason=reason,
            run_id=best.run_id if best else None,
            metric=self.settings.rule.metric,
            value=best.value if best else None,
            improved=built.improved,
            model_path=self.settings.prefix + layout.PROMOTED if best else None,
            runs_added=len(built.added),
            runs_updated=len(built.updated),
            runs_excluded=sum(len(runs) for runs in built.choice.excluded.values()),
            runs_refused=len(incoming.refusals),
            choice=built.choice,
            messages=tuple(_messages(built, incoming, moved)),
        )


def _messages(built: Built, incoming: Incoming, moved: Moved | None) -> Iterator[tuple[str, str]]:
    for refusal in incoming.refusals:
        yield "error" if refusal.remedy else "warning", str(refusal)
    for warning in incoming.warnings:
        yield "warning", warning
    if built.choice.best is None and history.counts(built.tree)["runs"]:
        yield "warning", f"No run can be promoted: {_excluded(built.choice)}."
    elif built.choice.best:
        missing = promotion.missing_formats(promotion.model_files(built.tree, built.choice.best))
        if missing:
            yield "notice", f"The promoted run did not log its model as {', '.join(missing)}; it was not made up."
    if moved and not moved.followed:
        yield (
            "warning",
            f"The checkout was left as it is: {moved.reason}. Commit or move those away, then run this again.",
        )


def _excluded(choice: Choice) -> str:
    return "; ".join(
        f"{len(runs)} {_plural(len(runs), 'run')}: {selection.EXCLUSIONS[reason]}"
        for reason, runs in choice.excluded.items()
    )


def _git_files(tree: Tree) -> Iterator[Write]:
    """`.gitattributes` and `.gitignore` of the history, where there is none yet."""
    for path, content in layout.git_files().items():
        if path not in tree.files:
            yield Write(path=path, content=content)


def _message(job: str, merged: merge.Merge, choice: Choice) -> str:
    count = len(merged.added)
    subject = f"MLflow: add {count} {_plural(count, 'run')} from {job}"
    if not count:
        subject = f"MLflow: update {len(merged.updated)} {_plural(len(merged.updated), 'run')} from {job}"
    if not (count or merged.updated):
        subject = f"MLflow: choose again, asked by {job}"
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
    parts = [f"{len(built.added)} {_plural(len(built.added), 'run')}"] if built.added or not built.updated else []
    if built.updated:
        parts.append(f"{len(built.updated)} updated {_plural(len(built.updated), 'run')}")
    return " and ".join(parts)


def _plural(count: int, noun: str) -> str:
    return noun if count == 1 else f"{noun}s"


def _remedy(error: UnreachableError | DeclinedError) -> str:
    if isinstance(error, UnreachableError):
        return "check the remote's address and the network"
    return (
        "give the job the right to push (on GitHub: 'permissions: contents: write', and a branch whose protection "
        "lets it), or read what the remote said"
    )
