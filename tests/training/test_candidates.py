"""The candidates file: what it may say, and what each mistake is answered with."""

from pathlib import Path

import pytest

from mlpipeline.core.errors import InputError
from mlpipeline.training.candidates import DEFAULT_FILE, Candidate, read


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "candidates.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_default_compares_six_models() -> None:
    found = read(DEFAULT_FILE)
    names = ["dummy", "linear", "ridge", "random_forest", "gradient_boosting", "xgboost"]
    assert [candidate.name for candidate in found] == names == [candidate.model for candidate in found]


def test_a_name_and_parameters_are_taken_over(tmp_path: Path) -> None:
    path = written(tmp_path, "candidates: [{model: ridge}, {name: strong, model: ridge, parameters: {alpha: 10}}]")
    assert read(path) == (
        Candidate(name="ridge", model="ridge"),
        Candidate(name="strong", model="ridge", parameters={"alpha": 10}),
    )


def test_the_seed_reaches_what_takes_one() -> None:
    assert Candidate(name="a", model="random_forest").estimator(7).random_state == 7
    assert Candidate(name="a", model="xgboost").estimator(7).random_state == 7
    own = Candidate(name="a", model="ridge", parameters={"random_state": 1})
    assert own.estimator(7).random_state == 1
    assert "random_state" not in Candidate(name="a", model="linear").estimator(7).get_params()


@pytest.mark.parametrize(
    ("text", "words", "remedy"),
    [
        ("candidate: []", "unknown key 'candidate'", "did you mean 'candidates'?"),
        ("candidates: [{modle: ridge}]", "candidate 1: unknown key 'modle'", "did you mean 'model'?"),
        ("candidates: [{model: rigde}]", "there is no model 'rigde'", "did you mean 'ridge'?"),
        ("candidates: [{model: ridge}, {model: zebra}]", "candidate 2: there is no model 'zebra'", "known here: dummy"),
        ("candidates: [{name: x}]", "'model' is missing", "one of dummy"),
        (
            "candidates: [{model: ridge, parameters: {alhpa: 1}}]",
            "candidate 1, parameters of ridge: unknown key 'alhpa'",
            "did you mean 'alpha'?",
        ),
        ("candidates: [{model: ridge, parameters: [1]}]", "expected keys and values, found list", ""),
        ("candidates: [{model: ridge, name: [1]}]", "'name' must be a string", ""),
        ("candidates: [{model: ridge}, {model: ridge}]", "more than one candidate is called 'ridge'", "`name`"),
        ("candidates: [ridge]", "candidate 1: expected keys and values, found str", ""),
        ("candidates: []", "must be a non-empty list", ""),
        ("{}", "must be a non-empty list", ""),
        ("", "expected keys and values, found NoneType", ""),
        ("candidates: [", "cannot be read as YAML", ""),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, text: str, words: str, remedy: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(InputError) as caught:
        read(path)
    assert str(path) in caught.value.what
    assert words in caught.value.what
    assert remedy in caught.value.remedy


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no candidates file"):
        read(tmp_path / "nowhere.yaml")
