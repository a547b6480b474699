"""Secrets wherever a run can hold one: none is on the branch, in its commits' messages or in the log."""

import json
from pathlib import Path

import pytest
import yaml

from mlpipeline.cli import persist
from mlpipeline.history.paths import experiment_id
from support.gitrepo import clone, files, git
from support.jobs import Job
from support.mlstore import put, write_metric, write_run, write_yaml
from support.planted import Planted, shapes

TOKEN = "hf" + "_" + "aBcDeFgHiJ" * 4
ADDRESS = f"https://me:{'hunt' + 'er2'}@example.org/data.csv?sig={'a1B2' * 10}"


def text_of(planted: Planted) -> str:
    """A secret as it stands where no name of a param tells of it."""
    return planted.text if planted.name in ("note", "arg_3") else f"{planted.name}={planted.text}"


def write_secrets(store: Path, planted: list[Planted]) -> None:
    """Write runs with secrets in all that a job can name, describe and log."""
    experiment = f"churn {TOKEN}"
    params = {f"p{number}": text_of(each) for number, each in enumerate(planted)}
    named = {f"{number}/{each.name}": each.text for number, each in enumerate(planted)}
    artifacts = {f"{number}/{each.name}.txt": text_of(each).encode() for number, each in enumerate(planted)}
    run = write_run(store, experiment=experiment, params=params, tags=named, artifacts=artifacts, model_type=TOKEN)
    folder = next(store.glob(f"*/{run}"))
    described = yaml.safe_load((folder / "meta.yaml").read_text(encoding="utf-8"))
    write_yaml(folder / "meta.yaml", {**described, "run_name": f"of {TOKEN}", "experiment_id": folder.parent.name})
    put(folder / "tags/mlflow.runName", f"of {TOKEN}".encode())
    write_metric(folder / "metrics" / f"loss {TOKEN}", [(1, 0.5, 0)])
    home = folder.parent
    write_yaml(
        home / "meta.yaml", {**yaml.safe_load((home / "meta.yaml").read_text(encoding="utf-8")), "name": experiment}
    )
    put(home / "tags/mlflow.note.content", ADDRESS.encode())
    write_yaml(home / "datasets/d1/meta.yaml", {"digest": "d1", "source": json.dumps({"uri": ADDRESS}), "name": TOKEN})
    model = next(home.glob("models/m-*"))
    put(model / "tags/note", TOKEN.encode())
    put(model / "artifacts/requirements.txt", f"--index-url {ADDRESS}\nnumpy\n".encode())
    put(model / "artifacts/conda.yaml", f"dependencies:\n- pip:\n  - git+https://{TOKEN}@example.org/r\n".encode())
    registered = store / "models" / TOKEN
    write_yaml(registered / "meta.yaml", {"name": TOKEN, "description": ADDRESS, "creation_timestamp": 1})
    version = {"name": TOKEN, "version": 1, "run_id": run, "description": ADDRESS, "creation_timestamp": 1}
    write_yaml(registered / "version-1/meta.yaml", version)
    put(registered / "version-1/tags/a", TOKEN.encode())
    put(registered / f"aliases/{TOKEN}", b"1")


def test_none_is_on_the_branch_in_a_message_or_in_the_log(
    origin: Path, job: Job, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    planted = shapes(3)
    store = tmp_path / "source/mlruns"
    write_secrets(store, planted)

    code = persist.main(["--repository", str(job.checkout), "--source", str(store)])
    log = "".join(capsys.readouterr())

    assert code == 0
    fresh = clone(origin, tmp_path / "fresh")
    stored = [file for file in fresh.rglob("*") if file.is_file() and ".git" not in file.relative_to(fresh).parts[:1]]
    branch = b"\n".join([*(file.read_bytes() for file in stored), *(str(file).encode() for file in stored)])
    said = git(origin, "log", "--format=%B", "main") + log
    secrets = {each.shape: each.secret for each in planted} | {"token": TOKEN, "sig": "a1B2" * 10}
    assert [shape for shape, secret in secrets.items() if secret.encode() in branch] == []
    assert [shape for shape, secret in secrets.items() if secret in said] == []
    assert "added to origin/main" in log
    assert "Revoke it" in log


def test_what_is_no_secret_is_on_the_branch_and_the_model_is_promoted(origin: Path, job: Job, tmp_path: Path) -> None:
    store = tmp_path / "source/mlruns"
    write_secrets(store, [])

    outcome = job.persist(source=str(store))

    assert outcome.run_id is not None
    fresh = clone(origin, tmp_path / "fresh")
    best = fresh / "deployment/models/best_model"
    assert (best / "model.pkl").read_bytes() == b"model"
    assert (best / "requirements.txt").read_text() == "--index-url https://***@example.org/data.csv?sig=***\nnumpy\n"
    home = fresh / "mlruns" / experiment_id("churn ***")
    assert yaml.safe_load((home / "meta.yaml").read_text())["name"] == "churn ***"
    assert (home / outcome.run_id / "metrics/loss masked").read_text() == "1 0.5 0\n"
    assert (fresh / "mlruns/models/masked/aliases/masked").read_text() == "1"
    assert job.persist(source=str(store)).status == "nothing-new"


def test_what_the_checkout_holds_and_is_not_stored_stays_where_it_is(origin: Path, job: Job) -> None:
    experiment = experiment_id("demo")
    run = write_run(job.store, experiment_id=experiment, params={"hf_token": TOKEN, "a": "1"}, artifacts={".env": b""})
    secret = job.store / experiment / run / "params/hf_token"
    env = job.store / experiment / run / "artifacts/.env"
    env.write_text("DB_PASSWORD=" + "hunt" + "er2\n")

    job.persist()

    assert secret.read_text() == TOKEN
    assert env.exists()
    assert not any(path.endswith(("hf_token", ".env")) for path in files(origin))
    allowed = job.persist(allow_secrets=frozenset({"params/hf_token"}))
    assert allowed.runs_updated == 1
    assert any(path.endswith("hf_token") for path in files(origin))


def test_a_false_alarm_is_allowed_by_flag_and_by_configuration(origin: Path, job: Job, tmp_path: Path) -> None:
    store = tmp_path / "source/mlruns"
    names = ("a_token", "b_token", "c_token")
    write_run(store, params=dict.fromkeys(names, "0a1b2c3d4e5f"))
    put(job.checkout / "mlflow-git.yaml", b"allow_secrets: [params/a_token]\n")

    persist.main(["--repository", str(job.checkout), "--source", str(store), "--allow-secret", "params/b_token"])

    stored = {path.rpartition("/")[2] for path in files(origin)}
    assert stored & set(names) == {"a_token", "b_token"}
