"""What of a source may be stored."""

import re
from pathlib import Path

import pytest

from mlpipeline.core.edits import Content
from mlpipeline.core.records import LEFT_OUT_TAG, Experiment, Incoming, Kind, ModelVersion, Record, RegisteredModel
from mlpipeline.history.screening import storable


def record(**files: bytes) -> Record:
    paths = {path.replace("__", "/"): content for path, content in files.items()}
    return Record(kind=Kind.RUN, id="a" * 32, experiment="demo", meta={}, files=paths)


def checked(path: str, content: bytes = b"1") -> Incoming:
    run = Record(kind=Kind.RUN, id="a" * 32, experiment="demo", meta={}, files={path: content})
    return storable(Incoming(records=(run,)))


@pytest.mark.parametrize("name", ["a:b", "what?", 'quo"te', "a<b", "a|b", "*"])
def test_names_that_windows_has_no_file_for_are_warned_of(name: str) -> None:
    found = checked(f"artifacts/{name}")

    assert "cannot check out" in found.warnings[0]
    assert found.records[0].files == {f"artifacts/{name}": b"1"}


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        (".gitattributes", "_x002E_gitattributes"),
        ("data/.gitignore", "data/_x002E_gitignore"),
        ("nul.txt", "_x006E_ul.txt"),
        ("end.", "end_x002E_"),
        ("tab\t", "tab_x0009_"),
        ("back\\slash", "back_x005C_slash"),
        ("caf\udce9", "caf_xDCE9_"),
    ],
)
def test_names_that_a_system_takes_for_another_are_escaped_and_named(name: str, stored: str) -> None:
    found = checked(f"artifacts/{name}")

    assert found.records[0].files == {f"artifacts/{stored}": b"1"}
    assert "is stored as" in found.warnings[0]
    assert stored in found.warnings[0]
    assert storable(found) == found


@pytest.mark.parametrize(
    "path", ["params/.gitignore", "tags/CON", "metrics/end ", "request_metadata/.mailmap", "params/.keep"]
)
def test_names_in_mlflow_are_escaped_to_names_that_mlflow_takes(path: str) -> None:
    (stored,) = checked(path).records[0].files

    assert re.fullmatch(r"[\w./ ]+", stored)
    assert "_x00" in stored


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("artifacts/.git/config", "is a name that Git keeps for itself"),
        ("artifacts/x/../../y", "is no path that stays in its folder"),
        ("artifacts/" + "a" * 256, "is a name of more than 255 bytes"),
        ("artifacts/" + "\t" * 200, "is a name of more than 255 bytes"),
        ("artifacts/" + "a/" * 400 + "a", "is a path of more than 703 bytes"),
        ("params/.git", "is a name that Git keeps for itself"),
        ("inputs/CON/meta.yaml", "was left out: Git, Windows, macOS or the history itself take the name for another"),
    ],
)
def test_paths_that_no_checkout_can_hold_are_refused_by_name(path: str, reason: str) -> None:
    origin = Path("/store/1", "a" * 32, path)
    one = Record(
        kind=Kind.RUN, id="a" * 32, experiment="demo", meta={}, files={path: b"1"}, origins=frozenset({origin})
    )

    found = storable(Incoming(records=(one,)))

    assert found.records[0].files == {}
    assert found.records[0].origins == frozenset(), "it stays where it is"
    assert f"{path!r} {reason}" in found.refusals[0].reason


def test_an_escaped_name_that_another_file_has_is_refused() -> None:
    files: dict[str, Content] = {"artifacts/.gitignore": b"1", "artifacts/_x002E_gitignore": b"2"}

    found = storable(Incoming(records=(Record(kind=Kind.RUN, id="a" * 32, experiment="e", meta={}, files=files),)))

    assert found.records[0].files == {"artifacts/_x002E_gitignore": b"2"}
    assert "is another's name" in str(found.refusals[0])


@pytest.mark.parametrize("identifier", ["..", ".git", "a/b", "", "CON", "a" + "語" * 100, "tags"])
def test_a_record_whose_id_no_folder_can_have_is_refused(identifier: str) -> None:
    bad = Record(kind=Kind.RUN, id=identifier, experiment="e", meta={}, files={})
    good = record(params__a=b"1")

    found = storable(Incoming(records=(bad, good)))

    assert found.records == (good,)
    assert "no folder can have its id" in str(found.refusals[0])


NO_FOLDERS = [
    "..",
    ".",
    "",
    ".git",
    ".GIT",
    "git~1",
    ".g\u200cit",
    ".gitmodules",
    "a/b",
    "CON",
    "a.",
    "a ",
    "a\nb",
    "a" * 256,
]


@pytest.mark.parametrize("name", NO_FOLDERS)
def test_a_registered_model_whose_name_no_folder_can_have_is_refused(name: str) -> None:
    bad, good = (RegisteredModel(name=n, meta={}, files={}, aliases={}, versions=()) for n in (name, "wine"))

    found = storable(Incoming(models=(bad, good)))

    assert found.models == (good,)
    assert repr(name) in str(found.refusals[0])


@pytest.mark.parametrize("name", NO_FOLDERS)
def test_an_alias_that_no_file_can_have_is_refused_and_the_model_kept(name: str) -> None:
    version = ModelVersion(number=1, meta={}, files={})
    aliases = {name: 1, "champion": 1}
    model = RegisteredModel(name="wine", meta={}, files={}, aliases=aliases, versions=(version,))

    found = storable(Incoming(models=(model,)))

    assert found.models[0].aliases == {"champion": 1}
    assert found.models[0].versions == (version,)
    assert f"the alias {name!r} was left out" in str(found.refusals[0])


@pytest.mark.parametrize("number", [-1, 2**31, 10**300])
def test_a_version_whose_number_mlflow_cannot_hold_is_refused_and_the_model_kept(number: int) -> None:
    versions = tuple(ModelVersion(number=each, meta={}, files={}) for each in (number, 1))

    found = storable(Incoming(models=(RegisteredModel(name="m", meta={}, files={}, aliases={}, versions=versions),)))

    assert found.models[0].versions == versions[1:]
    assert "was left out" in str(found.refusals[0])


@pytest.mark.parametrize("name", ["val_rmse", "console", "a.b", "ünïcode", "lr schedule", ".hidden"])
def test_ordinary_names_are_not(name: str) -> None:
    assert checked(f"params/{name}").warnings == ()


def test_names_that_differ_by_the_form_of_an_accent_are_warned_of() -> None:
    files: dict[str, Content] = {"artifacts/\u00e9": b"1", "artifacts/e\u0301": b"2"}

    found = storable(Incoming(records=(Record(kind=Kind.RUN, id="a" * 32, experiment="e", meta={}, files=files),)))

    assert "differ by the form of accented letters alone" in found.warnings[0]


def test_names_that_differ_by_case_alone_are_warned_of() -> None:
    found = storable(Incoming(records=(record(metrics__val=b"1", metrics__VAL=b"2"),)))

    assert "'metrics/val' and 'metrics/VAL' differ by case alone" in found.warnings[0]


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("params/db_password", b"correct horse battery".replace(b" ", b"-")),
        ("params/openai_api_key", b"0123456789abcdef"),
        ("params/aws", b"AKIAIOSFODNN7EXAMPLE"),
        ("params/key", b"-----BEGIN RSA PRIVATE KEY-----\nMIIE"),
        ("request_metadata/header", b"ghp_" + b"x" * 36),
        ("params/llm", b"sk-" + b"aB3dE6gH9j" * 5),
        ("params/llm", b"sk-proj-a_b-" + b"aB3dE6gH9j" * 5),
        ("params/llm", b"sk-ant-api03-" + b"aB3dE6gH9j" * 9),
        ("params/llm", b"sk-" + b"0123456789abcdef" * 2),
        ("params/aws_secret_access_key", b"/wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
        ("params/db_password", b"$ecret123"),
    ],
)
def test_what_looks_like_a_credential_is_left_out_and_not_told(path: str, content: bytes) -> None:
    found = checked(path, content)

    assert found.records[0].files == {}
    assert path in str(found.refusals[0])
    assert content.decode() not in str(found.refusals[0])


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("params/password", b"None"),
        ("params/password", b"********"),
        ("params/token_count", b"123456789"),
        ("params/tokenizer", b"bert-base-uncased"),
        ("params/max_tokens", b"4096000000"),
        ("tags/mlflow.note.content", b"the secret of success"),
        ("params/model", b"sk-gradient-boosting-classifier"),
        ("params/model", b"sk-random-forest-2024-baseline-Version-2"),
        ("tags/sk-learn-pipeline-of-the-second-quarter", b"1"),
        ("params/password_length", b"123456789012"),
        ("params/secret_santa_rounds", b"123456789012"),
        ("params/needs_api_key", b"required"),
        ("params/api_key", b"${OPENAI_API_KEY}"),
        ("params/api_key", b"$OPENAI_API_KEY"),
        ("params/api_key", b"<redacted>"),
        ("params/api_key", b"/run/secrets/api_key"),
        ("params/api_key", b"env:OPENAI_API_KEY"),
        ("params/password", b"xxxxxxxxxxxx"),
        ("params/use_secret", b"disabled"),
    ],
)
def test_what_does_not_is_kept(path: str, content: bytes) -> None:
    assert checked(path, content).records[0].files == {path: content}


def test_a_run_in_two_experiments_is_stored_once() -> None:
    one = record(params__a=b"1")
    other = Record(kind=Kind.RUN, id=one.id, experiment="second", meta={}, files={})

    found = storable(Incoming(records=(one, other)))

    assert found.records == (one,)
    assert "second experiment, 'second'" in str(found.refusals[0])


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize(
    ("path", "stored"),
    [
        ("metrics/MAP@10", "metrics/MAP_10"),
        ("metrics/val/AR@100", "metrics/val/AR_100"),
        ("params/lr[0]", "params/lr_0_"),
        ("tags/owner(s)", "tags/owner_s_"),
        ("request_metadata/a=b", "request_metadata/a_b"),
        ("metrics/line\nbreak", "metrics/line_break"),
    ],
)
def test_names_that_mlflow_refuses_are_replaced_and_named(kind: Kind, path: str, stored: str) -> None:
    one = Record(kind=kind, id="a" * 32, experiment="demo", meta={}, files={path: b"1", "params/alpha": b"1"})

    found = storable(Incoming(records=(one,)))

    assert found.records[0].files == {stored: b"1", "params/alpha": b"1"}
    assert repr(path) in found.warnings[0]
    assert repr(stored) in found.warnings[0]
    assert storable(found) == found


@pytest.mark.parametrize("name", ["a_b-c.d/e:f g", "größe", "val/AR_100", "訓練"])
def test_names_that_mlflow_takes_stay(name: str) -> None:
    assert checked(f"metrics/{name}").records[0].files == {f"metrics/{name}": b"1"}


@pytest.mark.parametrize(
    ("files", "kept"),
    [
        ({"metrics/a@b": b"1", "metrics/a_b": b"2"}, {"metrics/a_b": b"2"}),
        ({"metrics/a@b": b"1", "metrics/a#b": b"2"}, {}),
        ({"metrics/a@": b"1", "metrics/a_/b": b"2"}, {"metrics/a_/b": b"2"}),
        ({"metrics/a@/b": b"1", "metrics/a_": b"2"}, {"metrics/a_": b"2"}),
    ],
)
def test_a_name_is_left_out_where_the_new_one_would_be_anothers(files: dict[str, bytes], kept: object) -> None:
    one = Record(kind=Kind.RUN, id="a" * 32, experiment="demo", meta={}, files=files)

    found = storable(Incoming(records=(one,)))

    assert found.records[0].files == kept
    assert {repr(path) for path in files.keys() - found.records[0].files.keys()} == {
        refusal.reason.split(" was left out")[0] for refusal in found.refusals
    }


def test_names_that_many_runs_have_are_told_of_once() -> None:
    runs = [Record(kind=Kind.RUN, id=f"{n:032x}", experiment="e", meta={}, files={"params/a@": b""}) for n in range(9)]

    [warning] = storable(Incoming(records=tuple(runs))).warnings

    assert warning.startswith(f"run {0:032x} and 8 more: 'params/a@' is stored as 'params/a_'")


def test_names_of_tags_of_experiments_and_registered_models_are_replaced() -> None:
    files: dict[str, Content] = {"tags/a@": b"1"}
    version = ModelVersion(number=1, meta={}, files=files)
    model = RegisteredModel(name="m", meta={}, files=files, aliases={}, versions=(version,))

    found = storable(Incoming(experiments=(Experiment(id="1", name="e", meta={}, files=files),), models=(model,)))

    assert found.experiments[0].files == {"tags/a_": b"1"}
    assert found.models[0].files == {"tags/a_": b"1"}
    assert found.models[0].versions[0].files == {"tags/a_": b"1"}
    assert "version 1 of registered model 'm'" in found.warnings[0] or "2 more" in found.warnings[0]


def sparse(folder: Path, mebibytes: int) -> Path:
    file = folder / f"{mebibytes}.bin"
    with file.open("wb") as opened:
        opened.truncate(mebibytes * 1024 * 1024)
    return file


def left_out(record: Record) -> list[str]:
    listed = record.files.get(f"tags/{LEFT_OUT_TAG}", b"")
    assert isinstance(listed, bytes)
    return listed.decode().splitlines()


class TestLeftOut:
    """What is too large, or could not be read, is left out of its record, and half a model is none."""

    def test_a_file_over_the_limit_alone(self, tmp_path: Path) -> None:
        big = sparse(tmp_path, 101)
        files: dict[str, Content] = {"artifacts/big.bin": big, "artifacts/small.txt": b"1", "params/alpha": b"1"}
        one = Record(kind=Kind.RUN, id="a" * 32, experiment="e", meta={}, files=files, origins=frozenset({big}))

        found = storable(Incoming(records=(one,)))

        [run] = found.records
        assert set(run.files) == {"artifacts/small.txt", "params/alpha", f"tags/{LEFT_OUT_TAG}"}
        assert left_out(run) == ["artifacts/big.bin"]
        assert run.origins == frozenset(), "it stays where it is"
        assert "artifacts/big.bin has 101 MiB" in str(found.refusals[0])

    def test_metadata_over_the_limit(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("mlpipeline.history.screening.LARGEST_FILE", 10)

        found = storable(Incoming(records=(record(metrics__a=b"1" * 11, metrics__b=b"1"),)))

        assert left_out(found.records[0]) == ["metrics/a"]
        assert "metrics/b" in found.records[0].files

    def test_of_a_model_among_a_runs_artifacts(self, tmp_path: Path) -> None:
        files: dict[str, Content] = {
            "artifacts/model/MLmodel": b"",
            "artifacts/model/model.pkl": sparse(tmp_path, 101),
            "artifacts/model/data/more.bin": b"",
            "artifacts/other/MLmodel": b"",
            "artifacts/model.txt": b"",
        }
        found = storable(Incoming(records=(Record(kind=Kind.RUN, id="a" * 32, experiment="e", meta={}, files=files),)))

        [run] = found.records
        assert set(run.files) == {"artifacts/other/MLmodel", "artifacts/model.txt", f"tags/{LEFT_OUT_TAG}"}
        assert left_out(run) == ["artifacts/model/", "artifacts/model/model.pkl"]
        assert "cannot be promoted, because artifacts/model/model.pkl is missing" in str(found.refusals[1])

    def test_of_a_logged_model_is_told_of_in_its_run_too(self, tmp_path: Path) -> None:
        files: dict[str, Content] = {"artifacts/MLmodel": b"", "artifacts/model.pkl": sparse(tmp_path, 101)}
        meta = {"source_run_id": "a" * 32}
        model = Record(kind=Kind.LOGGED_MODEL, id="m-1", experiment="e", meta=meta, files=files)

        found = storable(Incoming(records=(record(params__alpha=b"1"), model)))

        run, stored = found.records
        assert left_out(run) == ["models/m-1/artifacts/", "models/m-1/artifacts/model.pkl"]
        assert set(stored.files) == {f"tags/{LEFT_OUT_TAG}"}

    @pytest.mark.parametrize("unread", ["artifacts/model/model.pkl", "artifacts/model/data", "artifacts/model/MLmodel"])
    def test_what_could_not_be_read_makes_half_a_model_too(self, unread: str) -> None:
        files: dict[str, Content] = {"artifacts/model/MLmodel": b"", "artifacts/model/conda.yaml": b""}
        files.pop(unread, None)
        one = Record(kind=Kind.RUN, id="a" * 32, experiment="e", meta={}, files=files, unread=frozenset({unread}))

        found = storable(Incoming(records=(one,)))

        assert left_out(found.records[0]) == sorted(["artifacts/model/", unread])
        assert set(found.records[0].files) == {f"tags/{LEFT_OUT_TAG}"}

    def test_the_list_stays_below_what_mlflow_takes(self) -> None:
        unread = frozenset(f"artifacts/{number:0100}" for number in range(200))
        one = Record(kind=Kind.RUN, id="a" * 32, experiment="e", meta={}, files={}, unread=unread)

        lines = left_out(storable(Incoming(records=(one,))).records[0])

        assert sum(map(len, lines)) < 8000
        assert "..." in lines


@pytest.mark.parametrize(("files", "refused"), [({"tags/mlflow_git.promoted": b"val_rmse 1"}, 0), ({}, 1)])
def test_the_registered_model_of_the_promoted_run_comes_from_no_job(files: dict[str, Content], refused: int) -> None:
    model = RegisteredModel(name="promoted_model", meta={}, files=files, aliases={}, versions=())

    found = storable(Incoming(models=(model,)))

    assert found.models == ()
    assert [refusal.where for refusal in found.refusals] == ["registered model 'promoted_model'"] * refused
