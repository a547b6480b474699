"""Real Git repositories for tests: a bare origin and clones of it."""

import subprocess
from pathlib import Path


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder; returns its output without the last line break."""
    done = subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.rstrip("\n")


def make_origin(folder: Path) -> Path:
    """A bare repository with one commit on `main`; returns its folder."""
    origin = folder / "origin.git"
    git(folder, "init", "--quiet", "--bare", "--initial-branch=main", str(origin))
    first = clone(origin, folder / "first")
    (first / "README.md").write_text("a project\n", encoding="utf-8")
    git(first, "add", "README.md")
    git(first, "commit", "--quiet", "--message", "begin")
    git(first, "push", "--quiet", "origin", "HEAD:main")
    return origin


def clone(origin: Path, folder: Path, *options: str) -> Path:
    """A clone over the real pack protocol; returns its folder."""
    git(folder.parent, "clone", "--quiet", *options, origin.as_uri(), str(folder))
    return folder


def files(repository: Path, commit: str = "main") -> list[str]:
    """Paths of all files of a commit."""
    return git(repository, "ls-tree", "-r", "--name-only", commit).splitlines()


def show(repository: Path, path: str, commit: str = "main") -> bytes:
    """The bytes of a file in a commit."""
    return subprocess.run(
        ["git", "cat-file", "blob", f"{commit}:{path}"], cwd=repository, check=True, capture_output=True
    ).stdout


def hook(origin: Path, name: str, script: str) -> Path:
    """Install a hook; returns its file."""
    path = origin / "hooks" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return path
