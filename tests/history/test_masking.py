"""What of a source is masked, and what is left out because nothing else would be left."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from mlpipeline.core.documents import dump_yaml
from mlpipeline.core.edits import Content
from mlpipeline.core.records import (
    LEFT_OUT_TAG,
    Experiment,
    Incoming,
    Kind,
    ModelVersion,
    Record,
    Refusal,
    RegisteredModel,
)
from mlpipeline.history import masking
from mlpipeline.history.paths import experiment_id
from mlpipeline.history.screening import storable
from support.planted import shapes

TOKEN = "gh" + "p_" + "a1B2" * 10
WORD = "hunt" + "er2"
ADDRESS = f"https://me:{WORD}@example.org/x.git"


def run(files: Mapping[str, Content], **meta: object) -> Record:
    return Record(kind=Kind.RUN, id="a" * 32, experiment="demo", meta=meta, files=files)


def stored(record: Record, *allowed: str) -> tuple[Record, str]:
    """The record as it is stored, and all that is told of it."""
    found = storable(Incoming(records=(record,)), allowed=allowed)
    return found.records[0], "\n".join([*map(str, found.refusals), *found.warnings])


def written(folder: Path, name: str, data: bytes) -> Path:
    file = folder / name
    file.write_bytes(data)
    return file


def test_no_shape_is_stored_or_told_wherever_it_stands(tmp_path: Path) -> None:
    missed: list[str] = []
    for planted in shapes(1):
        named = f"{planted.name}={planted.text}"
        text = planted.text if planted.name in ("note", "arg_3") else named
        files: dict[str, Content] = {f"{top}/{planted.name}": planted.text.encode() for top in ("params", "tags")}
        files[f"request_metadata/{planted.name}"] = planted.text.encode()
        files["inputs/b/meta.yaml"] = dump_yaml({"source": json.dumps({"uri": text})})
        files["assessments/a.yaml"] = dump_yaml({"rationale": text})
        files["artifacts/notes.txt"] = written(tmp_path, "notes", f"{text}\n".encode())
        record, told = stored(run(files, run_name=text, description=text))

        kept = [each if isinstance(each, bytes) else each.read_bytes() for each in record.files.values()]
        is_stored = any(planted.secret.encode() in each for each in (*kept, dump_yaml(record.meta)))
        if is_stored or planted.secret in told or "Revoke it" not in told:
            missed.append(planted.shape)
    assert missed == []


def test_what_is_a_secret_and_nothing_else_is_left_out_and_named() -> None:
    record, told = stored(run({"params/hf_token": b"a1b2c3d4e5f6", "tags/x": TOKEN.encode(), "params/a": b"1"}))

    assert record.files == {"params/a": b"1"}
    assert "params/hf_token looks like a credential, and was not stored." in told
    assert "--allow-secret params/hf_token" in told


def test_a_secret_in_a_text_is_masked_and_named_once() -> None:
    note = f"trained with {TOKEN} by me".encode()
    runs = [replace(run({"tags/mlflow.note.content": note}), id=f"{number:032x}") for number in range(3)]

    found = storable(Incoming(records=tuple(runs)))

    assert {record.files["tags/mlflow.note.content"] for record in found.records} == {b"trained with *** by me"}
    [warning] = found.warnings
    assert warning.startswith(f"run {0:032x} and 2 more: tags/mlflow.note.content holds what looks like a credential")
    assert found.refusals == ()


def test_masking_what_was_masked_changes_nothing() -> None:
    once = storable(Incoming(records=(run({"tags/a": ADDRESS.encode(), f"metrics/{TOKEN}": b"1 2 0\n"}),)))
    assert storable(replace(once, refusals=(), warnings=())).records == once.records


@pytest.mark.parametrize(
    "name",
    ["params/hf_token", "tags/note", "artifacts/requirements.txt", "artifacts/.env", "run_name", "metrics/masked"],
)
def test_what_is_allowed_is_stored_as_it_is(name: str, tmp_path: Path) -> None:
    files: dict[str, Content] = {
        "params/hf_token": b"a1b2c3d4e5f6",
        "tags/note": ADDRESS.encode(),
        "artifacts/requirements.txt": written(tmp_path, "requirements.txt", ADDRESS.encode()),
        "artifacts/.env": written(tmp_path, ".env", f"DB_PASSWORD={WORD}".encode()),
        f"metrics/{TOKEN}": b"1 2 0\n",
    }
    given = run(files, run_name=f"of {TOKEN}")
    plain, _ = stored(given)
    allowed, told = stored(given, name)

    if name == "run_name":
        assert (plain.meta["run_name"], allowed.meta["run_name"]) == ("of ***", f"of {TOKEN}")
    else:
        path = f"metrics/{TOKEN}" if name == "metrics/masked" else name
        assert plain.files.get(path) != files[path]
        assert allowed.files[path] == files[path]
    assert f"--allow-secret {name} " not in told


class TestNames:
    """A secret in a name is masked in it, everywhere where the name stands."""

    def test_of_an_experiment(self) -> None:
        name = f"churn {TOKEN}"
        record = replace(run({}), experiment=name)
        refusal = Refusal(where="x", reason=f"{name} is odd.", experiment=name)
        experiment = Experiment(id="1", name=name, meta={"name": name}, files={"tags/a": TOKEN.encode()})

        found = storable(Incoming(experiments=(experiment,), records=(record,), refusals=(refusal,)))

        assert found.experiments[0].name == found.records[0].experiment == found.refusals[0].experiment == "churn ***"
        assert found.experiments[0].meta == {"name": "churn ***"}
        assert found.experiments[0].files == {}
        assert experiment_id(found.experiments[0].name) != experiment_id(name)
        assert TOKEN not in str(found)

    @pytest.mark.parametrize("folder", ["metrics", "params", "tags"])
    def test_of_a_param_a_metric_or_a_tag(self, folder: str) -> None:
        record, told = stored(run({f"{folder}/of {TOKEN}": b"1", f"{folder}/b": b"2"}))

        assert record.files == {f"{folder}/of masked": b"1", f"{folder}/b": b"2"}
        assert TOKEN not in told
        assert f"--allow-secret '{folder}/of masked'" in told

    def test_of_two_that_would_be_the_same(self) -> None:
        other = TOKEN.replace("a", "c")
        record, told = stored(run({f"params/{TOKEN}": b"1", f"params/{other}": b"2"}))

        assert record.files == {}
        assert told.count("params/masked looks like a credential") == 2

    def test_of_an_artifact(self, tmp_path: Path) -> None:
        file = written(tmp_path, "x", b"1")
        record, told = stored(run({f"artifacts/{TOKEN}/x": file, "artifacts/y": file}))

        assert record.files == {"artifacts/y": file, f"tags/{LEFT_OUT_TAG}": b"artifacts/masked/x"}
        assert TOKEN not in told

    def test_of_a_registered_model_its_versions_and_aliases(self) -> None:
        meta = {"name": TOKEN, "description": ADDRESS}
        version = ModelVersion(number=1, meta=meta, files={"tags/a": TOKEN.encode()})
        model = RegisteredModel(
            name=TOKEN, meta=meta, files={"tags/b": ADDRESS.encode()}, aliases={TOKEN: 1}, versions=(version,)
        )

        incoming = storable(Incoming(models=(model,)))
        [found] = incoming.models

        clean = {"name": "masked", "description": "https://***@example.org/x.git"}
        assert (found.name, found.meta, found.aliases) == ("masked", clean, {"masked": 1})
        assert (found.versions[0].meta, found.versions[0].files) == (clean, {})
        assert found.files == {"tags/b": b"https://***@example.org/x.git"}
        assert any(": alias holds" in warning for warning in incoming.warnings)
        assert storable(Incoming(models=(model,)), allowed=("name", "alias")).models[0].aliases == model.aliases

    def test_of_two_registered_models_that_would_be_the_same(self) -> None:
        models = [
            RegisteredModel(name=name, meta={}, files={}, aliases={}, versions=())
            for name in (TOKEN, TOKEN.replace("a", "c"), "churn")
        ]
        found = storable(Incoming(models=tuple(models)))

        assert [model.name for model in found.models] == ["churn"]
        assert [str(each).partition(",")[0] for each in found.refusals] == [
            "registered model 'masked': name looks like a credential"
        ] * 2

    def test_of_a_record_itself(self) -> None:
        found = storable(Incoming(records=(replace(run({"params/a": b"1"}), id=TOKEN),)))

        assert found.records == ()
        assert TOKEN not in str(found)
        assert "run masked: id looks like a credential" in str(found.refusals[0])


def test_descriptions_are_masked_at_any_depth() -> None:
    meta = {"trace_metadata": {"k": [f"a {TOKEN}"], "api_key": "0a1b2c3d4e5f"}, "count": 3, f"{TOKEN}": None}
    record, told = stored(run({}, **meta))

    assert record.meta == {"trace_metadata": {"k": ["a ***"], "api_key": "***"}, "count": 3, "***": None}
    assert TOKEN not in told


def test_what_sources_tell_is_masked() -> None:
    refusal = Refusal(where=f"run ({TOKEN})", reason=f"artifacts/{TOKEN} is a link.")
    found = storable(Incoming(refusals=(refusal,), warnings=(f"1 run: {TOKEN}.",)))
    assert TOKEN not in str(found)


class TestArtifacts:
    """Texts are masked and stay of use; files that are there for their secrets, and models with one, are left out."""

    def test_a_login_in_a_models_requirements_is_masked_and_the_model_stays(self, tmp_path: Path) -> None:
        text = f"--extra-index-url https://me:{WORD}@pypi.example.org/simple\nnumpy==2.1.0\n"
        files: dict[str, Content] = {
            "artifacts/m/MLmodel": written(tmp_path, "MLmodel", b"flavors: {}\n"),
            "artifacts/m/requirements.txt": written(tmp_path, "requirements.txt", text.encode()),
        }
        record, _ = stored(run(files))

        clean = b"--extra-index-url https://***@pypi.example.org/simple\nnumpy==2.1.0\n"
        assert record.files == {**files, "artifacts/m/requirements.txt": clean}

    @pytest.mark.parametrize(
        "name", [".env", "prod.env", "id_rsa", "server.pem", ".npmrc", "credentials.json", "secrets.toml"]
    )
    def test_a_file_of_secrets_is_left_out(self, name: str, tmp_path: Path) -> None:
        file = written(tmp_path, "x", f"A=1\nDB_PASSWORD={WORD}\n".encode())
        given = replace(run({f"artifacts/{name}": file, "artifacts/a": file}), origins=frozenset({file}))
        record, told = stored(given)

        assert record.files[f"tags/{LEFT_OUT_TAG}"] == f"artifacts/{name}".encode()
        assert f"artifacts/{name}" not in record.files
        assert record.withheld == {file}, "it stays where it is"
        assert f"artifacts/{name} looks like a credential" in told

    def test_and_with_it_the_model_that_it_belongs_to(self, tmp_path: Path) -> None:
        files: dict[str, Content] = {
            "artifacts/m/MLmodel": written(tmp_path, "MLmodel", b"flavors: {}\n"),
            "artifacts/m/code/.env": written(tmp_path, ".env", f"DB_PASSWORD={WORD}\n".encode()),
        }
        record, told = stored(run(files))

        assert set(record.files) == {f"tags/{LEFT_OUT_TAG}"}
        assert "cannot be promoted, because artifacts/m/code/.env is missing" in told

    def test_one_without_secrets_stays(self, tmp_path: Path) -> None:
        file = written(tmp_path, ".env", b"DB_HOST=db\nDB_PASSWORD=${DB_PASSWORD}\n")
        assert stored(run({"artifacts/.env": file}))[0].files == {"artifacts/.env": file}

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
    def test_a_text_keeps_its_encoding(self, encoding: str, tmp_path: Path) -> None:
        file = written(tmp_path, "x", f"größe: 1\npassword: {WORD}\n".encode(encoding))
        content = stored(run({"artifacts/x.yaml": file}))[0].files["artifacts/x.yaml"]
        assert isinstance(content, bytes)
        assert content.decode(encoding) == "größe: 1\npassword: (***)\n"

    @pytest.mark.parametrize("data", [b"\0password=" + WORD.encode(), b"\xff password=" + WORD.encode()])
    def test_what_is_no_text_is_not_looked_into(self, data: bytes, tmp_path: Path) -> None:
        file = written(tmp_path, "x", data)
        assert stored(run({"artifacts/x": file}))[0].files == {"artifacts/x": file}

    def test_nor_is_a_large_one(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(masking, "LARGEST_TEXT", 10)
        file = written(tmp_path, "x", f"password={WORD}".encode())
        assert stored(run({"artifacts/x": file}))[0].files == {"artifacts/x": file}
