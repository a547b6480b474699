"""Hostile text in every field that holds one, and every place that is read afterwards."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from mlpipeline.cli import entry, load_data, persist, preprocess, train
from mlpipeline.cli.history import main
from mlpipeline.reports.report import Report
from sources.client.tracking import Answer, as_json, one_run, stub
from sources.sqlite.stories import NEWEST, change, query, unpacked
from support import gitrepo, mlstore
from support.hostile import NAME, TEXT, Told, obeyed, tell
from support.processes import json_object

GOOD, BAD = "a" * 32, "b" * 32
EXPERIMENT = "123456789012345678"
OUTPUTS = {"status", "reason", "run-id", "metric", "value", "improved", "model-path", "commit-sha", "pushed"}

on_github_or_not = pytest.mark.parametrize("on_github", [True, False], ids=["on GitHub", "elsewhere"])


@pytest.fixture
def checkout(origin: Path, tmp_path: Path) -> Path:
    return gitrepo.clone(origin, tmp_path / "checkout")


def spoil(meta: Path, **values: object) -> None:
    mlstore.write_yaml(meta, {**yaml.safe_load(meta.read_text(encoding="utf-8")), **values})


def write_hostile_store(store: Path) -> None:
    """A run with hostile text everywhere, of which the names are stored, and one good run."""
    mlstore.write_run(store, run_id=GOOD, experiment="fine", experiment_id="223456789012345678", value=2.0)
    mlstore.write_run(
        store,
        run_id=BAD,
        experiment=TEXT,
        model_type=TEXT,
        params={NAME: TEXT, "alpha": TEXT},
        tags={NAME: TEXT, "mlflow.note.content": TEXT, "mlflow.user": TEXT, "mlflow.source.name": TEXT},
        artifacts={NAME: b"x", f"{NAME}.d/model.pkl": b"x"},
    )
    run = store / EXPERIMENT / BAD
    spoil(run / "meta.yaml", run_name=TEXT, user_id=TEXT, source_name=TEXT, entry_point_name=TEXT)
    mlstore.write_metric(run / "metrics" / NAME, [(1, 1.0, 0)])
    mlstore.write_run(store, run_id="d" * 32, experiment=TEXT)
    mlstore.put(store / EXPERIMENT / ("d" * 32) / "metrics" / NAME, TEXT.encode())
    mlstore.put(store / EXPERIMENT / "tags" / NAME, TEXT.encode())
    dataset = {"name": TEXT, "digest": TEXT, "source": TEXT, "source_type": TEXT, "schema": TEXT, "profile": TEXT}
    mlstore.write_yaml(store / EXPERIMENT / "datasets" / NAME[:100] / "meta.yaml", dataset)
    for meta in store.glob(f"{EXPERIMENT}/models/*/meta.yaml"):
        spoil(meta, name=TEXT, model_type=TEXT, status_message=TEXT)
        mlstore.put(meta.parent / "params" / NAME, TEXT.encode())
        mlstore.put(meta.parent / "tags" / NAME, TEXT.encode())
    for name in (NAME, "price"):
        folder = store / "models" / name
        mlstore.write_yaml(folder / "meta.yaml", {"name": name, "description": TEXT, "aliases": {NAME: 1, "best": 1}})
        version = {"name": name, "version": 1, "description": TEXT, "source": TEXT, "run_link": TEXT, "user_id": TEXT}
        mlstore.write_yaml(folder / "version-1" / "meta.yaml", {**version, "creation_timestamp": 5})
        mlstore.put(folder / "tags" / NAME, TEXT.encode())
    mlstore.put(store / EXPERIMENT / ("c" * 32) / "meta.yaml", f"run_name: !{NAME} x\n\tno: yaml".encode())
    mlstore.put(store / EXPERIMENT / NAME / "meta.yaml", TEXT.encode())
    mlstore.put(store / NAME / "meta.yaml", TEXT.encode())


def assert_commits_are_plain(origin: Path, branch: str = "main") -> None:
    """Each commit has the message that we wrote: a subject, and the trailers that we know."""
    message = gitrepo.git(origin, "log", "-1", "--format=%B", branch)
    trailers = gitrepo.git(origin, "log", "-1", "--format=%(trailers:only,keyonly)", branch).split()
    assert not obeyed(message), message
    assert trailers == ["Promoted-run", "Experiment"], message
    for directive in ("[skip ci]", "#1", "#2", " @octocat", "https://"):
        assert directive not in message, message


@on_github_or_not
def test_a_folder(origin: Path, checkout: Path, tmp_path: Path, on_github: bool) -> None:
    store = tmp_path / NAME / "mlruns"
    write_hostile_store(store)

    told = tell(checkout, persist.main, "--source", str(store), "--branch", "main", on_github=on_github)

    told.assert_harmless()
    told.assert_tells(r"\x1b[31m", r"\u202e")
    assert told.code == 0
    assert "status     persisted" in told.texts["out"], told.texts
    if on_github:
        assert told.outputs.keys() >= OUTPUTS
        assert told.outputs["status"] == "persisted"
        assert "\0" not in "".join(told.outputs.values())
    assert_commits_are_plain(origin)


def test_a_commit_message(origin: Path, checkout: Path, tmp_path: Path) -> None:
    mlstore.write_run(tmp_path / "mlruns", run_id=BAD, experiment=TEXT, model_type=TEXT)

    told = tell(checkout, persist.main, "--source", str(tmp_path / "mlruns"), "--branch", "main", on_github=True)

    told.assert_harmless()
    assert gitrepo.git(origin, "log", "-1", "--format=%(trailers:key=Promoted-run,valueonly)", "main").strip() == BAD
    assert_commits_are_plain(origin)


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A history in which hostile text was put by hand, wherever a file can hold it."""
    folder = tmp_path_factory.mktemp("history")
    checkout = gitrepo.clone(gitrepo.make_origin(folder), folder / "checkout")
    mlstore.write_run(folder / "mlruns", run_id=GOOD, experiment="fine", value=1.0)
    mlstore.write_run(folder / "mlruns", run_id=BAD, experiment=TEXT, experiment_id="1234", model_type=TEXT)
    tell(checkout, persist.main, "--source", str(folder / "mlruns"), "--branch", "main", on_github=False)
    [run] = checkout.glob(f"mlruns/*/{BAD}")
    for kind in ("params", "tags"):
        mlstore.put(run / kind / NAME, TEXT.encode())
    mlstore.write_metric(run / "metrics" / NAME, [(1, 1.0, 0)])
    mlstore.put(checkout / "mlflow-artifacts" / BAD / "artifacts" / NAME, b"x")
    spoil(run / "meta.yaml", run_name=TEXT, user_id=TEXT)
    mlstore.write_run(checkout / f"into {NAME}" / "mlruns", run_id=GOOD, experiment="fine", value=3.0)
    return checkout


@pytest.mark.parametrize(
    "arguments",
    [
        ["list", "--all"],
        ["list", "--metric", NAME],
        ["list", "--experiment", TEXT, "--limit", "1"],
        ["show", BAD],
        ["show", NAME],
        ["restore", "--into", f"into {NAME}"],
        ["restore", "--commit", NAME],
        ["adopt", "--dry-run", "--branch", NAME],
        ["adopt", "--dry-run", "--remote", NAME],
        ["adopt", "--dry-run", "--branch", "main"],
        ["list", "--repository", NAME],
        ["list", "--root", NAME],
        ["list", "--mode", NAME],
        [NAME],
        ["--", NAME],
    ],
    ids=lambda arguments: ascii(" ".join(arguments))[:24],
)
def test_a_history(history: Path, arguments: list[str]) -> None:
    for form, on_github in (([], True), ([], False), (["--json"], False), (["--json"], True)):
        told = tell(history, main.main, *form, *arguments, on_github=on_github)
        told.assert_harmless()
        assert "Traceback" not in told.texts["err"]
        if form and told.texts["out"]:
            json_object(told.texts["out"])


def test_json_holds_the_very_text(history: Path) -> None:
    shown = json_object(tell(history, main.main, "show", BAD, "--json", on_github=False).texts["out"])

    assert shown["params"][NAME] == TEXT
    assert shown["run"]["run_name"] == TEXT


@on_github_or_not
def test_a_database(checkout: Path, tmp_path: Path, on_github: bool) -> None:
    (tmp_path / NAME).mkdir()
    database = unpacked(NEWEST, tmp_path / NAME)
    for table, columns in {
        "experiments": ["name"],
        "experiment_tags": ["key", "value"],
        "runs": ["name", "source_name", "user_id", "entry_point_name"],
        "params": ["key", "value"],
        "tags": ["key", "value"],
        "metrics": ["key"],
        "latest_metrics": ["key"],
        "datasets": ["name", "digest", "dataset_source", "dataset_schema", "dataset_profile"],
        "input_tags": ["name", "value"],
        "registered_models": ["name", "description"],
        "registered_model_aliases": ["alias"],
        "model_versions": ["name", "description", "source"],
        "logged_models": ["name", "model_type", "status_message"],
        "trace_tags": ["key", "value"],
    }.items():
        there = {str(row[1]) for row in query(database, f"PRAGMA table_info({table})")}
        for column in there & set(columns):
            # Every other row, so that something good is left; a value says something only in all.
            rest = "" if column in ("value", "name", "description") else "WHERE rowid % 2 = 0"
            change(database, f"UPDATE OR IGNORE {table} SET {column} = {column} || :evil {rest}", evil=TEXT)  # noqa: S608

    told = tell(
        checkout, persist.main, "--source", f"sqlite:///{database}", "--metric", "val_rmse", on_github=on_github
    )

    told.assert_harmless()
    told.assert_tells(r"\x1b[31m")
    assert "Traceback" not in told.texts["err"]


def test_a_view(history: Path, quick_tables: None) -> None:  # noqa: ARG001 - a fixture
    told = tell(history, main.main, "ui", "--refresh-only", on_github=False)
    told.assert_harmless()
    assert "Traceback" not in told.texts["err"]


def _refusing(status: int) -> Callable[[str], Answer]:
    body = as_json({"error_code": TEXT, "message": TEXT})[2]
    return lambda _: (status, "application/json", body)


def _one_run(path: str) -> Answer | None:
    answer = one_run(files=[{"path": NAME, "is_dir": False, "file_size": 4}], params={NAME: TEXT})(path)
    if answer is None or answer[1] != "application/json" or answer[0] != 200:
        return answer
    return as_json(_replaced(json_object(answer[2])))


def _replaced(value: object) -> object:
    if isinstance(value, dict):
        return {key: TEXT if key == "name" else _replaced(inner) for key, inner in value.items()}
    return [_replaced(each) for each in value] if isinstance(value, list) else value


@on_github_or_not
@pytest.mark.parametrize(
    "answers",
    [_refusing(400), _refusing(401), _refusing(404), lambda _: (200, "text/html", TEXT.encode()), _one_run],
    ids=["400", "401", "404", "no JSON", "one run"],
)
def test_a_server(checkout: Path, answers: Callable[[str], Answer | None], on_github: bool) -> None:
    with stub(answers) as uri:
        told = tell(checkout, persist.main, "--source", uri, on_github=on_github)
    told.assert_harmless()
    assert "Traceback" not in told.texts["err"]


@on_github_or_not
def test_a_remote_that_declines(origin: Path, checkout: Path, on_github: bool) -> None:
    said = origin.parent / "said"
    said.write_text(TEXT, encoding="utf-8")
    gitrepo.hook(origin, "pre-receive", f"cat '{said}' >&2; exit 1")
    mlstore.write_run(checkout / "mlruns", run_id=GOOD)

    told = tell(checkout, persist.main, on_github=on_github)

    told.assert_harmless()
    told.assert_tells(r"\u202e")
    assert "status     failed" in told.texts["out"]


BRANCH = "a'b;$(touch${IFS}pwned)`touch${IFS}pwned`&\u202e"


@on_github_or_not
def test_a_branch_whose_name_a_shell_obeys(origin: Path, checkout: Path, tmp_path: Path, on_github: bool) -> None:
    gitrepo.git(origin, "branch", BRANCH, "main")
    gitrepo.hook(origin, "pre-receive", "echo no >&2; exit 1")
    mlstore.write_run(tmp_path / "mlruns", run_id=GOOD)
    source = str(tmp_path / "mlruns")

    told = tell(checkout, persist.main, "--source", source, "--branch", BRANCH, on_github=on_github)

    told.assert_harmless()
    assert r"\u202e" in told.texts["err"]
    [command] = {line.partition("was built: ")[2] for line in told.texts["err"].splitlines() if "was built: " in line}
    words = gitrepo.git(checkout, "-c", f"alias.say=!printf '%s\\n' {command.split(' && ')[1]}", "say")
    assert BRANCH.encode("ascii", "backslashreplace").decode() in words
    assert not (checkout / "pwned").exists()


@on_github_or_not
def test_a_table(tmp_path: Path, on_github: bool) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    # A column in quotes may hold line breaks.
    quoted = '"' + TEXT.replace('"', '""') + '"'
    table = folder / f"{NAME}.csv"
    rows = "\n".join(f"{row},{row % 7},{quoted if row % 2 else 'b'},constant" for row in range(60))
    table.write_text(
        f"{quoted},number,kind,{quoted.replace('heading', 'other')}\n{rows}\n", encoding="utf-8", newline=""
    )

    def stage(command: ModuleType, *arguments: str) -> Told:
        told = tell(folder, command.main, *arguments, on_github=on_github)
        told.assert_harmless()
        assert "Traceback" not in told.texts["err"]
        return told

    stage(load_data, "--data", str(table), "--target", NAME)
    stage(load_data, "--data", f"{table}x")
    stage(load_data, "--data", f"sklearn:{NAME}")
    loaded = stage(load_data, "--data", table.name, "--target", "number")
    assert loaded.code == 0, loaded.texts
    prepared = stage(preprocess)
    assert prepared.code == 0, prepared.texts
    prepared.assert_tells(r"\u202e")
    candidates = folder / "candidates.yaml"
    named = [{"model": "dummy", "name": TEXT}, {"model": "ridge", "name": NAME, "parameters": {"alpha": -1.0}}]
    candidates.write_text(yaml.safe_dump({"candidates": named}), encoding="utf-8")
    stage(train, "--candidates", str(candidates), "--experiment", NAME).assert_tells(r"\u202e")
    candidates.write_text(yaml.safe_dump({"candidates": [{"model": TEXT}]}), encoding="utf-8")
    stage(train, "--candidates", str(candidates)).assert_tells(r"\u202e")


@on_github_or_not
def test_a_bug(tmp_path: Path, on_github: bool) -> None:
    """A traceback shows what a run holds, and may hold a login."""

    def work(_flags: object, _environ: object) -> Report:
        raise ValueError(f"{TEXT} https://me:secret@host/x")

    command = entry.Command(name="x", summary="", description="", epilog="", add_flags=lambda _: None, work=work)

    told = tell(tmp_path, partial(entry.run, entry.parser_of(command, prog="x")), on_github=on_github)

    told.assert_harmless()
    told.assert_tells("This is a bug in x.", r"\u202e", "https://***@host/x")
    assert not [text for text in (*told.texts.values(), *told.outputs.values()) if "secret@" in text]
