"""The two forms of a location."""

from pathlib import Path

import pytest

from mlpipeline.mlflow_plugin import places

HOME = Path("/home/me/my repo")


@pytest.mark.parametrize(
    "location",
    [
        "file:./mlflow-artifacts/r/artifacts",
        "file:mlflow-artifacts/r/artifacts",
        "./mlflow-artifacts/r/artifacts",
        "mlflow-artifacts/r/artifacts",
    ],
)
def test_every_relative_form_opens_below_the_home(location: str) -> None:
    assert places.opened(location, HOME) == "file:///home/me/my%20repo/mlflow-artifacts/r/artifacts"


@pytest.mark.parametrize(
    "location",
    ["", "/data/x", "file:///data/x", "s3://b/x", "mlflow-artifacts:/0/x", "models:/m-1", "runs:/r/model", "C:\\x"],
)
def test_any_other_location_is_left_alone(location: str) -> None:
    assert places.opened(location, HOME) == location


def test_escapes_of_a_uri_are_undone_once() -> None:
    assert places.opened("file:./a%20b", HOME) == "file:///home/me/my%20repo/a%20b"


def test_only_the_historys_artifacts_have_a_stored_form() -> None:
    opened = places.opened("file:./mlflow-artifacts/models/m-1/artifacts", HOME)

    assert places.stored(opened, HOME) == "file:./mlflow-artifacts/models/m-1/artifacts"
    for other in ("file:///home/me/my%20repo/mlruns/0/r/artifacts", "file:///x/mlflow-artifacts/r", "models:/m-1"):
        assert places.stored(other, HOME) == other
    near = "file:///home/me/my%20repo/mlflow-artifacts-old/r"
    assert places.stored(near, HOME) == near
