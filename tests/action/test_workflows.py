"""The rules that every action and workflow of the repository keeps, and the linters that know more of them."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from mlpipeline.history.paths import ARTIFACTS, INFO, METADATA, MODELS, PROMOTED

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
ACTIONS = [ROOT / "action.yml", *sorted((ROOT / "actions").glob("*/action.yml"))]
OTHERS = sorted(Path(__file__).parent.glob("*/**/*.yml"))


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def steps(path: Path) -> list[dict[str, Any]]:
    content = yaml.safe_load(path.read_text())
    jobs = [content["runs"]] if "runs" in content else content["jobs"].values()
    return [step for job in jobs for step in job["steps"]]


EVERY_FILE = pytest.mark.parametrize("path", [*WORKFLOWS, *ACTIONS], ids=name)
EVERY_WORKFLOW = pytest.mark.parametrize("path", WORKFLOWS, ids=name)


@EVERY_FILE
def test_foreign_actions_are_pinned_with_their_version(path: Path) -> None:
    uses = re.findall(r"uses: (\S+)(.*)", path.read_text())
    assert uses
    for action, comment in uses:
        if not action.startswith("./"):
            assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action), action
            assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment), action


def test_one_action_is_pinned_at_one_version() -> None:
    pins = set(re.findall(r"uses: (\S+)@(\S+)", "\n".join(path.read_text() for path in [*WORKFLOWS, *ACTIONS])))
    assert len(dict(pins)) == len(pins)


@EVERY_FILE
def test_no_expression_becomes_code(path: Path) -> None:
    for step in steps(path):
        assert "${{" not in step.get("run", "")


@EVERY_WORKFLOW
def test_a_workflow_starts_with_no_permission(path: Path) -> None:
    assert yaml.safe_load(path.read_text())["permissions"] == {}


def test_two_jobs_may_write() -> None:
    writers = {}
    for path in WORKFLOWS:
        for job, content in yaml.safe_load(path.read_text())["jobs"].items():
            if set(content["permissions"].values()) != {"read"}:
                writers[path.name, job] = content
    assert set(writers) == {("pipeline.yml", "mlflow-persistence"), ("lock.yml", "refresh")}
    writer = writers["pipeline.yml", "mlflow-persistence"]
    assert writer["permissions"] == {"contents": "write"}
    assert writers["lock.yml", "refresh"]["permissions"] == {"contents": "write", "pull-requests": "write"}
    # Pushes that meet are sorted out by persist.py; GitHub's `concurrency` would cancel all but the newest that waits.
    assert "concurrency" not in writer


def readme_steps() -> list[dict[str, Any]]:
    """The steps of the README's workflow."""
    block = re.search(r"```yaml\n(permissions:.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert block
    return list(yaml.safe_load(block[1])["jobs"]["train"]["steps"])


def pipeline_steps() -> list[dict[str, Any]]:
    content = yaml.safe_load((ROOT / ".github" / "workflows" / "pipeline.yml").read_text(encoding="utf-8"))
    return list(content["jobs"]["mlflow-persistence"]["steps"])


@pytest.mark.parametrize("found", [readme_steps(), pipeline_steps()], ids=["README.md", "pipeline.yml"])
def test_a_push_that_failed_is_not_followed_by_anything_but_keeping_its_commit(found: list[dict[str, Any]]) -> None:
    at = next(number for number, step in enumerate(found) if step.get("id") == "persist")
    keep, *others = found[at + 1 :]

    assert keep["if"] == "always() && steps.persist.outputs.bundle-path != ''"
    assert keep["uses"].startswith("actions/upload-artifact@")
    assert keep["with"]["path"] == "${{ steps.persist.outputs.bundle-path }}"
    assert others
    assert {step["if"] for step in others} == {"steps.persist.outputs.pushed == 'true'"}


@EVERY_WORKFLOW
def test_what_persisting_commits_starts_no_workflow(path: Path) -> None:
    folders = [METADATA, ARTIFACTS, MODELS, PROMOTED.partition("/")[0]]
    # `on` is a boolean to YAML 1.1.
    triggers = yaml.safe_load(path.read_text())[True]
    if set(triggers) <= {"schedule", "workflow_dispatch"}:
        return
    assert set(triggers["push"]["paths-ignore"]) == {*(f"{folder}/**" for folder in folders), INFO}


@EVERY_FILE
def test_every_step_has_a_name(path: Path) -> None:
    for step in steps(path):
        assert step["name"][0].isupper(), step


@EVERY_WORKFLOW
def test_every_job_ends(path: Path) -> None:
    for job in yaml.safe_load(path.read_text())["jobs"].values():
        assert job["timeout-minutes"] <= 60


def lint(command: list[str]) -> None:
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def installed(program: str) -> str:
    """A linter of the environment that runs the tests."""
    found = shutil.which(program, path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    assert found, f"{program} is in requirements/dev.txt and not installed"
    return found


def test_yamllint_is_content() -> None:
    lint([installed("yamllint"), "--strict", ".github", *map(name, [*ACTIONS, *OTHERS])])


def test_zizmor_is_content() -> None:
    lint([installed("zizmor"), "--offline", "--quiet", "--no-progress", ".github", *map(name, ACTIONS)])


@pytest.mark.parametrize(
    ("schema", "paths"),
    [
        ("github-workflows", WORKFLOWS),
        ("github-actions", ACTIONS),
        ("dependabot", [ROOT / ".github" / "dependabot.yml"]),
    ],
    ids=str,
)
def test_the_schemas_hold(schema: str, paths: list[Path]) -> None:
    lint([installed("check-jsonschema"), "--builtin-schema", f"vendor.{schema}", *map(name, paths)])


def test_actionlint_is_content() -> None:
    actionlint = ROOT / ".tools" / "actionlint"
    found = str(actionlint) if actionlint.exists() else shutil.which("actionlint")
    if found is None:
        pytest.skip("actionlint is not installed: `make test` builds it where Go is there")
    lint([found])
