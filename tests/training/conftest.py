"""Checkouts in which the three commands have run: once a session, because training takes seconds."""

from pathlib import Path

import pytest

from support.gitrepo import git
from training.checkouts import Checkout, Trained, houses


def _checkout(folder: Path) -> Checkout:
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "begin")
    git(folder, "remote", "add", "origin", "https://someone:hunter2@example.org/a/b.git")
    return Checkout(folder=folder)


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return _checkout(tmp_path / "work")


@pytest.fixture(scope="session")
def diabetes(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """All defaults, each command its own process."""
    made = _checkout(tmp_path_factory.mktemp("diabetes") / "work")
    load, preprocess, train = (made.start(command) for command in ("load_data", "preprocess", "train"))
    return Trained(folder=made.folder, load=load, preprocess=preprocess, train=train)


@pytest.fixture(scope="session")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Two models on a CSV file of every kind of column."""
    made = _checkout(tmp_path_factory.mktemp("mixed") / "work")
    houses().to_csv(made.folder / "houses.csv", index=False)
    made.write("two.yaml", "candidates: [{model: ridge}, {model: xgboost, parameters: {n_estimators: 20, n_jobs: 1}}]")
    load = made.run("load_data", "--data", "houses.csv", "--target", "price", "--json")
    preprocess = made.run("preprocess", "--json")
    train = made.run("train", "--candidates", "two.yaml", "--json")
    return Trained(folder=made.folder, load=load, preprocess=preprocess, train=train)
