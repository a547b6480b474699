"""Persist the runs of the checkout in which this runs, and be killed on the way; run by `repo/test_killed.py`."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import git

from mlpipeline.repo.checkout import Checkout
from mlpipeline.repo.fastimport import Importer
from support.jobs import Job


def die(*_: object, **__: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def after_files(count: str) -> None:
    """Be killed when so many files have stepped aside."""
    rename = Path.rename
    moved: list[Path] = []

    def renamed(path: Path, target: Path) -> Path:
        if len(moved) == int(count):
            die()
        moved.append(path)
        return rename(path, target)

    Path.rename = renamed  # type: ignore[method-assign, assignment]


def while_git_moves(*written: str) -> None:
    """Be killed together with git, which has its lock, and has written a file and the beginning of another."""
    execute = git.Git.execute

    def executed(program: git.Git, command: list[str], **options: Any) -> Any:
        if "merge" in command:
            top = Path.cwd()
            (top / ".git/index.lock").touch()
            commit = command[-1]
            for path, part in zip(written, (None, 3), strict=False):
                (top / path).parent.mkdir(parents=True, exist_ok=True)
                shown = subprocess.run(["git", "show", f"{commit}:{path}"], check=True, capture_output=True).stdout
                (top / path).write_bytes(shown[:part])
            die()
        return execute(program, command, **options)

    git.Git.execute = executed  # type: ignore[method-assign, assignment]


def while_git_moves_the_branch() -> None:
    """Be killed together with git, which has brought the files and the index to the commit, and locked the branch."""
    execute = git.Git.execute

    def executed(program: git.Git, command: list[str], **options: Any) -> Any:
        if "merge" in command:
            Path(".git/refs/heads/main.lock").touch()
            with suppress(git.GitCommandError):
                execute(program, command, **options)
            die()
        return execute(program, command, **options)

    git.Git.execute = executed  # type: ignore[method-assign, assignment]


def after_git_moved() -> None:
    Checkout._restore_missing = die  # type: ignore[method-assign]


def while_git_writes() -> None:
    Importer._write_all = die  # type: ignore[method-assign, assignment]


POINTS = (after_files, while_git_moves, while_git_moves_the_branch, after_git_moved, while_git_writes)
at, *details = sys.argv[1:]
next(point for point in POINTS if point.__name__ == at)(*details)
Job(checkout=Path.cwd()).persist()
