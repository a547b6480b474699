"""Servers that answer as MLflow's never would: reading comes to an end, and refuses by name."""

import contextlib
import sqlite3
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from mlpipeline.core.errors import InputError
from mlpipeline.core.records import LEFT_OUT
from mlpipeline.history import large_metrics
from mlpipeline.sources import limits
from mlpipeline.sources.client import answers, listing, reader
from mlpipeline.sources.sqlite import protection
from sources.client.tracking import RUN, Answer, Answers, as_json, one_run, read, stub
from support.servers import serving

OTHER = "b" * 32


def with_answer(end: str, value: object) -> Answers:
    """A server with one run, which answers one of the questions in another way."""
    whole = one_run()
    return lambda path: as_json(value) if path.partition("?")[0].endswith(f"/{end}") else whole(path)


def run(identifier: str, **data: Any) -> dict[str, Any]:
    info = {"run_id": identifier, "run_uuid": identifier, "experiment_id": "1", "status": "FINISHED", "end_time": 2}
    return {"info": {**info, "lifecycle_stage": "active", "start_time": 1, "artifact_uri": ""}, "data": data}


def counting(key: str, entity: dict[str, object], *, same: bool) -> Answers:
    """A server whose pages of a listing never end."""
    whole = one_run()
    pages = iter(range(10**9))
    ends = {"experiments": "/experiments/search", "runs": "/runs/search"}

    def answered(path: str) -> Answer | None:
        if not path.partition("?")[0].endswith(ends[key]):
            return whole(path)
        number = next(pages)
        names = {"experiment_id": str(number), "name": f"e{number}"} if key == "experiments" else {}
        return as_json({key: [{**entity, **names}], "next_page_token": "again" if same else str(number)})

    return answered


@pytest.mark.parametrize(("same", "reason"), [(True, "gives a page again"), (False, "take more than 50 pages")])
def test_pages_of_experiments_without_end_are_an_error(
    same: bool, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "MOST_PAGES", 50)
    with (
        stub(counting("experiments", {"lifecycle_stage": "active"}, same=same)) as uri,
        pytest.raises(InputError, match=f"has too much: .*{reason}"),
    ):
        read(uri, tmp_path)


@pytest.mark.parametrize("same", [True, False])
def test_pages_of_runs_without_end_are_refused_and_what_came_is_read(
    same: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "MOST_PAGES", 20)
    with stub(counting("runs", run(RUN), same=same)) as uri:
        incoming = read(uri, tmp_path)

    assert {each.id for each in incoming.records} == {RUN}
    assert any("not all its runs can be listed" in str(each) for each in incoming.refusals)


def test_more_runs_than_one_persist_adds_are_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "MOST_RECORDS", 3)
    runs = {"runs": [run(f"{number:032x}") for number in range(5)]}
    with stub(with_answer("runs/search", runs)) as uri, pytest.raises(InputError, match="more than 3 runs"):
        read(uri, tmp_path)


def test_an_answer_of_gigabytes_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "LARGEST", 10_000)
    runs = {"runs": [run(RUN), run(OTHER)]}
    whole = with_answer("runs/search", runs)

    def answered(path: str) -> Answer | None:
        if "/runs/get?" in path:
            large = OTHER in path
            return as_json({"run": run(OTHER if large else RUN, tags=[{"key": "a", "value": "x" * 20_000 * large}])})
        return whole(path)

    with stub(answered) as uri:
        incoming = read(uri, tmp_path)

    assert [each.id for each in incoming.records] == [RUN]
    [refusal] = [each for each in incoming.refusals if each.where == f"run {OTHER}"]
    assert "the answer has more than" in refusal.reason


@contextlib.contextmanager
def dripping(after: bytes) -> Iterator[str]:
    """A server that sends `after` and then a byte now and then."""
    stopped = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.wfile.write(after)
            with contextlib.suppress(OSError):
                while not stopped.wait(0.05):
                    self.wfile.write(b"x")
                    self.wfile.flush()

        do_POST = do_GET  # noqa: N815 - the name that http.server asks for

        def log_message(self, *_: object) -> None:
            pass

    with serving(Handler) as address:
        try:
            yield address
        finally:
            stopped.set()


@pytest.mark.parametrize(
    "after", [b"", b"HTTP/1.1 200 OK\r\nX-", b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"]
)
def test_an_answer_that_drips_is_stopped(after: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "SLOWEST", 1.0)
    begun = time.monotonic()

    with dripping(after) as uri, pytest.raises(InputError, match=r"cannot be reached|cannot be read"):
        read(uri, tmp_path)

    assert time.monotonic() - begun < 20


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (run(OTHER, params=[{"key": f"p{number}", "value": "1"} for number in range(60)]), "60 params"),
        (
            run(OTHER, metrics=[{"key": f"m{n}", "value": 1, "timestamp": 1, "step": 0} for n in range(60)]),
            "60 metrics",
        ),
        ({"info": {"run_id": OTHER, "experiment_id": "1", "start_time": "noon"}}, "it cannot be read"),
        ({"info": []}, "the server answers with the run ''"),
        (run("../../evil"), "the server answers with the run '../../evil'"),
    ],
)
def test_what_a_record_raises_refuses_it_alone(
    other: dict[str, Any], reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MOST_FILES", 50)
    whole = with_answer("runs/search", {"runs": [run(RUN), run(OTHER)]})

    def answered(path: str) -> Answer | None:
        return as_json({"run": other}) if "/runs/get?" in path and OTHER in path else whole(path)

    with stub(answered) as uri:
        incoming = read(uri, tmp_path)

    assert [each.id for each in incoming.records] == [RUN]
    [refusal] = [each for each in incoming.refusals if each.where == f"run {OTHER}"]
    assert reason in refusal.reason


def test_a_long_metric_is_read_page_by_page_and_thinned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_metrics, "LARGE", 1000)
    monkeypatch.setattr(large_metrics, "LARGEST", 2000)
    pages = 10
    latest = [{"key": "loss", "value": 1, "timestamp": 1, "step": 0}]

    def answered(path: str) -> Answer | None:
        if "/runs/get?" in path:
            return as_json({"run": run(RUN, metrics=latest)})
        if "/metrics/get-history?" not in path:
            return one_run()(path)
        page = int(path.partition("page_token=")[2].partition("&")[0] or 0)
        steps = range(page * 100, page * 100 + 100)
        points = [{"key": "loss", "value": -step, "timestamp": 5, "step": step} for step in steps]
        return as_json({"metrics": points, **({"next_page_token": str(page + 1)} if page + 1 < pages else {})})

    with stub(answered) as uri:
        incoming = read(uri, tmp_path)

    [record] = incoming.records
    content, notes = record.files["metrics/loss"], record.files[LEFT_OUT]
    assert isinstance(content, Path)
    assert isinstance(notes, bytes)
    assert content.read_bytes().splitlines()[-1] == b"5 -999.0 999"
    assert notes.startswith(b"metrics/loss (all but one line in ")
    assert any("its 1,000 points take more than" in each.reason for each in incoming.refusals)


def test_more_than_memory_holds_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MEMORY", 5_000)
    whole = with_answer("runs/search", {"runs": [run(RUN), run(OTHER)]})

    def answered(path: str) -> Answer | None:
        if "/runs/get?" not in path:
            return whole(path)
        identifier = OTHER if OTHER in path else RUN
        return as_json({"run": run(identifier, tags=[{"key": "a", "value": "x" * 4_000}])})

    with stub(answered) as uri:
        incoming = read(uri, tmp_path)

    assert len(incoming.records) == 1
    assert any("what they hold takes more than" in each.reason for each in incoming.refusals)


def test_a_database_with_a_view_is_not_given_to_mlflow(database: Path, tmp_path: Path) -> None:
    copy = tmp_path / "mlflow.db"
    copy.write_bytes(database.read_bytes())
    with contextlib.closing(sqlite3.connect(copy)) as connection, connection:
        connection.execute(
            "CREATE VIEW evil AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n) SELECT i FROM n"
        )

    with pytest.raises(InputError, match="has the view 'evil', and MLflow makes none"):
        read(f"sqlite:///{copy}", tmp_path / "downloads")


def test_what_takes_mlflow_too_long_is_stopped(database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let MLflow's last migration, which it runs in the copy, meet a trigger without end."""
    from alembic.script import ScriptDirectory
    from mlflow.store.db.utils import _get_alembic_config

    scripts = ScriptDirectory.from_config(_get_alembic_config("sqlite://"))
    before = scripts.get_revision("head").down_revision
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
    copy = tmp_path / "mlflow.db"
    copy.write_bytes(database.read_bytes())
    with contextlib.closing(sqlite3.connect(copy)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (before,))
        connection.execute(f"CREATE TRIGGER evil BEFORE UPDATE ON alembic_version BEGIN {endless}; END")
    monkeypatch.setattr(protection, "SLOWEST", 1.0)
    begun = time.monotonic()

    with pytest.raises(InputError, match="cannot be read"):
        read(f"sqlite:///{copy}", tmp_path / "downloads")

    assert time.monotonic() - begun < 30
