"""Isolation that every test gets: no configuration, credentials or CI variables of the machine it runs on."""

import os
from pathlib import Path

import pytest

pytest_plugins = ["support.jobs", "support.histories"]

_FOREIGN = ("GIT_", "GITHUB_", "MLFLOW_", "ACT", "RUNNER_", "INPUT_")


@pytest.fixture(autouse=True)
def isolated(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith(_FOREIGN):
            monkeypatch.delenv(name)
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    # One identity and one branch name for all, as a machine that is set up would have.
    config = "[user]\n\tname = Tester\n\temail = tester@example.org\n[init]\n\tdefaultBranch = main\n"
    Path(home, ".gitconfig").write_text(config, encoding="utf-8")
