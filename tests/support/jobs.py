"""A bare origin, clones of it, and persisting in them with a clock and a sleep of our own."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from mlpipeline.core.outcome import Outcome
from mlpipeline.core.ranking import RuleOptions
from mlpipeline.core.settings import BOT, Context, PublishSettings
from mlpipeline.operations.persist import persist
from mlpipeline.publishing.loop import Effects
from mlpipeline.repo.remote import PushResult
from mlpipeline.repo.scratch import Scratch
from support import gitrepo

NOW = 1_760_000_000
CONTEXT = Context(tracking_uri="", job="test job", identity=BOT, act=False, skip="", git_settings=0)


@dataclass
class Job:
    """One checkout in which runs are persisted."""

    checkout: Path
    sleeps: list[float] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    while_waiting: Callable[[], None] = lambda: None

    @property
    def store(self) -> Path:
        return self.checkout / "mlruns"

    def settings(self, **changes: Any) -> PublishSettings:
        settings = PublishSettings(
            repository=self.checkout,
            root=".",
            remote="origin",
            branch=None,
            rule=RuleOptions(),
            update=True,
            dry_run=False,
            attempts=20,
            context=CONTEXT,
        )
        return replace(settings, **changes)

    def persist(self, *, source: str = "", **changes: Any) -> Outcome:
        def sleep(seconds: float) -> None:
            self.sleeps.append(seconds)
            self.while_waiting()

        effects = Effects(now=lambda: NOW, sleep=sleep, say=self.said.append)
        return persist(self.settings(**changes), effects, source=source, job="")


def before_next_push(monkeypatch: pytest.MonkeyPatch, action: Callable[[], object]) -> None:
    """Let something happen once, when the next commit is ready and not yet pushed."""
    push = Scratch.push

    def interrupted(scratch: Scratch, branch: str, commit: str) -> PushResult:
        monkeypatch.setattr(Scratch, "push", push)
        action()
        return push(scratch, branch, commit)

    monkeypatch.setattr(Scratch, "push", interrupted)


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    return gitrepo.make_origin(tmp_path)


@pytest.fixture
def new_job(origin: Path, tmp_path: Path) -> Callable[..., Job]:
    def make(name: str, *options: str) -> Job:
        return Job(checkout=gitrepo.clone(origin, tmp_path / name, *options))

    return make


@pytest.fixture
def job(new_job: Callable[..., Job]) -> Job:
    return new_job("job")
