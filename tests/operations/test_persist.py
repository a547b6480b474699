"""Persisting with real repositories: what reaches the branch, and what becomes of the checkout."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from mlpipeline.core.errors import InputError, RepositoryError
from mlpipeline.core.ranking import Mode, RuleOptions
from mlpipeline.history import large_metrics
from mlpipeline.history.paths import INFO, experiment_id
from support.gitrepo import clone, files, git, show
from support.jobs import Job, before_next_push
from support.mlstore import delete_run, put, write_experiment, write_metric, write_run
from support.processes import json_object

DEMO = experiment_id("demo")
SCHEMA = Path(__file__).parents[2] / "docs" / "mlflow_persistence_info.schema.json"


def info(origin: Path) -> dict[str, Any]:
    return json_object(show(origin, INFO))


def metadata(origin: Path, path: str = "deployment/models/best_model/metadata.json") -> dict[str, Any]:
    return json_object(show(origin, path))


def test_runs_reach_the_branch_in_the_portable_layout(origin: Path, job: Job) -> None:
    run = write_run(job.store, value=2.0, artifacts={"plots/a.png": b"png"}, params={"alpha": "1"})

    outcome = job.persist()

    assert (outcome.status, outcome.pushed, outcome.runs_added) == ("persisted", True, 1)
    assert outcome.commit_sha == git(origin, "rev-parse", "main")
    stored = files(origin)
    assert f"mlruns/{DEMO}/{run}/params/alpha" in stored
    assert f"mlflow-artifacts/{run}/artifacts/plots/a.png" in stored
    meta = yaml.safe_load(show(origin, f"mlruns/{DEMO}/{run}/meta.yaml"))
    assert meta["artifact_uri"] == f"file:./mlflow-artifacts/{run}/artifacts"
    assert meta["experiment_id"] == DEMO
    experiment = yaml.safe_load(show(origin, f"mlruns/{DEMO}/meta.yaml"))
    assert (experiment["name"], experiment["artifact_location"]) == ("demo", "file:./mlflow-artifacts")
    assert str(job.checkout).encode() not in b"".join(show(origin, path) for path in stored)


def test_the_commit_says_what_it_adds(origin: Path, job: Job) -> None:
    run = write_run(job.store, value=53.7251, model_type="gbr")
    write_run(job.store, value=60.0)

    job.persist()

    subject, _, *body = git(origin, "log", "-1", "--format=%B", "main").splitlines()
    assert subject == "MLflow: add 2 runs from test job, best val_rmse 53.7251 by gbr"
    assert f"Promoted-run: {run}" in body
    assert git(origin, "log", "-1", "--format=%an <%ae> %ct", "main") == "Tester <tester@example.org> 1760000000"


def test_the_best_model_is_promoted_byte_for_byte(origin: Path, job: Job) -> None:
    write_run(job.store, value=2.0, model=b"worse", model_type="ridge")
    best = write_run(job.store, value=1.0, model=b"best", model_type="gbr", params={"depth": "3"})

    outcome = job.persist()

    assert (outcome.run_id, outcome.value, outcome.improved) == (best, 1.0, True)
    assert show(origin, "deployment/models/best_model/model.pkl") == b"best"
    assert b"sklearn" in show(origin, "deployment/models/best_model/MLmodel")
    assert show(origin, "models/gbr_best_model.pkl") == b"best"
    assert show(origin, "models/ridge_best_model.pkl") == b"worse"
    described = metadata(origin)
    assert described["run_id"] == best
    assert described["params"] == {"depth": "3"}
    assert described["metrics"] == {"val_rmse": 1.0}
    assert described["files"]["model.pkl"]["sha256"] == hashlib.sha256(b"best").hexdigest()
    assert described["missing_formats"] == ["joblib"]
    assert "models/gbr_best_model.joblib" not in files(origin)


def test_joblib_and_pkl_of_the_same_bytes_are_one_object(origin: Path, job: Job) -> None:
    run = write_run(job.store, model=b"same", artifacts={"model.joblib": b"same"})

    job.persist()

    places = [path for path in files(origin) if path.endswith((".pkl", ".joblib"))]
    assert len(places) == 6
    assert f"mlflow-artifacts/{run}/artifacts/model.joblib" in places
    assert len({git(origin, "rev-parse", f"main:{path}") for path in places}) == 1


def test_a_winner_of_months_ago_keeps_its_own_bytes(origin: Path, new_job: Callable[..., Job]) -> None:
    old = new_job("old")
    winner = write_run(old.store, value=1.0, model=b"the winner's bytes", end=1_600_000_000_000)
    old.persist()
    for number in range(3):
        later = new_job(f"later{number}")
        write_run(later.store, value=5.0 + number, model=b"a later model")
        outcome = later.persist()
        assert (outcome.run_id, outcome.improved) == (winner, False)

    promoted = show(origin, "deployment/models/best_model/model.pkl")
    assert hashlib.sha256(promoted).digest() == hashlib.sha256(b"the winner's bytes").digest()
    assert metadata(origin)["run_id"] == winner


def test_another_rule_promotes_another_run_of_the_history(origin: Path, job: Job) -> None:
    low = write_run(job.store, value=1.0, model=b"low")
    high = write_run(job.store, value=9.0, model=b"high")
    assert job.persist().run_id == low

    outcome = job.persist(rule=RuleOptions(mode=Mode.MAX))

    assert (outcome.run_id, outcome.runs_added, outcome.status) == (high, 0, "persisted")
    assert show(origin, "deployment/models/best_model/model.pkl") == b"high"
    assert git(origin, "log", "-1", "--format=%s", "main").startswith("MLflow: choose again, asked by test job")


def test_a_rule_for_one_experiment_leaves_the_others_out(job: Job) -> None:
    write_run(job.store, value=1.0)
    other = write_run(job.store, value=2.0, experiment="other", experiment_id="99")

    outcome = job.persist(rule=RuleOptions(experiments=("other",)))

    assert (outcome.run_id, outcome.runs_excluded) == (other, 1)


def test_a_mistyped_metric_takes_nothing_out_of_production(origin: Path, job: Job) -> None:
    run = write_run(job.store, value=0.9, metric="accuracy")
    job.persist(rule=RuleOptions(metric="accuracy"))
    derived = [path for path in files(origin) if path.startswith(("models/", "deployment/", INFO))]
    before = {path: show(origin, path) for path in derived}
    write_run(job.store, value=0.95, metric="accuracy")

    outcome = job.persist(rule=RuleOptions(metric="acuracy"))

    assert (outcome.status, outcome.runs_added, outcome.run_id) == ("persisted", 1, run)
    assert (outcome.metric, outcome.value, outcome.improved) == ("accuracy", 0.9, False)
    assert {path: show(origin, path) for path in derived} == before
    ((level, message),) = outcome.messages
    assert level == "error"
    assert "No run has the metric 'acuracy'; metrics in this history: accuracy. Did you mean 'accuracy'?" in message


def test_the_rule_that_the_history_records_is_used_again(job: Job) -> None:
    write_run(job.store, value=0.9, metric="accuracy")
    job.persist(rule=RuleOptions(metric="accuracy"))
    better = write_run(job.store, value=0.95, metric="accuracy")

    outcome = job.persist()

    assert (outcome.run_id, outcome.metric, outcome.value) == (better, "accuracy", 0.95)


def test_an_algorithm_that_lost_its_last_run_is_cleared_away(origin: Path, job: Job) -> None:
    write_run(job.store, value=1.0, model_type="ridge")
    lost = write_run(job.store, value=2.0, model_type="gbr", experiment="other", experiment_id="99")
    put(job.checkout / "models/mine.py", b"the user's own")
    git(job.checkout, "add", "models/mine.py")
    git(job.checkout, "commit", "--quiet", "--message", "mine")
    git(job.checkout, "push", "--quiet", "origin", "main")
    job.persist()
    assert "models/gbr_best_model.pkl" in files(origin)

    delete_run(job.store, lost)
    job.persist()

    models = [path for path in files(origin) if path.startswith("models/")]
    assert models == [
        "models/.gitattributes", "models/mine.py", "models/ridge_best_model.pkl", "models/ridge_metadata.json",
    ]  # fmt: skip


def test_the_info_file_is_valid_and_true(origin: Path, job: Job) -> None:
    best = write_run(job.store, value=1.0, tags={"git.commit": "abc", "data.sha256": "def"})
    write_run(job.store, value="nan")
    write_run(job.store, value=3.0, status=4)
    for number in range(25):
        write_run(job.store, value=10.0 + number, model_type="gbr")
    job.persist()

    found = info(origin)

    jsonschema.validate(found, json.loads(SCHEMA.read_text(encoding="utf-8")))
    assert found["best"]["run_id"] == best
    assert found["counts"] == {
        "experiments": 1, "runs": 28, "logged_models": 28, "eligible": 26, "excluded": 2,
    }  # fmt: skip
    assert found["excluded"] == {"not-finished": 1, "not-finite": 1}
    assert len(found["leaderboard"]) == 20
    assert set(found["best_per_algorithm"]) == {"ridge", "gbr"}
    provenance = found["provenance"]
    assert provenance["history_tree"] == git(origin, "rev-parse", "main:mlruns")
    assert provenance["best"]["git_commit"] == "abc"


def test_no_runs_make_no_commit(origin: Path, job: Job) -> None:
    write_experiment(job.store, "demo", "1")
    before = git(origin, "rev-parse", "main")

    outcome = job.persist()

    assert (outcome.status, outcome.pushed) == ("nothing-new", False)
    assert "no runs" in outcome.reason
    assert git(origin, "rev-parse", "main") == before


def test_no_folder_of_runs_is_an_error(job: Job) -> None:
    with pytest.raises(InputError, match="does not exist"):
        job.persist()


def test_runs_without_the_metric_are_stored_but_not_promoted(origin: Path, job: Job) -> None:
    run = write_run(job.store, value=1.0, metric="accuracy")

    outcome = job.persist()

    assert (outcome.status, outcome.run_id, outcome.runs_excluded) == ("persisted", None, 1)
    assert ("warning", "No run has the metric 'val_rmse'; metrics in this history: accuracy.") in outcome.messages
    assert f"mlruns/{DEMO}/{run}/metrics/accuracy" in files(origin)
    assert not [path for path in files(origin) if path.startswith(("models/m", "deployment/models/b"))]
    assert info(origin)["best"] is None


def test_persisting_twice_changes_nothing(origin: Path, new_job: Callable[..., Job]) -> None:
    job, copy = new_job("job"), new_job("copy")
    write_run(job.store, run_id="a" * 32)
    shutil.copytree(job.store, copy.store)  # the same runs in a second job
    assert job.persist().status == "persisted"
    before = git(origin, "rev-parse", "main")

    assert job.persist().status == "nothing-new"
    assert copy.persist().status == "nothing-new"

    assert git(origin, "rev-parse", "main") == before


def test_a_run_persisted_while_running_is_completed(origin: Path, job: Job) -> None:
    run = write_run(job.store, status=1, value=[(1, 5.0, 0)], model=None, start=1_700_000_000_000)
    first = job.persist()
    assert (first.status, first.run_id) == ("persisted", None)
    folder = job.store / DEMO / run
    meta = yaml.safe_load((folder / "meta.yaml").read_text(encoding="utf-8"))
    write_metric(folder / "metrics/val_rmse", [(1, 5.0, 0), (2, 4.0, 1)])
    put(folder / "meta.yaml", yaml.safe_dump({**meta, "status": 3, "end_time": 1_700_000_009_000}).encode())
    put(job.checkout / f"mlflow-artifacts/{run}/artifacts/model.pkl", b"late")

    second = job.persist()

    assert (second.status, second.runs_added, second.runs_updated) == ("persisted", 0, 1)
    assert (second.run_id, second.value) == (run, 4.0)
    assert show(origin, f"mlruns/{DEMO}/{run}/metrics/val_rmse") == b"1 5.0 0\n2 4.0 1\n"
    assert git(job.checkout, "status", "--porcelain") == ""
    assert git(origin, "log", "-1", "--format=%s", "main").startswith("MLflow: update 1 run from test job")


def test_an_older_state_of_a_run_never_wins(origin: Path, new_job: Callable[..., Job]) -> None:
    finished, running = new_job("finished"), new_job("running")
    write_run(finished.store, run_id="a" * 32, value=[(1, 5.0, 0), (2, 4.0, 1)], start=1, end=9, tags={"x": "new"})
    write_run(running.store, run_id="a" * 32, value=[(1, 5.0, 0), (3, 3.0, 2)], start=1, status=1, tags={"x": "old"})
    finished.persist()

    running.persist()

    folder = f"mlruns/{DEMO}/{'a' * 32}"
    assert yaml.safe_load(show(origin, f"{folder}/meta.yaml"))["status"] == 3
    assert show(origin, f"{folder}/tags/x") == b"new"
    assert show(origin, f"{folder}/metrics/val_rmse") == b"1 5.0 0\n2 4.0 1\n3 3.0 2\n"


def test_experiments_of_one_name_become_one(origin: Path, new_job: Callable[..., Job]) -> None:
    for number in range(2):
        job = new_job(f"job{number}")
        write_run(job.store, experiment_id=str(111 + number))
        job.persist()

    folders = {path.split("/")[1] for path in files(origin) if path.startswith("mlruns/")}
    assert folders == {DEMO, "models", ".gitattributes", ".gitignore"}
    assert info(origin)["counts"]["runs"] == 2


def test_jobs_in_any_order_give_the_same_history(tmp_path: Path) -> None:
    trees = []
    for name, order in {"one": (0, 1, 2), "two": (2, 0, 1)}.items():
        (tmp_path / name).mkdir()
        git(tmp_path, "init", "--quiet", "--bare", str(tmp_path / name / "origin.git"))
        for number in order:
            job = Job(checkout=clone(tmp_path / name / "origin.git", tmp_path / name / f"job{number}"))
            for run in range(2):
                stamp = 1_700_000_000_000 + number * 10 + run
                write_run(
                    job.store,
                    run_id=f"{number}{run}" * 16,
                    value=3.0 - number,
                    start=stamp,
                    end=stamp,
                    model=b"%d" % run,
                )
            meta = job.store / "123456789012345678/meta.yaml"
            described = {
                **yaml.safe_load(meta.read_text(encoding="utf-8")),
                "creation_time": number,
                "last_update_time": number,
            }
            put(meta, yaml.safe_dump(described).encode())
            assert job.persist().status == "persisted"
        trees.append(git(tmp_path / name / "origin.git", "rev-parse", "main^{tree}"))

    assert trees[0] == trees[1]


class TestCheckout:
    """The checkout follows a push where that overwrites nothing, and stays as it was otherwise."""

    def test_is_clean_and_current_after_a_persist(self, origin: Path, job: Job) -> None:
        for _ in range(2):
            write_run(job.store, experiment_id="77")
            job.persist()

            assert git(job.checkout, "status", "--porcelain") == ""
            assert git(job.checkout, "rev-parse", "HEAD") == git(origin, "rev-parse", "main")
            assert "Already up to date" in git(job.checkout, "pull")
        assert not (job.store / "77").exists()
        assert not (job.checkout / ".git/mlflow-persistence").exists()

    def test_keeps_local_edits_as_they_are(self, job: Job) -> None:
        (job.checkout / "README.md").write_text("edited\n", encoding="utf-8")
        put(job.checkout / "notes.txt", b"untracked")
        put(job.checkout / "staged.txt", b"staged")
        git(job.checkout, "add", "staged.txt")
        write_run(job.store)

        outcome = job.persist()

        assert outcome.pushed
        assert git(job.checkout, "status", "--porcelain").splitlines() == [
            " M README.md", "A  staged.txt", "?? notes.txt",
        ]  # fmt: skip
        assert (job.checkout / "README.md").read_text(encoding="utf-8") == "edited\n"

    @pytest.mark.parametrize("ignored", [False, True], ids=["untracked", "ignored"])
    def test_a_file_in_the_way_is_not_overwritten(self, origin: Path, job: Job, *, ignored: bool) -> None:
        if ignored:
            put(job.checkout / ".git/info/exclude", b"models/\n")
        put(job.checkout / "models/ridge_best_model.pkl", b"mine")
        run = write_run(job.store)
        head = git(job.checkout, "rev-parse", "HEAD")

        outcome = job.persist()

        assert outcome.pushed
        assert "models/ridge_best_model.pkl" in files(origin)
        assert git(job.checkout, "rev-parse", "HEAD") == head
        assert (job.checkout / "models/ridge_best_model.pkl").read_bytes() == b"mine"
        assert (job.store / "123456789012345678" / run / "metrics/val_rmse").exists()
        (level, message), *_ = [each for each in outcome.messages if "left as it is" in each[1]]
        assert level == "warning"
        assert "models/ridge_best_model.pkl" in message

        (job.checkout / "models/ridge_best_model.pkl").unlink()
        assert job.persist().status == "nothing-new"
        assert git(job.checkout, "status", "--porcelain") == ""
        assert git(job.checkout, "rev-parse", "HEAD") == git(origin, "rev-parse", "main")

    def test_an_edit_of_a_promoted_file_stays(self, job: Job) -> None:
        write_run(job.store, value=2.0)
        job.persist()
        promoted = job.checkout / "deployment/models/best_model/metadata.json"
        promoted.write_text("edited", encoding="utf-8")
        write_run(job.store, value=1.0)

        outcome = job.persist()

        assert outcome.pushed
        assert promoted.read_text(encoding="utf-8") == "edited"
        assert any("metadata.json" in message for _, message in outcome.messages)

    def test_ignore_rules_keep_nothing_out_of_the_history(self, origin: Path, job: Job) -> None:
        put(job.checkout / ".gitignore", b"*.pkl\nmodels/\nlib/\n*.log\nmlruns/\n")
        git(job.checkout, "add", ".gitignore")
        git(job.checkout, "commit", "--quiet", "--message", "ignore")
        git(job.checkout, "push", "--quiet", "origin", "main")
        run = write_run(job.store, artifacts={"lib/a.log": b"log"})

        job.persist()

        assert f"mlflow-artifacts/{run}/artifacts/lib/a.log" in files(origin)
        assert "models/ridge_best_model.pkl" in files(origin)
        assert git(job.checkout, "status", "--porcelain") == ""
        assert (job.checkout / "models/ridge_best_model.pkl").read_bytes() == b"model"

    def test_does_not_follow_when_told_so(self, job: Job) -> None:
        run = write_run(job.store)
        head = git(job.checkout, "rev-parse", "HEAD")

        assert job.persist(update=False).pushed

        assert git(job.checkout, "rev-parse", "HEAD") == head
        assert (job.store / "123456789012345678" / run).exists()

    def test_does_not_follow_past_commits_of_its_own(self, origin: Path, job: Job) -> None:
        git(job.checkout, "commit", "--quiet", "--allow-empty", "--message", "local")
        head = git(job.checkout, "rev-parse", "HEAD")
        write_run(job.store)

        outcome = job.persist()

        assert outcome.pushed
        assert git(job.checkout, "rev-parse", "HEAD") == head
        assert "local" not in git(origin, "log", "--format=%s", "main")
        assert any("left as it is" in message for _, message in outcome.messages)

    def test_a_run_that_grew_meanwhile_stays(self, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
        run = write_run(job.store)
        metric = job.store / "123456789012345678" / run / "metrics/val_rmse"

        def train_on() -> None:
            with metric.open("a", encoding="utf-8") as file:
                file.write("1760000000 0.1 9\n")

        before_next_push(monkeypatch, train_on)  # so between reading the run and following the push

        outcome = job.persist()

        assert outcome.pushed
        assert b"0.1" in metric.read_bytes()


class TestRepositories:
    """The shapes in which repositories come."""

    def test_a_shallow_clone_as_a_job_has_it(self, origin: Path, job: Job, new_job: Callable[..., Job]) -> None:
        write_run(job.store, value=1.0)
        job.persist()
        shallow = new_job("shallow", "--depth=1")
        write_run(shallow.store, value=2.0)
        write_run(job.store, value=3.0)
        job.persist()

        outcome = shallow.persist()

        assert (outcome.status, outcome.value) == ("persisted", 1.0)
        assert info(origin)["counts"]["runs"] == 3
        assert git(shallow.checkout, "status", "--porcelain") == ""
        assert git(origin, "rev-list", "--count", "main") == "4"

    def test_a_clone_without_blobs(self, origin: Path, job: Job, new_job: Callable[..., Job]) -> None:
        git(origin, "config", "uploadpack.allowFilter", "true")
        git(origin, "config", "uploadpack.allowAnySHA1InWant", "true")
        write_run(job.store, value=1.0)
        job.persist()
        partial = new_job("partial", "--filter=blob:none", "--no-checkout")
        source = partial.checkout.parent / "elsewhere/mlruns"
        write_run(source, value=2.0)

        outcome = partial.persist(source=source.as_uri())

        assert (outcome.status, outcome.value) == ("persisted", 1.0)
        assert info(origin)["counts"]["runs"] == 2

    def test_an_empty_remote(self, tmp_path: Path) -> None:
        git(tmp_path, "init", "--quiet", "--bare", str(tmp_path / "empty.git"))
        job = Job(checkout=clone(tmp_path / "empty.git", tmp_path / "job"))
        write_run(job.store)

        assert job.persist().status == "persisted"

        assert git(tmp_path / "empty.git", "rev-list", "--count", "main") == "1"
        assert git(job.checkout, "status", "--porcelain") == ""

    def test_a_branch_that_was_never_pushed(self, origin: Path, job: Job) -> None:
        git(job.checkout, "checkout", "--quiet", "-b", "topic")
        write_run(job.store)

        with pytest.raises(RepositoryError, match="does not exist on 'origin'") as caught:
            job.persist()

        assert "git push --set-upstream origin topic" in caught.value.remedy
        assert git(origin, "branch", "--list", "topic") == ""

    def test_a_history_on_a_branch_of_its_own(self, origin: Path, job: Job) -> None:
        write_run(job.store)
        for _ in range(2):
            outcome = job.persist(branch="ml-history")
        assert outcome.status == "nothing-new"

        assert files(origin, "main") == ["README.md"]
        assert INFO in files(origin, "ml-history")
        assert "README.md" not in files(origin, "ml-history")
        assert git(job.checkout, "status", "--porcelain") == "?? mlruns/"

    def test_a_history_in_a_folder(self, origin: Path, job: Job) -> None:
        run = write_run(job.checkout / "backend/mlruns")

        outcome = job.persist(root="backend")

        assert outcome.model_path == "backend/deployment/models/best_model"
        stored = files(origin)
        assert f"backend/mlruns/{DEMO}/{run}/metrics/val_rmse" in stored
        assert [path for path in stored if not path.startswith("backend/")] == ["README.md"]
        meta = yaml.safe_load(show(origin, f"backend/mlruns/{DEMO}/{run}/meta.yaml"))
        assert meta["artifact_uri"] == f"file:./mlflow-artifacts/{run}/artifacts"
        assert git(job.checkout, "status", "--porcelain") == ""

    @pytest.mark.parametrize("root", ["../elsewhere", "/elsewhere", ".git", "a/.GIT/b"])
    def test_a_root_outside_the_repository(self, job: Job, root: str) -> None:
        with pytest.raises(InputError, match="not a folder inside"):
            job.persist(root=root)

    def test_a_detached_head(self, job: Job) -> None:
        git(job.checkout, "checkout", "--quiet", "--detach")
        write_run(job.store)

        with pytest.raises(RepositoryError, match="HEAD is detached") as caught:
            job.persist()
        assert "--branch" in caught.value.remedy

        assert job.persist(branch="main").pushed

    def test_no_repository(self, tmp_path: Path) -> None:
        (tmp_path / "plain").mkdir()
        with pytest.raises(RepositoryError, match="not inside a Git repository"):
            Job(checkout=tmp_path / "plain").persist()

    def test_no_remote(self, job: Job) -> None:
        git(job.checkout, "remote", "remove", "origin")
        with pytest.raises(RepositoryError, match="no remote called 'origin'"):
            job.persist()

    def test_runs_committed_by_hand_are_left_as_they_are(self, origin: Path, job: Job) -> None:
        old = write_run(job.store, experiment_id="555")
        git(job.checkout, "add", "--force", "mlruns")
        git(job.checkout, "commit", "--quiet", "--message", "by hand")
        git(job.checkout, "push", "--quiet", "origin", "main")
        new = write_run(job.store, experiment_id="555")

        outcome = job.persist()

        assert outcome.runs_added == 1
        warned = [message for level, message in outcome.messages if level == "warning"]
        assert any("1 run of the history committed by hand" in message for message in warned)
        assert any("history.py adopt" in message for message in warned)
        stored = files(origin)
        assert f"mlruns/555/{old}/metrics/val_rmse" in stored
        assert f"mlruns/555/{new}/metrics/val_rmse" in stored
        assert git(origin, "diff", "--name-only", "main~1", "main", "--", f"mlruns/555/{old}") == ""
        assert git(job.checkout, "status", "--porcelain") == ""


class TestHostileRuns:
    """What a job brings is not trusted."""

    def test_a_location_elsewhere_is_not_published(self, origin: Path, job: Job, tmp_path: Path) -> None:
        put(tmp_path / "secrets/key", b"secret")
        run = write_run(job.store, model=None)
        meta = job.store / "123456789012345678" / run / "meta.yaml"
        described = yaml.safe_load(meta.read_text(encoding="utf-8"))
        put(meta, yaml.safe_dump({**described, "artifact_uri": (tmp_path / "secrets").as_uri()}).encode())

        job.persist()

        assert not [path for path in files(origin) if path.endswith("key")]

    def test_links_are_not_followed(self, origin: Path, job: Job, tmp_path: Path) -> None:
        put(tmp_path / "secrets/key", b"secret")
        run = write_run(job.store)
        folder = job.store / "123456789012345678" / run
        (folder / "artifacts/link").symlink_to(tmp_path / "secrets/key")
        (folder / "artifacts/folder").symlink_to(tmp_path / "secrets")
        (folder / "params").rmdir()
        (folder / "params").symlink_to(tmp_path / "secrets")

        outcome = job.persist()

        assert b"secret" not in b"".join(show(origin, path) for path in files(origin))
        assert any("artifacts/link" in message for _, message in outcome.messages)

    def test_names_that_mean_something_to_git_are_left_out(self, origin: Path, job: Job) -> None:
        write_run(job.store, artifacts={".git/config": b"[core]", "a/.GIT/hooks/x": b"", 'quo"te\nline': b"ok"})

        outcome = job.persist()

        assert outcome.status == "persisted"
        assert not [path for path in files(origin) if ".git/" in path.lower()]
        assert outcome.runs_refused == 2

    def test_a_model_type_never_leaves_its_folder(self, origin: Path, job: Job) -> None:
        write_run(job.store, model_type="../../.github/workflows/evil")

        job.persist()

        assert "models/github-workflows-evil_best_model.pkl" in files(origin)

    @pytest.mark.parametrize(
        ("file", "content", "why"),
        [
            ("meta.yaml", b"{", "not valid YAML"),
            ("meta.yaml", b"run_id: other", "belongs to 'other'"),
            ("metrics/val_rmse", b"now low 0\n", "'now low 0'"),
        ],
        ids=["broken", "foreign", "no number"],
    )
    def test_a_malformed_run_does_not_stop_the_others(
        self, origin: Path, job: Job, file: str, content: bytes, why: str
    ) -> None:
        good, bad = write_run(job.store), write_run(job.store, model=None)
        put(job.store / "123456789012345678" / bad / file, content)

        outcome = job.persist()

        assert (outcome.run_id, outcome.runs_added, outcome.runs_refused) == (good, 1, 1)
        assert any(bad in message and why in message for _, message in outcome.messages)
        assert not [path for path in files(origin) if bad in path]
        assert (job.store / "123456789012345678" / bad).exists()


class TestLargeFiles:
    """GitHub's limits are known before the push."""

    def _file(self, path: Path, mebibytes: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            file.truncate(mebibytes * 1024 * 1024)

    def test_over_100_mib_is_left_out_of_its_run_by_name(self, origin: Path, job: Job) -> None:
        run = write_run(job.store, value=1.0)
        big = job.store / "123456789012345678" / run / "artifacts/checkpoints/big.bin"
        self._file(big, 101)

        outcome = job.persist()

        assert (outcome.run_id, outcome.runs_added, outcome.runs_refused) == (run, 1, 1)
        (level, message), *_ = outcome.messages
        assert level == "error"
        assert "artifacts/checkpoints/big.bin has 101 MiB" in message
        assert "Log it smaller" in message
        assert show(origin, f"mlruns/{DEMO}/{run}/tags/mlflow_git.left_out") == b"artifacts/checkpoints/big.bin"
        assert f"mlruns/{DEMO}/{run}/metrics/val_rmse" in files(origin)
        assert not [path for path in files(origin) if path.endswith("big.bin")]
        assert big.exists()

    def test_a_model_over_100_mib_is_not_promoted(self, origin: Path, job: Job) -> None:
        good, bad = write_run(job.store, value=2.0), write_run(job.store, value=1.0)
        [model] = (job.store / "123456789012345678" / bad / "outputs").iterdir()
        self._file(job.store / "123456789012345678" / "models" / model.name / "artifacts/weights.bin", 101)

        outcome = job.persist()

        assert (outcome.run_id, outcome.runs_added, outcome.runs_excluded) == (good, 2, 1)
        assert any("was left out whole and cannot be promoted" in message for _, message in outcome.messages)
        assert not [path for path in files(origin) if path.startswith(f"mlflow-artifacts/models/{model.name}/")]
        told = show(origin, f"mlruns/{DEMO}/{bad}/tags/mlflow_git.left_out").decode()
        assert f"models/{model.name}/artifacts/weights.bin" in told.splitlines()

    def test_a_metric_over_the_limit_is_thinned_and_ranked_by_its_latest_value(
        self, origin: Path, job: Job, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(large_metrics, "LARGE", 1000)
        monkeypatch.setattr(large_metrics, "LARGEST", 2000)
        points: list[tuple[int, float | str, int]] = [(step, 9.0 - step / 1000, step) for step in range(1000)]
        run, other = write_run(job.store, value=points), write_run(job.store, value=8.5)
        whole = job.store / "123456789012345678" / run / "metrics/val_rmse"
        metric, notes = (f"mlruns/{DEMO}/{run}/{name}" for name in ("metrics/val_rmse", "tags/mlflow_git.left_out"))

        outcome = job.persist()

        assert (outcome.run_id, outcome.runs_added, outcome.runs_refused) == (run, 2, 1)
        assert outcome.value == pytest.approx(8.001)
        assert len(show(origin, metric)) < 2200
        assert show(origin, notes) == b"metrics/val_rmse (all but one line in 8)"
        assert any("its 1,000 points take more than the 100 MiB" in message for _, message in outcome.messages)
        stored = {path: show(origin, path) for path in files(origin)}
        assert job.persist().status == "nothing-new"

        assert len(whole.read_bytes().splitlines()) == 1000
        with whole.open("a") as file:
            file.write("1000 10.0 1000\n")
        assert job.persist().run_id == other
        changed = {path for path in files(origin) if stored.get(path) != show(origin, path)}
        assert changed >= {metric}
        assert notes not in changed
        assert show(origin, metric).endswith(b"1000 10.0 1000\n")

    def test_over_50_mib_is_warned_of(self, origin: Path, job: Job) -> None:
        run = write_run(job.store)
        self._file(job.store / "123456789012345678" / run / "artifacts/large.bin", 51)

        outcome = job.persist()

        assert any(level == "warning" and "artifacts/large.bin has 51 MiB" in text for level, text in outcome.messages)
        assert f"mlflow-artifacts/{run}/artifacts/large.bin" in files(origin)
