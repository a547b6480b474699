"""Opening a source: databases are read and left as they are, and what cannot be read says why."""

import contextlib
import os
import shutil
import sqlite3
import time
from pathlib import Path

import pytest

from mlpipeline.core.errors import InputError
from mlpipeline.core.records import Incoming
from sources.client.tracking import Tracking, one_run, read, record, stub
from support.servers import free_port


def test_a_database_is_read_and_left_as_it_is(
    everything: Incoming, database: Path, tracking: Tracking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = database.read_bytes()

    incoming = read(f"sqlite:///{database}", tmp_path / "downloads")

    assert database.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["downloads"]
    assert [each.name for each in database.parent.iterdir()] == ["mlflow.db"]
    assert [each.id for each in incoming.records] == [each.id for each in everything.records]
    assert {each.id: each.files.keys() for each in incoming.records} == {
        each.id: each.files.keys() for each in everything.records
    }
    where = record(incoming, tracking.ids["run"]).files["artifacts/plot.txt"]
    assert where == tracking.artifacts / tracking.ids["houses"] / tracking.ids["run"] / "artifacts" / "plot.txt"
    assert [each.versions for each in incoming.models][1][0].files == {"tags/size": b"small"}
    assert incoming.warnings == ()


def test_the_database_of_a_server_that_proxies_artifacts_names_the_server(tracking: Tracking, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="behind the MLflow server") as caught:
        read(f"sqlite:///{tracking.database}", tmp_path)

    assert "--source http" in caught.value.remedy


def test_a_database_of_an_unknown_mlflow_is_an_error(database: Path, tmp_path: Path) -> None:
    newer = tmp_path / "newer.db"
    shutil.copy(database, newer)
    with contextlib.closing(sqlite3.connect(newer)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'ffffffffffff'")
        connection.commit()

    with pytest.raises(InputError, match="ffffffffffff") as caught:
        read(f"sqlite:///{newer}", tmp_path / "downloads")

    assert "the MLflow that wrote it" in caught.value.remedy


@pytest.mark.parametrize(
    ("content", "what"),
    [(None, "does not exist"), (b"", "without MLflow's tables"), (b"no database" * 100, "cannot be read")],
)
def test_a_file_that_is_no_database_is_an_error(tmp_path: Path, content: bytes | None, what: str) -> None:
    file = tmp_path / "some.db"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(InputError, match=what):
        read(f"sqlite:///{file}", tmp_path / "downloads")

    assert file.exists() == (content is not None)


def test_a_dead_server_is_told_within_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "7")
    begun = time.monotonic()

    with pytest.raises(InputError, match=r"cannot be reached: .*refused") as caught:
        read(f"http://me:secret@127.0.0.1:{free_port()}", tmp_path)

    assert time.monotonic() - begun < 10
    assert "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN" in caught.value.remedy
    assert "secret" not in str(caught.value)
    assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "7"
    assert "MLFLOW_HTTP_REQUEST_MAX_RETRIES" not in os.environ


@pytest.mark.parametrize("status", [401, 403])
def test_a_server_that_wants_a_login_says_how(tmp_path: Path, status: int) -> None:
    with (
        stub(lambda _: (status, "text/plain", b"You are not authenticated.")) as uri,
        pytest.raises(InputError, match=f"rejected the credentials .HTTP {status}") as caught,
    ):
        read(uri, tmp_path)

    assert "MLFLOW_TRACKING_TOKEN" in caught.value.remedy


def test_a_web_site_is_no_server(tmp_path: Path) -> None:
    with (
        stub(lambda _: (200, "text/html", b"<html>Sign in</html>")) as uri,
        pytest.raises(InputError, match="cannot be read by MLflow"),
    ):
        read(uri, tmp_path)


def test_a_server_that_goes_away_ends_the_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    whole = one_run()

    with (
        stub(lambda path: None if "/runs/get" in path else whole(path)) as uri,
        pytest.raises(InputError, match="no longer answers") as caught,
    ):
        read(uri, tmp_path)

    assert "run the same command again" in caught.value.remedy
