"""`demo.py`: does under `.demo/` what two CI jobs would do, with the project's own commands and plain git."""

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlpipeline.cli import entry, streams
from mlpipeline.core.errors import InputError, PipelineError
from mlpipeline.reports.links import runs_page
from mlpipeline.reports.report import Report
from mlpipeline.reports.tables import Table

SCRIPTS = Path(__file__).parents[2]
MARK = "made-by-the-demo"

DESCRIPTION = """\
Make a repository with a remote of its own, and let two CI jobs work on it as they
would on GitHub: each clones, loads data, preprocesses, trains and persists. Then a
person clones and has the whole history. Everything happens below one folder; running
this again begins anew."""

EPILOG = """\
what is made:
  FOLDER/origin.git     the remote
  FOLDER/job-1, job-2   the checkouts of the two jobs
  FOLDER/clone          a clone made afterwards, to browse

example:
  make demo"""

IGNORE = "data/\n"

FIRST_IDEA = """\
candidates:
  - model: dummy
  - model: ridge
    parameters: {alpha: 20.0}
  - model: random_forest
    parameters: {n_estimators: 100, min_samples_leaf: 10}
"""

GIT_SETTINGS = {
    "init.defaultBranch": "main",
    "user.name": "Demo",
    "user.email": "demo@example.org",
    "commit.gpgSign": "false",
}
"""Whatever the person's own settings are, the demo's commits look the same."""


@dataclass(frozen=True, kw_only=True)
class Persisted:
    """What a job's persist step told."""

    run_id: str
    value: float
    runs_added: int


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `demo.py`."""
    parser.add_argument(
        "--folder", type=Path, default=Path(".demo"), help="where to do it; emptied first (default: .demo)"
    )


def _work(flags: argparse.Namespace, environ: Mapping[str, str]) -> Report:
    demo = _Demo(folder=flags.folder.absolute(), environ=_environ(environ))
    started = time.monotonic()
    demo.begin()
    jobs = (
        demo.job(1, "a first idea of three candidates", FIRST_IDEA),
        demo.job(2, "the six candidates that ship with the project", None),
    )
    demo.run(demo.folder, "git", "clone", "--quiet", "origin.git", "clone")
    text = _story(demo, jobs, seconds=time.monotonic() - started)
    return Report(
        outputs={
            "folder": os.path.relpath(demo.folder),
            "runs": sum(job.runs_added for job in jobs),
            "run_id": jobs[-1].run_id,
            "value": jobs[-1].value,
        },
        text=text,
        summary="",
    )


def _environ(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment without what would decide where the demo's runs, outputs and commits go."""
    foreign = ("GIT_", "GITHUB_", "MLFLOW_")
    clean = {name: value for name, value in environ.items() if not name.startswith(foreign) and name != "ACT"}
    clean |= {"MLFLOW_DISABLE_TELEMETRY": "true", "GIT_CONFIG_COUNT": str(len(GIT_SETTINGS))}
    for number, (key, value) in enumerate(GIT_SETTINGS.items()):
        clean |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return clean


@dataclass(frozen=True, kw_only=True)
class _Demo:
    folder: Path
    environ: Mapping[str, str]

    def begin(self) -> None:
        """An empty folder with a remote in it.

        Raises:
            InputError: the folder holds something that no demo made.
        """
        if self.folder.exists():
            if not (self.folder / MARK).exists() and any(self.folder.iterdir()):
                raise InputError(
                    f"'{self.folder}' contains files the demo did not create.",
                    untouched="that folder.",
                    remedy="name another with --folder.",
                )
            shutil.rmtree(self.folder)
        self.folder.mkdir(parents=True)
        (self.folder / MARK).touch()
        self.run(self.folder, "git", "init", "--quiet", "--bare", "origin.git")

    def job(self, number: int, title: str, candidates: str | None) -> Persisted:
        """What one CI job does, in a clone of its own."""
        streams.say("")
        streams.say(f"Job {number}: {title}")
        checkout = self.folder / f"job-{number}"
        self.run(self.folder, "git", "clone", "--quiet", "origin.git", checkout.name)
        self._write_project(checkout, title, candidates)
        self.run(checkout, "load_data.py")
        self.run(checkout, "preprocess.py")
        self.run(checkout, "train.py", *(("--candidates", "candidates.yaml") if candidates else ()))
        told = json.loads(self.run(checkout, "persist.py", "--job", f"demo job {number}", "--fail-on-error", "--json"))
        return Persisted(run_id=told["run_id"], value=told["value"], runs_added=told["runs_added"])

    def _write_project(self, checkout: Path, title: str, candidates: str | None) -> None:
        """The commit of a person whose push starts the job."""
        (checkout / ".gitignore").write_text(IGNORE, encoding="utf-8")
        (checkout / "README.md").write_text(f"# Diabetes\n\nNow: {title}.\n", encoding="utf-8")
        if candidates:
            (checkout / "candidates.yaml").write_text(candidates, encoding="utf-8")
        self.run(checkout, "git", "add", ".")
        self.run(checkout, "git", "commit", "--quiet", "--message", f"Try {title}")
        self.run(checkout, "git", "push", "--quiet", "origin", "HEAD")

    def run(self, where: Path, program: str, *arguments: str) -> str:
        """Run one of the scripts or git, showing it and its progress; returns what it wrote to standard output.

        Raises:
            PipelineError: it failed.
        """
        is_command = program.endswith(".py")
        shown = shlex.join(["python", f"scripts/{program}", *arguments] if is_command else [program, *arguments])
        streams.say(f"$ {shown}")
        command = [sys.executable, str(SCRIPTS / program), *arguments] if is_command else [program, *arguments]
        done = subprocess.run(command, cwd=where, env=self.environ, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            raise PipelineError(
                f"'{shown}' in {where} ended with status {done.returncode}; see its output above.",
                remedy="run it again in that folder to see more.",
            )
        return done.stdout


def _story(demo: _Demo, jobs: Sequence[Persisted], *, seconds: float) -> str:
    """What a person sees at the end."""
    clone = demo.folder / "clone"
    info = json.loads((clone / "mlflow_persistence_info.json").read_text(encoding="utf-8"))
    metric, best = info["selection"]["metric"], info["best"]
    rows = [
        (str(run["rank"]), run["algorithm"], f"{run['value']:.4f}", run["run_id"], run["end_time"])
        for run in info["leaderboard"]
    ]
    header = ("rank", "algorithm", metric, "run id", "ended")
    board = Table(header=header, rows=rows, numeric=frozenset({"rank", metric})).text()
    log = demo.run(clone, "git", "log", "--oneline", "--grep=MLflow").rstrip()
    mlflow = Path(sys.executable).with_name("mlflow")
    command = os.path.relpath(mlflow, clone) if mlflow.is_relative_to(Path.cwd()) else "mlflow"
    added = " and ".join(str(job.runs_added) for job in jobs)
    return f"""
{log}

{board}

Promoted  {best["algorithm"]}, {metric} {best["value"]:.4f}, run {best["run_id"]}, to {best["model_path"]}
Pushed    {added} runs, by two jobs, to {os.path.relpath(demo.folder / "origin.git")}, in {seconds:.0f} s altogether

Browse the history, in this clone or any other:

  cd {os.path.relpath(clone)}
  MLFLOW_ALLOW_FILE_STORE=true {command} ui --backend-store-uri file:./mlruns
      and open {runs_page(best["experiment_id"])}
  git log --oneline --grep=MLflow
  cat mlflow_persistence_info.json"""


COMMAND = entry.Command(
    name="demo",
    summary="let two CI jobs train and persist in .demo/, then browse",
    description=DESCRIPTION,
    epilog=EPILOG,
    add_flags=add_flags,
    work=_work,
    extra="train",
)


def main(argv: Sequence[str] | None = None, *, prog: str = "demo.py") -> int:
    """Run the command; returns its exit code."""
    return entry.run(entry.parser_of(COMMAND, prog=prog), argv)
