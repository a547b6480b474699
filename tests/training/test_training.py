"""Training: what a run holds, that it loads, and what becomes of a candidate that fails."""

import contextlib
import hashlib
import importlib.metadata
import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
import yaml
from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from mlflow.pyfunc import load_model, scoring_server

from mlpipeline.core.errors import InputError, TrainingError
from mlpipeline.training import recording
from support.gitrepo import clone, git
from support.isolation import forget_stores
from training.checkouts import Called, Checkout, Trained

METRICS = {f"{part}_{kind}" for part in ("val", "test") for kind in ("rmse", "mae", "r2")}
SIX = ["dummy", "linear", "ridge", "random_forest", "gradient_boosting", "xgboost"]
LINEAR = "candidates: [{model: linear}]"


@pytest.fixture(autouse=True)
def reading(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets a test read file stores with MLflow; training is to do without."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "file:./mlruns")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")


def runs(checkout: Checkout, experiment: str, uri: str = "file:./mlruns") -> dict[str, Run]:
    """The runs of an experiment by name, newest kept."""
    forget_stores()
    with contextlib.chdir(checkout.folder):
        client = MlflowClient(uri)
        found = client.get_experiment_by_name(experiment)
        assert found is not None
        return {run.info.run_name: run for run in client.search_runs([found.experiment_id])[::-1]}


def files_of(checkout: Checkout, run: Run) -> Path:
    """The folder of a run's artifacts."""
    (folder,) = checkout.folder.glob(f"mlruns/*/{run.info.run_id}/artifacts")
    return folder


def model_of(checkout: Checkout, run: Run) -> Path:
    """The folder of a run's logged model."""
    (folder,) = checkout.folder.glob(f"mlruns/*/models/{run.outputs.model_outputs[0].model_id}/artifacts")
    return folder


def ready(checkout: Checkout, candidates: str = LINEAR) -> Checkout:
    """Data loaded and split, and a candidates file."""
    checkout.write("candidates.yaml", candidates)
    assert (checkout.run("load_data").code, checkout.run("preprocess").code) == (0, 0)
    return checkout


def train(checkout: Checkout, *argv: str) -> Called:
    return checkout.run("train", "--candidates", "candidates.yaml", "--json", *argv)


def test_the_commands_run_in_order_on_their_defaults(diabetes: Trained) -> None:
    assert (diabetes.load.code, diabetes.preprocess.code, diabetes.train.code) == (0, 0, 0), diabetes.train.err
    found = runs(diabetes, "diabetes-regression")
    assert sorted(found) == sorted(SIX)
    assert {run.info.status for run in found.values()} == {"FINISHED"}


def test_progress_is_one_line_a_candidate_and_nothing_of_mlflow(diabetes: Trained) -> None:
    found = runs(diabetes, "diabetes-regression")
    lines = diabetes.train.err.splitlines()
    assert [line.partition(",")[0] for line in lines] == [
        f"{name}: val_rmse {found[name].data.metrics['val_rmse']:.4f}" for name in SIX
    ]


def test_the_leaderboard_is_sorted_by_val_rmse(diabetes: Trained) -> None:
    found = runs(diabetes, "diabetes-regression")
    best_first = sorted(found, key=lambda name: found[name].data.metrics["val_rmse"])
    table = [line.split() for line in diabetes.train.out.splitlines()[1:7]]
    assert [(row[0], row[1]) for row in table] == [(str(place), name) for place, name in enumerate(best_first, 1)]
    assert best_first[-1] == "dummy"


@pytest.mark.parametrize("name", SIX)
def test_a_run_holds_all_that_was_promised(diabetes: Trained, name: str) -> None:
    run = runs(diabetes, "diabetes-regression")[name]
    commit = git(diabetes.folder, "rev-parse", "HEAD")
    tags = run.data.tags
    assert set(run.data.metrics) == METRICS | {"fit_seconds"}
    assert run.data.params.items() >= {"model": name, "seed": "42"}.items()
    assert (tags["model_type"], tags["seed"], tags["data.name"]) == (name, "42", "sklearn:diabetes")
    assert tags["git.commit"] == tags["mlflow.source.git.commit"] == commit
    assert tags["data.sha256"] == json.loads((diabetes.folder / "data/raw/report.json").read_text())["origin"]["sha256"]
    assert {"system.os", "system.cpu", "system.cpu_count", "system.memory_gib", "system.python"} <= set(tags)
    assert f"scikit-learn=={importlib.metadata.version('scikit-learn')}" in tags["system.packages"].split()
    pictures = {
        "dummy": set(),
        "linear": {"coefficients.png"},
        "ridge": {"coefficients.png"},
    }.get(name, {"feature_importances.png"})
    assert {file.name for file in files_of(diabetes, run).iterdir()} == {"model.joblib", "residuals.png", *pictures}


def test_a_metric_has_one_line_in_the_run_and_one_in_its_model(diabetes: Trained) -> None:
    # Two would make `mlflow migrate-filestore` fail.
    files = [*diabetes.folder.glob("mlruns/*/*/metrics/*"), *diabetes.folder.glob("mlruns/*/models/*/metrics/*")]
    assert len(files) == 2 * 6 * 7
    assert {len(file.read_text().splitlines()) for file in files} == {1}


@pytest.mark.parametrize("name", SIX)
def test_joblib_and_pickle_read_one_and_the_same_model(diabetes: Trained, name: str) -> None:
    run = runs(diabetes, "diabetes-regression")[name]
    as_joblib, as_pickle = files_of(diabetes, run) / "model.joblib", model_of(diabetes, run) / "model.pkl"
    assert as_joblib.read_bytes() == as_pickle.read_bytes()
    rows = pd.read_parquet(diabetes.folder / "data/processed/test.parquet")
    from_joblib, from_pickle = joblib.load(as_joblib), pickle.loads(as_pickle.read_bytes())
    expected = from_pickle.predict(rows)
    np.testing.assert_array_equal(from_joblib.predict(rows), expected)
    with contextlib.chdir(diabetes.folder):
        served = load_model(f"runs:/{run.info.run_id}/{run.info.run_name}")
    np.testing.assert_array_equal(served.predict(rows), expected)
    rmse = float(np.sqrt(np.mean((rows["target"] - expected) ** 2)))
    assert rmse == pytest.approx(run.data.metrics["test_rmse"])


def test_a_model_names_what_it_needs_exactly(diabetes: Trained) -> None:
    found = runs(diabetes, "diabetes-regression")
    for name in ("ridge", "xgboost"):
        lines = (model_of(diabetes, found[name]) / "requirements.txt").read_text().split()
        pinned = dict(line.split("==") for line in lines)
        assert {package: importlib.metadata.version(package) for package in pinned} == pinned
        assert {"mlflow", "scikit-learn", "pandas", "numpy", "cloudpickle"} <= set(pinned)
        assert bool({"xgboost", "xgboost-cpu"} & set(pinned)) == (name == "xgboost")


def test_a_training_is_small(diabetes: Trained) -> None:
    stored = [file.read_bytes() for file in diabetes.folder.glob("mlruns/**/*") if file.is_file()]
    # Git keeps equal files once.
    assert sum({hashlib.sha256(content).digest(): len(content) for content in stored}.values()) < 1_200_000
    pictures = list(diabetes.folder.glob("mlruns/**/*.png"))
    assert len(pictures) == 6 + 5
    assert all(file.read_bytes().startswith(b"\x89PNG") and file.stat().st_size < 40_000 for file in pictures)


def test_nothing_tells_where_it_was_trained_or_the_remotes_password(diabetes: Trained) -> None:
    recorded = [file for file in diabetes.folder.glob("mlruns/**/*") if file.is_file() and "meta.yaml" not in file.name]
    assert len(recorded) > 200
    project = Path(__file__).parents[2]
    for secret in (str(diabetes.folder.parent), str(project), "hunter2"):
        assert [file for file in recorded if secret.encode() in file.read_bytes()] == []


def test_the_same_seed_gives_the_same_split_and_the_same_scores(diabetes: Trained, checkout: Checkout) -> None:
    assert checkout.run("load_data").code == 0
    assert checkout.run("preprocess").code == 0
    for part in ("train", "validation", "test"):
        name = f"data/processed/{part}.parquet"
        assert (checkout.folder / name).read_bytes() == (diabetes.folder / name).read_bytes()
    assert checkout.run("train").code == 0
    first, second = runs(diabetes, "diabetes-regression"), runs(checkout, "diabetes-regression")
    for name in SIX:
        assert [second[name].data.metrics[metric] for metric in sorted(METRICS)] == [
            first[name].data.metrics[metric] for metric in sorted(METRICS)
        ]
        assert (files_of(checkout, second[name]) / "residuals.png").read_bytes() == (
            files_of(diabetes, first[name]) / "residuals.png"
        ).read_bytes()


def test_another_seed_reaches_the_models(checkout: Checkout) -> None:
    ready(checkout, "candidates: [{model: random_forest, parameters: {n_estimators: 3}}]")
    assert train(checkout).outputs["val_rmse"] != train(checkout, "--seed", "1").outputs["val_rmse"]


def test_columns_of_every_kind_are_understood(mixed: Trained) -> None:
    assert (mixed.load.code, mixed.preprocess.code, mixed.train.code) == (0, 0, 0), mixed.train.err
    columns = json.loads((mixed.folder / "data/processed/report.json").read_text())["columns"]
    assert (columns["numeric"], columns["boolean"], columns["categorical"]) == (["rooms", "area"], ["garden"], ["city"])
    assert set(columns["dropped"]) == {"reference", "sold", "country"}
    assert "notice: 'reference' is left out: 120 distinct texts" in mixed.preprocess.err
    assert mixed.preprocess.outputs == {
        "processed_path": "data/processed",
        "train_rows": 120,
        "validation_rows": 40,
        "test_rows": 40,
        "duplicates_dropped": 7,
    }


@pytest.mark.parametrize("name", ["ridge", "xgboost"])
def test_a_served_model_takes_raw_rows(mixed: Trained, name: str) -> None:
    run = runs(mixed, "houses-regression")[name]
    forget_stores()
    with contextlib.chdir(mixed.folder):
        served = load_model(f"runs:/{run.info.run_id}/{run.info.run_name}")
    known = {"rooms": 3.0, "area": 90.0, "city": "Rome", "garden": True}
    records: list[dict[str, Any]] = [
        known,
        {**known, "city": "Atlantis"},
        {**known, "city": None, "garden": None},
        {**known, "rooms": None, "area": None},
        # What the model was not trained on may come along.
        {**known, "reference": "id-1", "price": 1.0},
    ]
    alone = [served.predict(pd.DataFrame([record]).astype({"rooms": float, "area": float}))[0] for record in records]
    assert np.isfinite(alone).all()
    assert alone[4] == alone[0] != alone[1]
    schema = served.metadata.get_input_schema()
    body = json.dumps({"dataframe_records": [{name: record[name] for name in known} for record in records]})
    answer = scoring_server.invocations(body, "application/json", served, schema)
    assert json.loads(answer.response)["predictions"] == pytest.approx(alone)
    assert schema.to_dict() == [
        {"type": "double", "name": "rooms", "required": True},
        {"type": "double", "name": "area", "required": True},
        {"type": "boolean", "name": "garden", "required": True},
        {"type": "string", "name": "city", "required": True},
    ]


def test_a_model_of_a_table_as_people_have_them_is_served(checkout: Checkout) -> None:
    lines = (f"{row};{row % 7},5;{row % 5 or '?'};{'ab'[row % 2]};{2 * row},25" for row in range(60))
    checkout.write("data.csv", "\n".join(["Unnamed: 0; 1 ;2;kind, (x);target", *lines]))
    checkout.write("candidates.yaml", "candidates: [{model: ridge}, {model: xgboost, parameters: {n_estimators: 5}}]")
    done = [checkout.run("load_data", "--data", "data.csv"), checkout.run("preprocess"), train(checkout)]
    assert [called.code for called in done] == [0, 0, 0], done
    assert done[2].outputs["failed_runs"] == 0
    for run in runs(checkout, "data-regression").values():
        served = load_model(str(model_of(checkout, run)))
        body = json.dumps({"dataframe_records": [{"1": 1.5, "2": None, "kind, (x)": "a"}]})
        answer = scoring_server.invocations(body, "application/json", served, served.metadata.get_input_schema())
        assert np.isfinite(json.loads(answer.response)["predictions"]).all()


def test_the_stored_example_is_answered(mixed: Trained) -> None:
    run = runs(mixed, "houses-regression")["ridge"]
    folder = model_of(mixed, run)
    served = load_model(str(folder))
    body = (folder / "serving_input_example.json").read_text()
    answer = scoring_server.invocations(body, "application/json", served, served.metadata.get_input_schema())
    assert len(json.loads(answer.response)["predictions"]) == recording.EXAMPLE_ROWS


def test_a_candidate_that_fails_does_not_stop_the_others(checkout: Checkout) -> None:
    ready(checkout, "candidates: [{name: broken, model: ridge, parameters: {alpha: -1}}, {model: linear}]")
    done = train(checkout)
    assert done.code == 0
    assert (done.outputs["best_algorithm"], done.outputs["runs"], done.outputs["failed_runs"]) == ("linear", 2, 1)
    assert "broken: failed, " in done.err
    assert "warning: broken: InvalidParameterError: The 'alpha' parameter of Ridge" in done.err
    found = runs(checkout, "diabetes-regression")
    assert {name: run.info.status for name, run in found.items()} == {"broken": "FAILED", "linear": "FINISHED"}
    broken = found["broken"].data
    assert (broken.tags["failure"], broken.params["alpha"], broken.metrics) == ("InvalidParameterError", "-1", {})
    text = checkout.run("train", "--candidates", "candidates.yaml").out.splitlines()
    assert [line.split()[:2] for line in text[1:3]] == [["1", "linear"], ["failed", "broken"]]


def test_when_all_candidates_fail_the_command_does(checkout: Checkout) -> None:
    ready(checkout, "candidates: [{model: ridge, parameters: {alpha: -1}}, {model: knn, parameters: {n_neighbors: 0}}]")
    done = train(checkout)
    assert done.code == TrainingError.exit_code
    assert done.outputs["status"] == "failed"
    assert "All 2 candidates failed:" in done.err
    assert {run.info.status for run in runs(checkout, "diabetes-regression").values()} == {"FAILED"}


def test_predictions_that_are_no_numbers_fail_their_candidate(checkout: Checkout) -> None:
    overflow = "candidates: [{model: linear}, {model: svr, parameters: {kernel: poly, degree: 400, gamma: 1000.0}}]"
    ready(checkout, overflow)
    done = train(checkout)
    assert (done.code, done.outputs["failed_runs"]) == (0, 1)
    assert runs(checkout, "diabetes-regression")["svr"].info.status == "FAILED"


def test_a_model_that_cannot_be_recorded_fails_its_candidate(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: object, **_options: object) -> None:
        raise OSError(28, "No space left on device")

    ready(checkout)
    monkeypatch.setattr(MlflowClient, "log_model_artifacts", full)
    assert train(checkout).code == TrainingError.exit_code
    run = runs(checkout, "diabetes-regression")["linear"]
    assert run.info.status == "FAILED"
    with contextlib.chdir(checkout.folder):
        (model,) = MlflowClient("file:./mlruns").search_logged_models([run.info.experiment_id])
    assert model.status.name == "FAILED"


def test_an_interrupted_run_does_not_stay_running(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_arguments: object, **_options: object) -> None:
        raise KeyboardInterrupt

    ready(checkout)
    monkeypatch.setattr("mlpipeline.training.trainer.fit", interrupt)
    assert train(checkout).code == 130
    assert runs(checkout, "diabetes-regression")["linear"].info.status == "KILLED"


def test_an_unknown_key_is_an_error_before_any_run(checkout: Checkout) -> None:
    ready(checkout, "candidates: [{model: linear}, {model: ridge, params: {alpha: 1}}]")
    done = train(checkout)
    assert done.code == InputError.exit_code
    assert "candidates.yaml: candidate 2: unknown key 'params'" in done.err
    assert "did you mean 'parameters'?" in done.err
    assert not (checkout.folder / "mlruns").exists()


@pytest.mark.parametrize(
    ("argv", "environment", "expected"),
    [
        ([], None, "file:./mlruns"),
        ([], "file:./elsewhere", "file:./elsewhere"),
        (["--tracking-uri", "file:./flag"], "file:./elsewhere", "file:./flag"),
        ([], "sqlite:///runs.db", "sqlite:///runs.db"),
    ],
)
def test_the_runs_go_where_they_are_told(
    checkout: Checkout,
    monkeypatch: pytest.MonkeyPatch,
    argv: list[str],
    environment: str | None,
    expected: str,
) -> None:
    ready(checkout)
    monkeypatch.delenv("MLFLOW_ALLOW_FILE_STORE")
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    if environment:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", environment)
    # A run to resume, and an experiment that is not meant: the job around may have set both.
    monkeypatch.setenv("MLFLOW_RUN_ID", "0" * 32)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", "12")
    done = train(checkout, *argv)
    assert done.code == 0, done.err
    assert done.outputs["tracking_uri"] == expected
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    (run,) = runs(checkout, "diabetes-regression", expected).values()
    assert run.info.run_id == done.outputs["best_run_id"]
    assert run.data.metrics["val_rmse"] == pytest.approx(done.outputs["val_rmse"])
    with contextlib.chdir(checkout.folder):
        # Where a model is, its own record says: no tracking URI is needed to find it.
        model = MlflowClient(expected).get_logged_model(run.outputs.model_outputs[0].model_id)
        assert load_model(model.artifact_location).metadata.run_id == run.info.run_id


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("zebra://someone:hunter2@example.org", "unsupported URI 'zebra://***@example.org'"),
        ("file:///proc/nothing", "The tracking store cannot be used"),
        ("sqlite:////proc/nothing/runs.db", "The tracking store cannot be used"),
    ],
)
def test_a_store_that_cannot_be_used_is_an_input_error(checkout: Checkout, uri: str, words: str) -> None:
    ready(checkout)
    done = train(checkout, "--tracking-uri", uri)
    assert done.code == InputError.exit_code
    assert words in done.err
    assert "hunter2" not in done.err + done.out


def test_a_store_that_stops_working_is_told_without_a_traceback(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object, **_options: object) -> None:
        raise MlflowException("no more connections")

    ready(checkout)
    monkeypatch.setattr(MlflowClient, "create_run", refuse)
    done = train(checkout)
    assert done.code == TrainingError.exit_code
    assert done.outputs["reason"] == "The tracking store stopped working: no more connections"


def test_a_deleted_experiment_is_an_input_error(checkout: Checkout) -> None:
    ready(checkout)
    forget_stores()
    with contextlib.chdir(checkout.folder):
        client = MlflowClient("file:./mlruns")
        client.delete_experiment(client.create_experiment("gone"))
    done = train(checkout, "--experiment", "gone")
    assert done.code == InputError.exit_code
    assert "The experiment 'gone' was deleted" in done.err


def committed_history(checkout: Checkout, folder: Path) -> Checkout:
    """A clone of a repository whose branch holds runs, one of them FAILED and so with folders that Git drops.

    Its experiment keeps its artifacts in the portable place, as it does once it was persisted.
    """
    ready(checkout, "candidates: [{model: linear}, {name: broken, model: ridge, parameters: {alpha: -1}}]")
    forget_stores()
    with contextlib.chdir(checkout.folder):
        experiment = MlflowClient("file:./mlruns").create_experiment("history")
    meta = checkout.folder / "mlruns" / experiment / "meta.yaml"
    meta.write_text(yaml.safe_dump(yaml.safe_load(meta.read_text()) | {"artifact_location": "file:./mlflow-artifacts"}))
    assert train(checkout, "--experiment", "history").code == 0
    git(checkout.folder, "add", ".")
    git(checkout.folder, "commit", "--quiet", "--message", "history")
    cloned = clone(checkout.folder, folder)
    shutil.rmtree(checkout.folder)
    return Checkout(folder=cloned)


def test_training_goes_on_in_a_clone_that_holds_a_history(checkout: Checkout, tmp_path: Path) -> None:
    cloned = committed_history(checkout, tmp_path / "clone")
    before = runs(cloned, "history")["linear"]
    assert not (cloned.folder / f"mlruns/{before.info.experiment_id}/{before.info.run_id}/artifacts").exists()
    # Its own process: MLflow's default there is to refuse the store.
    done = cloned.start("train", "--candidates", "candidates.yaml", "--experiment", "history", "--json")
    assert done.code == 0, done.err
    run = runs(cloned, "history")["linear"]
    assert run.info.run_id == done.outputs["best_run_id"] != before.info.run_id
    assert run.info.artifact_uri == f"file:./mlflow-artifacts/{run.info.run_id}/artifacts"
    assert (cloned.folder / "mlflow-artifacts" / run.info.run_id / "artifacts" / "model.joblib").is_file()
    with contextlib.chdir(cloned.folder):
        assert load_model(f"runs:/{run.info.run_id}/{run.info.run_name}").metadata.run_id == run.info.run_id
    everything = [path for path in cloned.folder.glob("ml*/**/*") if path.is_file() and run.info.run_id in str(path)]
    assert [path for path in everything if str(tmp_path).encode() in path.read_bytes()] == []


def test_a_portable_history_is_added_to_from_its_own_folder_only(checkout: Checkout, tmp_path: Path) -> None:
    cloned = committed_history(checkout, tmp_path / "clone")
    (cloned.folder / "below").mkdir()
    below = Checkout(folder=cloned.folder / "below")
    done = below.run(
        "train",
        *("--candidates", "../candidates.yaml", "--input", "../data/processed", "--experiment", "history"),
        *("--tracking-uri", (cloned.folder / "mlruns").as_uri()),
    )
    assert done.code == InputError.exit_code
    assert f"cd {cloned.folder}" in done.err


def test_a_history_with_another_machines_paths_is_not_added_to(checkout: Checkout, tmp_path: Path) -> None:
    ready(checkout)
    assert train(checkout).code == 0
    moved = Checkout(folder=tmp_path / "moved")
    checkout.folder.rename(moved.folder)
    done = train(moved)
    assert done.code == InputError.exit_code
    assert "a folder of another machine" in done.err
    assert not checkout.folder.exists()
    assert train(moved, "--experiment", "fresh").code == 0


def test_dvcs_md5_becomes_a_tag(checkout: Checkout) -> None:
    content = "a,target\n" + "".join(f"{row},{row}\n" for row in range(20))
    checkout.write("data.csv", content)
    md5 = hashlib.md5(content.encode(), usedforsecurity=False).hexdigest()
    checkout.write("data.csv.dvc", f"outs:\n- md5: {md5}\n  hash: md5\n  path: data.csv\n")
    checkout.write("candidates.yaml", LINEAR)
    loaded = checkout.run("load_data", "--data", "data.csv", "--json")
    assert (loaded.outputs["dvc_md5"], checkout.run("preprocess").code, train(checkout).code) == (md5, 0, 0)
    tags = runs(checkout, "data-regression")["linear"].data.tags
    assert (tags["data.dvc_md5"], tags["data.sha256"]) == (md5, hashlib.sha256(content.encode()).hexdigest())


def test_the_job_is_recorded_on_github(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    ready(checkout)
    summary = checkout.folder / "summary.md"
    for name, value in {
        "GITHUB_ACTIONS": "true",
        "GITHUB_SERVER_URL": "https://github.example",
        "GITHUB_REPOSITORY": "o/r",
        "GITHUB_RUN_ID": "77",
        "GITHUB_WORKFLOW": "nightly",
        "GITHUB_ACTOR": "someone",
        "GITHUB_STEP_SUMMARY": str(summary),
    }.items():
        monkeypatch.setenv(name, value)
    assert train(checkout).code == 0
    run = runs(checkout, "diabetes-regression")["linear"]
    assert {name: value for name, value in run.data.tags.items() if name.startswith("ci.")} == {
        "ci.run_id": "77",
        "ci.run_url": "https://github.example/o/r/actions/runs/77",
        "ci.workflow": "nightly",
        "ci.actor": "someone",
    }
    assert f"| 1 | linear | linear | {run.data.metrics['val_rmse']:.4f} |" in summary.read_text()
