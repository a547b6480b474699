"""Real Git repositories for tests: a bare origin and clones of it."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

HOSTS_CHECKS = ("gitattributesSymlink", "gitignoreSymlink", "mailmapSymlink", "gitmodulesParse")
"""What fsck only remarks by itself, and hosts may refuse."""


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder; returns its output without the last line break."""
    done = subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.rstrip("\n")


def make_origin(folder: Path) -> Path:
    """A bare repository with one commit on `main`; returns its folder."""
    origin = folder / "origin.git"
    git(folder, "init", "--quiet", "--bare", "--initial-branch=main", str(origin))
    # As hosts do: what is pushed is checked, object by object.
    git(origin, "config", "receive.fsckObjects", "true")
    for check in HOSTS_CHECKS:
        git(origin, "config", f"receive.fsck.{check}", "error")
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


def fsck(repository: Path) -> None:
    """Assert that a repository passes all of Git's checks of its objects."""
    settings = [part for check in HOSTS_CHECKS for part in ("-c", f"fsck.{check}=error")]
    command = ["git", *settings, "fsck", "--strict", "--no-dangling", "--no-progress"]
    done = subprocess.run(command, cwd=repository, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def plant(repository: Path, contents: Mapping[str, bytes], links: Mapping[str, str] | None = None) -> None:
    """Put files and links at any paths of `main`, as somebody can who pushes trees of his own making."""
    listed = git(repository, "ls-tree", "-r", "-z", "main").split("\0")
    entries = {path: head.split(" ")[::2] for head, path in (line.split("\t", 1) for line in listed if line)}
    entries |= {path: ["100644", _stored(repository, data)] for path, data in contents.items()}
    entries |= {path: ["120000", _stored(repository, target.encode())] for path, target in (links or {}).items()}
    tree = _tree(repository, {path: (mode, identifier) for path, (mode, identifier) in entries.items()})
    commit = git(repository, "commit-tree", tree, "-p", "main", "-m", "planted")
    git(repository, "update-ref", "refs/heads/main", commit)


def _stored(repository: Path, data: bytes) -> str:
    done = subprocess.run(
        ["git", "hash-object", "-w", "--stdin"], cwd=repository, input=data, check=True, capture_output=True
    )
    return done.stdout.decode().strip()


def _tree(repository: Path, entries: Mapping[str, tuple[str, str]]) -> str:
    folders: dict[str, dict[str, tuple[str, str]]] = {}
    lines: list[str] = []
    for path, (mode, identifier) in entries.items():
        name, slash, rest = path.partition("/")
        if slash:
            folders.setdefault(name, {})[rest] = (mode, identifier)
        else:
            lines.append(f"{mode} {'commit' if mode == '160000' else 'blob'} {identifier}\t{name}")
    lines += [f"040000 tree {_tree(repository, inside)}\t{name}" for name, inside in folders.items()]
    given = "".join(f"{line}\0" for line in lines).encode(errors="surrogateescape")
    done = subprocess.run(["git", "mktree", "-z"], cwd=repository, input=given, check=True, capture_output=True)
    return done.stdout.decode().strip()
