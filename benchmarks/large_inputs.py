"""Measures what large and hostile inputs cost: time and peak memory of the process that persists them.

    python benchmarks/large_inputs.py
    python benchmarks/large_inputs.py --points 1000000 --only "metric, file store"

Makes each source in a temporary folder, then runs `scripts/persist.py` on it against a bare repository beside it. The
peak is that of the persisting process alone, without the git that it starts (Linux). Nothing is asserted: this is for
reading. With 10 million points a metric it takes minutes and 3 GB of disk.
"""

import argparse
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

SCRIPTS = Path(__file__).parents[1] / "scripts"
sys.path.insert(0, str(SCRIPTS))

from mlpipeline.core.documents import dump_yaml
from mlpipeline.reports.tables import Table

EXPERIMENT = "529162008846455114"
START = 1_750_000_000_000
PATIENCE = 1800.0
"""Seconds that one persist may take."""

SCHEMA = """
CREATE TABLE alembic_version (version_num TEXT);
CREATE TABLE experiments (experiment_id INTEGER PRIMARY KEY, name TEXT, artifact_location TEXT, lifecycle_stage TEXT);
CREATE TABLE runs (run_uuid TEXT PRIMARY KEY, experiment_id INTEGER, name TEXT, user_id TEXT, status TEXT,
    start_time BIGINT, end_time BIGINT, lifecycle_stage TEXT, artifact_uri TEXT);
CREATE TABLE params (key TEXT, value TEXT, run_uuid TEXT, PRIMARY KEY (key, run_uuid));
CREATE TABLE tags (key TEXT, value TEXT, run_uuid TEXT, PRIMARY KEY (key, run_uuid));
CREATE TABLE metrics (key TEXT, value FLOAT, timestamp BIGINT, run_uuid TEXT, step BIGINT DEFAULT 0, is_nan BOOLEAN,
    PRIMARY KEY (key, timestamp, step, run_uuid, value, is_nan));
CREATE INDEX index_metrics_run_uuid ON metrics (run_uuid);
INSERT INTO alembic_version VALUES ('bench');
INSERT INTO experiments VALUES (1, 'demo', '/nowhere', 'active');
"""
"""What MLflow 1.30 makes, as far as runs need it."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """How one persist went."""

    seconds: float
    cpu: float
    peak: int
    said: str


def lines(points: int) -> Iterator[str]:
    """The lines of a metric that falls."""
    return (f"{START + step} {1 / (step + 1)!r} {step}\n" for step in range(points))


def file_store(folder: Path, runs: int = 1) -> Iterator[Path]:
    """Make a file store; gives the folder of each run."""
    store = folder / "mlruns" / EXPERIMENT
    store.mkdir(parents=True)
    meta = {"artifact_location": store.as_uri(), "experiment_id": EXPERIMENT, "lifecycle_stage": "active"}
    (store / "meta.yaml").write_bytes(dump_yaml({**meta, "name": "demo"}))
    for number in range(runs):
        run = store / f"{number:032x}"
        for inner in ("metrics", "params", "tags", "artifacts"):
            (run / inner).mkdir(parents=True)
        times = {"start_time": START, "end_time": START + 1, "status": 3, "lifecycle_stage": "active"}
        place = {"run_id": run.name, "experiment_id": EXPERIMENT, "artifact_uri": (run / "artifacts").as_uri()}
        (run / "meta.yaml").write_bytes(dump_yaml({**times, **place, "run_name": f"run-{number}", "user_id": "bench"}))
        (run / "artifacts" / "model.pkl").write_bytes(run.name.encode())
        yield run


def database(folder: Path, runs: int = 1) -> sqlite3.Connection:
    """Make a database of MLflow's with some runs."""
    connection = sqlite3.connect(folder / "mlflow.db")
    connection.executescript(SCHEMA)
    rows = (
        (f"{number:032x}", f"run-{number}", START, START + 1, f"/nowhere/{number:032x}/artifacts")
        for number in range(runs)
    )
    connection.executemany("INSERT INTO runs VALUES (?, 1, ?, 'u', 'FINISHED', ?, ?, 'active', ?)", rows)
    return connection


def _filled(folder: Path, table: str, rows: Iterable[tuple[object, ...]]) -> str:
    with closing(database(folder)) as connection, connection:
        run = f"{0:032x}"
        connection.executemany(f"INSERT INTO {table} VALUES (?, ?, '{run}')", rows)  # noqa: S608 - our own names
    return f"sqlite:///{folder}/mlflow.db"


def small_metrics(folder: Path, _: int) -> str:
    """10,000 metrics of ten points."""
    for run in file_store(folder, 100):
        for number in range(100):
            (run / "metrics" / f"m{number}").write_text("".join(lines(10)), encoding="ascii")
    return f"{folder}/mlruns"


def small_rows(folder: Path, _: int) -> str:
    """10,000 metrics of ten points, in a database."""
    with closing(database(folder, 100)) as connection, connection:
        rows = (
            (f"m{n}", 1 / (s + 1), START + s, f"{r:032x}", s) for r in range(100) for n in range(100) for s in range(10)
        )
        connection.executemany("INSERT INTO metrics VALUES (?, ?, ?, ?, ?, 0)", rows)
    return f"sqlite:///{folder}/mlflow.db"


def metric_file(folder: Path, points: int) -> str:
    """One long metric."""
    (run,) = file_store(folder)
    with (run / "metrics" / "val_rmse").open("w", encoding="ascii") as file:
        file.writelines(lines(points))
    return f"{folder}/mlruns"


def shuffled_file(folder: Path, points: int) -> str:
    """One long metric whose lines are in no order, a tenth of them twice."""
    (run,) = file_store(folder)
    with (run / "metrics" / "val_rmse").open("w", encoding="ascii") as file:
        for number in range(points + points // 10):
            step = number * 7_368_787 % points
            file.write(f"{START + step} {1 / (step + 1)!r} {step}\n")
    return f"{folder}/mlruns"


def metric_rows(folder: Path, points: int) -> str:
    """One long metric in a database."""
    with closing(database(folder)) as connection, connection:
        rows = (("val_rmse", 1 / (step + 1), START + step, f"{0:032x}", step) for step in range(points))
        connection.executemany("INSERT INTO metrics VALUES (?, ?, ?, ?, ?, 0)", rows)
    return f"sqlite:///{folder}/mlflow.db"


def large_tag(folder: Path, _: int) -> str:
    """A tag of 300 MB."""
    (run,) = file_store(folder)
    (run / "tags" / "note").write_bytes(b"x" * 300_000_000)
    return f"{folder}/mlruns"


def large_tag_row(folder: Path, _: int) -> str:
    """A tag of 300 MB in a database."""
    return _filled(folder, "tags", [("note", "x" * 300_000_000)])


def many_params(folder: Path, _: int) -> str:
    """A run with a million params."""
    (run,) = file_store(folder)
    for number in range(1_000_000):
        (run / "params" / f"p{number}").write_bytes(b"1")
    return f"{folder}/mlruns"


def many_param_rows(folder: Path, _: int) -> str:
    """A run with a million params in a database."""
    return _filled(folder, "params", ((f"p{number}", "1") for number in range(1_000_000)))


def many_runs(folder: Path, _: int) -> str:
    """A million runs in a database."""
    with closing(database(folder, 1_000_000)) as connection:
        connection.commit()
    return f"sqlite:///{folder}/mlflow.db"


def endless_view(folder: Path, _: int) -> str:
    """A database whose runs are a view without end."""
    with closing(database(folder)) as connection, connection:
        connection.execute("ALTER TABLE runs RENAME TO kept")
        connection.execute(
            "CREATE VIEW runs AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
            " SELECT kept.* FROM n JOIN kept"
        )
    return f"sqlite:///{folder}/mlflow.db"


CASES: dict[str, Callable[[Path, int], str]] = {
    "10,000 small metrics, file store": small_metrics,
    "10,000 small metrics, SQLite": small_rows,
    "metric, file store": metric_file,
    "metric in no order, file store": shuffled_file,
    "metric, SQLite": metric_rows,
    "tag of 300 MB, file store": large_tag,
    "tag of 300 MB, SQLite": large_tag_row,
    "a million params, file store": many_params,
    "a million params, SQLite": many_param_rows,
    "a million runs, SQLite": many_runs,
    "a view without end, SQLite": endless_view,
}


class _Endless(BaseHTTPRequestHandler):
    """A tracking server whose pages never end."""

    pages = 0

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._answer()

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _answer(self) -> None:
        type(self).pages += 1
        body = (
            b'{"experiments": [{"experiment_id": "%d", "name": "%d", "lifecycle_stage": "active"}],'
            % ((self.pages, self.pages))
            + b'"next_page_token": "%d"}' % self.pages
        )
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def endless_server() -> Iterator[str]:
    """A server on the loopback that lists experiments for ever."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Endless)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()


def persisted(folder: Path, source: str) -> Measured:
    """Persist a source into a repository of its own."""
    origin, clone = folder / "origin.git", folder / "clone"
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "GITHUB_", "MLFLOW_"))}
    environ |= {
        f"GIT_{who}_{what}": "bench@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    git = ["git", "-c", "init.defaultBranch=main"]
    for command in (["init", "-q", "--bare", str(origin)], ["clone", "-q", str(origin), str(clone)]):
        subprocess.run([*git, *command], env=environ, check=True, capture_output=True)
    subprocess.run([*git, "-C", clone, "commit", "-qm", "first", "--allow-empty"], env=environ, check=True)
    subprocess.run([*git, "-C", clone, "push", "-q", "origin", "HEAD:main"], env=environ, check=True)
    persist = [sys.executable, str(SCRIPTS / "persist.py"), "--source", source, "--branch", "main"]
    begin, before, peak = time.perf_counter(), _cpu(), 0
    with (folder / "said").open("w+", encoding="utf-8") as said:
        process = subprocess.Popen(persist, cwd=clone, env=environ, stdout=said, stderr=said)
        while process.poll() is None:
            peak = max(peak, _peak(process.pid))
            if time.perf_counter() - begin > PATIENCE:
                process.kill()
                said.write("\nstopped: it did not end")
            time.sleep(0.01)
        seconds = time.perf_counter() - begin
        said.seek(0)
        return Measured(seconds=seconds, cpu=_cpu() - before, peak=peak, said=_gist(said.read()))


def _cpu() -> float:
    """The processor seconds of all programs that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _peak(pid: int) -> int:
    """The largest resident memory of a process so far, in KiB; 0 where that cannot be read."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")), 0)


def _gist(said: str) -> str:
    """What matters of what a persist said: the first warning or error, else the last line."""
    told = [line for line in said.splitlines() if line.startswith(("warning:", "error:", "stopped:"))]
    return (told or said.splitlines() or [""])[0 if told else -1][:150]


def main() -> None:
    """Make each source, persist it, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=10_000_000, help="of the long metrics (default: 10,000,000)")
    parser.add_argument("--only", action="append", default=[], metavar="CASE", help="measure the cases so called")
    parser.add_argument("--folder", type=Path, help="where to make the sources (default: a temporary folder)")
    flags = parser.parse_args()
    rows: list[tuple[str, ...]] = []

    def measure(name: str, folder: Path, source: str) -> None:
        print(f"measuring: {name}", file=sys.stderr, flush=True)
        found = persisted(folder, source)
        rows.append((name, f"{found.seconds:.1f}", f"{found.cpu:.1f}", f"{found.peak / 1024:.0f}", found.said))

    for name, make in CASES.items():
        if not flags.only or name in flags.only:
            with tempfile.TemporaryDirectory(prefix="large-", dir=flags.folder) as folder:
                measure(name, Path(folder), make(Path(folder), flags.points))
    if not flags.only or "pages without end, server" in flags.only:
        with tempfile.TemporaryDirectory(prefix="large-", dir=flags.folder) as folder, endless_server() as address:
            measure("pages without end, server", Path(folder), address)
    numeric = ("seconds", "CPU seconds", "peak MiB")
    print(Table(header=("input", *numeric, "said"), rows=rows, numeric=frozenset(numeric)).text())


if __name__ == "__main__":
    main()
