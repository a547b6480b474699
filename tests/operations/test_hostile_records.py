"""Every hostile value in every field of every description, in a source and on a branch: the good run goes its way."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlpipeline.history.paths import INFO, PROMOTED
from mlpipeline.history.screening import storable
from mlpipeline.operations.adopt import adopt
from mlpipeline.publishing.loop import Effects
from mlpipeline.sources import filestore
from support import gitrepo, mlstore
from support.descriptions import EXPERIMENT, GOOD, META, VALUES, descriptions, plant
from support.histories import HistoryCommand
from support.jobs import NOW, Job


def commit(checkout: Path) -> None:
    gitrepo.git(checkout, "add", "--force", "--all")
    gitrepo.git(checkout, "commit", "--quiet", "--message", "by hand")
    gitrepo.git(checkout, "push", "--quiet", "origin", "HEAD:main")


def is_promoted(origin: Path) -> bool:
    described = json.loads(gitrepo.show(origin, f"{PROMOTED}/metadata.json"))
    return bool(described["run_id"] == GOOD)


@pytest.fixture
def poisoned(job: Job) -> Job:
    """A checkout whose branch holds what was planted, committed by hand."""
    plant(job.checkout)
    commit(job.checkout)
    return job


class TestSource:
    """Persisting a store with all of them."""

    def test_the_good_run_is_published(self, job: Job, origin: Path, tmp_path: Path) -> None:
        plant(tmp_path / "job store")

        outcome = job.persist(source=str(tmp_path / "job store/mlruns"))

        assert outcome.status == "persisted"
        assert is_promoted(origin)
        assert gitrepo.git(origin, "fsck", "--strict") == ""
        told = "\n".join(message for _, message in outcome.messages)
        stored = "\n".join(gitrepo.files(origin))
        for path, text in descriptions():
            folder = path.split("/")[-2]
            if path.count("/") > 2 and "models/wine" not in path:
                assert folder in told or folder in stored, text

    def test_what_was_published_can_be_read_again(
        self, job: Job, origin: Path, tmp_path: Path, history_command: HistoryCommand
    ) -> None:
        plant(tmp_path / "job store")
        job.persist(source=str(tmp_path / "job store/mlruns"))
        clone = gitrepo.clone(origin, tmp_path / "clone")

        listed = history_command("list", "--repository", str(clone), "--all", "--limit", "0")

        assert listed["runs"][0]["run_id"] == GOOD
        assert "unreadable" not in listed["excluded"]
        assert job.persist(source=str(tmp_path / "job store/mlruns")).status == "nothing-new"


class TestBranch:
    """Reading a branch that holds all of them."""

    def test_persisting_goes_on(self, poisoned: Job, origin: Path, tmp_path: Path) -> None:
        new = mlstore.write_run(tmp_path / "new/mlruns", value=2.0, experiment_id=EXPERIMENT)

        outcome = poisoned.persist(source=str(tmp_path / "new/mlruns"))

        assert (outcome.status, outcome.runs_added) == ("persisted", 1)
        assert any(f"/{new}/meta.yaml" in path for path in gitrepo.files(origin))
        said = [message for _, message in outcome.messages if "passed over" in message]
        assert len(said) == 2

    def test_lists_go_on(
        self, poisoned: Job, history_command: HistoryCommand, capsys: pytest.CaptureFixture[str]
    ) -> None:
        listed = history_command("list", "--repository", str(poisoned.checkout), "--all", "--limit", "0")

        reasons = {run["run_id"]: run["excluded"] for run in listed["runs"]}
        assert reasons[GOOD] is None or reasons[GOOD] == "no-model"
        assert listed["excluded"]["unreadable"] > 50
        assert len(reasons) == 1 + len(META["run"]) * len(VALUES)
        assert history_main(poisoned, "list", "--all") == 0
        assert "passed over" in capsys.readouterr().err

    def test_each_is_shown(self, poisoned: Job) -> None:
        wanted = [path.split("/")[2] for path, text in descriptions() if "end_time: " in text and path.count("/") == 3]

        for run in [GOOD, *wanted[:: len(VALUES) // 3]]:
            assert history_main(poisoned, "show", run) == 0

    def test_adopting_heals_what_can_be(self, poisoned: Job, origin: Path) -> None:
        effects = Effects(now=lambda: NOW, sleep=lambda _: None, say=lambda _: None)

        adoption = adopt(poisoned.settings(), effects)

        assert adoption.outcome.status == "persisted"
        assert is_promoted(origin)
        assert gitrepo.git(origin, "fsck", "--strict") == ""

    def test_restoring_goes_on(self, poisoned: Job, tmp_path: Path, history_command: HistoryCommand) -> None:
        done = history_command(
            "restore", "--repository", str(poisoned.checkout), "--into", str(tmp_path / "into"), "--commit", "HEAD"
        )

        assert done["status"] == "restored"
        assert (tmp_path / f"into/mlruns/{EXPERIMENT}/{GOOD}/meta.yaml").is_file()


def history_main(job: Job, *arguments: str) -> int:
    from mlpipeline.cli.history import main as history

    return history.main([arguments[0], "--repository", str(job.checkout), *arguments[1:]])


GARBAGE = {
    "no JSON": b"{",
    "deep": b"[" * 100_000,
    "a list": b"[1]",
    "no text": b"\xff",
    "no number": b'{"best": {"value": NaN}, "best_per_algorithm": {"ridge": {"value": NaN}}}',
    "lists": b'{"selection": [], "best": [], "best_per_algorithm": [], "files": [[]], "run_id": []}',
    "other types": json.dumps(
        {
            "selection": {"metric": [1], "mode": [], "experiments": [[]]},
            "best": {"run_id": {}, "value": "x"},
            "best_per_algorithm": {"ridge": [], "../x": {"run_id": []}, "xgb": {"run_id": [1]}},
            "files": {"model.pkl": {"sha256": 1, "bytes": "x"}, "MLmodel": []},
            "run_id": 5,
            "source": {},
        }
    ).encode(),
    "a large number": b'{"best": {"run_id": "a", "value": 1' + b"0" * 400 + b"}}",
    "half a character": rb'{"selection": {"metric": "\ud800", "mode": "min", "experiments": []}, "run_id": "\ud800"}',
}


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_in_derived_files_is_written_anew(
    job: Job, origin: Path, tmp_path: Path, name: str, history_command: HistoryCommand
) -> None:
    mlstore.write_run(job.store, run_id=GOOD)
    assert job.persist().status == "persisted"
    gitrepo.git(job.checkout, "pull", "--quiet")
    for path in (INFO, f"{PROMOTED}/metadata.json", "models/ridge_metadata.json"):
        (job.checkout / path).write_bytes(GARBAGE[name])
    commit(job.checkout)

    listed = history_command("list", "--repository", str(job.checkout))
    mlstore.write_run(tmp_path / "new/mlruns", value=2.0)
    outcome = job.persist(source=str(tmp_path / "new/mlruns"))

    assert [run["run_id"] for run in listed["runs"]] == [GOOD]
    assert (outcome.status, outcome.run_id) == ("persisted", GOOD)
    assert is_promoted(origin)
    json.loads(gitrepo.show(origin, INFO))


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a good run and one whose description and tag are to be anything."""
    store = tmp_path_factory.mktemp("fuzzed") / "mlruns"
    mlstore.write_run(store, run_id=GOOD, experiment_id=EXPERIMENT)
    mlstore.write_run(store, run_id="b" * 32, experiment_id=EXPERIMENT, model=None)
    return store


fragments = st.sampled_from(
    [*VALUES, *(f"\n{field}: " for field in META["run"]), "\n", " ", "- ", "&a ", "*a", "<<: ", "? ", "|\n ", "'", '"']
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.lists(fragments, max_size=12).map("".join).map(str.encode) | st.binary(max_size=100))
def test_anything_costs_no_other_run(fuzzed: Path, data: bytes) -> None:
    description = fuzzed / EXPERIMENT / ("b" * 32) / "meta.yaml"
    own = f"run_id: {'b' * 32}\nexperiment_id: '{EXPERIMENT}'\nstatus: 3\n"
    for written in (data, own.encode() + data):
        description.write_bytes(written)
        (fuzzed / EXPERIMENT / ("b" * 32) / "tags" / "model_type").write_bytes(data)

        incoming = storable(filestore.read(fuzzed))

        assert GOOD in {record.id for record in incoming.records}


@pytest.mark.parametrize(
    "place", ["meta.yaml", "params/a", "metrics/val_rmse", "tags/a", "artifacts/a", "artifacts/MLmodel"]
)
def test_pipes_hold_nothing_up(job: Job, origin: Path, tmp_path: Path, place: str) -> None:
    store = tmp_path / "job store/mlruns"
    mlstore.write_run(store, run_id=GOOD, experiment_id=EXPERIMENT)
    mlstore.write_run(store, run_id="b" * 32, experiment_id=EXPERIMENT, value=9.0)
    pipe = store / EXPERIMENT / ("b" * 32) / place
    pipe.parent.mkdir(exist_ok=True)
    pipe.unlink(missing_ok=True)
    os.mkfifo(pipe)
    os.mkfifo(job.checkout / "a.db")  # looked at as a possible store where no source is named

    outcome = job.persist(source=str(store))

    assert outcome.status == "persisted"
    assert is_promoted(origin)
    assert any(place in message for _, message in outcome.messages)
    assert job.persist().status == "nothing-new"
