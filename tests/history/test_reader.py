"""The runs of a history, read far enough to choose among them."""

import pytest

from mlpipeline.history import reader
from mlpipeline.history.algorithms import algorithm_name


@pytest.mark.parametrize(
    ("data", "latest"),
    [
        (b"1 5.0 0\n2 4.0 1\n", 4.0),
        (b"2 4.0 1\n1 5.0 0\n", 4.0),  # the last line is not the latest
        (b"9 5.0 0\n1 4.0 1\n", 4.0),  # the step counts before the time
        (b"1 5.0\n2 4.0\n", 4.0),  # MLflow 1 wrote no step
        (b"1 4.0 3 data 1a2b\n2 5.0 1 data 1a2b\n", 4.0),
        (b"1 4.0 0\n1 5.0 0\n", 5.0),  # equal step and time: the greater value, as in MLflow
        (b"", None),
        (b"1 2 3 4\n", None),
        (b"x 2 3\n", None),
    ],
)
def test_the_latest_value_is_that_of_mlflow(data: bytes, latest: float | None) -> None:
    assert reader.latest_value(data) == latest


@pytest.mark.parametrize(
    ("model_type", "name"),
    [
        ("ridge", "ridge"),
        ("Gradient Boosting", "Gradient-Boosting"),
        ("../x", "x"),
        ("", "model"),
        ("é", "model"),
        (".git", "git"),
    ],
)
def test_an_algorithm_is_a_file_name(model_type: str, name: str) -> None:
    assert algorithm_name(model_type) == name
