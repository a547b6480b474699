"""`history.py restore`."""

import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from mlpipeline.cli import persist as persisting
from mlpipeline.history.folder import FolderTree
from mlpipeline.history.paths import METRICS_LINK
from mlpipeline.operations.restore import restore
from support import gitrepo, mlstore
from support.histories import HistoryCommand, Persisted, python
from support.memory import MemoryTree
from support.processes import PROGRAMS

NEXT = PROGRAMS / "train_once_more.py"


def content(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


def history_of(clone: Path) -> dict[str, bytes]:
    return {path: data for path, data in content(clone).items() if path.startswith(("mlruns/", "mlflow-artifacts/"))}


def run_folder(root: Path, run: str) -> Path:
    (folder,) = (path.parent for path in root.glob(f"mlruns/*/{run}/meta.yaml"))
    return folder


def test_a_fresh_workspace_gets_the_whole_history(
    three_runs: Path, tmp_path: Path, history_command: HistoryCommand
) -> None:
    work = tmp_path / "work"

    told = history_command("restore", "--repository", str(three_runs), "--into", str(work))

    assert content(work) == history_of(three_runs)
    assert (told["runs"], told["skipped"]) == (3, [])
    assert not [path for path in work.rglob("*") if path.is_symlink() or path.name.startswith(".mlflow-git-")]
    for name in ("metrics", "params", "tags", "artifacts"):
        assert (run_folder(work, "0" * 32) / name).is_dir()


def test_the_metadata_alone(three_runs: Path, tmp_path: Path, history_command: HistoryCommand) -> None:
    history_command("restore", "--repository", str(three_runs), "--into", str(tmp_path / "work"), "--no-artifacts")

    assert [path.name for path in (tmp_path / "work").iterdir()] == ["mlruns"]


def test_twice_changes_nothing(three_runs: Path, tmp_path: Path, history_command: HistoryCommand) -> None:
    work = tmp_path / "work"
    history_command("restore", "--repository", str(three_runs), "--into", str(work))
    before = content(work)

    told = history_command("restore", "--repository", str(three_runs), "--into", str(work))

    assert (told["runs"], told["files"], told["folders"], told["skipped"]) == (0, 0, 0, [])
    assert content(work) == before


def test_a_run_in_another_state_is_left_as_it_is(
    three_runs: Path, tmp_path: Path, history_command: HistoryCommand
) -> None:
    work = tmp_path / "work"
    history_command("restore", "--repository", str(three_runs), "--into", str(work))
    run = run_folder(work, "1" * 32)
    with (run / "metrics" / "val_rmse").open("a", encoding="utf-8") as file:
        file.write("1750000099000 0.5 1\n")
    (run / "params" / "alpha").unlink()
    shutil.rmtree(run_folder(work, "2" * 32))
    before = content(run)

    told = history_command("restore", "--repository", str(three_runs), "--into", str(work))

    assert (told["runs"], told["skipped"]) == (1, ["1" * 32])
    assert content(run) == before
    assert content(run_folder(work, "2" * 32)) == content(run_folder(three_runs, "2" * 32))


def test_a_registered_model_is_brought_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    source = MemoryTree(
        {
            "mlruns/models/price/meta.yaml": b"name: price",
            "mlruns/models/price/version-1/meta.yaml": b"version: 1",
            "mlruns/models/wine/meta.yaml": b"name: wine",
            "mlruns/models/wine/version-2/meta.yaml": b"version: 2",
            "mlruns/models/wine/aliases/champion": b"2",
        }
    )
    mlstore.put(tmp_path / "mlruns/models/wine/aliases/champion", b"1")

    done = restore(source, tmp_path)

    assert (done.files, done.folders, done.skipped) == (2, 0, ("wine",))
    assert [path for path in content(tmp_path) if "wine" in path] == ["mlruns/models/wine/aliases/champion"]
    assert (tmp_path / "mlruns/models/price/version-1/meta.yaml").read_bytes() == b"version: 1"


def test_the_workspace_keeps_its_own_files(three_runs: Path, tmp_path: Path, history_command: HistoryCommand) -> None:
    work = tmp_path / "work"
    mlstore.put(work / "train.py", b"mine")
    (meta,) = three_runs.glob("mlruns/*/meta.yaml")
    mine = mlstore.write_run(work / "mlruns", experiment="other", experiment_id="5", value=7.0)
    before = content(work)

    history_command("restore", "--repository", str(three_runs), "--into", str(work))

    after = content(work)
    assert {path: after[path] for path in before} == before
    assert run_folder(work, mine).parent.name == "5"
    assert (work / meta.relative_to(three_runs)).read_bytes() == meta.read_bytes()


def test_an_experiment_under_two_ids_is_refused(
    three_runs: Path, tmp_path: Path, history_command: HistoryCommand
) -> None:
    """MLflow would show the runs of only one of them."""
    work = tmp_path / "work"
    mlstore.write_run(work / "mlruns", experiment="demo", experiment_id="5")
    before = content(work)

    told = history_command("restore", "--repository", str(three_runs), "--into", str(work), code=2)

    assert "The experiment 'demo' is 5" in str(told["reason"])
    assert content(work) == before


def test_in_the_checkout_what_git_dropped_comes_back(
    store: Path, persisted: Persisted, history_command: HistoryCommand
) -> None:
    mlstore.write_run(store, run_id="a" * 32, value=None, model_type=None, model=None)
    clone = persisted(store)
    run = run_folder(clone, "a" * 32)
    for path in [*run.rglob(".keep"), run / "metrics"]:
        path.unlink()
    for name in ("params", "artifacts", METRICS_LINK):
        shutil.rmtree(run / name)

    told = history_command("restore", "--repository", str(clone))

    assert told["files"] == 0
    assert sorted(path.name for path in run.iterdir()) == ["artifacts", "meta.yaml", "metrics", "params", "tags"]
    assert not any((run / "metrics").iterdir())


def test_the_links_of_git_become_folders(
    store: Path, persisted: Persisted, tmp_path: Path, history_command: HistoryCommand
) -> None:
    mlstore.write_run(store, run_id="a" * 32, value=None, model_type=None, model=None)
    clone = persisted(store)

    for name, options in {"files": [], "commit": ["--commit", "HEAD"]}.items():
        history_command("restore", "--repository", str(clone), "--into", str(tmp_path / name), *options)

        run = run_folder(tmp_path / name, "a" * 32)
        assert sorted(path.name for path in run.iterdir()) == ["artifacts", "meta.yaml", "metrics", "params", "tags"]
        assert not [path for path in run.rglob("*") if path.is_symlink()]


def test_what_was_logged_through_such_a_link_is_brought(
    store: Path, persisted: Persisted, tmp_path: Path, history_command: HistoryCommand
) -> None:
    mlstore.write_run(store, run_id="a" * 32, value=None)
    clone = persisted(store)
    mlstore.put(run_folder(clone, "a" * 32) / "metrics" / "val_rmse", b"1 0.5 0\n")

    history_command("restore", "--repository", str(clone), "--into", str(tmp_path / "work"))

    assert (run_folder(tmp_path / "work", "a" * 32) / "metrics" / "val_rmse").read_bytes() == b"1 0.5 0\n"
    (listed,) = history_command("list", "--repository", str(clone))["runs"]
    assert listed["value"] == 0.5


def test_another_commit(three_runs: Path, tmp_path: Path, history_command: HistoryCommand) -> None:
    expected = history_of(three_runs)
    shutil.rmtree(three_runs / "mlruns")
    gitrepo.git(three_runs, "commit", "--quiet", "--all", "--message", "away with it")
    work = tmp_path / "work"

    told = history_command("restore", "--repository", str(three_runs), "--into", str(work), "--commit", "HEAD~1")

    assert (told["runs"], content(work)) == (3, expected)
    assert "no commit 'nowhere'" in str(
        history_command("restore", "--repository", str(three_runs), "--commit", "nowhere", code=5)["reason"]
    )


class Failing(FolderTree):
    """A tree that cannot be read to its end."""

    def read(self, paths: Iterable[str]) -> Mapping[str, bytes]:
        paths = list(paths)
        if any(path.startswith("mlflow-artifacts/") for path in paths):
            raise OSError("gone")
        return super().read(paths)


def test_nothing_is_there_by_halves(three_runs: Path, tmp_path: Path) -> None:
    source = Failing(paths=FolderTree.scan(three_runs).paths)

    with pytest.raises(OSError, match="gone"):
        restore(source, tmp_path / "work")

    assert list((tmp_path / "work").iterdir()) == []


def test_training_goes_on_in_it(
    logged: Path,
    persisted: Persisted,
    tmp_path: Path,
    history_command: HistoryCommand,
    capsys: pytest.CaptureFixture[str],
) -> None:
    clone, work = persisted(logged), tmp_path / "work"
    history_command("restore", "--repository", str(clone), "--into", str(work))

    seen = python(work, NEXT, MLFLOW_TRACKING_URI="file:./mlruns")

    assert int(seen) == 3
    capsys.readouterr()
    source = (work / "mlruns").as_uri()
    assert persisting.main(["--repository", str(clone), "--source", source, "--fail-on-error", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["runs_added"], told["runs_updated"], told["runs_refused"]) == (1, 0, 0)
