"""What the demo pushed, in a clone elsewhere, through stock MLflow."""

import hashlib
import json
import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import jsonschema
import pytest

from support.gitrepo import clone, files, git
from support.processes import PROGRAMS, SCRIPTS, python
from support.servers import ask

from .conftest import Demo

Serving = Callable[..., AbstractContextManager[str]]

LOOK = PROGRAMS / "open_the_demo.py"


def test_the_demo_tells_what_it_did(demo: Demo) -> None:
    assert "Promoted  linear, val_rmse 50.1836" in demo.told
    assert "Pushed    3 and 6 runs, by two jobs" in demo.told
    assert "mlflow ui --backend-store-uri file:./mlruns" in demo.told
    assert demo.progress.count("$ python scripts/persist.py") == 2
    log = git(demo.clone, "log", "--format=%s", "--grep=MLflow").splitlines()
    assert log[0] == "MLflow: add 6 runs from demo job 2, best val_rmse 50.1836 by linear"
    assert log[1].startswith("MLflow: add 3 runs from demo job 1, best val_rmse 50.8503 by ridge")


def test_the_demo_runs_again_but_never_empties_a_foreign_folder(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.tex").write_text("years of work", encoding="utf-8")

    with pytest.raises(AssertionError, match="contains files the demo did not create"):
        python(tmp_path, str(SCRIPTS / "demo.py"), "--folder", "mine")

    assert (tmp_path / "mine/thesis.tex").read_text(encoding="utf-8") == "years of work"


def test_stock_mlflow_sees_and_opens_everything(demo: Demo, tmp_path: Path) -> None:
    done = python(demo.clone, LOOK, str(tmp_path), MLFLOW_ALLOW_FILE_STORE="true")

    table = json.loads(done.stdout)
    assert len(table) == 9
    assert {row["name"] for row in table} == {
        "dummy", "linear", "ridge", "random_forest", "gradient_boosting", "xgboost",
    }  # fmt: skip
    for row in table:
        assert {"model.joblib", "residuals.png"} <= set(row["artifacts"])
        assert (row["points"], row["by_model"], row["by_run"]) == (1, "Pipeline", "Pipeline")
    assert git(demo.clone, "status", "--porcelain") == ""


def test_nothing_names_the_machine_it_was_made_on(demo: Demo) -> None:
    found = subprocess.run(
        ["git", "grep", "--text", "--files-with-matches", "-e", "/demo0/d/", "-e", str(SCRIPTS.parent)],
        cwd=demo.clone,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.stdout == ""


def test_the_ui_answers_with_runs_and_artifacts(demo: Demo, serving: Serving) -> None:
    ui = serving(demo.clone, "ui", "--backend-store-uri", "file:./mlruns", "--workers", "1", health="/health")
    with ui as address:
        api = f"{address}/ajax-api/2.0/mlflow"
        experiments = ask(f"{api}/experiments/search", max_results=10)["experiments"]
        (experiment,) = [each for each in experiments if each["name"] == "diabetes-regression"]
        runs = ask(f"{api}/runs/search", experiment_ids=[experiment["experiment_id"]])["runs"]
        run = runs[0]["info"]["run_id"]
        listed = ask(f"{api}/artifacts/list?run_id={run}")["files"]

    assert len(runs) == 9
    assert {"model.joblib", "residuals.png"} <= {each["path"] for each in listed}


def test_the_promoted_model_is_served(demo: Demo, serving: Serving) -> None:
    promoted = demo.clone / "deployment/models/best_model"
    example = json.loads((promoted / "serving_input_example.json").read_text(encoding="utf-8"))
    row = dict(zip(example["dataframe_split"]["columns"], example["dataframe_split"]["data"][0], strict=True))
    serve = serving(
        demo.clone, "models", "serve", "-m", "deployment/models/best_model", "--env-manager", "local", health="/ping"
    )
    with serve as address:
        known = ask(f"{address}/invocations", dataframe_records=[row])["predictions"]
        # Raw rows, as a caller has them: a value may be missing.
        holed = ask(f"{address}/invocations", dataframe_records=[{**row, "bmi": None}])["predictions"]

    assert 25 < known[0] < 346  # the range of the target in the data
    assert 25 < holed[0] < 346


def test_the_promoted_files_are_the_winning_runs_own(demo: Demo) -> None:
    promoted = demo.clone / "deployment/models/best_model"
    described = json.loads((promoted / "metadata.json").read_text(encoding="utf-8"))
    info = json.loads((demo.clone / "mlflow_persistence_info.json").read_text(encoding="utf-8"))
    schema = Path(__file__).parents[2] / "docs/mlflow_persistence_info.schema.json"
    jsonschema.validate(info, json.loads(schema.read_text(encoding="utf-8")))
    logged = demo.clone / "mlflow-artifacts" / info["best"]["run_id"] / "artifacts/model.joblib"

    assert described["run_id"] == info["best"]["run_id"]
    assert described["missing_formats"] == []
    for name, facts in described["files"].items():
        data = (promoted / name).read_bytes()
        assert (hashlib.sha256(data).hexdigest(), len(data)) == (facts["sha256"], facts["bytes"])
    assert (promoted / "model.joblib").read_bytes() == logged.read_bytes()
    assert {"params", "metrics", "timestamps", "git_commit", "data"} <= set(described)
    assert described["data"]["sha256"]
    algorithm = described["model_type"]
    assert (demo.clone / f"models/{algorithm}_best_model.pkl").read_bytes() == logged.read_bytes()
    assert git(demo.clone, "cat-file", "-t", described["git_commit"]) == "commit"


def test_the_demo_is_small(demo: Demo) -> None:
    tracked = sum((demo.clone / path).stat().st_size for path in files(demo.clone, "HEAD"))
    assert tracked < 6 * 1024 * 1024


def test_the_next_training_goes_on_in_a_clone(demo: Demo, tmp_path: Path) -> None:
    """The commonest way of working at a laptop: train in the checkout, persist, train again."""
    origin = demo.folder / "origin.git"
    laptop = clone(origin, tmp_path / "laptop")
    (laptop / "one.yaml").write_text("candidates: [{model: lasso}]\n", encoding="utf-8")
    python(laptop, str(SCRIPTS / "load_data.py"))
    python(laptop, str(SCRIPTS / "preprocess.py"))
    for expected in (10, 11):
        python(laptop, str(SCRIPTS / "train.py"), "--candidates", "one.yaml")
        done = python(laptop, str(SCRIPTS / "persist.py"), "--fail-on-error", "--json")
        assert json.loads(done.stdout)["runs_added"] == 1
        assert git(laptop, "status", "--porcelain") == "?? one.yaml"
        assert "up to date" in git(laptop, "pull")
        info = json.loads((laptop / "mlflow_persistence_info.json").read_text(encoding="utf-8"))
        assert (info["counts"]["runs"], info["counts"]["experiments"]) == (expected, 1)
