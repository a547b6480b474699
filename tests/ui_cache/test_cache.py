"""The cache of `history.py ui`: the same as the files say, refreshed by what changed."""

import json
import os
import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest
import yaml

from mlpipeline.ui_cache import cache
from mlpipeline.ui_cache.entries import Entry
from mlpipeline.ui_cache.rows import LARGEST, Rows, rows
from support import descriptions, mlstore
from support.histories import HistoryCommand, Persisted, python
from support.processes import PROGRAMS

pytestmark = pytest.mark.usefixtures("quick_tables")

LOOK = PROGRAMS / "compare_stores.py"


def refreshed(file: Path, root: Path) -> tuple[int, int, int]:
    done = cache.refresh(file, root)
    assert done.refused == ()
    return done.read, done.removed, done.kept


def everything(file: Path) -> dict[str, list[object]]:
    with closing(sqlite3.connect(file)) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {
            name: sorted(connection.execute(f"SELECT * FROM {name}"), key=repr)  # noqa: S608
            for name in names
            if not name.startswith("sqlite_")
        }


def asked(file: Path, question: str, *values: object) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute(question, values).fetchall()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "caches" / "browse.db"


def test_mlflow_sees_the_same_as_in_the_files(logged: Path, persisted: Persisted, file: Path) -> None:
    clone = persisted(logged)
    cache.refresh(file, clone)

    seen = python(clone, LOOK, "file:./mlruns", f"sqlite:///{file}")
    for experiment in (meta.parent.name for meta in clone.glob("mlruns/*/meta.yaml")):
        seen = seen.replace(experiment, experiment.replace("_", ""))  # a database holds the number
    theirs, ours = json.loads(seen)

    # Every database has a Default; a history has one only if it was used.
    ours = {name: value for name, value in ours.items() if name in theirs or "Default" not in json.dumps(value)}
    kinds = [name.split()[0] for name in theirs]
    assert {kind: kinds.count(kind) for kind in kinds} == {
        "experiment": 1, "run": 3, "model": 1, "trace": 1, "registered": 2, "version": 2,
    }  # fmt: skip
    assert ours == theirs
    runs = [value for name, value in ours.items() if name.startswith("run ")]
    assert sorted(run[-1] for run in runs) == [[], ["folder/hello.txt"], ["folder/hello.txt"]]


def test_no_link_of_a_branch_leads_out(three_runs: Path, file: Path, tmp_path: Path) -> None:
    (tmp_path / "outside" / ("9" * 32)).mkdir(parents=True)
    mlstore.write_yaml(tmp_path / "outside" / ("9" * 32) / "meta.yaml", {"name": "stranger"})
    (experiment,) = (meta.parent for meta in three_runs.glob("mlruns/*/meta.yaml"))
    artifacts = three_runs / "mlflow-artifacts"
    (experiment / "traces").symlink_to(tmp_path / "outside")
    (three_runs / "mlruns" / ".trash").symlink_to(tmp_path / "outside")
    (artifacts / ("0" * 32)).symlink_to(tmp_path)
    mlstore.put(artifacts / ("1" * 32) / "artifacts" / "deep" / "plot.png", b"png")
    (artifacts / ("1" * 32) / "artifacts" / "deep" / "passwd").symlink_to("/etc/passwd")
    meta = yaml.safe_load((experiment / ("2" * 32) / "meta.yaml").read_text(encoding="utf-8"))
    mlstore.write_yaml(experiment / ("2" * 32) / "meta.yaml", {**meta, "artifact_uri": "file:./.git"})

    done = cache.refresh(file, three_runs)

    assert [refused.rpartition(": ")[0].split("/")[-1] for refused in done.refused] == ["0" * 32, "1" * 32]
    assert all("symbolic link that leads out" in refused for refused in done.refused)
    home = (experiment / ("2" * 32) / "artifacts").resolve().as_uri()
    assert asked(file, "SELECT run_uuid, artifact_uri FROM runs") == [("2" * 32, home)]
    assert asked(file, "SELECT count(*) FROM trace_info") == [(0,)]


def test_artifacts_open_from_any_folder(three_runs: Path, file: Path) -> None:
    cache.refresh(file, three_runs)

    for run, uri in asked(file, "SELECT run_uuid, artifact_uri FROM runs"):
        assert uri == (three_runs.resolve() / "mlflow-artifacts" / str(run) / "artifacts").as_uri()
    for model, uri in asked(file, "SELECT model_id, artifact_location FROM logged_models"):
        place = three_runs.resolve() / "mlflow-artifacts" / "models" / str(model) / "artifacts"
        assert uri == place.as_uri()
        assert (place / "MLmodel").is_file()


def test_only_what_changed_is_read_again(three_runs: Path, file: Path) -> None:
    total = 1 + 3 + 3 + 1  # an experiment, its runs, their logged models, the promoted one
    assert refreshed(file, three_runs) == (total, 0, 0)
    assert refreshed(file, three_runs) == (0, 0, total)
    (params,) = three_runs.glob(f"mlruns/*/{'1' * 32}/params/alpha")
    params.write_text("changed", encoding="utf-8")
    mlstore.put(params.with_name("beta"), b"new")

    assert refreshed(file, three_runs) == (1, 0, total - 1)

    assert asked(file, "SELECT key, value FROM params WHERE run_uuid = ? ORDER BY key", "1" * 32) == [
        ("alpha", "changed"),
        ("beta", "new"),
    ]


def test_a_file_of_the_same_size_and_date_is_noticed(three_runs: Path, file: Path) -> None:
    cache.refresh(file, three_runs)
    (param,) = three_runs.glob(f"mlruns/*/{'1' * 32}/params/alpha")
    before = param.stat()
    param.write_text("7", encoding="utf-8")
    os.utime(param, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert refreshed(file, three_runs)[0] == 1
    assert asked(file, "SELECT value FROM params WHERE run_uuid = ?", "1" * 32) == [("7",)]


def test_a_refreshed_cache_is_as_one_made_anew(three_runs: Path, file: Path, tmp_path: Path) -> None:
    cache.refresh(file, three_runs)
    (gone,) = three_runs.glob(f"mlruns/*/{'0' * 32}")
    (model,) = gone.glob("outputs/*")
    shutil.rmtree(gone.parent / "models" / model.name)
    shutil.rmtree(gone)
    mlstore.write_run(three_runs / "mlruns", run_id="9" * 32, experiment="new", experiment_id="77")

    assert refreshed(file, three_runs) == (3, 2, 6)

    cache.refresh(tmp_path / "anew.db", three_runs)
    assert everything(file) == everything(tmp_path / "anew.db")
    assert not [table for table, found in everything(file).items() if "0" * 32 in repr(found)]


def test_an_interrupted_refresh_leaves_the_cache_as_it_was(
    three_runs: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.refresh(file, three_runs)
    before = everything(file)
    for param in three_runs.glob("mlruns/*/*/params/alpha"):
        param.write_text("changed", encoding="utf-8")
    written: list[str] = []

    def interrupted(entry: Entry, files: Mapping[str, bytes], root: Path) -> Rows:
        if written:
            raise KeyboardInterrupt
        written.append(entry.id)
        return rows(entry, files, root)

    with monkeypatch.context() as patched:
        patched.setattr(cache, "rows", interrupted)
        with pytest.raises(KeyboardInterrupt):
            cache.refresh(file, three_runs)

    assert len(written) == 1
    assert everything(file) == before
    assert refreshed(file, three_runs) == (3, 0, 5)


def test_another_mlflow_or_another_place_begins_anew(
    three_runs: Path, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cache.refresh(file, three_runs).rebuilt
    assert not cache.refresh(file, three_runs).rebuilt

    moved = three_runs.rename(tmp_path / "moved")
    assert cache.refresh(file, moved).rebuilt
    monkeypatch.setattr(cache, "version", lambda _: "99.0")
    assert cache.refresh(file, moved).rebuilt


def test_a_file_that_is_no_cache_is_replaced(three_runs: Path, file: Path) -> None:
    mlstore.put(file, b"this is not a database, however long it may be" * 100)

    assert cache.refresh(file, three_runs).rebuilt


def test_metrics_are_as_mlflow_stores_them(tmp_path: Path, file: Path) -> None:
    run = mlstore.write_run(
        tmp_path / "mlruns",
        value=[(5, 1.5, 0), (7, "nan", 2), (5, 1.5, 0), (9, "inf", 1), (6, "-inf", 1)],
        model=None,
    )
    path = tmp_path / "mlruns" / "123456789012345678" / run / "metrics" / "old"
    mlstore.put(path, b"3 0.25\n")

    cache.refresh(file, tmp_path)

    columns = "SELECT key, timestamp, value, step, is_nan FROM"
    assert asked(file, f"{columns} metrics ORDER BY key, timestamp") == [
        ("old", 3, 0.25, 0, 0),
        ("val_rmse", 5, 1.5, 0, 0),
        ("val_rmse", 6, -LARGEST, 1, 0),
        ("val_rmse", 7, 0.0, 2, 1),
        ("val_rmse", 9, LARGEST, 1, 0),
    ]
    assert asked(file, f"{columns} latest_metrics ORDER BY key") == [
        ("old", 3, 0.25, 0, 0),
        ("val_rmse", 7, 0.0, 2, 1),
    ]


def test_what_was_logged_through_the_link_for_no_metrics_is_shown(
    store: Path, persisted: Persisted, file: Path
) -> None:
    mlstore.write_run(store, run_id="a" * 32, value=None)
    clone = persisted(store)
    (run,) = clone.glob(f"mlruns/*/{'a' * 32}")
    assert (run / "metrics").is_symlink()
    assert cache.refresh(file, clone).refused == ()
    mlstore.put(run / "metrics" / "val_rmse", b"1 0.5 0\n")

    assert refreshed(file, clone)[0] == 1

    assert asked(file, "SELECT key, value FROM latest_metrics") == [("val_rmse", 0.5)]


@pytest.mark.parametrize(
    ("damage", "data", "reason"),
    [
        ("metrics/val_rmse", b"what is this", "metrics/val_rmse holds the line 'what is this'"),
        ("metrics/val_rmse", b"", "metrics/val_rmse is empty"),
        ("metrics/val_rmse", b"%d 1.0 0\n" % 10**30, "too large"),
        ("meta.yaml", b"- a\n- list\n", "meta.yaml is not a YAML mapping"),
    ],
)
def test_a_malformed_run_is_named_and_the_others_are_shown(
    three_runs: Path, file: Path, damage: str, data: bytes, reason: str
) -> None:
    cache.refresh(file, three_runs)
    (run,) = three_runs.glob(f"mlruns/*/{'1' * 32}")
    (run / damage).write_bytes(data)

    for _ in range(2):  # it is tried again, and told again
        (told,) = cache.refresh(file, three_runs).refused
        assert told.startswith(f"run mlruns/{run.parent.name}/{'1' * 32}: ")
        assert reason in told

    assert asked(file, "SELECT run_uuid FROM runs ORDER BY 1") == [("0" * 32,), ("2" * 32,)]
    assert asked(file, "SELECT count(*) FROM tags WHERE run_uuid = ?", "1" * 32) == [(0,)]


def test_whatever_a_description_says_the_others_are_shown(tmp_path: Path, file: Path) -> None:
    descriptions.plant(tmp_path / "history")

    done = cache.refresh(file, tmp_path / "history")

    assert asked(file, "SELECT run_uuid FROM runs WHERE run_uuid = ?", descriptions.GOOD) == [(descriptions.GOOD,)]
    assert len(done.refused) > 100
    assert all("meta.yaml" in refused or "trace_info.yaml" in refused for refused in done.refused if "YAML" in refused)


@pytest.mark.parametrize("value", ["[" * 100_000, "NaN", "9" * 5000, '"\\ud800"'])
def test_an_assessment_that_is_no_json_costs_its_trace(tmp_path: Path, file: Path, value: str) -> None:
    store = tmp_path / "history/mlruns"
    run = mlstore.write_run(store, experiment_id="5")
    trace = store / "5/traces/tr-1"
    mlstore.write_yaml(trace / "trace_info.yaml", {"trace_id": "tr-1", "state": "OK"})
    mlstore.write_yaml(trace / "assessments/a-1.yaml", {"feedback": {"serialized_value": {"value": value}}})

    done = cache.refresh(file, tmp_path / "history")

    assert asked(file, "SELECT run_uuid FROM runs") == [(run,)]
    assert [refused.partition(":")[0] for refused in done.refused] == ["trace mlruns/5/traces/tr-1"]


@pytest.mark.parametrize("location", ["file:///etc", "/etc", "file:../../..", "file:%2Fetc"])
def test_a_history_cannot_show_other_folders_of_the_machine(tmp_path: Path, file: Path, location: str) -> None:
    run = mlstore.write_run(tmp_path / "mlruns", model=None)
    meta = tmp_path / "mlruns" / "123456789012345678" / run / "meta.yaml"
    lines = [line for line in meta.read_text(encoding="utf-8").splitlines() if not line.startswith("artifact_uri")]
    meta.write_text("\n".join([*lines, f"artifact_uri: '{location}'\n"]), encoding="utf-8")

    cache.refresh(file, tmp_path)

    assert asked(file, "SELECT artifact_uri FROM runs") == [((meta.parent / "artifacts").resolve().as_uri(),)]


def test_a_store_on_the_network_is_left_to_mlflow(tmp_path: Path, file: Path) -> None:
    run = mlstore.write_run(tmp_path / "mlruns", model=None)
    meta = tmp_path / "mlruns" / "123456789012345678" / run / "meta.yaml"
    text = meta.read_text(encoding="utf-8").replace((meta.parent / "artifacts").as_uri(), "s3://bucket/x/artifacts")
    meta.write_text(text, encoding="utf-8")

    cache.refresh(file, tmp_path)

    assert asked(file, "SELECT artifact_uri FROM runs") == [("s3://bucket/x/artifacts",)]


def test_experiments_of_one_name_are_both_there(tmp_path: Path, file: Path) -> None:
    mlstore.write_run(tmp_path / "mlruns", experiment="twin", experiment_id="1")
    mlstore.write_run(tmp_path / "mlruns", experiment="twin", experiment_id="2")

    cache.refresh(file, tmp_path)

    assert asked(file, "SELECT experiment_id, name FROM experiments ORDER BY 1") == [(1, "twin"), (2, "twin (2)")]


def test_of_two_copies_of_a_run_one_may_go(tmp_path: Path, file: Path) -> None:
    run = mlstore.write_run(tmp_path / "mlruns", experiment="one", experiment_id="1", model=None)
    mlstore.write_experiment(tmp_path / "mlruns", "two", "2")
    copied = Path(shutil.copytree(tmp_path / "mlruns" / "1" / run, tmp_path / "mlruns" / "2" / run))
    cache.refresh(file, tmp_path)
    assert asked(file, "SELECT experiment_id FROM runs") == [(2,)]

    shutil.rmtree(copied)
    cache.refresh(file, tmp_path)

    assert asked(file, "SELECT experiment_id FROM runs") == [(1,)]
    assert asked(file, "SELECT count(*) FROM metrics WHERE run_uuid = ?", run) == [(1,)]


def test_the_cache_is_in_no_checkout(three_runs: Path, history_command: HistoryCommand) -> None:
    told = history_command("ui", "--refresh-only", "--repository", str(three_runs))

    assert Path(str(told["cache"])).is_relative_to(three_runs.resolve() / ".git" / "mlflow-persistence")
    assert (told["read"], told["rebuilt"]) == (8, True)


def test_a_history_without_git_has_its_cache_elsewhere(
    tmp_path: Path, history_command: HistoryCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    mlstore.write_run(tmp_path / "plain" / "mlruns")

    told = history_command("ui", "--refresh-only", "--repository", str(tmp_path / "plain"))

    assert Path(str(told["cache"])).is_relative_to(tmp_path / "caches" / "mlflow-persistence")
    assert [path.name for path in (tmp_path / "plain").iterdir()] == ["mlruns"]
