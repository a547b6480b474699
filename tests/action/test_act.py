"""The actions as a workflow of somebody else uses them, and the reference pipeline, run by act beside a bare origin."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from mlpipeline.cli import install
from mlpipeline.history.paths import ARTIFACTS, INFO, METADATA, MODELS
from support.processes import PROGRAMS

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
HOME = Path.home()  # the caches of uv and pip are read from the real one, whatever a fixture makes of it
PUBLISHED = ("action.yml", "actions", "scripts", "requirements")
"""What of this repository the actions need: the rest is left out of the copy that act reads."""
CANDIDATES = "candidates:\n  - model: dummy\n  - model: ridge\n"
HISTORY = {METADATA, ARTIFACTS, MODELS, "deployment", INFO}


@dataclass(frozen=True, kw_only=True)
class Result:
    """What act reported of a run.

    Attributes:
        code: its exit code.
        events: its log, a mapping a line.
        steps: GitHub's `steps` at the end of the job, as the workflow wrote it down.
    """

    code: int
    events: list[dict[str, Any]]
    steps: dict[str, dict[str, Any]]

    @property
    def succeeded(self) -> set[str]:
        return {event["jobID"] for event in self.events if event.get("jobResult") == "success"}

    @property
    def log(self) -> str:
        return "\n".join(event["msg"].rstrip() for event in self.events)

    @property
    def summary(self) -> str:
        return "\n".join(event["content"] for event in self.events if event.get("command") == "summary")

    def outputs(self, step: str) -> dict[str, str]:
        return dict(self.steps[step]["outputs"])

    def written_by_command(self, step: str, command: str) -> set[str]:
        """The outputs that a command set inside an action's step, declared by the action or not."""
        return {
            event["name"]
            for event in self.events
            if event.get("command") == "set-output" and event["stepID"] == [step, command]
        }


@dataclass(frozen=True, kw_only=True)
class Consumer:
    """A repository of somebody who uses the actions: a bare origin and a clone of it."""

    folder: Path
    act: str

    @property
    def origin(self) -> Path:
        return self.folder / "origin.git"

    @property
    def clone(self) -> Path:
        return self.folder / "clone"

    @property
    def artifacts(self) -> Path:
        return self.folder / "artifacts"

    def git(self, *arguments: str, at: Path | None = None) -> str:
        command = ["git", "-C", str(at or self.origin), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, env=self._environment).stdout.strip()

    def commit(self, files: Callable[[Path], object]) -> None:
        """Make the origin with the files that the callable writes into the clone."""
        subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", self.origin], check=True)
        self.git("clone", "--quiet", self.origin.as_uri(), str(self.clone), at=self.folder)
        files(self.clone)
        self.git("checkout", "--quiet", "-B", "main", at=self.clone)
        self.git("add", "--all", at=self.clone)
        self.git("commit", "--quiet", "--message", "start", at=self.clone)
        self.git("push", "--quiet", "origin", "main", at=self.clone)

    def run(self, workflow: str) -> Result:
        """Run a workflow of the clone as a push would."""
        results = self.folder / "results"
        results.mkdir()
        event = self.folder / "event.json"
        event.write_text(json.dumps({"ref": "refs/heads/main", "repository": {"default_branch": "main"}}))
        environment = {
            "GITHUB_REPOSITORY": "acme/app",
            "RESULTS": results,
            "TRAINING_PYTHON": sys.executable,
            "STUB_PYTHON": install._base_python(),
            "STUB_ARTIFACTS": self.artifacts,
        }
        command = [
            *[self.act, "push", f"--directory={self.clone}", f"--workflows=.github/workflows/{workflow}"],
            *["--platform=ubuntu-latest=-self-hosted", "--concurrent-jobs=1", "--no-cache-server", "--rm", "--json"],
            *[f"--action-cache-path={self.folder / 'cache'}", f"--eventpath={event}", "--secret=GITHUB_TOKEN=none"],
            *[f"--{kind}-file={os.devnull}" for kind in ("env", "secret", "var", "input")],
            *[f"--env={name}={value}" for name, value in environment.items()],
            *[f"--local-repository={name}={folder}" for name, folder in self._repositories().items()],
        ]
        done = subprocess.run(command, env=self._environment, check=False, capture_output=True, text=True)
        assert done.stdout, done.stderr
        steps = results / "steps.json"
        return Result(
            code=done.returncode,
            events=[json.loads(line) for line in done.stdout.splitlines()],
            steps=json.loads(steps.read_text()) if steps.exists() else {},
        )

    def tree(self) -> set[str]:
        return set(self.git("ls-tree", "-r", "--name-only", "-z", "main").strip("\0").split("\0"))

    def _repositories(self) -> dict[str, Path]:
        published = self.folder / "published"
        copy_published(published)
        workflow = (ROOT / ".github" / "workflows" / "pipeline.yml").read_text()
        pins = set(re.findall(r"uses: actions/([a-z-]+)@(\S+)", workflow + (ROOT / "action.yml").read_text()))
        stubs = {
            f"actions/{name}@{pin}": HERE / "stubs" / name for name, pin in pins if (HERE / "stubs" / name).exists()
        }
        return {"acme/mlflow-git-persistence@v1": published, **stubs}

    @property
    def _environment(self) -> dict[str, str]:
        # act hands its own environment to every step: only what reaches the package index is let in.
        kept = re.compile(r"(PIP|UV|SSL|NODE|GIT_SSL)_.*|\w*_proxy|\w*_CA_BUNDLE|PATH", re.IGNORECASE)
        return {
            "UV_CACHE_DIR": str(HOME / ".cache" / "uv"),
            "PIP_CACHE_DIR": str(HOME / ".cache" / "pip"),
            **{name: value for name, value in os.environ.items() if kept.fullmatch(name)},
            "HOME": str(self.folder),
            "ACT_DISABLE_VERSION_CHECK": "1",
            **{f"GIT_{who}_{what}": "test@localhost" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
        }


def copy_published(target: Path) -> None:
    """What the actions need of this repository, as a tag would hold it."""
    for name in PUBLISHED:
        source = ROOT / name
        target.mkdir(parents=True, exist_ok=True)
        if source.is_file():
            shutil.copy(source, target)
        else:
            shutil.copytree(source, target / name, ignore=shutil.ignore_patterns("__pycache__"))


def foreign_files(workflow: str) -> Callable[[Path], None]:
    """The files of a repository that uses the actions by their public name."""

    def write(folder: Path) -> None:
        (folder / ".github" / "workflows").mkdir(parents=True)
        shutil.copy(HERE / "workflows" / workflow, folder / ".github" / "workflows")
        (folder / "two candidates.yaml").write_text(CANDIDATES)

    return write


@pytest.fixture
def consumer(tmp_path: Path) -> Consumer:
    act = ROOT / ".tools" / "act"
    found = str(act) if act.exists() else shutil.which("act")
    if found is None:
        pytest.skip("act is not installed: `make test` builds it where Go is there")
    return Consumer(folder=tmp_path, act=found)


def reference_files(folder: Path) -> None:
    """The files of this repository, as far as its own pipeline needs them."""
    copy_published(folder)
    (folder / ".github" / "workflows").mkdir(parents=True)
    shutil.copy(ROOT / ".github" / "workflows" / "pipeline.yml", folder / ".github" / "workflows")


def declared(folder: str) -> set[str]:
    return set(yaml.safe_load((ROOT / folder / "action.yml").read_text())["outputs"])


def test_the_four_actions_in_somebodys_workflow(consumer: Consumer) -> None:
    consumer.commit(foreign_files("four-actions.yml"))
    start = consumer.git("rev-parse", "main")

    result = consumer.run("four-actions.yml")

    assert (result.code, result.succeeded) == (0, {"pipeline"}), result.log
    assert result.outputs("data")["rows"] == "442"
    assert {name: result.outputs("split")[name] for name in ("train-rows", "test-rows")} == {
        "train-rows": "266",
        "test-rows": "88",
    }
    trained = result.outputs("training")
    assert (trained["runs"], trained["failed-runs"], trained["best-algorithm"]) == ("2", "0", "ridge")
    assert trained["experiment"] == 'The $(touch injected) "best" * experiment'
    assert "injected" not in (consumer.folder / "results" / "files.txt").read_text()

    # Under act nothing is pushed unless it is asked for in so many words ...
    rehearsed = result.outputs("rehearsal")
    assert (rehearsed["status"], rehearsed["pushed"], rehearsed["runs-added"]) == ("skipped", "false", "2")
    # ... as the next step does, with the only commit that reached the origin.
    persisted = result.outputs("persistence")
    assert (persisted["status"], persisted["pushed"], persisted["runs-added"]) == ("persisted", "true", "2")
    assert persisted["run-id"] == trained["best-run-id"]
    assert float(persisted["value"]) == float(trained["val-rmse"])
    assert persisted["commit-sha"] == consumer.git("rev-parse", "main")
    assert consumer.git("rev-parse", "main^") == start
    tree = consumer.tree()
    assert {path.partition("/")[0] for path in tree} - {".github", "two candidates.yaml"} == HISTORY
    assert f"{persisted['model-path']}/MLmodel" in tree
    assert len([path for path in tree if re.fullmatch(r"mlruns/[\d_]+/[0-9a-f]{32}/meta\.yaml", path)]) == 2
    info = json.loads(consumer.git("show", f"main:{INFO}"))
    assert info["best"]["run_id"] == trained["best-run-id"]

    for heading in ("### Data\n", "### Preprocessing\n", "### Training: ", "### MLflow persistence\n"):
        assert heading in result.summary
    for step, command, folder in (
        ("data", "load", "data-loading"),
        ("split", "preprocess", "preprocessing"),
        ("training", "train", "training"),
        ("persistence", "persist", "mlflow-persistence"),
    ):
        assert result.written_by_command(step, command) == declared(f"actions/{folder}")


def test_the_whole_pipeline_as_one_action(consumer: Consumer) -> None:
    consumer.commit(foreign_files("one-action.yml"))

    result = consumer.run("one-action.yml")

    assert (result.code, result.succeeded) == (0, {"pipeline"}), result.log
    outputs = result.outputs("pipeline")
    assert set(outputs) >= declared(".")
    assert (outputs["status"], outputs["runs"], outputs["runs-added"]) == ("persisted", "2", "2")
    assert outputs["commit-sha"] == consumer.git("rev-parse", "main")
    tree = consumer.tree() - {".github/workflows/one-action.yml", "two candidates.yaml"}
    assert {path.split("/")[1] for path in tree if path.startswith("back end/")} == HISTORY
    assert tree == {path for path in tree if path.startswith("back end/")}
    # The checkout has what was persisted, and nothing of the work on the way there.
    assert (consumer.folder / "results" / "files.txt").read_text() == "back end\ntwo candidates.yaml\n"


def test_a_failure_is_told_and_fails_the_step_only_on_request(consumer: Consumer) -> None:
    consumer.commit(foreign_files("failures.yml"))

    result = consumer.run("failures.yml")

    outcomes = {name: result.steps[name]["outcome"] for name in ("graceful", "strict", "misspelt")}
    assert outcomes == {"graceful": "success", "strict": "failure", "misspelt": "failure"}, result.log
    for step in ("graceful", "strict"):
        assert result.outputs(step)["status"] == "failed"
        assert "no/such/folder" in result.outputs(step)["reason"]
    assert "::error title=MLflow persistence%3A failed::" in result.log
    assert "no/such/folder" in result.summary
    assert "unrecognized arguments: flase" in result.log


def test_stock_mlflow_goes_on_training_and_persisting(consumer: Consumer) -> None:
    def files(folder: Path) -> None:
        foreign_files("stock-mlflow.yml")(folder)
        shutil.copy(PROGRAMS / "train_as_tutorials_do.py", folder / "train.py")

    consumer.commit(files)

    result = consumer.run("stock-mlflow.yml")

    assert (result.code, result.succeeded) == (0, {"pipeline"}), result.log
    persisted = [result.outputs(step) for step in ("first", "second", "third")]
    assert [(each["status"], each["runs-added"], each["value"]) for each in persisted] == [
        ("persisted", "1", "3.0"),
        ("persisted", "1", "2.0"),
        ("persisted", "1", "1.0"),
    ]
    assert (consumer.folder / "results" / "status.txt").read_text() == "?? mlflow.db\n?? mlflow.db\n"
    names = [path for path in consumer.tree() if path.endswith("/tags/mlflow.runName")]
    runs = {consumer.git("show", f"main:{path}") for path in names if "/models/" not in path}
    assert runs == {"first", "second", "third"}


def test_the_reference_pipeline(consumer: Consumer) -> None:
    consumer.commit(reference_files)
    start = consumer.git("rev-parse", "main")

    result = consumer.run("pipeline.yml")

    jobs = {"data-loading", "preprocessing", "training", "mlflow-persistence"}
    assert (result.code, result.succeeded) == (0, jobs), result.log
    assert {path.name for path in consumer.artifacts.iterdir()} == {"raw-data", "processed-data", "runs"}
    # It has no `dry-run`, so under act the last job stops before the push.
    assert "dry run: 6 runs would be pushed" in result.summary
    assert consumer.git("rev-parse", "main") == start
