"""An unchanged training job goes on working: stock MLflow, its default store, no flag, no plugin."""

import os
from pathlib import Path

import pytest

from support.gitrepo import clone, git, make_origin
from support.histories import QUIET
from support.processes import PROGRAMS, SCRIPTS, json_object, python

TRAIN = PROGRAMS / "train_as_tutorials_do.py"


def persist(checkout: Path) -> dict[str, object]:
    return json_object(python(checkout, SCRIPTS / "persist.py", "--fail-on-error", "--json").stdout)


def runs(checkout: Path) -> list[str]:
    return sorted(path.read_text() for path in checkout.glob("mlruns/*/*/tags/mlflow.runName"))


@pytest.mark.parametrize("experiment", [(), ("houses",)], ids=["default experiment", "named experiment"])
def test_train_persist_train_persist_and_a_colleague(tmp_path: Path, experiment: tuple[str, ...]) -> None:
    origin = make_origin(tmp_path)
    mine = clone(origin, tmp_path / "mine")

    python(mine, TRAIN, "first", "3.0", *experiment)
    assert persist(mine)["runs_added"] == 1
    assert git(mine, "status", "--porcelain") == "?? mlflow.db"
    python(mine, TRAIN, "second", "2.0", *experiment)
    assert persist(mine)["runs_added"] == 1

    theirs = clone(origin, tmp_path / "theirs")
    python(theirs, TRAIN, "third", "1.0", *experiment)
    outcome = persist(theirs)

    assert (outcome["runs_added"], outcome["value"]) == (1, 1.0)
    assert git(theirs, "status", "--porcelain") == "?? mlflow.db"
    git(mine, "pull", "--quiet")
    assert git(mine, "status", "--porcelain") == "?? mlflow.db"
    assert runs(mine) == ["first", "second", "third"]
    folders = {path.parent.name for path in mine.glob("mlruns/*/meta.yaml")}
    assert len(folders) == 1
    assert not any(folder.isdigit() for folder in folders)
    python(mine, TRAIN, "fourth", "0.5", *experiment)

    reader = clone(origin, tmp_path / "reader")
    opened = json_object(python(reader, PROGRAMS / "open_the_promoted.py", environ={**os.environ, **QUIET}).stdout)
    assert opened == {
        "prediction": [1.0, 1.0],
        "run": "third",
        "versions": 1,
        "described": f"The run {outcome['run_id']} (val_rmse 1) is promoted: `models:/promoted_model@champion`.",
    }


@pytest.mark.parametrize("uri", ["sqlite:///mlflow.db", "sqlite:///backend.db"])
def test_a_store_that_the_script_names_itself_is_read_every_day(tmp_path: Path, uri: str) -> None:
    checkout = clone(make_origin(tmp_path), tmp_path / "job")

    for name, value in (("day 1", "2.0"), ("day 2", "1.0")):
        python(checkout, TRAIN, name, value, MLFLOW_TRACKING_URI=uri)
        assert persist(checkout)["runs_added"] == 1

    assert runs(checkout) == ["day 1", "day 2"]


def test_a_notebook_beside_the_history_is_found(tmp_path: Path) -> None:
    checkout = clone(make_origin(tmp_path), tmp_path / "job")
    (checkout / "notebooks").mkdir()
    python(checkout / "notebooks", TRAIN, "in a notebook", "2.0")

    assert persist(checkout)["runs_added"] == 1
    assert runs(checkout) == ["in a notebook"]
