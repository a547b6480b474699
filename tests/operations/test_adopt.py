"""Healing histories that were committed by hand, in every shape they come in."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from mlpipeline.cli.history import main as history
from mlpipeline.core.errors import InputError
from mlpipeline.history.health import Health
from mlpipeline.history.paths import INFO, REGISTERED_MODELS
from mlpipeline.operations.adopt import Adoption, adopt
from mlpipeline.publishing.loop import Effects
from support.gitrepo import clone, files, git, hook, show
from support.jobs import NOW, Job
from support.mlstore import put, write_experiment, write_metric, write_run, write_yaml

OLD, NEW = "123456789012345678", "12345678901234567_8"


def commit(job: Job, message: str = "runs, by hand") -> None:
    git(job.checkout, "add", "--force", "--all")
    git(job.checkout, "commit", "--quiet", "--message", message)
    git(job.checkout, "push", "--quiet", "origin", "HEAD:main")


def adopted(job: Job, **changes: Any) -> Adoption:
    return adopt(job.settings(**changes), Effects(now=lambda: NOW, sleep=job.sleeps.append, say=job.said.append))


def edit(meta: Path, **changes: object) -> None:
    write_yaml(meta, {**yaml.safe_load(meta.read_text(encoding="utf-8")), **changes})


def messages(adoption: Adoption) -> str:
    return "\n".join(message for _, message in adoption.outcome.messages)


def test_an_ordinary_folder_opens_after_it(origin: Path, job: Job, tmp_path: Path) -> None:
    run = write_run(job.store, artifacts={"plots/a.png": b"png"})
    write_run(job.store, model=None, value=None)
    commit(job)

    adoption = adopted(job)

    assert (adoption.outcome.status, adoption.outcome.pushed, adoption.outcome.run_id) == ("persisted", True, run)
    assert adoption.before == Health(runs=2, visible=2, opened=0, artifacts=3, models=1)
    assert adoption.after == Health(
        runs=2, visible=2, opened=2, artifacts=3, listable=3, models=1, resolvable=1
    )  # fmt: skip
    stored = files(origin)
    assert f"mlflow-artifacts/{run}/artifacts/plots/a.png" in stored
    assert f"mlruns/{NEW}/{run}/artifacts/plots/a.png" not in stored, "the artifact moves"
    assert f"mlruns/{NEW}/{run}/metrics/val_rmse" in stored
    assert git(origin, "log", "-1", "--format=%s", "main") == (
        "MLflow: adopt 2 runs that were committed by hand, best val_rmse 1 by ridge"
    )
    assert git(job.checkout, "status", "--porcelain") == ""
    fresh = clone(origin, tmp_path / "fresh")
    assert (fresh / "deployment/models/best_model/model.pkl").read_bytes() == b"model"


def test_adopting_twice_changes_nothing(origin: Path, job: Job) -> None:
    write_run(job.store)
    commit(job)
    adopted(job)
    before = git(origin, "rev-parse", "main")

    assert adopted(job).outcome.status == "nothing-new"
    assert git(origin, "rev-parse", "main") == before


def test_a_dry_run_shows_and_changes_nothing(origin: Path, job: Job) -> None:
    write_run(job.store)
    commit(job)
    before = git(origin, "rev-parse", "main")

    adoption = adopted(job, dry_run=True)

    assert (adoption.outcome.status, adoption.before.listable, adoption.after.listable) == ("skipped", 0, 2)
    assert git(origin, "rev-parse", "main") == before


def test_persisting_goes_on_from_an_adopted_history(origin: Path, job: Job) -> None:
    write_run(job.store)
    commit(job)
    adopted(job)

    write_run(job.store, experiment_id=OLD, value=0.5)
    outcome = job.persist()

    assert (outcome.runs_added, outcome.value) == (1, 0.5)
    assert json.loads(show(origin, INFO))["counts"]["runs"] == 2
    assert git(job.checkout, "status", "--porcelain") == ""


@pytest.mark.parametrize(
    "location",
    [
        "file:///C:/Users/me/project/mlruns/{experiment}/{run}/artifacts",
        "file:C:/Users/me/My%20Project/mlruns/{experiment}/{run}/artifacts",
        "C:\\Users\\me\\project\\mlruns\\{experiment}\\{run}\\artifacts",
        "file:///home/%D0%90%D0%BD%D1%82%D0%BE%D0%BD/mlruns/{experiment}/{run}/artifacts",
        "mlflow-artifacts:/{experiment}/{run}/artifacts",
        "mlruns/{experiment}/{run}/artifacts",
        "s3://bucket/{experiment}/{run}/artifacts",
        "",
    ],
)
def test_artifacts_are_found_where_they_really_lie(origin: Path, job: Job, location: str) -> None:
    run = write_run(job.store, model=None, artifacts={"model.pkl": b"found"})
    edit(job.store / OLD / run / "meta.yaml", artifact_uri=location.format(experiment=OLD, run=run))
    commit(job)

    adoption = adopted(job)

    assert (adoption.outcome.run_id, adoption.after.listable) == (run, 1)
    assert show(origin, f"mlflow-artifacts/{run}/artifacts/model.pkl") == b"found"


def test_artifacts_that_a_server_kept_beside_the_store_are_found(origin: Path, job: Job) -> None:
    run = write_run(job.store, model=None)
    edit(job.store / OLD / run / "meta.yaml", artifact_uri=f"mlflow-artifacts:/{OLD}/{run}/artifacts")
    put(job.checkout / "mlartifacts" / OLD / run / "artifacts/model.pkl", b"served")
    commit(job)

    adopted(job)

    assert show(origin, f"mlflow-artifacts/{run}/artifacts/model.pkl") == b"served"


def test_what_is_malformed_is_repaired_or_named_and_stops_nothing(origin: Path, job: Job) -> None:
    good = write_run(job.store)
    spaced, empty, broken, foreign, lost = (write_run(job.store, model=None) for _ in range(5))
    put(job.store / OLD / spaced / "metrics/val_rmse", b"1 0.5 0 my data 1a2b\n2 0.4 1 my data 1a2b\n")
    put(job.store / OLD / empty / "metrics/val_rmse", b"")
    put(job.store / OLD / broken / "meta.yaml", b"run_id: [")
    edit(job.store / OLD / foreign / "meta.yaml", experiment_id="999")
    (job.store / OLD / lost / "meta.yaml").unlink()
    (job.store / OLD / good / "dangling").symlink_to("nowhere")
    (job.store / OLD / good / "artifacts/dangling").symlink_to("nowhere")
    commit(job)

    adoption = adopted(job)

    assert adoption.before.visible == 0, "one empty metric blanks the whole experiment"
    assert adoption.after.visible == adoption.after.opened == 4
    assert show(origin, f"mlruns/{NEW}/{spaced}/metrics/val_rmse") == b"1 0.5 0\n2 0.4 1\n"
    assert yaml.safe_load(show(origin, f"mlruns/{NEW}/{foreign}/meta.yaml"))["experiment_id"] == NEW
    stored = files(origin)
    assert f"mlruns/{NEW}/{empty}/metrics/val_rmse" not in stored
    assert show(origin, f"mlruns/{NEW}/{broken}/meta.yaml") == b"run_id: [", "what cannot be read stays as it is"
    assert f"mlruns/{NEW}/{lost}/metrics/val_rmse" in stored
    told = messages(adoption)
    for run, why in {
        spaced: "dataset's name",
        empty: "empty metric",
        broken: "not valid YAML",
        lost: "no meta.yaml",
    }.items():
        assert any(run in line and why in line for line in told.splitlines()), why
    assert "artifacts/dangling" in told


def test_runs_of_an_experiment_without_a_description_stay_in_sight(origin: Path, job: Job) -> None:
    run = write_run(job.store)
    (job.store / OLD / "meta.yaml").unlink()
    commit(job)

    adoption = adopted(job)

    assert (adoption.before.visible, adoption.after.visible) == (0, 1)
    described = [path for path in files(origin) if path.endswith(f"/{run}/meta.yaml")]
    experiment = described[0].removesuffix(f"/{run}/meta.yaml")
    assert yaml.safe_load(show(origin, f"{experiment}/meta.yaml"))["name"] == OLD
    assert "named by its id" in messages(adoption)


def test_one_name_under_two_ids_becomes_one_experiment(origin: Path, job: Job) -> None:
    runs = [write_run(job.store, experiment_id=identifier) for identifier in ("222", "111")]
    commit(job)

    adopted(job)

    folders = {path.split("/")[1] for path in files(origin) if path.startswith("mlruns/")}
    assert folders - {".gitattributes", ".gitignore", REGISTERED_MODELS} == {"11_1"}
    assert {path.split("/")[2] for path in files(origin) if path.startswith("mlruns/11_1/")} >= set(runs)


def test_registered_models_and_deleted_experiments_keep_their_places(origin: Path, job: Job) -> None:
    run = write_run(job.store, model=None, artifacts={"model/MLmodel": b"flavors: {}\n"})
    model = job.store / "models/wine"
    write_yaml(model / "meta.yaml", {"name": "wine", "creation_timestamp": 1, "last_updated_timestamp": 9})
    for number in (2, 5):
        source = f"file:///C:/Users/me/mlruns/{OLD}/{run}/artifacts/model"
        described = {"name": "wine", "version": number, "run_id": run, "source": source, "creation_timestamp": number}
        write_yaml(model / f"version-{number}/meta.yaml", described)
    put(model / "aliases/champion", b"5")
    gone = write_experiment(job.store / ".trash", "gone", "777")
    edit(gone / "meta.yaml", lifecycle_stage="deleted")
    deleted = write_run(job.store / ".trash", experiment="gone", experiment_id="777", lifecycle="deleted")
    commit(job)

    adoption = adopted(job)

    assert adoption.after.opened == adoption.after.runs == 2
    for number in (2, 5):
        version = yaml.safe_load(show(origin, f"mlruns/models/wine/version-{number}/meta.yaml"))
        assert version["source"] == f"file:./mlflow-artifacts/{run}/artifacts/model"
    assert show(origin, "mlruns/models/wine/aliases/champion") == b"5"
    assert f"mlruns/.trash/77_7/{deleted}/meta.yaml" in files(origin)
    assert json.loads(show(origin, INFO))["excluded"]["deleted"] == 1


def test_credentials_leave_the_tip_and_are_named(origin: Path, job: Job) -> None:
    run = write_run(
        job.store,
        params={"api_key": "abcdef123456", "alpha": "0.1"},
        tags={"note": f"ghp_{'a' * 36}", "mlflow.source.git.repoURL": "https://me:hunter2@example.org/x.git"},
    )
    commit(job)

    adoption = adopted(job)

    stored = files(origin)
    assert f"mlruns/{NEW}/{run}/params/alpha" in stored
    assert f"mlruns/{NEW}/{run}/params/api_key" not in stored
    assert f"mlruns/{NEW}/{run}/tags/note" not in stored
    assert show(origin, f"mlruns/{NEW}/{run}/tags/mlflow.source.git.repoURL") == b"https://***@example.org/x.git"
    told = messages(adoption)
    assert "params/api_key looks like a credential" in told
    assert "hunter2" not in told
    assert "abcdef123456" not in told


def test_files_of_systems_and_editors_leave_the_tip(origin: Path, job: Job) -> None:
    """One of them in `metrics/` makes MLflow fail the whole experiment."""
    run = write_run(job.store)
    names = [f"{folder}/{name}" for folder in ("metrics", "params", "tags") for name in (".gitkeep", ".DS_Store")]
    for name in [*names, "metrics/.ipynb_checkpoints/val_rmse-checkpoint"]:
        put(job.store / OLD / run / name, b"\0")
    put(job.store / OLD / "tags/.DS_Store", b"\0")
    commit(job)

    adoption = adopted(job)

    left = [path for path in files(origin) if path.endswith((".DS_Store", "-checkpoint", "/.gitkeep"))]
    assert [path for path in left if "/artifacts/" not in path] == []
    assert (adoption.outcome.runs_refused, adoption.after.visible) == (0, 1)


def test_duplicate_metric_lines_go(origin: Path, job: Job) -> None:
    run = write_run(job.store)
    write_metric(job.store / OLD / run / "metrics/val_rmse", [(5, 0.5, 0), (6, 0.4, 1), (5, 0.5, 0)])
    commit(job)

    adopted(job)

    assert show(origin, f"mlruns/{NEW}/{run}/metrics/val_rmse") == b"5 0.5 0\n6 0.4 1\n"


def test_a_history_in_a_folder_of_a_monorepo(origin: Path, job: Job) -> None:
    for project in ("backend", "ml/ranking"):
        write_run(job.checkout / project / "mlruns")
    commit(job)

    for project in ("backend", "ml/ranking"):
        adoption = adopted(job, root=project)
        assert (adoption.after.listable, adoption.outcome.pushed) == (2, True)

    assert {path.split("/mlflow-artifacts/")[0] for path in files(origin) if "/mlflow-artifacts/" in path} == {
        "backend", "ml/ranking",
    }  # fmt: skip


def test_a_branch_without_runs_is_an_error(job: Job) -> None:
    with pytest.raises(InputError, match="nothing to adopt"):
        adopted(job)


def test_a_job_that_pushes_meanwhile_is_adopted_too(origin: Path, job: Job, new_job: Callable[..., Job]) -> None:
    write_run(job.store)
    commit(job)
    other = new_job("other")
    late = write_run(other.store, experiment_id=OLD)
    lock = origin / "refs/heads/main.lock"
    lock.touch()

    def unlock_and_push(_: float) -> None:
        lock.unlink(missing_ok=True)
        if git(other.checkout, "status", "--porcelain"):
            commit(other, "late")

    effects = Effects(now=lambda: NOW, sleep=unlock_and_push, say=job.said.append)
    adoption = adopt(job.settings(), effects)

    assert adoption.outcome.pushed
    assert f"mlflow-artifacts/models/m-{late}" not in files(origin)
    assert adoption.after.runs == adoption.after.opened == 2


def test_a_declined_adoption_leaves_everything(origin: Path, job: Job) -> None:
    write_run(job.store)
    commit(job)
    before = git(origin, "rev-parse", "main")
    hook(origin, "pre-receive", "exit 1")

    outcome = adopted(job).outcome

    assert (outcome.status, outcome.pushed) == ("failed", False)
    assert git(origin, "rev-parse", "main") == before
    assert git(job.checkout, "status", "--porcelain") == ""


def test_a_push_that_fails_is_the_commands_exit_code(
    origin: Path, job: Job, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(job.store)
    commit(job)
    hook(origin, "pre-receive", "exit 1")

    assert history.main(["adopt", "--repository", str(job.checkout)]) == 6
    assert "could not be pushed" in capsys.readouterr().err
