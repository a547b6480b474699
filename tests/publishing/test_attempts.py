"""What happens once, however many attempts a push takes, and what never happens on it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mlpipeline.core.records import Incoming
from mlpipeline.repo.remote import PushResult
from mlpipeline.repo.scratch import Scratch
from mlpipeline.sources import filestore
from mlpipeline.sources.artifacts import Surroundings
from mlpipeline.sources.known import Known
from support.gitrepo import files, git, hook
from support.jobs import Job
from support.mlstore import write_run


def test_the_source_is_read_once_however_many_races_are_lost(
    origin: Path, new_job: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, fast = new_job("slow"), new_job("fast")
    mine = write_run(slow.store, value=2.0)
    push, read = Scratch.push, filestore.read
    reads: list[Path] = []

    def push_after_a_rival(self: Scratch, branch: str, commit: str) -> PushResult:
        if len(slow.sleeps) < 3:
            with monkeypatch.context() as undisturbed:
                undisturbed.setattr(Scratch, "push", push)
                write_run(fast.store, value=3.0)
                assert fast.persist().status == "persisted"
        return push(self, branch, commit)

    def counted(store: Path, known: Known, *, around: Surroundings) -> Incoming:
        reads.append(store)
        return read(store, known, around=around)

    monkeypatch.setattr(Scratch, "push", push_after_a_rival)
    monkeypatch.setattr(filestore, "read", counted)

    outcome = slow.persist()

    assert (outcome.status, outcome.run_id, len(slow.sleeps)) == ("persisted", mine, 3)
    # Once for publishing, and once more to see that the checkout may follow.
    assert reads.count(slow.store) == 2
    assert outcome.runs_added == 1
    assert len([path for path in files(origin) if path.endswith("/metrics/val_rmse")]) == 4


def test_losing_every_race_advises_what_helps(origin: Path, job: Job) -> None:
    (origin / "refs/heads/main.lock").touch()
    write_run(job.store)

    outcome = job.persist(attempts=2)

    (message,) = (text for level, text in outcome.messages if level == "error")
    assert "let one job persist the runs of all" in message
    assert "contents: write" not in message


@pytest.mark.parametrize("name", ["pre-push", "reference-transaction", "post-checkout"])
def test_hooks_of_the_users_configuration_do_not_run_on_our_push(
    origin: Path, job: Job, tmp_path: Path, name: str
) -> None:
    hook(tmp_path / "mine", name, f"touch {tmp_path / 'ran'}; exit 1")
    git(job.checkout, "config", "--global", "core.hooksPath", str(tmp_path / "mine" / "hooks"))
    git(origin, "config", "core.hooksPath", "hooks")  # the remote is another machine, with hooks of its own
    write_run(job.store)

    outcome = job.persist(update=False)

    assert (outcome.status, outcome.pushed) == ("persisted", True)
    assert not (tmp_path / "ran").exists()
    assert git(origin, "rev-list", "--count", "main") == "2"
