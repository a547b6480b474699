"""Fetching artifacts: what is complete stays, what a server says of names and places is a stranger's word."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest

from mlpipeline.core.errors import MissingDependencyError
from mlpipeline.core.records import ADDRESS_TAG
from mlpipeline.sources.client import download
from sources.client.tracking import RUN, Answer, Tracking, as_json, below, one_run, read, record, stub, text


def test_what_is_complete_is_not_downloaded_again(tracking: Tracking, tmp_path: Path) -> None:
    first = read(tracking.uri, tmp_path)
    before = tracking.downloads()

    again = read(tracking.uri, tmp_path)

    # The run that is still open may have changed; the others cannot have.
    assert tracking.downloads() - before == 1
    assert again == first


def test_an_interrupted_download_goes_on_with_the_missing_files(tracking: Tracking, tmp_path: Path) -> None:
    read(tracking.uri, tmp_path)
    folder = tmp_path / "runs" / tracking.ids["run"]
    (folder / "complete").unlink()
    (folder / "artifacts" / "plot.txt").unlink()
    (folder / "partial").write_bytes(b"pl")
    before = tracking.downloads()

    run = record(read(tracking.uri, tmp_path), tracking.ids["run"])

    assert tracking.downloads() - before == 2  # plot.txt, and the open run's log.txt
    assert text(run, "artifacts/plot.txt") == "plot"
    assert text(run, "artifacts/notes/read me.txt") == "hello"
    assert (folder / "complete").is_file()


def test_a_record_that_changed_is_downloaded_anew(tracking: Tracking, tmp_path: Path) -> None:
    read(tracking.uri, tmp_path)
    folder = tmp_path / "models" / tracking.ids["model"]
    for mark in ("begun", "complete"):
        (folder / mark).write_text("an older state", encoding="utf-8")
    (folder / "artifacts" / "gone.txt").write_bytes(b"")

    model = record(read(tracking.uri, tmp_path), tracking.ids["model"])

    assert below(model, "artifacts") == {"artifacts/MLmodel", "artifacts/data/poids é 1.bin"}


def test_a_lost_file_costs_its_record_only(tracking: Tracking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    ids = tracking.ids
    lost = tracking.artifacts / ids["houses"] / ids["run"] / "artifacts" / "plot.txt"
    aside = tmp_path / "plot.txt"
    # A broken link is listed by the server, but cannot be sent.
    shutil.move(lost, aside)
    lost.symlink_to(tmp_path / "nowhere")
    try:
        incoming = read(tracking.uri, tmp_path / "downloads")
    finally:
        lost.unlink()
        shutil.move(aside, lost)

    assert {each.id for each in incoming.records} == set(ids.values()) - {ids["run"], ids["houses"]}
    refusal = next(each for each in incoming.refusals if each.where == f"run {ids['run']}")
    assert "its artifacts cannot be fetched: " in refusal.reason
    assert refusal.experiment == "houses"


@pytest.mark.parametrize("path", ["../../evil.txt", "/etc/evil.txt"])
def test_a_hostile_listing_over_http_costs_the_record(tmp_path: Path, path: str) -> None:
    with stub(one_run(files=[{"path": path, "is_dir": False, "file_size": 4}])) as uri:
        incoming = read(uri, tmp_path / "downloads")

    assert incoming.records == ()
    assert [each.where for each in incoming.refusals] == [f"run {RUN}"]
    assert list(tmp_path.rglob("*evil*")) == []


class HostileRepository:
    """An artifact repository that lists what it is told, and gives every file the same bytes."""

    artifact_uri = f"s3://bucket/{RUN}/artifacts"

    def __init__(self, listing: Mapping[str | None, list[SimpleNamespace]]) -> None:
        self.listing = listing

    def list_artifacts(self, path: str | None = None) -> list[SimpleNamespace]:
        return self.listing.get(path, [])

    def _download_file(self, path: str, to: str) -> None:
        Path(to).write_bytes(path.encode())


def listed(path: str, *, is_dir: bool = False, size: int | None = None) -> SimpleNamespace:
    return SimpleNamespace(path=path, is_dir=is_dir, file_size=size)


def use_repository(monkeypatch: pytest.MonkeyPatch, make: Callable[[], object]) -> None:
    from mlflow.store.artifact import artifact_repository_registry

    monkeypatch.setattr(artifact_repository_registry, "get_artifact_repository", lambda *_, **__: make())


def test_hostile_artifacts_are_refused_by_name_and_stay_outside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hostile = ["../evil", "/tmp/evil", "C:\\evil", "C:evil", "nul\0evil", "x/../../evil", ".git/evil", "elsewhere/evil"]  # noqa: S108
    listing = {
        None: [listed("good.txt"), listed("deep", is_dir=True), *(listed(name) for name in hostile)],
        "deep": [listed("deep", is_dir=True), listed("deep/er.txt"), listed("above.txt"), listed("..", is_dir=True)],
    }
    use_repository(monkeypatch, lambda: HostileRepository(listing))

    with stub(one_run(location=HostileRepository.artifact_uri)) as uri:
        incoming = read(uri, tmp_path / "downloads")

    assert below(incoming.records[0], "artifacts") == {"artifacts/good.txt", "artifacts/deep/er.txt"}
    refused = {each.where for each in incoming.refusals}
    assert refused == {f"artifact '{name}' of run {RUN}" for name in [*hostile, "above.txt", ".."]}
    assert list(tmp_path.rglob("*evil*")) == []
    assert not (tmp_path / "downloads" / "runs" / RUN / "complete").exists()


def test_a_file_that_came_cut_off_costs_the_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_repository(monkeypatch, lambda: HostileRepository({None: [listed("model.pkl", size=1000)]}))

    with stub(one_run(location=HostileRepository.artifact_uri)) as uri:
        incoming = read(uri, tmp_path)

    assert incoming.records == ()
    assert "'model.pkl' should have 1000 bytes, and 9 came" in incoming.refusals[0].reason
    assert not (tmp_path / "runs" / RUN / "artifacts" / "model.pkl").exists()


def test_a_missing_package_of_a_cloud_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> object:
        raise ModuleNotFoundError("No module named 'boto3'", name="boto3")

    use_repository(monkeypatch, missing)

    with stub(one_run(location=HostileRepository.artifact_uri)) as uri, pytest.raises(MissingDependencyError) as caught:
        read(uri, tmp_path)

    assert "'boto3'" in caught.value.what
    assert caught.value.remedy.endswith("-m pip install boto3")


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("file:///etc", "MLflow makes no such place"),
        ("s3://bucket/secrets", "MLflow makes no such place"),
        (f"runs:/{RUN}/artifacts", "MLflow makes no such place"),
        (f"http://169.254.169.254/{RUN}/artifacts", "on another server"),
        (f"mlflow-artifacts://me:secret@other.example/1/{RUN}/artifacts", "on another server"),
    ],
)
def test_a_place_that_is_not_the_records_own_is_refused(tmp_path: Path, location: str, reason: str) -> None:
    with stub(one_run(location=location)) as uri:
        incoming = read(uri, tmp_path)

    assert incoming.records == ()
    assert reason in incoming.refusals[0].reason
    assert "secret@" not in incoming.refusals[0].reason


def test_artifacts_on_the_servers_own_disk_are_read_if_they_are_here(tmp_path: Path) -> None:
    folder = tmp_path / "disk" / "1" / RUN / "artifacts"
    with stub(one_run(location=str(folder))) as uri:
        far = read(uri, tmp_path / "downloads")
        folder.mkdir(parents=True)
        (folder / "a.txt").write_bytes(b"here")
        near = read(uri, tmp_path / "downloads")

    assert f"1 run was stored without artifacts, which were not found ({folder.parent.parent})" in far.warnings[0]
    assert "Read them on the server's own machine" in far.warnings[0]
    assert far.records[0].files[f"tags/{ADDRESS_TAG}"] == str(folder).encode()
    assert near.warnings == ()
    assert near.records[0].files["artifacts/a.txt"] == folder / "a.txt"


def test_what_github_blocks_is_not_downloaded(tmp_path: Path) -> None:
    files = [
        {"path": "a.txt", "is_dir": False, "file_size": 4},
        {"path": "big.bin", "is_dir": False, "file_size": 200 << 20},
    ]
    with stub(one_run(files=files)) as uri:
        incoming = read(uri, tmp_path)

    assert [str(each) for each in incoming.refusals] == [
        f"artifact 'big.bin' of run {RUN}: GitHub blocks files over 100 MiB; it was not downloaded."
    ]
    assert below(incoming.records[0], "artifacts") == {"artifacts/a.txt"}
    assert incoming.records[0].unread == {"artifacts/big.bin"}


def test_folders_without_end_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "MOST_FILES", 20)
    whole = one_run()

    def answered(path: str) -> Answer | None:
        if "mlflow-artifacts/artifacts?" not in path:
            return whole(path)
        names = path.partition("path=")[2].count("d") + 1
        return as_json({"files": [{"path": f"d{names}", "is_dir": True}]})

    with stub(answered) as uri:
        incoming = read(uri, tmp_path)

    assert incoming.records == ()
    assert "more than 20 artifacts" in str(incoming.refusals[0])
