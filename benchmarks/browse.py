"""Measures how fast a long history opens: MLflow's own file store against the cache of `history.py ui`.

    python benchmarks/browse.py --runs 10000

Makes a synthetic history in the stored layout, then times whole processes, as a person waits for them. Every
measurement is repeated and the median is told. Nothing is asserted: this is for reading.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

SCRIPTS = Path(__file__).parents[1] / "scripts"
sys.path.insert(0, str(SCRIPTS))

from mlpipeline.core.documents import dump_yaml
from mlpipeline.core.records import Kind
from mlpipeline.history.paths import ARTIFACTS, METADATA, artifact_folder, experiment_id
from mlpipeline.reports.tables import Table

EXPERIMENTS = 4
START = 1_750_000_000_000

SEARCH = """
import sys, time
from mlflow import MlflowClient
uri, order, most = sys.argv[1], sys.argv[2], int(sys.argv[3])
client = MlflowClient(uri, uri)
experiments = [each.experiment_id for each in client.search_experiments()]
begin = time.perf_counter()
found = client.search_runs(experiments, order_by=[order], max_results=most)
print(len(found), time.perf_counter() - begin)
"""

SEARCHES = {
    "the 1000 best by a metric": ("metrics.val_rmse ASC", 1000),
    "the UI's first page (100 newest)": ("attributes.start_time DESC", 100),
}


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Median seconds of a whole process, and of the search inside it where there is one."""

    process: float
    search: float | None = None


def write_history(root: Path, runs: range) -> None:
    """Runs with a logged model each, as persisting stores them: about 25 files a run."""
    for number in range(EXPERIMENTS):
        name = f"experiment-{number}"
        folder = root / METADATA / experiment_id(name)
        meta = {"name": name, "experiment_id": folder.name, "artifact_location": f"file:./{ARTIFACTS}"}
        times = {"creation_time": START, "last_update_time": START, "lifecycle_stage": "active"}
        _put(folder / "meta.yaml", dump_yaml(meta | times))
    for number in runs:
        _write_run(root, number)


def _write_run(root: Path, number: int) -> None:
    experiment = experiment_id(f"experiment-{number % EXPERIMENTS}")
    # Ids are spread as random ones are, and the same every time.
    run = f"{(number * 0x9E3779B97F4A7C15F39CC0605CEDC835) % 2**128:032x}"
    model, start = f"m-{run}", START + number * 60_000
    folder = root / METADATA / experiment / run
    times = {"start_time": start, "end_time": start + 30_000, "status": 3, "lifecycle_stage": "active"}
    place = {"experiment_id": experiment, "artifact_uri": f"file:./{artifact_folder(Kind.RUN, run)}"}
    named = {"run_id": run, "run_name": f"run-{number}", "user_id": "bench", "source_type": 4, "tags": []}
    _put(folder / "meta.yaml", dump_yaml(times | place | named))
    params = {"model": "ridge", "alpha": number / 7, "seed": 42, "depth": number % 9}
    tags = {"model_type": "ridge", "mlflow.runName": f"run-{number}", "git.commit": run + run[:8], "seed": 42}
    metrics = {f"{part}_{name}": 50 + number % 997 / 10 for part in ("val", "test") for name in ("rmse", "mae", "r2")}
    for name, value in params.items():
        _put(folder / "params" / name, str(value).encode())
    for name, value in tags.items():
        _put(folder / "tags" / name, str(value).encode())
    for name, value in metrics.items():
        _put(folder / "metrics" / name, f"{start} {value} 0\n".encode())
    _put(folder / "artifacts" / ".gitkeep", b"")
    output = {"source_type": "RUN_OUTPUT", "source_id": model, "destination_type": "MODEL_OUTPUT", "tags": {}}
    _put(folder / "outputs" / model / "meta.yaml", dump_yaml({**output, "destination_id": model, "step": 0}))
    _write_model(root, experiment, run, created=start)


def _write_model(root: Path, experiment: str, run: str, *, created: int) -> None:
    model = f"m-{run}"
    artifacts = artifact_folder(Kind.LOGGED_MODEL, model)
    folder = root / METADATA / experiment / "models" / model
    meta = {"model_id": model, "name": "model", "experiment_id": experiment, "source_run_id": run, "status": 2}
    rest = {"artifact_location": f"file:./{artifacts}", "creation_timestamp": created, "status_message": None}
    _put(folder / "meta.yaml", dump_yaml({**meta, **rest, "last_updated_timestamp": created, "model_type": None}))
    _put(folder / "params" / "alpha", b"1.0")
    _put(folder / "metrics" / "val_rmse", f"{created} 1.0 0 {run}\n".encode())
    _put(root / artifacts / "MLmodel", f"model_id: {model}\n".encode())
    _put(root / artifacts / "model.pkl", run.encode())


def _put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def timed(command: list[str], cwd: Path) -> Timing:
    """One run of a process."""
    environ = {**os.environ, "MLFLOW_ALLOW_FILE_STORE": "true", "MLFLOW_DISABLE_TELEMETRY": "true"}
    begin = time.perf_counter()
    done = subprocess.run(command, cwd=cwd, env=environ, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - begin
    if done.returncode:
        raise SystemExit(done.stderr)
    return Timing(process=seconds, search=float(done.stdout.split()[1]) if command[1] == "-c" else None)


def median(measure: Callable[[int], Timing], repetitions: int) -> Timing:
    """The middle of several measurements."""
    taken = [measure(number) for number in range(repetitions)]
    searches = [each.search for each in taken if each.search is not None]
    return Timing(
        process=statistics.median(each.process for each in taken),
        search=statistics.median(searches) if searches else None,
    )


def measure(root: Path, runs: int, repetitions: int) -> dict[str, tuple[Timing | None, Timing]]:
    """Seconds with MLflow's file store, where it does such a thing, and with ours."""
    command = [sys.executable, str(SCRIPTS / "history.py")]
    cache_home = root.parent / "cache"
    os.environ["XDG_CACHE_HOME"] = str(cache_home)
    refresh = [*command, "ui", "--refresh-only", "--repository", str(root)]

    def first(_: int) -> Timing:
        shutil.rmtree(cache_home, ignore_errors=True)
        return timed(refresh, root)

    def with_new_runs(repetition: int) -> Timing:
        begin = runs + 5 * repetition
        write_history(root, range(begin, begin + 5))
        return timed(refresh, root)

    found: dict[str, tuple[Timing | None, Timing]] = {}
    _say("first build of the cache")
    found["first build of the cache"] = None, median(first, repetitions)
    _say("refreshes")
    found["refresh, nothing changed"] = None, median(lambda _: timed(refresh, root), repetitions)
    found["refresh, 5 new runs"] = None, median(with_new_runs, repetitions)
    (cache,) = cache_home.rglob("*.db")
    for name, (order, most) in SEARCHES.items():
        _say(name)
        found[name] = (
            _searched(root, "file:./mlruns", order, most, repetitions),
            _searched(root, f"sqlite:///{cache}", order, most, repetitions),
        )
    for name in ("list", "list --all --limit 0"):
        _say(f"history.py {name}")
        listing = [*command, *name.split(), "--repository", str(root)]
        found[f"history.py {name}"] = None, median(lambda _: timed(listing, root), repetitions)  # noqa: B023
    return found


def _searched(root: Path, uri: str, order: str, most: int, repetitions: int) -> Timing:
    command = [sys.executable, "-c", SEARCH, uri, order, str(most)]
    return median(lambda _: timed(command, root), repetitions)


def table(found: dict[str, tuple[Timing | None, Timing]]) -> str:
    """The measurements as text; the ratio is that of the searches, without starting Python and MLflow."""
    rows: list[tuple[str, ...]] = []
    for name, (theirs, ours) in found.items():
        ratio = f"{theirs.search / ours.search:.0f}x" if theirs and theirs.search and ours.search else ""
        cells = (_seconds(theirs.process), _seconds(theirs.search)) if theirs else ("", "")
        rows.append((name, *cells, _seconds(ours.process), _seconds(ours.search), ratio))
    header = ("seconds", "file store: process", "search", "history.py: process", "its search", "ratio of searches")
    return Table(header=header, rows=rows, numeric=frozenset(header[1:])).text()


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _say(line: str) -> None:
    print(f"measuring: {line}", file=sys.stderr, flush=True)


def main() -> None:
    """Make the history, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10_000, help="runs of the history (default: 10000)")
    parser.add_argument("--repetitions", type=int, default=3, help="times each measurement is taken (default: 3)")
    parser.add_argument("--folder", type=Path, help="where to make the history (default: a temporary folder)")
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="browse-", dir=flags.folder) as folder:
        root = Path(folder, "history")
        _say(f"(writing {flags.runs} runs)")
        write_history(root, range(flags.runs))
        print(f"{flags.runs} runs, median of {flags.repetitions}\n")
        print(table(measure(root, flags.runs, flags.repetitions)))


if __name__ == "__main__":
    main()
