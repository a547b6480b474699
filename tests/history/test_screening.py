"""What of a source may be stored."""

import pytest

from mlpipeline.core.records import Incoming, Kind, Record
from mlpipeline.history.screening import storable


def record(**files: bytes) -> Record:
    paths = {path.replace("__", "/"): content for path, content in files.items()}
    return Record(kind=Kind.RUN, id="a" * 32, experiment="demo", meta={}, files=paths)


def checked(path: str, content: bytes = b"1") -> Incoming:
    run = Record(kind=Kind.RUN, id="a" * 32, experiment="demo", meta={}, files={path: content})
    return storable(Incoming(records=(run,)))


@pytest.mark.parametrize("name", ["a:b", "what?", "CON", "nul.txt", "end.", "end ", "back\\slash", 'quo"te', "tab\t"])
def test_names_that_windows_has_no_file_for_are_warned_of(name: str) -> None:
    found = checked(f"params/{name}")

    assert "cannot check out" in found.warnings[0]
    assert found.records[0].files == {f"params/{name}": b"1"}


@pytest.mark.parametrize("name", ["val_rmse", "console", "a.b", "ünïcode", "lr schedule", ".hidden"])
def test_ordinary_names_are_not(name: str) -> None:
    assert checked(f"params/{name}").warnings == ()


def test_names_that_differ_by_case_alone_are_warned_of() -> None:
    found = storable(Incoming(records=(record(metrics__val=b"1", metrics__VAL=b"2"),)))

    assert "'metrics/val' and 'metrics/VAL' differ by case alone" in found.warnings[0]


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("params/db_password", b"correct horse battery".replace(b" ", b"-")),
        ("params/openai_api_key", b"0123456789abcdef"),
        ("tags/note", b"use AKIAIOSFODNN7EXAMPLE for it"),
        ("params/key", b"-----BEGIN RSA PRIVATE KEY-----\nMIIE"),
        ("request_metadata/header", b"ghp_" + b"x" * 36),
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
    ],
)
def test_what_does_not_is_kept(path: str, content: bytes) -> None:
    assert checked(path, content).records[0].files == {path: content}


def test_a_password_in_an_address_is_masked() -> None:
    found = checked("tags/mlflow.source.git.repoURL", b"https://me:hunter2@example.org/x.git")

    assert found.records[0].files == {"tags/mlflow.source.git.repoURL": b"https://***@example.org/x.git"}
    assert "hunter2" not in found.warnings[0]


def test_a_run_in_two_experiments_is_stored_once() -> None:
    one = record(params__a=b"1")
    other = Record(kind=Kind.RUN, id=one.id, experiment="second", meta={}, files={})

    found = storable(Incoming(records=(one, other)))

    assert found.records == (one,)
    assert "second experiment, 'second'" in str(found.refusals[0])
