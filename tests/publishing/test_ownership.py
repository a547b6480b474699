"""What others own at the places of a history is looked at before the push: it is kept, or the push is refused."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mlpipeline.core.errors import RepositoryError
from support.gitrepo import clone, files, git, show
from support.jobs import Job
from support.mlstore import put, write_run

PROMOTED = "deployment/models/best_model"


def push(job: Job, contents: dict[str, str]) -> None:
    for path, text in contents.items():
        put(job.checkout / path, text.encode())
    git(job.checkout, "add", "--all", "--force", *contents)
    push_staged(job)


def push_staged(job: Job) -> None:
    git(job.checkout, "commit", "--quiet", "--message", "project")
    git(job.checkout, "push", "--quiet", "origin", "HEAD:main")


def refusal(job: Job, origin: Path, **changes: str) -> str:
    """Persist; what is said where it is refused before anything is written."""
    write_run(job.store)
    before = git(origin, "rev-parse", "main"), git(job.checkout, "rev-parse", "HEAD")
    with pytest.raises(RepositoryError) as caught:
        job.persist(**changes)
    assert (git(origin, "rev-parse", "main"), git(job.checkout, "rev-parse", "HEAD")) == before
    assert "--root" in caught.value.remedy
    return str(caught.value)


class TestDvc:
    @pytest.mark.parametrize(
        ("contents", "named"),
        [
            ({"models.dvc": "outs:\n- md5: a\n  path: models\n"}, "models.dvc"),
            ({"mlruns.dvc": "outs:\n- md5: a\n  path: mlruns\n"}, "mlruns.dvc"),
            ({"deployment.dvc": "outs:\n- path: deployment\n"}, "deployment.dvc"),
            ({"deployment/models/best_model.dvc": "outs:\n- path: best_model\n"}, "deployment/models/best_model.dvc"),
            ({"models/ridge_best_model.pkl.dvc": "outs:\n- path: ridge_best_model.pkl\n"}, "ridge_best_model.pkl.dvc"),
            ({"dvc.yaml": "stages:\n  train:\n    cmd: x\n    outs:\n    - models\n"}, "dvc.yaml"),
            ({"dvc.yaml": "stages:\n  t:\n    outs:\n    - ./models/:\n        persist: true\n"}, "dvc.yaml"),
            ({"pipelines/dvc.yaml": "stages:\n  t:\n    wdir: ..\n    outs: [models]\n"}, "pipelines/dvc.yaml"),
            ({"dvc.yaml": "stages:\n  t:\n    foreach: [a]\n    do:\n      outs: [models]\n"}, "dvc.yaml"),
            (
                {
                    "dvc.yaml": "stages:\n  t:\n    wdir: .\n    outs: ['${dir}']\n",
                    "dvc.lock": "schema: '2.0'\nstages:\n  t:\n    outs:\n    - path: models\n",
                },
                "dvc.lock",
            ),
            ({"train.dvc": "wdir: .\ncmd: x\nouts:\n- path: models\n"}, "train.dvc"),
            ({".dvc/config": "", ".gitignore": "/models\n"}, ".gitignore"),
        ],
    )
    def test_an_output_is_refused(self, origin: Path, job: Job, contents: dict[str, str], named: str) -> None:
        push(job, contents)

        message = refusal(job, origin)

        assert "belongs to DVC" in message
        assert named in message

    def test_an_output_is_seen_in_a_clone_without_blobs(
        self, origin: Path, job: Job, new_job: Callable[..., Job]
    ) -> None:
        git(origin, "config", "uploadpack.allowFilter", "true")
        git(origin, "config", "uploadpack.allowAnySHA1InWant", "true")
        push(job, {"pipelines/dvc.yaml": "stages:\n  t:\n    wdir: ..\n    outs: [models]\n"})
        bare = new_job("bare", "--filter=blob:none", "--no-checkout")
        write_run(bare.store)

        with pytest.raises(RepositoryError, match="belongs to DVC"):
            bare.persist()

    def test_an_output_that_is_not_committed_yet_is_refused(self, origin: Path, job: Job) -> None:
        put(job.checkout / "models.dvc", b"outs:\n- path: models\n")

        assert "'models.dvc'" in refusal(job, origin)

    @pytest.mark.parametrize(
        "contents",
        [
            {"models/big.pkl.dvc": "outs:\n- path: big.pkl\n", "models/.gitignore": "/big.pkl\n"},
            {"dvc.yaml": "stages:\n  t:\n    deps: [models]\n    outs: [data/models, models_of_ours]\n"},
            {".dvc/config": "", ".gitignore": "/mlruns\n/data\n"},
            {".gitignore": "/models\n"},
            {"notes.dvc": "no: [valid\n"},
        ],
        ids=["a file beside ours", "other folders", "runs ignored by hand", "without DVC", "malformed"],
    )
    def test_what_does_not_meet_a_history_is_no_obstacle(self, job: Job, contents: dict[str, str]) -> None:
        push(job, contents)
        write_run(job.store)

        assert job.persist().pushed

    def test_the_way_out_is_one(self, origin: Path, job: Job) -> None:
        push(job, {"models.dvc": "outs:\n- path: models\n", ".gitignore": "/models\n"})
        refusal(job, origin)

        assert job.persist(root="mlflow", source=str(job.store)).pushed
        assert "mlflow/models/ridge_best_model.pkl" in files(origin)
        assert job.persist(branch="ml-history").pushed


class TestInTheWay:
    @pytest.mark.parametrize(
        "path",
        [
            "mlruns",
            "mlflow-artifacts",
            "models",
            "deployment",
            "deployment/models",
            PROMOTED,
            "models/ridge_metadata.json",
        ],
    )
    def test_a_link_is_refused(self, origin: Path, job: Job, path: str) -> None:
        put(job.checkout / "elsewhere/keep", b"")
        write_run(job.checkout / "training")
        (job.checkout / path).parent.mkdir(parents=True, exist_ok=True)
        (job.checkout / path).symlink_to(job.checkout / "elsewhere")
        git(job.checkout, "add", path)
        push_staged(job)

        with pytest.raises(RepositoryError, match=f"'{path}' is a symbolic link on the branch") as caught:
            job.persist(source=str(job.checkout / "training"))

        assert "--root" in caught.value.remedy
        assert "mlflow_persistence_info.json" not in files(origin)

    @pytest.mark.parametrize(
        ("path", "what"),
        [
            ("models", "a file"),
            ("deployment", "a file"),
            ("mlflow-artifacts", "a file"),
            ("mlflow_persistence_info.json/x", "a folder"),
            ("models/ridge_best_model.pkl/x", "a folder"),
        ],
    )
    def test_a_file_for_a_folder_or_a_folder_for_a_file_is_refused(
        self, origin: Path, job: Job, path: str, what: str
    ) -> None:
        push(job, {path: "mine"})

        assert f"'{path.removesuffix('/x')}' is {what} on the branch" in refusal(job, origin)
        assert show(origin, path) == b"mine"

    @pytest.mark.parametrize("path", ["models", "deployment/models", "backend"])
    def test_a_submodule_is_refused(self, origin: Path, job: Job, path: str, tmp_path: Path) -> None:
        other = clone(origin, tmp_path / "other")
        git(job.checkout, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", other.as_uri(), path)
        push_staged(job)

        message = refusal(job, origin, root="backend" if path == "backend" else ".", source=str(job.store))

        assert f"'{path}' is a submodule on the branch" in message
        assert "--repository" in message

    def test_a_repository_in_the_checkout_is_refused(self, origin: Path, job: Job) -> None:
        clone(origin, job.checkout / "models")

        assert "'models' is a repository of its own" in refusal(job, origin)

    def test_another_branch_has_nothing_in_the_way(self, job: Job) -> None:
        push(job, {"models": "mine"})
        write_run(job.store)

        assert job.persist(branch="ml-history").pushed


class TestBesideThePromotedModel:
    TEAMS = {f"{PROMOTED}/README.md": "ours", f"{PROMOTED}/serving/config.yaml": "a: 1", "models/README.md": "see"}  # noqa: RUF012

    def test_a_teams_files_stay_with_each_promotion(self, origin: Path, new_job: Callable[..., Job]) -> None:
        job = new_job("job")
        push(job, self.TEAMS)
        for value in (3.0, 2.0):
            run = write_run(job.store, value=value, model=f"model {value}".encode())
            outcome = job.persist()
            assert outcome.pushed
            assert outcome.run_id == run

        assert {path: show(origin, path).decode() for path in self.TEAMS} == self.TEAMS
        assert show(origin, f"{PROMOTED}/model.pkl") == b"model 2.0"
        assert git(job.checkout, "status", "--porcelain") == ""

    def test_what_an_earlier_promotion_wrote_goes(self, origin: Path, job: Job) -> None:
        # Without a model directory, so all of it is what was logged as single files.
        write_run(job.store, value=2.0)
        job.persist()
        assert f"{PROMOTED}/MLmodel" in files(origin)
        push(job, {f"{PROMOTED}/README.md": "ours"})

        write_run(job.store, value=1.0, model=None, artifacts={"model.pkl": b"single"})
        job.persist()

        there = sorted(path for path in files(origin) if path.startswith(PROMOTED))
        assert there == [f"{PROMOTED}/{name}" for name in ("README.md", "metadata.json", "model.pkl")]

    def test_without_its_description_copies_of_artifacts_are_known(self, origin: Path, job: Job) -> None:
        write_run(job.store, value=2.0)
        job.persist()
        git(job.checkout, "rm", "--quiet", f"{PROMOTED}/metadata.json")
        push(job, {f"{PROMOTED}/README.md": "ours"})

        write_run(job.store, value=1.0, model=None, artifacts={"model.pkl": b"single"})
        job.persist()

        there = sorted(path for path in files(origin) if path.startswith(PROMOTED))
        assert there == [f"{PROMOTED}/{name}" for name in ("README.md", "metadata.json", "model.pkl")]

    def test_marks_of_a_merge_by_hand_are_written_over(self, origin: Path, job: Job) -> None:
        write_run(job.store, value=2.0)
        job.persist()
        push(job, {f"{PROMOTED}/metadata.json": "<<<<<<<\n", "models/ridge_metadata.json": "<<<<<<<\n"})

        write_run(job.store, value=1.0)

        assert job.persist().pushed
        assert show(origin, f"{PROMOTED}/metadata.json").startswith(b"{")

    @pytest.mark.parametrize(
        "path", [f"{PROMOTED}/MLmodel", f"{PROMOTED}/metadata.json", "models/ridge_best_model.pkl"]
    )
    def test_a_teams_own_model_is_not_written_over(self, origin: Path, job: Job, path: str) -> None:
        push(job, {path: "in production"})

        message = refusal(job, origin)

        assert f"'{path}' is on the branch and was not put there by a promotion" in message
        assert show(origin, path) == b"in production"
