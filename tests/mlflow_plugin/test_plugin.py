"""Stock MLflow with the project installed: no flag, any working directory, what Git and the disk do to a history."""

import os
import shutil
import subprocess
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.gitrepo import git
from support.processes import PROGRAMS, PROJECT, SCRIPTS, json_object, python
from support.servers import ask, fetch

from .conftest import History

READ = PROGRAMS / "read_notes.py"


def home(repository: Path) -> str:
    return f"{repository.as_uri()}/mlflow-artifacts"


@pytest.fixture
def repository(history: History, tmp_path: Path) -> Path:
    return history.clone(tmp_path / "a clone")


def experiment(repository: Path, name: str = "houses") -> Path:
    """The folder of an experiment."""
    for meta in repository.glob("mlruns/*/meta.yaml"):
        if yaml.safe_load(meta.read_text(encoding="utf-8"))["name"] == name:
            return meta.parent
    raise AssertionError(name)


def runs(repository: Path) -> dict[str, Path]:
    """Folders of the runs in `houses`, by name."""
    metas = [meta for meta in experiment(repository).glob("*/meta.yaml") if len(meta.parent.name) == 32]
    return {yaml.safe_load(meta.read_text(encoding="utf-8"))["run_name"]: meta.parent for meta in metas}


def test_everything_opens_from_another_working_directory(history: History, repository: Path, tmp_path: Path) -> None:
    told = history.run(tmp_path, PROGRAMS / "open_everything.py", (repository / "mlruns").as_uri()).told

    ridge = runs(repository)["ridge"].name
    model = f"{home(repository)}/models/m-"
    assert told["stores"] == ["TrackingStore", "RegistryStore"]
    assert told["experiment"] == home(repository)
    assert told["run"] == [f"{home(repository)}/{ridge}/artifacts"] * 2
    assert str(told["model"]).startswith(model)
    assert told["models"] == [told["model"]]
    assert told["download"] == told["model"]
    assert str(told["trace"]).startswith(f"{home(repository)}/traces/tr-")
    assert {told["version"], told["latest"], *told["versions"]} <= {
        told["model"],
        f"models:/{str(told['model']).split('/')[-2]}",
    }
    assert (told["spans"], told["history"], told["listed"]) == (["predict"], [3.5, 2.5], ["notes/note.txt"])
    assert told["note"] == "a note"
    assert told["loaded"] == pytest.approx([2.5] * 4, abs=0.5)
    assert told["flag"] is None
    assert git(repository, "status", "--porcelain") == ""


@pytest.mark.parametrize("uri", ["file:./mlruns", "./mlruns"])
def test_relative_uris_work_at_the_root(history: History, repository: Path, uri: str) -> None:
    ridge = runs(repository)["ridge"].name

    assert history.run(repository, READ, uri, "notes/note.txt", ridge).told == {"notes": ["a note"]}


@dataclass(frozen=True, kw_only=True)
class Training:
    """A checkout in which a training went on, and what the training told."""

    checkout: Path
    told: dict[str, Any]

    def meta(self, path: str) -> dict[str, Any]:
        loaded = yaml.safe_load((self.checkout / "mlruns" / path / "meta.yaml").read_text(encoding="utf-8"))
        assert isinstance(loaded, dict)
        return loaded


@pytest.fixture(scope="module")
def training(history: History, tmp_path_factory: pytest.TempPathFactory) -> Training:
    checkout = history.clone(tmp_path_factory.mktemp("training") / "checkout of mine")
    return Training(checkout=checkout, told=history.run(checkout, PROGRAMS / "go_on_training.py").told)


def test_training_goes_on_in_the_checkout(training: Training) -> None:
    told, checkout = training.told, training.checkout
    default, new = f"file:./mlflow-artifacts/0/{told['run']}/artifacts", experiment(checkout, "newer one")

    assert told["uri"] == f"{home(checkout)}/0/{told['run']}/artifacts"
    assert told["text"] == "mine"
    run = training.meta(f"0/{told['run']}")
    assert (run["artifact_uri"], run["status"], run["lifecycle_stage"]) == (default, 3, "active")
    assert training.meta(f"{new.name}")["artifact_location"] == f"file:./mlflow-artifacts/{new.name}"
    location = f"file:./mlflow-artifacts/0/models/{told['model']}/artifacts"
    assert training.meta(f"0/models/{told['model']}")["artifact_location"] == location
    assert training.meta("models/pricer/version-2")["storage_location"] == location
    assert training.meta("models/by place/version-1")["source"] == f"{default}/model"


def test_training_leaves_new_files_that_name_no_machine(training: Training) -> None:
    told, checkout = training.told, training.checkout

    status = git(checkout, "status", "--porcelain", "-z", "--untracked-files=all").rstrip("\0").split("\0")

    # MLflow notes in a registered model when its last version was made.
    assert [line for line in status if not line.startswith("?? ")] == [" M mlruns/models/pricer/meta.yaml"]
    new = {line[3:] for line in status}
    assert f"mlflow-artifacts/0/{told['run']}/artifacts/note.txt" in new
    assert f"mlflow-artifacts/0/models/{told['model']}/artifacts/MLmodel" in new
    assert [path for path in new if b"checkout" in (checkout / path).read_bytes()] == []


def test_what_was_logged_in_the_checkout_can_be_persisted(training: Training) -> None:
    done = python(training.checkout, SCRIPTS / "persist.py", "--fail-on-error", "--dry-run", "--json")

    outcome = json_object(done.stdout)
    assert (outcome["runs_added"], outcome["run_id"]) == (2, training.told["run"])


def test_what_was_logged_opens_where_the_checkout_moves_to(
    history: History, training: Training, tmp_path: Path
) -> None:
    shutil.copytree(training.checkout, tmp_path / "moved", symlinks=True)
    store = (tmp_path / "moved/mlruns").as_uri()

    told = history.run(tmp_path, READ, store, "note.txt", str(training.told["run"]), str(training.told["new"])).told

    assert told == {"notes": ["mine", "mine"]}


def test_a_store_that_is_no_history_stays_mlflows_own(history: History, tmp_path: Path) -> None:
    store = tmp_path / "elsewhere/store"

    told = history.run(tmp_path, PROGRAMS / "log_one_run.py", store.as_uri()).told

    assert told["uri"] == (store / f"0/{told['run']}/artifacts").as_uri()
    meta = yaml.safe_load((store / f"0/{told['run']}/meta.yaml").read_text(encoding="utf-8"))
    assert meta["artifact_uri"] == told["uri"]
    assert (store / f"0/{told['run']}/artifacts/x.txt").is_file()


def test_folders_that_git_dropped_are_not_missed(history: History, repository: Path) -> None:
    bare = runs(repository)["bare"]
    (bare / "metrics").unlink()  # the link that stands for the empty folder
    for name in (".metrics", "params", "artifacts", "tags"):
        shutil.rmtree(bare / name)
    assert not (repository / "mlruns/0").exists()  # the default experiment, which a history need not have

    told = history.run(repository, PROGRAMS / "log_into_missing_folders.py", bare.name).told

    assert told == {
        "history": [], "artifacts": [], "metrics": {"loss": 1.0}, "params": {"alpha": "1"}, "tag": "yes",
        "now": ["x.txt"],
    }  # fmt: skip
    default = yaml.safe_load((repository / "mlruns/0/meta.yaml").read_text(encoding="utf-8"))
    assert default["artifact_location"] == "file:./mlflow-artifacts/0"


def test_a_history_can_be_browsed_without_write_access(history: History, repository: Path, tmp_path: Path) -> None:
    shutil.rmtree(repository / "mlruns/models")
    before = sorted(path for path in repository.rglob("*") if ".git" not in path.parts)

    told = history.run(
        tmp_path, PROGRAMS / "browse_read_only.py", (repository / "mlruns").as_uri(), before=_read_only(repository)
    ).told

    assert told["note"] == "a note"
    assert set(told["experiments"]) >= {"houses"}
    assert told["registered"] == []
    assert "Read-only file system" in str(told["refused"]) or "Permission denied" in str(told["refused"])
    assert sorted(path for path in repository.rglob("*") if ".git" not in path.parts) == before


def _read_only(folder: Path) -> tuple[str, ...]:
    """Make a folder read-only for the program that is put behind what this returns."""
    if os.geteuid() != 0:
        for path in [folder, *folder.rglob("*")]:
            if not path.is_symlink():
                path.chmod(path.stat().st_mode & ~0o222)
        return ()
    # Permissions do not stop root, but a mount does.
    mount = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
    before = ("unshare", "--mount", "sh", "-c", mount, str(folder))
    if subprocess.run([*before, "true"], capture_output=True, check=False).returncode:
        pytest.skip("root may not mount here")
    return before


def test_malformed_files_hide_nothing_else(history: History, repository: Path) -> None:
    ridge, bare = runs(repository)["ridge"], runs(repository)["bare"]
    (model,) = experiment(repository).glob("models/m-*")
    for bad in (ridge / "metrics/loss", bare / "meta.yaml", model / "metrics/val_rmse"):
        bad.write_text("<<<<<<< HEAD\n1 2.5 3\n=======\n", encoding="utf-8")

    done = history.run(repository, PROGRAMS / "search_twice.py")

    assert done.told == {"runs": {"ridge": {"val_rmse": 2.5}}, "models": 1}
    for named in (ridge / "metrics/loss", bare, model):
        assert done.errors.count(str(named)) == 1


@pytest.mark.parametrize("is_here", [False, True], ids=["from elsewhere", "by a bare path"])
def test_the_ui_shows_a_history(history: History, repository: Path, tmp_path: Path, *, is_here: bool) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    cwd, uri = (repository, "./mlruns") if is_here else (elsewhere, (repository / "mlruns").as_uri())

    with history.ui(cwd, "--backend-store-uri", uri) as server:
        api = f"{server.address}/ajax-api/2.0/mlflow"
        experiments = ask(f"{api}/experiments/search", max_results=10)["experiments"]
        (houses,) = [each for each in experiments if each["name"] == "houses"]
        found = ask(f"{api}/runs/search", experiment_ids=[houses["experiment_id"]])["runs"]
        (ridge,) = [run["info"] for run in found if run["info"]["run_name"] == "ridge"]
        listed = ask(f"{api}/artifacts/list?run_id={ridge['run_id']}&path=notes")["files"]
        note = fetch(f"{server.address}/get-artifact?path=notes/note.txt&run_uuid={ridge['run_id']}")
        models = ask(f"{api}/logged-models/search", experiment_ids=[houses["experiment_id"]])["models"]
        model = models[0]["info"]["model_id"]
        kept = ask(f"{api}/logged-models/{model}/artifacts/directories")["files"]
        registered = ask(f"{api}/registered-models/search")["registered_models"]

    assert len(found) == 2
    assert [each["path"] for each in listed] == ["notes/note.txt"]
    assert note == b"a note"
    assert "MLmodel" in {each["path"] for each in kept}
    assert [each["name"] for each in registered] == ["pricer", "promoted_model"]
    assert git(repository, "status", "--porcelain") == ""


def test_an_unknown_mlflow_keeps_its_own_store(history: History, repository: Path) -> None:
    told = history.run(repository, PROGRAMS / "search_with_unknown_mlflow.py").told

    assert "maintenance mode" in str(told["refused"])
    (warned,) = [each for each in told["warned"] if "mlflow-git-persistence" in each]
    assert "LoggedModel" in warned


def test_threads_that_make_stores_leave_the_flag_as_it_was(history: History, tmp_path: Path) -> None:
    assert history.run(tmp_path, PROGRAMS / "make_stores_in_threads.py").told == {"flag": None, "stores": 16}


def test_looking_at_the_package_imports_no_mlflow() -> None:
    program = "import sys, mlpipeline.mlflow_plugin, mlpipeline.mlflow_plugin.places; print('mlflow' in sys.modules)"
    assert python(SCRIPTS, "-c", program).stdout.strip() == "False"


def test_the_wheel_holds_the_plugin(tmp_path: Path) -> None:
    wheels = pytest.importorskip("hatchling.builders.wheel")
    (wheel,) = wheels.WheelBuilder(str(PROJECT)).build(directory=str(tmp_path))

    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (entries,) = [name for name in names if name.endswith("entry_points.txt")]
        text = archive.read(entries).decode()
    assert "mlpipeline/mlflow_plugin/filestores.py" in names
    assert "file = mlpipeline.mlflow_plugin.entry:tracking_store" in text
    assert "file = mlpipeline.mlflow_plugin.entry:registry_store" in text
