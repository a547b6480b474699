"""What becomes of the user's checkout after a push: what follows, what stays, and what is said of it."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.gitrepo import files, git, show
from support.jobs import Job, before_next_push
from support.mlstore import put, write_run

PROMOTED = "deployment/models/best_model"


def told(job: Job, **changes: Any) -> str:
    """Persist, and give what is said of the checkout."""
    outcome = job.persist(**changes)
    assert outcome.commit_sha is not None
    return "\n".join(message for _, message in outcome.messages if "The checkout" in message)


def commit(job: Job, name: str) -> None:
    put(job.checkout / name, name.encode())
    git(job.checkout, "add", name)
    git(job.checkout, "commit", "--quiet", "--message", name)


def follow_advice(job: Job, message: str) -> None:
    command = message.split("To do: ")[1]
    subprocess.run(["sh", "-e", "-c", command], cwd=job.checkout, check=True, capture_output=True)


def is_up_to_date(job: Job, origin: Path) -> bool:
    head = git(job.checkout, "rev-parse", "HEAD")
    return (git(job.checkout, "status", "--porcelain"), head) == ("", git(origin, "rev-parse", "main"))


class TestCommitsOfItsOwn:
    @pytest.mark.parametrize("own", [True, False], ids=["runs in the checkout", "runs elsewhere"])
    @pytest.mark.parametrize("ignored", [True, False], ids=["ignored", "untracked"])
    def test_are_counted_and_the_advice_works(
        self, origin: Path, job: Job, tmp_path: Path, *, own: bool, ignored: bool
    ) -> None:
        if ignored:
            put(job.checkout / ".git/info/exclude", b"mlruns/\n")
        commit(job, "report.md")
        commit(job, "notes.md")
        store = job.store if own else tmp_path / "elsewhere/mlruns"
        run = write_run(store)

        first, second = told(job, source=store.as_uri()), told(job, source=store.as_uri())

        assert "'main' has 2 commits that are not on 'origin'" in first
        assert "git pull --rebase origin main" in first
        assert second == first
        follow_advice(job, second)
        assert is_up_to_date(job, origin)
        assert {"report.md", "notes.md", f"mlflow-artifacts/models/{model_of(origin, run)}"} <= {
            file.removesuffix("/artifacts/MLmodel") for file in files(origin)
        }
        assert told(job, source=store.as_uri()) == ""

    def test_beside_a_folder_with_a_space_the_advice_works(self, origin: Path, job: Job) -> None:
        commit(job, "report.md")
        store = job.checkout / "back end/mlruns"
        write_run(store)

        follow_advice(job, told(job, root="back end"))

        assert is_up_to_date(job, origin)

    def test_one_is_counted_as_one(self, job: Job) -> None:
        commit(job, "report.md")
        write_run(job.store)

        assert "'main' has 1 commit that is not on 'origin'" in told(job)

    def test_on_top_of_what_was_pushed_are_no_obstacle(self, job: Job) -> None:
        write_run(job.store)
        job.persist()
        commit(job, "report.md")

        assert told(job) == ""

    def test_beside_other_work_below_mlruns_the_advice_names_it(self, origin: Path, job: Job) -> None:
        commit(job, "report.md")
        write_run(job.store)
        put(job.store / "notes.txt", b"mine")

        message = told(job)

        assert "move mlruns/notes.txt away, then git stash push" in message
        (job.store / "notes.txt").rename(job.checkout.with_name("notes.txt"))
        subprocess.run(["sh", "-e", "-c", message.split(", then ")[1]], cwd=job.checkout, check=True)
        assert is_up_to_date(job, origin)


class TestFilesInTheWay:
    @pytest.mark.parametrize("ignored", [True, False], ids=["ignored", "untracked"])
    def test_that_equal_what_was_pushed_do_not_block(
        self, origin: Path, new_job: Callable[..., Job], *, ignored: bool
    ) -> None:
        job, other = new_job("job"), new_job("other")
        write_run(other.store)
        other.persist()
        if ignored:
            put(job.checkout / ".git/info/exclude", b"mlruns/\nmodels/\ndeployment/\n")
        for path in ("mlflow_persistence_info.json", "models/ridge_metadata.json", f"{PROMOTED}/metadata.json"):
            put(job.checkout / path, show(origin, path))

        assert told(job, source=other.store.as_uri()) == ""
        assert is_up_to_date(job, origin)

    def test_that_differ_are_named_and_no_others(self, origin: Path, new_job: Callable[..., Job]) -> None:
        job, other = new_job("job"), new_job("other")
        write_run(other.store)
        other.persist()
        put(job.checkout / "models/ridge_metadata.json", show(origin, "models/ridge_metadata.json"))
        put(job.checkout / f"{PROMOTED}/MLmodel", b"mine")
        put(job.checkout / "models/r\u00e9sum\u00e9.txt", b"mine, in nobody's way")
        write_run(job.store, value=5.0)
        head = git(job.checkout, "rev-parse", "HEAD")

        message = told(job)

        assert f"in the way: {PROMOTED}/MLmodel." in message
        assert git(job.checkout, "rev-parse", "HEAD") == head
        assert (job.checkout / f"{PROMOTED}/MLmodel").read_bytes() == b"mine"
        assert (job.checkout / "models/ridge_metadata.json").exists()

    def test_that_are_edited_into_what_was_pushed_do_not_block(self, origin: Path, new_job: Callable[..., Job]) -> None:
        job, other = new_job("job"), new_job("other")
        write_run(job.store, value=5.0)
        job.persist()
        git(other.checkout, "pull", "--quiet")
        write_run(other.store, value=1.0)
        other.persist()
        put(job.checkout / "models/ridge_metadata.json", show(origin, "models/ridge_metadata.json"))

        assert told(job, source=other.store.as_uri()) == ""
        assert is_up_to_date(job, origin)

    def test_behind_a_link_are_not_touched(self, origin: Path, new_job: Callable[..., Job], tmp_path: Path) -> None:
        job, other = new_job("job"), new_job("other")
        write_run(other.store)
        other.persist()
        elsewhere = tmp_path / "disk"
        put(elsewhere / "ridge_metadata.json", show(origin, "models/ridge_metadata.json"))
        (job.checkout / "models").symlink_to(elsewhere)

        assert "in the way: models" in told(job, source=other.store.as_uri())
        assert (elsewhere / "ridge_metadata.json").exists()
        assert (job.checkout / "models").is_symlink()

    def test_of_a_run_that_grew_are_the_only_ones_that_stay(
        self, origin: Path, job: Job, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        grown, ended = write_run(job.store), write_run(job.store)
        folder = "mlruns/123456789012345678"
        metric = job.checkout / folder / grown / "metrics/val_rmse"
        before_next_push(monkeypatch, lambda: metric.write_text("1760000000 0.1 9\n", encoding="utf-8"))

        message = told(job)

        assert ended not in message
        assert "0.1" in metric.read_text(encoding="utf-8")
        assert ended in " ".join(files(origin))


class TestNames:
    def test_a_tag_called_as_the_branch_is_another_ref(self, origin: Path, job: Job) -> None:
        git(job.checkout, "tag", "main")
        git(job.checkout, "push", "--quiet", "origin", "refs/tags/main")
        before = git(origin, "rev-parse", "refs/tags/main")
        write_run(job.store)

        assert told(job) == ""

        assert git(origin, "for-each-ref", "--format=%(refname)") == "refs/heads/main\nrefs/tags/main"
        assert git(origin, "rev-parse", "refs/tags/main") == before
        assert git(job.checkout, "rev-parse", "HEAD") == git(origin, "rev-parse", "refs/heads/main")


def model_of(origin: Path, run: str) -> str:
    """The logged model that a run names as its output."""
    return next(path.split("/")[4] for path in files(origin) if f"/{run}/outputs/" in path)
