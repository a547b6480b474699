"""What a killed process leaves behind, and that the next one leaves no trace of it."""

import os
import shutil
import signal
import tempfile
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest

from mlpipeline.core.errors import RepositoryError
from mlpipeline.core.workspace import abandoned, workspace
from support.gitrepo import files, git
from support.jobs import Job
from support.mlstore import put, write_run
from support.processes import PROGRAMS, PROJECT, python

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no lock that ends with its process")


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files, for this test alone."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def killed(job: Job, *at: str) -> None:
    """Persist in a process that is killed on the way."""
    search = os.pathsep.join(str(PROJECT / name) for name in ("scripts", "tests"))
    done = python(job.checkout, PROGRAMS / "persist_and_die.py", *at, check=False, PYTHONPATH=search)
    assert done.returncode == -signal.SIGKILL, done.stderr


def leavings(job: Job, temporary: Path) -> list[str]:
    folders = (temporary, job.checkout / ".git/mlflow-persistence")
    return sorted(path.name for folder in folders if folder.exists() for path in folder.iterdir())


def history(checkout: Path) -> dict[str, bytes]:
    names = ("mlruns", "mlflow-artifacts")
    return {
        path.relative_to(checkout).as_posix(): path.read_bytes()
        for name in names
        for path in (checkout / name).rglob("*")
        if path.is_file()
    }


@pytest.fixture
def unharmed(new_job: Callable[..., Job], job: Job, temporary: Path) -> Callable[[], None]:
    """Persist once more, and compare with a clone that knows of nothing."""

    def check() -> None:
        outcome = job.persist()

        assert outcome.status in ("persisted", "nothing-new")
        assert git(job.checkout, "status", "--porcelain", "--ignored") == ""
        assert leavings(job, temporary) == []
        assert history(job.checkout) == history(new_job("reader").checkout)

    return check


@pytest.mark.parametrize(
    "at",
    [
        ("after_files", "1"),
        ("after_files", "5"),
        ("while_git_moves_the_branch",),
        ("after_git_moved",),
        ("while_git_writes",),
    ],
    ids=str,
)
def test_a_process_that_is_killed(at: tuple[str, ...], job: Job, temporary: Path, unharmed: Callable[[], None]) -> None:
    write_run(job.store)
    killed(job, *at)
    assert leavings(job, temporary) != []

    unharmed()


def test_a_process_that_is_killed_with_the_git_that_moves_the_checkout(
    origin: Path, job: Job, new_job: Callable[..., Job], unharmed: Callable[[], None]
) -> None:
    other = new_job("other")
    write_run(other.store)
    other.persist()
    theirs = [path for path in files(origin) if path.endswith(("MLmodel", "model.pkl"))]
    write_run(job.store)
    killed(job, "while_git_moves", *theirs[:2])
    assert (job.checkout / theirs[1]).stat().st_size == 3

    unharmed()


def test_a_lock_that_is_older_is_somebody_elses(job: Job) -> None:
    write_run(job.store)
    put(job.checkout / ".git/index.lock", b"")

    outcome = job.persist()

    assert outcome.pushed
    assert (job.checkout / ".git/index.lock").exists()


def test_what_training_wrote_meanwhile_stays(job: Job, origin: Path) -> None:
    run = write_run(job.store)
    killed(job, "while_git_moves")
    kept = next(job.checkout.glob(".git/mlflow-persistence/aside-*/files"))
    metric = next(kept.glob(f"mlruns/*/{run}/metrics/val_rmse"))
    before = metric.read_text(encoding="utf-8").strip()
    put(job.checkout / metric.relative_to(kept), b"1790000000000 0.5 1\n")

    job.persist()

    stored = next(path for path in files(origin) if path.endswith(f"{run}/metrics/val_rmse"))
    assert git(origin, "show", f"main:{stored}").splitlines() == [before, "1790000000000 0.5 1"]


class TestWorkspaces:
    def test_are_abandoned_once_nobody_has_them(self, tmp_path: Path) -> None:
        with workspace("ours-", tmp_path) as ours:
            assert list(abandoned("ours-", tmp_path)) == []
            assert ours.path.is_dir()
        assert not ours.path.exists()
        left = tmp_path / "ours-of-a-killed-one"
        put(left / "file", b"")
        put(tmp_path / "others-/file", b"")

        assert list(abandoned("ours-", tmp_path)) == [left]

        assert sorted(path.name for path in tmp_path.iterdir()) == ["others-"]

    def test_are_in_use_while_a_program_runs_that_inherited_the_lock(self, tmp_path: Path) -> None:
        with workspace("ours-", tmp_path) as ours:
            inherited = os.dup(ours.lock[0])
        ours.path.mkdir()
        os.close(inherited)

        assert list(abandoned("ours-", tmp_path)) == [ours.path]

    def test_may_end_while_they_are_looked_for(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        put(tmp_path / "ours-of-one-that-ends/file", b"")
        put(tmp_path / "ours-of-a-killed-one/file", b"")
        with os.scandir(tmp_path) as entries:
            listed = list(entries)
        shutil.rmtree(tmp_path / "ours-of-one-that-ends")

        with monkeypatch.context() as patch:
            patch.setattr("mlpipeline.core.workspace.os.scandir", lambda _: nullcontext(listed))
            found = next(abandoned("ours-", tmp_path))

        assert found == tmp_path / "ours-of-a-killed-one"

    def test_links_are_not_followed(self, tmp_path: Path) -> None:
        put(tmp_path / "elsewhere/file", b"")
        (tmp_path / "ours-link").symlink_to(tmp_path / "elsewhere")

        assert list(abandoned("ours-", tmp_path)) == []


def test_a_git_that_dies_is_no_bug_of_ours(job: Job, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    write_run(job.store)
    program = tmp_path / "git"
    program.write_text(
        '#!/bin/sh\ncase "$*" in *fast-import*) echo "fatal: Out of memory" >&2; exit 128;; esac\n'
        f'exec {shutil.which("git")} "$@"\n'
    )
    program.chmod(0o755)
    monkeypatch.setattr("git.Git.GIT_PYTHON_GIT_EXECUTABLE", str(program))

    with pytest.raises(RepositoryError, match="git failed: fatal: Out of memory") as caught:
        job.persist()

    assert "room on the disk" in caught.value.remedy
