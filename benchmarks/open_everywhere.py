"""How much of a committed `mlruns/` stock MLflow opens after a clone, before and after `history.py adopt`.

    python benchmarks/open_everywhere.py FOLDER...

Each FOLDER holds an `mlruns/` as somebody committed it. It is copied into a repository of its own, cloned elsewhere and
asked through MLflow's client, without our plugin; then it is adopted, cloned and asked again. Nothing is written to
FOLDER. Needs the development environment (`make test` installs it).
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "scripts"))

from mlpipeline.reports.tables import Table

COLUMNS = {
    "runs": "runs on disk",
    "visible": "listed",
    "opened": "opened",
    "artifacts": "artifacts on disk",
    "listable": "listed",
    "downloadable": "downloaded",
    "models": "models on disk",
    "resolvable": "resolved",
    "versions": "versions on disk",
    "version_models": "resolved",
    "migrated": "runs migrated",
}
"""What is counted, and its heading; the headings after a total are parts of it."""

PROBE = r"""
import contextlib, json, logging, os, re, subprocess, sys, tempfile
from pathlib import Path
import mlflow
from mlflow.entities import ViewType
from mlflow.exceptions import MlflowException
logging.disable(logging.CRITICAL)
mlflow.set_tracking_uri("file:./mlruns")
client = mlflow.MlflowClient()
store = Path("mlruns")
kept = {".gitkeep", "registered_model_meta", ".keep"}
runs = {p.parent.name for p in store.rglob("meta.yaml") if re.fullmatch("[0-9a-f]{32}", p.parent.name)
        and p.parent.parent.name not in ("datasets", "inputs", "outputs")}
lying = [p for top in ("mlruns", "mlflow-artifacts") for p in Path(top).rglob("*")
         if "artifacts" in p.parts[:-1] and "traces" not in p.parts and p.is_file() and p.name not in kept]
versions = [p.parent for p in (store / "models").glob("*/version-*/meta.yaml")]
found = dict(runs=len(runs), artifacts=len(lying), models=sum(p.name == "MLmodel" for p in lying),
             versions=len(versions), visible=0, opened=0, listable=0, downloadable=0, resolvable=0,
             version_models=0, migrated=0)
def everything(lister, path=None):
    for each in lister(path):
        if each.is_dir:
            yield from everything(lister, each.path)
        elif Path(each.path).name not in kept:
            yield each.path
def count(lister, fetch):
    with contextlib.suppress(MlflowException, OSError, TypeError):
        for path in everything(lister):
            found["listable"] += 1
            with contextlib.suppress(Exception):
                with tempfile.TemporaryDirectory() as folder:
                    found["downloadable"] += Path(fetch(path, folder)).is_file()
            found["resolvable"] += path.endswith("MLmodel")
for experiment in client.search_experiments(view_type=ViewType.ALL):
    with contextlib.suppress(Exception):
        listed = client.search_runs([experiment.experiment_id], run_view_type=ViewType.ALL, max_results=50000)
        found["visible"] += len(listed)
    with contextlib.suppress(Exception):
        for model in client.search_logged_models([experiment.experiment_id]):
            count(lambda path, m=model: client.list_logged_model_artifacts(m.model_id, path),
                  lambda path, folder, m=model: mlflow.artifacts.download_artifacts(
                      artifact_uri=f"{m.artifact_location}/{path}", dst_path=folder))
for run in runs:
    with contextlib.suppress(Exception):
        client.get_run(run)
        found["opened"] += 1
    count(lambda path, r=run: client.list_artifacts(r, path),
          lambda path, folder, r=run: mlflow.artifacts.download_artifacts(
              run_id=r, artifact_path=path, dst_path=folder))
for version in versions:
    with contextlib.suppress(Exception):
        number = version.name.removeprefix("version-")
        uri = client.get_model_version_download_uri(version.parent.name, number)
        with tempfile.TemporaryDirectory() as folder:
            model = Path(mlflow.artifacts.download_artifacts(uri, dst_path=folder))
            found["version_models"] += (model / "MLmodel").is_file()
with tempfile.TemporaryDirectory() as folder:
    target = f"sqlite:///{folder}/x.db"
    done = subprocess.run([sys.executable, "-m", "mlflow", "migrate-filestore", "--source", ".", "--target", target],
                          capture_output=True, text=True)
    if done.returncode == 0:
        import sqlite3
        found["migrated"] = sqlite3.connect(f"{folder}/x.db").execute("select count(*) from runs").fetchone()[0]
print(json.dumps(found))
"""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="holds an mlruns/")
    parser.add_argument("--json", action="store_true", help="print the numbers as JSON")
    flags = parser.parse_args()
    rows: list[tuple[str, str, Mapping[str, int]]] = []
    with tempfile.TemporaryDirectory(prefix="open-everywhere-") as base:
        for number, folder in enumerate(flags.folders):
            print(f"{folder.name} ...", file=sys.stderr, flush=True)
            place = Path(base, str(number))
            place.mkdir()
            before, after = measure(folder, place)
            rows += [(folder.name, "before", before), (folder.name, "after", after)]
    for when in ("before", "after"):
        total = {name: sum(row[name] for _, at, row in rows if at == when) for name in COLUMNS}
        rows.append(("all", when, total))
    if flags.json:
        print(json.dumps([{"folder": name, "when": when, **row} for name, when, row in rows], indent=2))
    else:
        header = ("folder", "", *COLUMNS.values())
        cells = [(name, when, *(str(row[column]) for column in COLUMNS)) for name, when, row in rows]
        print(Table(header=header, rows=cells, numeric=frozenset(COLUMNS.values())).markdown())


def measure(folder: Path, place: Path) -> tuple[dict[str, int], dict[str, int]]:
    """What MLflow opens of one folder before and after it is adopted, each time in a fresh clone."""
    git(place, "init", "--quiet", "--bare", "--initial-branch=main", "origin.git")
    git(place, "clone", "--quiet", "origin.git", "hand")
    hand = place / "hand"
    git(hand, "checkout", "--quiet", "-B", "main")
    shutil.copytree(folder / "mlruns", hand / "mlruns", symlinks=True, copy_function=shutil.copyfile)
    git(hand, "add", "--force", ".")
    git(hand, "commit", "--quiet", "--message", "runs, by hand")
    git(hand, "push", "--quiet", "origin", "main")
    before = probe(place, "before")
    run(hand, sys.executable, str(ROOT / "scripts/history.py"), "adopt", "--fail-on-error")
    return before, probe(place, "after")


def probe(place: Path, name: str) -> dict[str, int]:
    """What MLflow says in a fresh clone, standing at its root."""
    git(place, "clone", "--quiet", "origin.git", name)
    told: dict[str, int] = json.loads(run(place / name, sys.executable, "-c", PROBE).splitlines()[-1])
    return told


def git(where: Path, *arguments: str) -> None:
    """Run git as nobody in particular."""
    identity = ("-c", "user.name=bench", "-c", "user.email=bench@localhost", "-c", "core.autocrlf=false")
    run(where, "git", *identity, *arguments)


def run(where: Path, *command: str) -> str:
    """Run a program; returns what it printed."""
    quiet = {"MLFLOW_ALLOW_FILE_STORE": "true", "MLFLOW_DISABLE_TELEMETRY": "true", "GIT_AUTHOR_NAME": "bench"}
    identity = {"GIT_AUTHOR_EMAIL": "b@localhost", "GIT_COMMITTER_NAME": "b", "GIT_COMMITTER_EMAIL": "b@localhost"}
    done = subprocess.run(
        command, cwd=where, env={**os.environ, **quiet, **identity}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{' '.join(command[:4])} failed in {where}:\n{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main()
