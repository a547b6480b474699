"""What a branch holds that somebody made who can push: no path and no link of it is trusted."""

from pathlib import Path

import pytest

from mlpipeline.history.paths import experiment_id
from mlpipeline.operations.adopt import Adoption, adopt
from mlpipeline.publishing.loop import Effects
from support.gitrepo import clone, files, git, plant, show
from support.histories import HistoryCommand
from support.jobs import NOW, Job
from support.mlstore import put, write_run

GOOD, OTHER = "a" * 32, "b" * 32
EXPERIMENT = f"mlruns/{experiment_id('demo')}"
HERE = f"{EXPERIMENT}/{GOOD}"

UNSAFE = [
    "mlruns/../../outside",
    "mlruns/../.git/hooks/post-checkout",
    "mlruns/models/.git/meta.yaml",
    "mlruns/models/.GIT/config",
    "mlruns/models/git~1/x",
    f"{HERE}/tags/.git",
    f"{HERE}/tags/.g\u200cit/x",
    f"{HERE}/params/../../../../outside",
    f"mlflow-artifacts/{GOOD}/artifacts/.git/hooks/post-checkout",
    f"mlflow-artifacts/{GOOD}/artifacts/..\\..\\x",
]

ACTING = [f"mlflow-artifacts/{GOOD}/artifacts/.gitattributes", f"{HERE}/params/.gitignore", f"{HERE}/tags/.gitmodules"]


@pytest.fixture
def history(origin: Path, job: Job) -> Path:
    """A branch to which a run was persisted; its bare repository."""
    write_run(job.store, run_id=GOOD, params={"alpha": "1"}, artifacts={"plot.png": b"png"})
    job.persist()
    return origin


def adopted(job: Job) -> Adoption:
    return adopt(job.settings(), Effects(now=lambda: NOW, sleep=job.sleeps.append, say=job.said.append))


def told(messages: tuple[tuple[str, str], ...]) -> str:
    return "\n".join(message for _, message in messages)


def everything(folder: Path) -> dict[str, bytes | str]:
    return {
        path.relative_to(folder).as_posix(): str(path.readlink()) if path.is_symlink() else path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or path.is_file()
    }


def test_restoring_writes_nothing_outside(history: Path, tmp_path: Path, history_command: HistoryCommand) -> None:
    (tmp_path / "there").mkdir()
    checkout = clone(history, tmp_path / "there" / "checkout")
    plant(history, dict.fromkeys([*UNSAFE, *ACTING], b"hostile"))
    git(checkout, "fetch", "--quiet")
    before, work = everything(tmp_path / "there"), str(checkout / "work")

    told = history_command("restore", "--repository", str(checkout), "--into", work, "--commit", "origin/main")

    after = everything(tmp_path / "there")
    brought = {path.removeprefix("checkout/work/") for path in after.keys() - before.keys()}
    assert before.items() <= after.items()
    assert f"mlflow-artifacts/{GOOD}/artifacts/plot.png" in brought
    assert f"{HERE}/params/alpha" in brought
    assert not brought & {*UNSAFE, *ACTING}
    assert not any(b"hostile" in content for content in after.values() if isinstance(content, bytes))
    assert len(told["refused"]) == len(UNSAFE) + len(ACTING)
    for path in (*UNSAFE, *ACTING):
        assert any(repr(path) in refused for refused in told["refused"])


def test_links_of_a_branch_are_not_brought(history: Path, tmp_path: Path, history_command: HistoryCommand) -> None:
    links = {
        f"mlflow-artifacts/{GOOD}/artifacts/passwd": "/etc/passwd",
        f"{HERE}/tags/linked": "../../../..",
        f"{EXPERIMENT}/{OTHER}": "../../../../outside",
    }
    plant(history, {}, links)
    checkout = clone(history, tmp_path / "checkout")

    for number, options in enumerate(([], ["--commit", "HEAD"])):
        work = tmp_path / f"work-{number}"
        told = history_command("restore", "--repository", str(checkout), "--into", str(work), *options)

        assert told["runs"] == 1
        assert {refused.split("'")[1] for refused in told["refused"]} == links.keys()
        assert not [path for path in work.rglob("*") if path.is_symlink()]


@pytest.mark.parametrize("place", ["mlruns", "mlflow-artifacts"])
def test_a_history_behind_a_link_of_the_branch_is_not_read(
    history: Path, tmp_path: Path, history_command: HistoryCommand, place: str
) -> None:
    secrets = tmp_path / "secrets"
    put(secrets / "1_0" / "meta.yaml", b"name: demo")
    put(secrets / "private-key", b"secret")
    checkout = clone(history, tmp_path / "checkout")
    git(checkout, "rm", "-r", "--quiet", place)
    (checkout / place).symlink_to(secrets)

    code = 2 if place == "mlruns" else 0
    told = history_command("restore", "--repository", str(checkout), "--into", str(tmp_path / "work"), code=code)

    assert not list((tmp_path / "work").rglob("private-key")) if code == 0 else "symbolic link" in told["reason"]
    assert code == 2 or told["refused"] == [f"'{place}' is a symbolic link"]


@pytest.mark.parametrize(
    "link",
    [EXPERIMENT, HERE, f"{HERE}/params", f"{HERE}/metrics", "mlflow-artifacts", f"{HERE}/.metrics"],
)
def test_nothing_is_written_through_a_link_that_lies_there(
    history: Path, tmp_path: Path, history_command: HistoryCommand, link: str
) -> None:
    checkout = clone(history, tmp_path / "checkout")
    if link.endswith(".metrics"):
        # Our own link for an empty `metrics/`, and a hostile one behind it.
        (tmp_path / "work" / HERE).mkdir(parents=True)
        (tmp_path / "work" / HERE / "metrics").symlink_to(".metrics")
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "work" / link).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "work" / link).symlink_to(outside)

    told = history_command("restore", "--repository", str(checkout), "--into", str(tmp_path / "work"))

    assert not list(outside.iterdir())
    assert any("symbolic link" in refused for refused in told["refused"])
    assert (tmp_path / "work" / link).is_symlink()


def test_persisting_on_a_poisoned_branch_works_and_says_so(history: Path, job: Job) -> None:
    paths = ["mlruns/../x", "mlruns/models/.git/meta.yaml", f"{HERE}/tags/.gitmodules"]
    plant(history, dict.fromkeys(paths, b"hostile"))
    git(history, "config", "receive.fsckObjects", "false")
    write_run(job.store, run_id=OTHER, value=0.5)

    outcome = job.persist()

    assert (outcome.status, outcome.pushed, outcome.run_id) == ("persisted", True, OTHER)
    assert f"{EXPERIMENT}/{OTHER}/meta.yaml" in files(history)
    assert "holds paths that no run's files can have" in told(outcome.messages)
    assert "and 2 more" in told(outcome.messages)


def test_a_branch_that_is_poisoned_elsewhere_gets_its_runs_and_the_checkout_stays(
    history: Path, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its files have the content of the checkout's own, so that they seem to be what was pushed."""
    head = (job.checkout / ".git/HEAD").read_bytes()
    plant(history, {".git/HEAD": head, "src/../.git/HEAD": head})
    git(history, "config", "receive.fsckObjects", "false")
    write_run(job.store, run_id=OTHER, value=0.5)
    moved: list[str] = []
    rename = Path.rename

    def recorded(path: Path, target: Path) -> Path:
        moved.append(str(path))
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", recorded)

    outcome = job.persist()

    assert outcome.pushed
    assert "The checkout was left as it is" in told(outcome.messages)
    assert moved
    assert not [path for path in moved if "/.git/HEAD" in path]
    assert git(job.checkout, "status", "--porcelain", "mlruns") != ""


def test_adopting_heals_a_poisoned_branch(history: Path, job: Job, tmp_path: Path) -> None:
    before = files(history)
    plant(history, dict.fromkeys([*UNSAFE, *ACTING], b"* -text\n"))

    adoption = adopted(job)

    assert (adoption.outcome.status, adoption.outcome.pushed) == ("persisted", True)
    fresh = clone(history, tmp_path / "fresh")
    assert git(fresh, "status", "--porcelain") == ""
    assert set(before) <= set(files(history))
    assert not set(files(history)) & {*UNSAFE, *ACTING}
    assert show(history, f"mlflow-artifacts/{GOOD}/artifacts/_x002E_gitattributes") == b"* -text\n"
    assert all(repr(path) in told(adoption.outcome.messages) for path in UNSAFE)
    assert adopted(job).outcome.status == "nothing-new"


def test_adopting_a_branch_that_holds_nothing_else_heals_it(origin: Path, job: Job, tmp_path: Path) -> None:
    plant(origin, {"mlruns/models/.git/meta.yaml": b"name: .git"})

    assert adopted(job).outcome.pushed

    assert "mlruns/models/.git/meta.yaml" not in files(origin)
    clone(origin, tmp_path / "fresh")


def test_adopting_follows_no_link_and_no_attributes(history: Path, job: Job) -> None:
    run = f"mlruns/{'1' * 18}"
    plant(
        history,
        {f"{run}/meta.yaml": b"name: hand\n", ".gitattributes": b"* text eol=crlf\n", f"{HERE}/params/unix": b"a\nb\n"},
        {f"{run}/{OTHER}": "/etc", f"{HERE}/params/linked": "/etc/passwd"},
    )

    adopted(job)

    assert show(history, f"{HERE}/params/unix") == b"a\nb\n"
    assert not [path for path in files(history) if "passwd" in path.rpartition("/")[2]]
