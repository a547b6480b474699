"""The installer, run for real on the small lock: what it makes, keeps, mends and refuses."""

import json
import os
import re
import subprocess
import venv
from dataclasses import dataclass
from pathlib import Path

import pytest

from mlpipeline.cli import install

ROOT = Path(__file__).parents[2]
BASE_PYTHON = str(install._base_python())
IMPORTS_ITS_LOCK = "import git, yaml"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    code: int
    stdout: str
    stderr: str


def run_installer(*arguments: str, python: str = BASE_PYTHON, **changes: str) -> Outcome:
    done = subprocess.run(
        [python, ROOT / "scripts" / "install.py", *arguments],
        env={**os.environ, **changes},
        check=False,
        capture_output=True,
        text=True,
    )
    return Outcome(code=done.returncode, stdout=done.stdout, stderr=done.stderr)


@pytest.fixture(scope="module")
def persist_environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("environments") / "persist"
    outcome = run_installer("persist", "--venv", str(folder))
    assert outcome.code == 0, outcome.stderr
    assert outcome.stdout == f"{install._interpreter(folder)}\n"
    return folder


def age(folder: Path) -> int:
    return (folder / "pyvenv.cfg").stat().st_mtime_ns


def test_the_environment_has_the_lock_and_no_installer(persist_environment: Path) -> None:
    python = install._interpreter(persist_environment)
    assert subprocess.run([python, "-c", IMPORTS_ITS_LOCK], check=False).returncode == 0
    assert subprocess.run([python, "-c", "import pip"], check=False, capture_output=True).returncode == 1


def test_an_environment_that_holds_the_lock_is_reused(persist_environment: Path) -> None:
    before = age(persist_environment)
    outcome = run_installer("persist", "--venv", str(persist_environment), "--json")
    assert json.loads(outcome.stdout) == {"python": str(install._interpreter(persist_environment)), "reused": True}
    assert age(persist_environment) == before
    assert outcome.stderr == ""


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    """An environment that says it holds the lock; nothing looks further than that."""
    folder = tmp_path / "venv"
    venv.create(folder, with_pip=False, symlinks=True)
    (folder / install.STAMP).write_text(f"{install._owner(folder)}\n{install._text('persist')}")
    assert install._holds(folder, "persist")
    return folder


def test_a_smaller_lock_does_not_serve_for_a_larger(finished: Path) -> None:
    assert not install._holds(finished, "train")


def test_an_environment_with_another_version_is_not_reused(finished: Path) -> None:
    stamp = finished / install.STAMP
    stamp.write_text(stamp.read_text().replace("gitpython==", "gitpython==0."))
    assert not install._holds(finished, "persist")


def test_an_unfinished_environment_is_not_reused(finished: Path) -> None:
    (finished / install.STAMP).write_bytes(b"")
    assert not install._holds(finished, "persist")


def test_an_environment_without_its_interpreter_is_not_reused(finished: Path) -> None:
    install._interpreter(finished).unlink()
    assert not install._holds(finished, "persist")


def test_an_environment_whose_interpreter_fails_is_not_reused(finished: Path) -> None:
    install._interpreter(finished).unlink()
    install._interpreter(finished).symlink_to("/bin/false")
    assert not install._holds(finished, "persist")


def test_an_environment_that_was_moved_is_not_reused(finished: Path) -> None:
    assert not install._holds(finished.rename(finished.with_name("elsewhere")), "persist")


def test_an_environment_is_made_anew_even_by_its_own_interpreter(finished: Path) -> None:
    (finished / install.STAMP).write_bytes(b"")
    (finished / "leftover").mkdir()
    outcome = run_installer("persist", "--venv", str(finished), "--json", python=str(install._interpreter(finished)))
    assert json.loads(outcome.stdout)["reused"] is False
    assert not (finished / "leftover").exists()
    assert subprocess.run([install._interpreter(finished), "-c", IMPORTS_ITS_LOCK], check=False).returncode == 0


def test_a_folder_of_somebody_else_is_refused_untouched(tmp_path: Path) -> None:
    venv.create(tmp_path, with_pip=False)
    before = sorted(tmp_path.rglob("*"))
    outcome = run_installer("persist", "--venv", str(tmp_path))
    assert outcome.code == 2
    assert "was not created by this command" in outcome.stderr
    assert sorted(tmp_path.rglob("*")) == before


def test_a_file_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "venv").write_text("mine")
    outcome = run_installer("persist", "--venv", str(tmp_path / "venv"))
    assert outcome.code == 2
    assert (tmp_path / "venv").read_text() == "mine"


def test_a_failed_installation_tells_why_and_is_not_taken_for_done(tmp_path: Path) -> None:
    nothing = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path)}
    outcome = run_installer("persist", "--venv", str(tmp_path / "venv"), "--json", **nothing)
    assert outcome.code == 3
    assert "No matching distribution found" in json.loads(outcome.stdout)["reason"]
    assert run_installer("persist", "--venv", str(tmp_path / "venv")).code == 0


def test_a_file_with_another_hash_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    lock = (install.LOCKS / "persist.txt").read_text()
    (tmp_path / "persist.txt").write_text(re.sub("sha256:[0-9a-f]{64}", f"sha256:{'0' * 64}", lock))
    monkeypatch.setattr(install, "LOCKS", tmp_path)
    assert install.main(["persist", "--venv", str(tmp_path / "venv")]) == 3
    assert "DO NOT MATCH THE HASHES" in capfd.readouterr().err


def test_a_python_without_a_fitting_pip_brings_its_own(tmp_path: Path) -> None:
    for name in ("bare", "target"):
        venv.create(tmp_path / name, with_pip=False, symlinks=True)
    target = install._interpreter(tmp_path / "target")
    pip = install._pip(str(install._interpreter(tmp_path / "bare")), target, os.environ)
    assert pip == [str(target), "-m", "pip"]
    assert subprocess.run([*pip, "--version"], check=False, capture_output=True).returncode == 0


def test_the_larger_lock_serves_for_the_smaller() -> None:
    texts = {name: (install.LOCKS / f"{name}.txt").read_text() for name in ("persist", "train", "dev")}
    assert install.pins(texts["persist"]) < install.pins(texts["train"]) < install.pins(texts["dev"])


def test_pins_are_read_without_hashes() -> None:
    lock = (
        "# made by uv\na==1 \\\n    --hash=sha256:00\nb==2 ; sys_platform == 'win32' \\\n    --hash=sha256:01\nc==3\n"
    )
    assert install.pins(lock) == {"a==1", "b==2 ; sys_platform == 'win32'", "c==3"}


def test_uv_is_told_what_pip_is_told(tmp_path: Path) -> None:
    config = "\n".join(
        [
            ":env:.find-links='/is/not/there " + str(tmp_path) + " https://links.example/'",
            "global.extra-index-url='\\nhttps://one.example/simple\\nhttps://two.example/simple'",
            "global.index-url='https://global.example/simple'",
            "install.index-url='https://user:secret@install.example/simple'",
            "global.timeout='60'",
        ],
    )
    assert install.uv_settings(config, {}) == {
        "UV_DEFAULT_INDEX": "https://user:secret@install.example/simple",
        "UV_INDEX": "https://one.example/simple https://two.example/simple",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_FIND_LINKS": f"{tmp_path},https://links.example/",
    }


def test_what_uv_was_told_already_stands() -> None:
    config = "global.index-url='https://pip.example/simple'\nglobal.extra-index-url='https://more.example/simple'"
    assert install.uv_settings(config, {"UV_INDEX_URL": "https://uv.example", "UV_INDEX": "https://uv.example"}) == {}


def test_nothing_is_told_where_pip_is_not_configured() -> None:
    assert install.uv_settings("", {}) == {}


def test_a_bare_python_is_enough() -> None:
    command = [BASE_PYTHON, "-E", "-S", str(ROOT / "scripts" / "install.py"), "--help"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "{dev,persist,train,uv}" in done.stdout
