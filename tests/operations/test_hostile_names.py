"""Whatever names a source holds, and wherever: the good run is stored, and every clone can be checked out."""

import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from sources.sqlite.stories import NEWEST, change, unpacked, winner_id
from support.gitrepo import clone, fsck, git, make_origin
from support.jobs import Job
from support.mlstore import put, write_experiment, write_run, write_yaml

GOOD, BAD = "a" * 32, "b" * 32

HOSTILE = [
    *(".git", ".GIT", "git~1", ".git ", ".git.", ".git::$INDEX_ALLOCATION", ".g\u200cit", "x\\.git", ".git/config"),
    *(".git/hooks/post-checkout", "..", ".", "...", "../x", "a/../../x", "/etc/x", "a//b", "", "C:x", "C:\\x", "..\\x"),
    *(".gitmodules", ".gitattributes", ".gitignore", ".mailmap", ".lfsconfig", "GITMOD~1", "gi7eba~1", "~1234567"),
    *("CON", "nul.txt", "COM1", "aux ", "a.", "a ", "a:b", "a?", "a|b", '"', "a\\b", "\\", "a\nb", "\t", "\0", "a\0b"),
    *("\u202egnp.exe", "\u2066x", "\ufeff.gitignore", "\x7f", "\x85", "\u2028", "x" * 256, "語" * 86, "y/" * 500 + "y"),
    *(
        "A",
        "a",
        "é",
        "e\u0301",
        "tags",
        "models",
        "traces",
        "artifacts",
        "metrics",
        ".metrics",
        ".keep",
        ".trash",
        "-x",
    ),
    *("meta.yaml", "version-1", "version-x", "_x002E_git", "::stop-commands::", "<script>", "@everyone", "100%"),
]

NAMES = st.lists(
    st.sampled_from(HOSTILE) | st.text(st.characters(exclude_categories=["Cs"]), max_size=12), min_size=10, max_size=40
)


def persisted(make_source: Callable[[Path], Path]) -> None:
    """Persist a source; a fresh clone checks out and holds the good run, and all objects pass Git's checks."""
    with tempfile.TemporaryDirectory() as folder:
        origin = make_origin(Path(folder))
        job = Job(checkout=clone(origin, Path(folder) / "job"))
        source = make_source(Path(folder) / "source")

        outcome = job.persist(source=source.as_uri() if source.is_dir() else f"sqlite:///{source}")

        assert outcome.pushed, outcome.messages
        assert job.persist(source=str(source) if source.is_dir() else f"sqlite:///{source}").status == "nothing-new"
        fsck(origin)
        strict = ("-c", "core.protectHFS=true", "-c", "core.protectNTFS=true")
        git(Path(folder), *strict, "clone", "--quiet", str(origin), "fresh")
        assert git(Path(folder) / "fresh", "status", "--porcelain") == ""
        listed = git(origin, "ls-tree", "-r", "-z", "--name-only", "main").split("\0")
        assert sum(path.endswith(f"/{GOOD}/params/alpha") for path in listed) == 1
        acting = {path for path in listed if path.rpartition("/")[2].lower() in (".gitattributes", ".gitignore")}
        assert acting == {
            *(f"{top}/.gitattributes" for top in ("mlruns", "mlflow-artifacts", "models", "deployment/models")),
            *(f"{top}/.gitignore" for top in ("mlruns", "mlflow-artifacts")),
        }


def fill_store(store: Path, names: list[str]) -> Path:
    """Write a file store in which every name stands wherever the file system has room for it."""
    write_run(store, run_id=GOOD, params={"alpha": "1"})
    run = write_experiment(store, "demo", "123456789012345678") / write_run(store, run_id=BAD)
    wine = store / "models" / "wine"
    write_yaml(wine / "version-1" / "meta.yaml", {"name": "wine", "version": 1, "creation_timestamp": 5})
    write_yaml(wine / "meta.yaml", {"name": "wine", "aliases": dict.fromkeys(names, 1)})
    for name in names:
        if name.startswith("/") or ".." in name.split("/"):
            continue  # it would be written elsewhere
        for place in (
            run / "artifacts",
            run / "params",
            run / "tags",
            run.parent / "tags",
            wine / "version-1" / "tags",
        ):
            with suppress(OSError, ValueError):
                put(place / name, b"1")
        with suppress(OSError, ValueError):
            put(run / "metrics" / name, b"1 0.5 0\n")
        with suppress(OSError, ValueError):
            put(wine / "aliases" / name, b"1")
        for place, meta in (
            (store / "models" / name, {"name": name}),
            (store / name, {"name": name, "experiment_id": name}),
            (run / "inputs" / name, {"source_id": name, "source_type": "DATASET"}),
            (run.parent / "datasets" / name, {"name": name, "digest": "1"}),
            (run.parent / name, {**yaml.safe_load((run / "meta.yaml").read_text("utf-8")), "run_id": name}),
            (run.parent / "traces" / name, {"trace_id": name}),
        ):
            with suppress(OSError, ValueError):
                if not (place / "meta.yaml").exists():
                    write_yaml(place / "meta.yaml", meta)
    return store


INSERTS = (
    "params (key, value, run_uuid) VALUES (:name, 1, :run)",
    "tags (key, value, run_uuid) VALUES (:name, 1, :run)",
    "metrics (key, value, timestamp, step, is_nan, run_uuid) VALUES (:name, 1, 1, 0, 0, :run)",
    "experiment_tags SELECT :name, 1, experiment_id FROM experiments LIMIT 1",
    "registered_models (name, creation_time) VALUES (:name, 1)",
    "registered_model_aliases (alias, version, name) SELECT :name, version, name FROM model_versions LIMIT 1",
    "registered_model_tags (key, value, name) SELECT :name, 1, name FROM model_versions LIMIT 1",
    "model_version_tags (key, value, name, version) SELECT :name, 1, name, version FROM model_versions LIMIT 1",
    "runs (run_uuid, name, status, experiment_id) SELECT :name, :name, status, experiment_id FROM runs LIMIT 1",
)
"""Where a database holds names."""


def fill_database(folder: Path, names: list[str]) -> Path:
    """Write every name into every column of a database that holds names."""
    folder.mkdir()
    database = unpacked(NEWEST, folder)
    run = winner_id(database)
    change(database, "UPDATE runs SET run_uuid = :good WHERE run_uuid = :run", good=GOOD, run=run)
    for table in ("params", "tags", "metrics", "latest_metrics"):
        change(database, f"UPDATE {table} SET run_uuid = :good WHERE run_uuid = :run", good=GOOD, run=run)  # noqa: S608
    change(database, "INSERT OR REPLACE INTO params (key, value, run_uuid) VALUES ('alpha', '1', :good)", good=GOOD)
    for name in names:
        for into in INSERTS:
            change(database, f"INSERT OR IGNORE INTO {into}", name=name, run=GOOD)
    return database


@given(NAMES)
@settings(max_examples=2, deadline=None)
def test_a_file_store_of_hostile_names(names: list[str]) -> None:
    persisted(lambda folder: fill_store(folder / "mlruns", names))


@given(NAMES)
@settings(max_examples=2, deadline=None)
def test_a_database_of_hostile_names(names: list[str]) -> None:
    persisted(lambda folder: fill_database(folder, names))


def test_all_hostile_names_in_one_file_store() -> None:
    persisted(lambda folder: fill_store(folder / "mlruns", HOSTILE))


def test_all_hostile_names_in_one_database() -> None:
    persisted(lambda folder: fill_database(folder, HOSTILE))
