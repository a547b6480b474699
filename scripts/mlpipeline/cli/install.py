"""One lock of requirements/ into one virtual environment: how the Makefile and every action install.

Runs on a bare Python, so it imports the standard library alone. Writes inside the environment's folder only; what pip
and uv are told by the user's environment and configuration files stays in force.
"""

import argparse
import ast
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from mlpipeline.cli import entry, streams
from mlpipeline.core.errors import InputError, MissingDependencyError
from mlpipeline.reports.report import Report

ROOT = Path(__file__).parents[3].resolve()
LOCKS = ROOT / "requirements"
BOOTSTRAP = "uv"
"""The lock of the installer that puts in the large ones."""
SMALL = frozenset({"persist", BOOTSTRAP})
"""Locks of a few packages: pip alone is done with them before uv would be there."""
STAMP = "mlpipeline-lock.txt"
"""In the environment: whose it is and the lock it holds, or nothing while it is unfinished."""
FIRST_PIP_WITH_PYTHON = (22, 3)

# uv reads no configuration of pip's: https://docs.astral.sh/uv/pip/compatibility/
UV_VARIABLES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "no-index": "UV_NO_INDEX",
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
    "proxy": "ALL_PROXY",
}
OLDER_UV_VARIABLES = {"index-url": "UV_INDEX_URL", "extra-index-url": "UV_EXTRA_INDEX_URL"}


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `install.py`."""
    parser.add_argument("lock", choices=sorted(path.stem for path in LOCKS.glob("*.txt")), help="the lock to install")
    parser.add_argument("--venv", type=Path, default=Path(".venv"), help="the environment's folder (%(default)s)")


def _work(flags: argparse.Namespace, environ: Mapping[str, str]) -> Report:
    venv = Path(os.path.abspath(flags.venv))  # noqa: PTH100 - resolve() would leave the folder through a symlink
    reused = _holds(venv, flags.lock)
    if not reused:
        streams.say(f"Installing requirements/{flags.lock}.txt into {flags.venv} ...")
        _make(venv, flags.lock, environ)
    python = _interpreter(venv)
    return Report(outputs={"python": str(python), "reused": reused}, text=str(python), summary="")


def pins(lock: str) -> frozenset[str]:
    """The requirements that a lock's text pins, with their markers and without their hashes."""
    return frozenset(line.rstrip("\\ ") for line in lock.splitlines() if line and not line.startswith((" ", "#")))


def uv_settings(pip_config: str, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment variables that tell uv what pip is told and uv is not.

    Args:
        pip_config: what `pip config list` prints, one `section.name='value'` a line.
        environ: the environment; a setting that it already makes for uv is left alone.
    """
    told: dict[str, str] = {}
    # pip's own precedence, lowest first: a later section overrides an earlier one.
    for section in ("global", "install", ":env:"):
        for name, value in re.findall(rf"^{section}\.([\w-]+)=(.+)$", pip_config, flags=re.MULTILINE):
            told[name] = str(ast.literal_eval(value))
    settings: dict[str, str] = {}
    for name, variable in UV_VARIABLES.items():
        if name not in told or variable in environ or OLDER_UV_VARIABLES.get(name) in environ:
            continue
        values = told[name].split()
        if name == "find-links":
            # uv stops at a folder that is missing, pip passes over it.
            values = [value for value in values if "://" in value or Path(value).is_dir()]
        if values:
            settings[variable] = ("," if name == "find-links" else " ").join(values)
    if "UV_INDEX" in settings and "UV_INDEX_STRATEGY" not in environ:
        # As pip does: any index may hold a pinned version, and the hashes decide which file is it.
        settings["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    return settings


def _holds(venv: Path, lock: str) -> bool:
    """Whether the environment is finished, works, and has at least what the lock pins."""
    try:
        owner, _, installed = (venv / STAMP).read_text(encoding="utf-8").partition("\n")
    except OSError:
        return False
    if owner != _owner(venv) or not pins(_text(lock)) <= pins(installed):
        return False
    try:
        return subprocess.run([_interpreter(venv), "-c", ""], check=False, capture_output=True).returncode == 0
    except OSError:
        return False


def _make(venv: Path, lock: str, environ: Mapping[str, str]) -> None:
    _clear(venv)
    base = _base_python()
    _call([base, "-m", "venv", "--without-pip", str(venv)], environ, remedy="On Debian: apt-get install python3-venv")
    python = _interpreter(venv)
    pip = _pip(base, python, environ)
    _pip_install(pip, lock if lock in SMALL else BOOTSTRAP, environ)
    if lock not in SMALL:
        settings = uv_settings(_call([*pip, "config", "list"], environ), environ)
        command = [str(python), "-m", "uv", "pip", "install", "--python", str(python), "--quiet"]
        _call([*command, *_hashed(lock)], {**environ, **settings})
    unfinished = venv / f"{STAMP}.new"
    unfinished.write_text(f"{_owner(venv)}\n{_text(lock)}", encoding="utf-8")
    unfinished.replace(venv / STAMP)


def _clear(venv: Path) -> None:
    """Leave the folder with nothing but an empty stamp, which says that this command made it."""
    stamp = venv / STAMP
    try:
        if venv.is_dir() and any(venv.iterdir()) and not stamp.is_file():
            raise InputError(
                f"{venv} is not empty, and was not created by this command.",
                untouched="everything in it.",
                remedy="choose another folder with --venv, or remove this one.",
            )
        venv.mkdir(parents=True, exist_ok=True)
        stamp.write_bytes(b"")
        for child in venv.iterdir():
            if child.is_dir() and not child.is_symlink():
                shutil.rmtree(child)
            elif child != stamp:
                child.unlink()
    except OSError as error:
        raise InputError(f"The environment's folder cannot be used: {error}") from error


def _pip(base: str, python: Path, environ: Mapping[str, str]) -> list[str]:
    """A pip that installs for `python`: the one of the Python that runs this, else one that Python brings along."""
    found = subprocess.run([base, "-m", "pip", "--version"], env=environ, check=False, capture_output=True, text=True)
    version = re.match(r"pip (\d+)\.(\d+)", found.stdout)
    if version and (int(version[1]), int(version[2])) >= FIRST_PIP_WITH_PYTHON:
        return [base, "-m", "pip", "--python", str(python)]
    _call([str(python), "-m", "ensurepip"], environ, remedy="On Debian: apt-get install python3-pip python3-venv")
    return [str(python), "-m", "pip"]


def _pip_install(pip: Sequence[str], lock: str, environ: Mapping[str, str]) -> None:
    command = [*pip, "install", "--quiet", "--disable-pip-version-check", *_hashed(lock)]
    # An environment has no user site: a machine-wide `user = true` would make pip refuse.
    _call(command, {**environ, "PIP_USER": "0"})


def _hashed(lock: str) -> list[str]:
    # A lock is complete, so nothing is left to resolve.
    return ["--require-hashes", "--no-deps", "-r", str(LOCKS / f"{lock}.txt")]


def _call(command: Sequence[str], environ: Mapping[str, str], *, remedy: str = "") -> str:
    """What a program prints.

    Raises:
        MissingDependencyError: it failed; carries what it said last.
    """
    # From this project's folder, for uv obeys a `[tool.uv]` in the folder it is called from, and that is another's.
    done = subprocess.run(command, env=environ, cwd=ROOT, check=False, capture_output=True, text=True)
    if done.returncode:
        said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-20:])
        raise MissingDependencyError(
            f"`{' '.join(command)}` failed with exit code {done.returncode}:\n{said}",
            untouched="everything outside the environment's folder.",
            remedy=remedy or "fix the error above (mostly the network or the package index), then run this again.",
        )
    return done.stdout


def _text(lock: str) -> str:
    return (LOCKS / f"{lock}.txt").read_text(encoding="utf-8")


def _owner(venv: Path) -> str:
    # An environment works only where it was made and with the Python it was made from.
    return f"# Python {platform.python_version()} in {sys.base_prefix}, for {venv}"


def _interpreter(venv: Path) -> Path:
    return venv / "Scripts" / "python.exe" if os.name == "nt" else venv / "bin" / "python"


def _base_python() -> str:
    # Not `sys.executable`: with an environment active that may be the very one to be replaced.
    return str(sys._base_executable)  # type: ignore[attr-defined]


COMMAND = entry.Command(
    name="install",
    summary="install one lock of requirements/ into a virtual environment",
    description="Install one lock of requirements/, its hashes checked, into a virtual environment made for it.",
    epilog="Prints the path of the environment's interpreter. One that holds the lock already is reused.",
    add_flags=add_flags,
    work=_work,
)


def main(argv: Sequence[str] | None = None, *, prog: str = "install.py") -> int:
    """Run the command; returns its exit code."""
    return entry.run(entry.parser_of(COMMAND, prog=prog), argv)
