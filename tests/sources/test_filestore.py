"""Reading file stores: what cannot be read is refused by name, and what is no run's is passed over."""

import os
from pathlib import Path

import pytest
import yaml

from mlpipeline.core import documents
from mlpipeline.core.errors import InputError
from mlpipeline.core.records import ADDRESS_TAG, LEFT_OUT_TAG, Incoming, Kind, Record
from mlpipeline.history.screening import storable
from mlpipeline.sources import artifacts, filestore
from mlpipeline.sources.artifacts import POINTER
from support.mlstore import put, write_experiment, write_model, write_run, write_yaml
from support.permissions import forbidden

EXPERIMENT = "123456789012345678"
GOOD, BAD = "a" * 32, "b" * 32


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with two runs; one of them is to have something the matter with it."""
    store = tmp_path / "mlruns"
    write_run(store, run_id=GOOD)
    write_run(store, run_id=BAD, params={"alpha": "1"}, tags={"a": "1"}, artifacts={"a.txt": b"1", "b/c.txt": b"2"})
    put(store / EXPERIMENT / "tags/purpose", b"tests")
    return store


def runs(incoming: Incoming) -> dict[str, Record]:
    return {record.id: record for record in incoming.records if record.kind is Kind.RUN}


def told(incoming: Incoming) -> str:
    return "\n".join(map(str, incoming.refusals))


def logged(record: Record) -> set[str]:
    return {path for path in record.files if path.startswith("artifacts/")}


class TestUnreadable:
    """What this user may not read costs the run or the file, and is named."""

    @pytest.mark.parametrize(
        "place", [".", "meta.yaml", "metrics", "metrics/val_rmse", "params", "params/alpha", "tags", "tags/a"]
    )
    def test_a_run_of_which_metadata_cannot_be_read_is_refused(self, store: Path, place: str) -> None:
        with forbidden(store / EXPERIMENT / BAD / place):
            incoming = filestore.read(store)

        assert runs(incoming).keys() == {GOOD}
        [refusal] = incoming.refusals
        assert refusal.where == f"mlruns/{EXPERIMENT}/{BAD}"
        assert "the run was left out" in refusal.reason
        assert "cannot be read (Permission denied)" in refusal.reason
        assert "readable" in refusal.remedy

    @pytest.mark.parametrize(
        ("place", "kept"),
        [
            ("artifacts", set()),
            ("artifacts/a.txt", {"artifacts/b/c.txt"}),
            ("artifacts/b", {"artifacts/a.txt"}),
            ("artifacts/b/c.txt", {"artifacts/a.txt"}),
        ],
    )
    def test_artifacts_that_cannot_be_read_are_left_out_of_their_run(
        self, store: Path, place: str, kept: set[str]
    ) -> None:
        with forbidden(store / EXPERIMENT / BAD / place):
            incoming = filestore.read(store)

        run = runs(incoming)[BAD]
        assert logged(run) == kept
        assert run.unread == {place}
        assert not {store / EXPERIMENT / BAD / place} & run.origins
        [refusal] = incoming.refusals
        assert refusal.where == f"mlruns/{EXPERIMENT}/{BAD}/{place}"
        assert "Permission denied" in refusal.reason
        assert incoming.warnings == ()

    def test_a_model_of_which_a_file_cannot_be_read_is_stored_without_any(self, store: Path) -> None:
        [output] = (store / EXPERIMENT / BAD / "outputs").iterdir()
        with forbidden(store / EXPERIMENT / "models" / output.name / "artifacts/model.pkl"):
            incoming = storable(filestore.read(store))

        [model] = [record for record in incoming.records if record.id == output.name]
        assert logged(model) == set()
        assert "cannot be promoted" in told(incoming)

    @pytest.mark.parametrize("place", [".", "meta.yaml"])
    def test_an_experiment_that_cannot_be_read_is_refused(self, store: Path, place: str) -> None:
        other = write_run(store, experiment="other", experiment_id="77")

        with forbidden(store / EXPERIMENT / place):
            incoming = filestore.read(store)

        assert runs(incoming).keys() == {other}
        assert [experiment.name for experiment in incoming.experiments] == ["other"]
        [refusal] = incoming.refusals
        assert refusal.where == f"mlruns/{EXPERIMENT}"

    @pytest.mark.parametrize("place", ["tags", "tags/purpose"])
    def test_tags_of_an_experiment_are_refused_alone(self, store: Path, place: str) -> None:
        with forbidden(store / EXPERIMENT / place):
            incoming = filestore.read(store)

        assert runs(incoming).keys() == {GOOD, BAD}
        [refusal] = incoming.refusals
        assert refusal.where == f"mlruns/{EXPERIMENT}/{place}"

    @pytest.mark.parametrize("place", [".", "meta.yaml"])
    def test_a_registered_model_is_refused(self, store: Path, place: str) -> None:
        write_yaml(store / "models/wine/meta.yaml", {"name": "wine"})
        write_yaml(store / "models/beer/meta.yaml", {"name": "beer"})

        with forbidden(store / "models/wine" / place):
            incoming = filestore.read(store)

        assert [model.name for model in incoming.models] == ["beer"]
        assert "mlruns/models/wine: " in told(incoming)

    def test_a_folder_of_models_is_refused(self, store: Path) -> None:
        with forbidden(store / EXPERIMENT / "models"):
            incoming = filestore.read(store)

        assert runs(incoming).keys() == {GOOD, BAD}
        assert f"mlruns/{EXPERIMENT}/models: cannot be read" in told(incoming)

    def test_a_store_is_an_error(self, store: Path) -> None:
        with forbidden(store), pytest.raises(InputError, match="cannot be read: Permission denied"):
            filestore.read(store)


class TestPointers:
    """What Git LFS left in the place of a file is named as such."""

    DATA = POINTER + b"\noid sha256:4d7a\nsize 12\n"

    @pytest.mark.parametrize("place", ["meta.yaml", "metrics/val_rmse", "params/alpha"])
    def test_of_a_runs_metadata(self, store: Path, place: str) -> None:
        put(store / EXPERIMENT / BAD / place, self.DATA)

        incoming = filestore.read(store)

        assert runs(incoming).keys() == {GOOD}
        assert "is a pointer of Git LFS" in told(incoming)
        assert "`git lfs pull`" in told(incoming)

    def test_of_an_experiment(self, store: Path) -> None:
        put(store / EXPERIMENT / "meta.yaml", self.DATA)

        incoming = filestore.read(store)

        assert (incoming.experiments, incoming.records) == ((), ())
        assert "its meta.yaml is a pointer of Git LFS" in told(incoming)

    def test_of_an_artifact(self, store: Path) -> None:
        put(store / EXPERIMENT / BAD / "artifacts/a.txt", self.DATA)

        incoming = filestore.read(store)

        assert logged(runs(incoming)[BAD]) == {"artifacts/b/c.txt"}
        assert "artifacts/a.txt: is a pointer of Git LFS" in told(incoming)

    def test_of_a_branch_they_are_the_files(self, store: Path) -> None:
        put(store / EXPERIMENT / BAD / "artifacts/a.txt", self.DATA)

        incoming = filestore.read(store, elsewhere=False)

        assert logged(runs(incoming)[BAD]) == {"artifacts/a.txt", "artifacts/b/c.txt"}
        assert incoming.refusals == ()


FOREIGN = [
    ".DS_Store", "._val_rmse", "Thumbs.db", "desktop.ini", ".val_rmse.swp", "val_rmse.swp", "val_rmse~", "#val_rmse#",
    ".#val_rmse", ".ipynb_checkpoints/val_rmse-checkpoint", "__pycache__/x.pyc", ".gitkeep", ".keep", "val_rmse.bak",
    ".directory", ".nfs00000001", "a.orig",
]  # fmt: skip


class TestForeign:
    """What systems and editors leave in any folder is nobody's metric, run or experiment."""

    @pytest.mark.parametrize("name", FOREIGN)
    def test_files(self, store: Path, name: str) -> None:
        put(store / EXPERIMENT / BAD / "metrics/a", b"1 1 0\n")
        clean = filestore.read(store)
        run = store / EXPERIMENT / BAD
        for folder in (store, store / EXPERIMENT, run):
            put(folder / name, b"\0\1")
        put(store / EXPERIMENT / "tags" / name.replace("val_rmse.", "purpose.").replace("a.o", "purpose.o"), b"\0\1")
        for kind in ("metrics", "params", "tags"):
            put(run / kind / name, b"\0\1")
            put(run / kind / name.removesuffix(".orig").removesuffix(".bak").lstrip("."), b"1 1 0\n")
        put(store / EXPERIMENT / "models/.DS_Store", b"\0")
        put(store / "models/.DS_Store", b"\0")

        incoming = filestore.read(store)

        assert incoming.refusals == ()
        assert [experiment.name for experiment in incoming.experiments] == ["demo"]
        assert incoming.experiments[0].files == clean.experiments[0].files
        assert not [path for path in runs(incoming)[BAD].files if path.endswith(f"/{name}")]

    @pytest.mark.parametrize("name", [".ipynb_checkpoints", "__pycache__", ".idea", "@eaDir", "__MACOSX", "lost+found"])
    def test_folders(self, store: Path, name: str) -> None:
        for folder in (store, store / ".trash", store / EXPERIMENT, store / "models"):
            put(folder / name / "x" / "meta.yaml", b"{}")
            put(folder / name / "meta.yaml", b"{}")

        incoming = filestore.read(store)

        assert incoming.refusals == ()
        assert [experiment.name for experiment in incoming.experiments] == ["demo"]
        assert incoming.models == ()

    @pytest.mark.parametrize("name", ["loss.bak", "val.orig", "swap", "a.pyd"])
    def test_names_of_a_job_stay(self, store: Path, name: str) -> None:
        put(store / EXPERIMENT / BAD / "params" / name, b"1")

        assert runs(filestore.read(store))[BAD].files[f"params/{name}"] == b"1"


class TestNoExperiments:
    """A folder without `meta.yaml` is none, unless a run in it says so itself."""

    def artifacts(self, store: Path) -> None:
        put(store / "1" / GOOD / "artifacts/a.txt", b"1")
        put(store / "1/models/m-1/artifacts/MLmodel", b"")
        put(store / "2/traces/tr-1/artifacts/traces.json", b"{}")

    def test_folders_of_a_databases_artifacts_are_told_of_in_one_line(self, store: Path) -> None:
        self.artifacts(store)

        incoming = filestore.read(store)

        assert [experiment.name for experiment in incoming.experiments] == ["demo"]
        [refusal] = incoming.refusals
        assert "hold artifacts alone and are no experiments (1, 2)" in refusal.reason

    def test_beside_the_database_they_explain_themselves(self, store: Path) -> None:
        self.artifacts(store)
        put(store.parent / "mlflow.db", b"")

        assert filestore.read(store).refusals == ()

    def test_runs_that_describe_themselves_are_kept(self, store: Path) -> None:
        (store / EXPERIMENT / "meta.yaml").unlink()

        incoming = filestore.read(store)

        assert [experiment.name for experiment in incoming.experiments] == [EXPERIMENT]
        assert runs(incoming).keys() == {GOOD, BAD}
        assert "named by its id" in incoming.warnings[0]

    def test_what_is_left_of_a_run_is_refused(self, store: Path) -> None:
        put(store / "9" / GOOD / "metrics/a", b"1 1 0\n")

        incoming = filestore.read(store)

        assert [experiment.name for experiment in incoming.experiments] == ["demo"]
        assert f"mlruns/9/{GOOD}: the run was left out: it has no meta.yaml." in told(incoming)


class TestLinks:
    """A link is followed where the user named it, and nowhere else."""

    def test_a_store_that_is_a_link(self, store: Path, tmp_path: Path) -> None:
        (tmp_path / "project").mkdir()
        link = tmp_path / "project/mlruns"
        link.symlink_to(store)

        incoming = filestore.read(link)

        assert runs(incoming).keys() == {GOOD, BAD}
        assert logged(runs(incoming)[BAD]) == {"artifacts/a.txt", "artifacts/b/c.txt"}
        assert incoming.refusals == ()

    @pytest.mark.parametrize("place", [EXPERIMENT, f"{EXPERIMENT}/{BAD}", f"{EXPERIMENT}/models"])
    def test_inside_of_it_are_refused(self, store: Path, tmp_path: Path, place: str) -> None:
        moved = tmp_path / "moved"
        (store / place).rename(moved)
        (store / place).symlink_to(moved)

        incoming = filestore.read(store)

        assert f"mlruns/{place}: is a symbolic link" in told(incoming)

    def test_in_artifacts_are_refused_files_and_folders(self, store: Path, tmp_path: Path) -> None:
        (store / EXPERIMENT / BAD / "artifacts/file").symlink_to("/etc/passwd")
        (store / EXPERIMENT / BAD / "artifacts/folder").symlink_to(tmp_path)

        incoming = filestore.read(store)

        assert logged(runs(incoming)[BAD]) == {"artifacts/a.txt", "artifacts/b/c.txt"}
        assert [refusal.where.rpartition("/")[2] for refusal in incoming.refusals] == ["file", "folder"]

    def test_a_description_is_refused(self, store: Path, tmp_path: Path) -> None:
        meta = store / EXPERIMENT / BAD / "meta.yaml"
        meta.rename(tmp_path / "elsewhere.yaml")
        meta.symlink_to(tmp_path / "elsewhere.yaml")

        assert runs(filestore.read(store)).keys() == {GOOD}


def relocate(store: Path, location: str, *, of: str = BAD) -> None:
    """Let a run say that its artifacts are elsewhere, and take them from its own folder."""
    folder = store / EXPERIMENT / of
    meta = yaml.safe_load((folder / "meta.yaml").read_text(encoding="utf-8"))
    write_yaml(folder / "meta.yaml", {**meta, "artifact_uri": location})
    (folder / "artifacts").rename(store.parent / "taken")


class TestAbsent:
    """A run whose artifacts are not here is stored, told of by name, and keeps where they are."""

    @pytest.mark.parametrize(
        ("location", "kept", "shown"),
        [
            (f"s3://bucket/exp/{BAD}/artifacts", None, "lie in s3://bucket and were not brought"),
            (f"gs://bucket/{BAD}/artifacts", None, "lie in gs://bucket"),
            (f"dbfs:/databricks/mlflow/1/{BAD}/artifacts", None, "lie in dbfs:"),
            (f"wasbs://box@me.blob.core.windows.net/{BAD}/artifacts", None, "wasbs://box@me.blob.core.windows.net"),
            (f"hdfs://name:8020/{BAD}/artifacts", None, "lie in hdfs://name:8020"),
            (f"mlflow-artifacts:/1/{BAD}/artifacts", None, "were not found (mlflow-artifacts:/1)"),
            (f"/home/other/mlruns/1/{BAD}/artifacts", None, "were not found (/home/other/mlruns/1)"),
            (f"file:///home/other/1/{BAD}/artifacts", None, "were not found (file:///home/other/1)"),
            (f"C:\\Users\\me\\mlruns\\1\\{BAD}\\artifacts", None, "were not found (C:\\Users\\me\\mlruns\\1)"),
            (f"http://u:secret@host/{BAD}/artifacts", f"http://***@host/{BAD}/artifacts", "lie in http://***@host"),
            (f"s3://bucket/{BAD}/artifacts?sig=secret", f"s3://bucket/{BAD}/artifacts?***", "lie in s3://bucket"),
        ],
    )
    def test_elsewhere(self, store: Path, location: str, kept: str | None, shown: str) -> None:
        relocate(store, location)

        incoming = storable(filestore.read(store))

        run = runs(incoming)[BAD]
        assert run.files[f"tags/{ADDRESS_TAG}"] == (kept or location).encode()
        [warning] = incoming.warnings
        assert warning.startswith("1 run was stored without artifacts")
        assert shown in warning
        assert BAD in warning
        assert "secret" not in warning

    def test_many_are_counted_and_some_named(self, store: Path) -> None:
        for number in range(8):
            relocate(
                store, f"s3://bucket/{number}/{number:032x}/artifacts", of=write_run(store, run_id=f"{number:032x}")
            )
            (store.parent / "taken").rename(store.parent / f"taken{number}")

        [warning] = filestore.read(store).warnings

        assert warning.startswith("8 runs were stored without artifacts, which lie in s3://bucket")
        assert warning.count("run-") == 5

    def test_an_experiments_place_is_kept(self, store: Path) -> None:
        folder = write_experiment(store, "far", "5")
        meta = yaml.safe_load((folder / "meta.yaml").read_text(encoding="utf-8"))
        write_yaml(folder / "meta.yaml", {**meta, "artifact_location": "s3://bucket/exp"})

        incoming = filestore.read(store)

        assert incoming.experiments[1].files[f"tags/{ADDRESS_TAG}"] == b"s3://bucket/exp"

    def test_none_are_missed_where_they_would_be(self, store: Path) -> None:
        """A store that came by a way that drops empty folders, as artifacts of a workflow do."""
        for folder in (store / EXPERIMENT / GOOD / "artifacts", store / EXPERIMENT / BAD / "artifacts"):
            meta = folder.with_name("meta.yaml")
            meta.write_text(meta.read_text(encoding="utf-8").replace(str(store), "/home/runner/mlruns"))
        (store / EXPERIMENT / GOOD / "artifacts").rmdir()

        incoming = filestore.read(store)

        assert incoming.warnings == ()
        assert f"tags/{ADDRESS_TAG}" not in runs(incoming)[GOOD].files

    def test_a_model_that_is_named_and_not_there_is(self, store: Path) -> None:
        put(store / EXPERIMENT / GOOD / "tags/mlflow.log-model.history", b'[{"artifact_path": "model"}]')
        (store / EXPERIMENT / GOOD / "outputs").rename(store.parent / "outputs")
        model = write_model(store, run_id="c" * 32, experiment_id=EXPERIMENT, model=b"", created=1)
        (store / EXPERIMENT / "models" / model / "artifacts").rename(store.parent / "artifacts")
        (store / EXPERIMENT / ("c" * 32) / "outputs").rename(store.parent / "outputs of no run")

        one, other = filestore.read(store).warnings

        assert (one.split(" was ")[0], other.split(" was ")[0]) == ("1 logged model", "1 run")
        assert model in one
        assert GOOD in other

    def test_a_logged_model_that_is_not_in_the_store_is(self, store: Path) -> None:
        [output] = (store / EXPERIMENT / GOOD / "outputs").iterdir()
        (store / EXPERIMENT / "models" / output.name).rename(store.parent / "model")

        [warning] = filestore.read(store).warnings

        assert warning.startswith("1 run was stored without logged models that the source does not have: ")
        assert f"{GOOD} (run-{GOOD[:4]}): {output.name}" in warning


def endless(place: Path) -> None:
    """Put a named pipe in a file's place: whoever reads it waits for ever."""
    place.unlink(missing_ok=True)
    os.mkfifo(place)


def large(place: Path) -> None:
    """Put a sparse file of 300 MB in a file's place."""
    place.parent.mkdir(exist_ok=True)
    with place.open("wb") as file:
        file.truncate(300 << 20)


class TestLimits:
    """What has no end, or is more than MLflow writes, costs itself or its record alone."""

    @pytest.mark.parametrize("place", ["meta.yaml", "params/alpha", "metrics/val_rmse", "tags/a"])
    def test_a_pipe_costs_its_run(self, store: Path, place: str) -> None:
        endless(store / EXPERIMENT / BAD / place)

        incoming = filestore.read(store)

        assert runs(incoming).keys() == {GOOD}
        assert f"its {place} is a symbolic link or no regular file" in told(incoming)

    def test_a_pipe_among_artifacts_costs_itself(self, store: Path) -> None:
        endless(store / EXPERIMENT / BAD / "artifacts/a.txt")

        incoming = filestore.read(store)

        assert logged(runs(incoming)[BAD]) == {"artifacts/b/c.txt"}
        assert runs(incoming)[BAD].unread == {"artifacts/a.txt"}

    def test_a_pipe_for_an_experiment_costs_its_name(self, store: Path) -> None:
        endless(store / EXPERIMENT / "meta.yaml")

        incoming = filestore.read(store)

        assert [experiment.name for experiment in incoming.experiments] == [EXPERIMENT]
        assert runs(incoming).keys() == {GOOD, BAD}

    @pytest.mark.parametrize("place", ["models", ".trash", "."])
    def test_a_pipe_in_the_place_of_a_folder(self, store: Path, place: str) -> None:
        (store / place).rename(store.parent / "away") if place == "." else None
        os.mkfifo(store / place if place != "." else store)

        if place == ".":
            with pytest.raises(InputError, match="does not exist"):
                filestore.read(store)
        else:
            assert runs(filestore.read(store)).keys() == {GOOD, BAD}

    @pytest.mark.parametrize("place", ["tags/large", "params/large", "inputs/large"])
    def test_a_large_text_is_left_out_and_its_run_stays(self, store: Path, place: str) -> None:
        large(store / EXPERIMENT / BAD / place)

        incoming = storable(filestore.read(store))

        run = runs(incoming)[BAD]
        assert place not in run.files
        assert {"metrics/val_rmse", "params/alpha", "artifacts/a.txt"} <= run.files.keys()
        assert run.files[f"tags/{LEFT_OUT_TAG}"] == place.encode()
        assert store / EXPERIMENT / BAD / place not in run.origins
        [refusal] = incoming.refusals
        assert refusal.where == f"mlruns/{EXPERIMENT}/{BAD}/{place}"
        assert refusal.reason == "has 300 MiB, and no more than 4 MiB are read, and was left out."

    def test_a_large_description_costs_its_run(self, store: Path) -> None:
        large(store / EXPERIMENT / BAD / "meta.yaml")

        incoming = filestore.read(store)

        assert runs(incoming).keys() == {GOOD}
        assert "its meta.yaml has 300 MiB" in told(incoming)

    def test_too_many_params_cost_their_run(self, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(artifacts, "MOST_FILES", 20)
        for number in range(21):
            put(store / EXPERIMENT / BAD / f"params/{number}", b"1")

        incoming = filestore.read(store)

        assert runs(incoming).keys() == {GOOD}
        assert "its params holds more than 20 files and folders" in told(incoming)

    def test_too_many_artifacts_are_left_out(self, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(artifacts, "MOST_FILES", 20)
        for number in range(21):
            put(store / EXPERIMENT / BAD / f"artifacts/{number}/a", b"1")

        incoming = filestore.read(store)

        assert logged(runs(incoming)[BAD]) == set()
        assert "artifacts: holds more than 20 files and folders, and was left out." in told(incoming)

    def test_folders_end_somewhere(self, store: Path) -> None:
        deep = store / EXPERIMENT / BAD / "artifacts" / "/".join("d" * 33)
        put(deep / "a", b"1")
        put(store / EXPERIMENT / BAD / "params" / "/".join("d" * 32) / "a", b"1")

        incoming = filestore.read(store)

        assert logged(runs(incoming)[BAD]) == {"artifacts/a.txt", "artifacts/b/c.txt"}
        assert f"{deep.relative_to(store.parent)}: lies more than 32 folders deep" in told(incoming)

    def test_too_many_runs_are_left_out(self, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        other = write_run(store, experiment="other", experiment_id="77")
        for number in range(20):
            (store / EXPERIMENT / f"{number:032x}").mkdir()
        monkeypatch.setattr(filestore, "MOST_ENTRIES", 20)

        incoming = filestore.read(store)

        assert runs(incoming).keys() == {other}
        assert f"mlruns/{EXPERIMENT}: holds more than 20 folders" in told(incoming)

    def test_too_many_files_beside_runs_are_passed_over(self, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for number in range(21):
            put(store / EXPERIMENT / str(number), b"")
        monkeypatch.setattr(filestore, "MOST_ENTRIES", 20)

        assert runs(filestore.read(store)).keys() == {GOOD, BAD}

    @pytest.mark.parametrize(("limit", "value"), [("MOST_IN_ALL", 10), ("MEMORY", 100)])
    def test_a_store_that_is_too_large_is_an_error(
        self, store: Path, limit: str, value: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        put(store / EXPERIMENT / BAD / "params/long", b"x" * 200)
        monkeypatch.setattr(filestore, limit, value)

        with pytest.raises(InputError, match="holds more than can be read at once") as error:
            filestore.read(store)

        assert "--source" in error.value.remedy


def described(store: Path, place: str, **changes: object) -> None:
    file = store / place / "meta.yaml"
    write_yaml(file, {**yaml.safe_load(file.read_text(encoding="utf-8")), **changes})


class TestBoundaries:
    """A description that says what nobody can use costs its own record."""

    @pytest.mark.parametrize(
        ("key", "value", "wanted"),
        [
            ("source_run_id", [1], "a text"),
            ("run_name", {"a": 1}, "a text"),
            ("artifact_uri", ["file:///x"], "a text"),
            ("start_time", "yesterday", "a whole number"),
            ("end_time", 1.5, "a whole number"),
            ("end_time", True, "a whole number"),
            ("end_time", float("nan"), "a whole number"),
            ("end_time", 10**30, "a whole number"),
            ("lifecycle_stage", 5, "active or deleted"),
            ("lifecycle_stage", ["active"], "active or deleted"),
            ("status", "many", "one that MLflow knows"),
            ("status", 99, "one that MLflow knows"),
            ("status", [3], "one that MLflow knows"),
            ("status", True, "one that MLflow knows"),
        ],
    )
    def test_a_run(self, store: Path, key: str, value: object, wanted: str) -> None:
        described(store, f"{EXPERIMENT}/{BAD}", **{key: value})

        incoming = storable(filestore.read(store))

        assert runs(incoming).keys() == {GOOD}
        assert f"its meta.yaml says a '{key}' that is not {wanted}" in told(incoming)

    @pytest.mark.parametrize(("key", "value"), [("run_name", 2024), ("run_name", None), ("end_time", None), ("x", [1])])
    def test_a_run_of_which_all_can_be_used(self, store: Path, key: str, value: object) -> None:
        described(store, f"{EXPERIMENT}/{BAD}", **{key: value})

        assert runs(filestore.read(store)).keys() == {GOOD, BAD}

    @pytest.mark.parametrize(
        ("key", "value"),
        [("creation_time", "x"), ("last_update_time", [1]), ("lifecycle_stage", 5), ("artifact_location", {})],
    )
    def test_an_experiment_loses_the_value(self, store: Path, key: str, value: object) -> None:
        described(store, EXPERIMENT, **{key: value})

        incoming = filestore.read(store)

        assert runs(incoming).keys() == {GOOD, BAD}
        assert [experiment.name for experiment in incoming.experiments] == ["demo"]
        assert incoming.experiments[0].meta.get(key) != value
        assert f"'{key}'" in incoming.warnings[0]

    @pytest.mark.parametrize("name", ["n" * 501, ["demo"], {}, ""])
    def test_an_experiment_without_a_name_has_its_id(self, store: Path, name: object) -> None:
        described(store, EXPERIMENT, name=name)

        assert [experiment.name for experiment in filestore.read(store).experiments] == [EXPERIMENT]

    @pytest.mark.parametrize("aliases", [{"a": "x"}, {"a": "9" * 5000}, {"a": [1]}, {"a": None}])
    def test_a_registered_model(self, store: Path, aliases: object) -> None:
        write_yaml(store / "models/wine/meta.yaml", {"name": "wine", "aliases": aliases})
        write_yaml(store / "models/beer/meta.yaml", {"name": "beer", "aliases": {"best": "1"}})

        incoming = filestore.read(store)

        assert [(model.name, model.aliases) for model in incoming.models] == [("beer", {"best": 1}), ("wine", {})]
        assert "the alias 'a' was left out: it names no version" in told(incoming)

    @pytest.mark.parametrize("changes", [{"creation_timestamp": "1"}, {"run_id": []}, {"status": 3}])
    def test_a_version(self, store: Path, changes: dict[str, object]) -> None:
        write_yaml(store / "models/wine/meta.yaml", {"name": "wine"})
        write_yaml(store / "models/wine/version-1/meta.yaml", {"name": "wine", "version": 1})
        write_yaml(store / "models/wine/version-2/meta.yaml", {"name": "wine", "version": 2, **changes})

        incoming = filestore.read(store)

        assert [version.number for version in incoming.models[0].versions] == [1]
        assert "mlruns/models/wine/version-2: the model version was left out" in told(incoming)

    @pytest.mark.parametrize(
        "location",
        [
            "file:///" + "a/" * 100_000 + f"{BAD}/artifacts",
            f"file:///a\0b/{BAD}/artifacts",
            f"/a\0b/{BAD}/artifacts",
            f"s3://[a/{BAD}/artifacts",
            f"//[/{BAD}/artifacts",
        ],
    )
    def test_a_location_that_no_file_has(self, store: Path, location: str) -> None:
        described(store, f"{EXPERIMENT}/{BAD}", artifact_uri=location)
        (store / EXPERIMENT / BAD / "artifacts").rename(store.parent / "away")

        incoming = storable(filestore.read(store))

        assert runs(incoming).keys() == {GOOD, BAD}
        assert incoming.refusals == ()

    def test_links_in_a_circle(self, store: Path) -> None:
        (store.parent / "circle").symlink_to("circle")
        described(store, f"{EXPERIMENT}/{BAD}", artifact_uri=f"file://{store.parent}/circle/{BAD}/artifacts")
        (store / EXPERIMENT / BAD / "artifacts").rename(store.parent / "away")

        assert runs(filestore.read(store)).keys() == {GOOD, BAD}

    @pytest.mark.parametrize("error", [RecursionError("deep"), OverflowError(), KeyError("x" * 999), OSError(5, "x")])
    def test_whatever_is_raised(self, store: Path, error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
        load = documents.load_yaml

        def raising(data: bytes) -> dict[str, object]:
            if BAD.encode() in data:
                raise error
            return load(data)

        monkeypatch.setattr(filestore, "load_yaml", raising)

        incoming = filestore.read(store)

        assert runs(incoming).keys() == {GOOD}
        [refusal] = [refusal for refusal in incoming.refusals if BAD in refusal.where]
        assert f"the run was left out: it could not be read ({type(error).__name__}" in refusal.reason
        assert len(refusal.reason) < 200


@pytest.mark.parametrize(
    ("listed", "refused"),
    [("a", "'a'"), ("b", "'b'"), ("c", "'c'")],
)
def test_an_alias_that_cannot_be_read_is_refused_and_its_model_kept(store: Path, listed: str, refused: str) -> None:
    wine = store / "models" / "wine"
    put(wine / "version-1" / "meta.yaml", b"name: wine\nversion: 1\n")
    numbers = {"a": "[1]", "b": "x", "c": f"'{'9' * 5000}'"}
    put(wine / "meta.yaml", f"name: wine\naliases: {{good: '1', {listed}: {numbers.get(listed, 1)}}}\n".encode())
    put(wine / "aliases" / "champion", b"1")
    put(wine / "aliases" / "binary", b"\xff\xfe")

    incoming = filestore.read(store)

    (model,) = incoming.models
    assert model.aliases == {"good": 1, "champion": 1}
    assert f"the alias {refused}" in told(incoming)
    assert "the alias 'binary'" in told(incoming)
