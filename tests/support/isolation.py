"""Keep configuration, credentials and CI variables of the machine away from what a test runs."""

import os
import sys
from pathlib import Path

import pytest

_FOREIGN = ("GIT_", "GITHUB_", "MLFLOW_", "ACT", "RUNNER_", "INPUT_")
_GIT_CONFIG = "[user]\n\tname = Tester\n\temail = tester@example.org\n[init]\n\tdefaultBranch = main\n"
"""One identity and one branch name for all, as a machine that is set up would have."""


def isolate(patch: pytest.MonkeyPatch, home: Path) -> None:
    """Remove foreign variables from the environment, and make an empty folder the home."""
    for name in os.environ:
        if name.startswith(_FOREIGN):
            patch.delenv(name)
    patch.setenv("HOME", str(home))
    patch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
    patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    (home / ".gitconfig").write_text(_GIT_CONFIG, encoding="utf-8")


def keep_package_caches(patch: pytest.MonkeyPatch) -> None:
    """Let installers find what they downloaded before, whatever becomes the home."""
    for name, folder in (("PIP_CACHE_DIR", "pip"), ("UV_CACHE_DIR", "uv")):
        if name not in os.environ:
            patch.setenv(name, str(Path.home() / ".cache" / folder))


def forget_stores() -> None:
    """Empty MLflow's cache of stores, in which `file:./mlruns` stays the folder that it was first."""
    registry = sys.modules.get("mlflow.tracking._tracking_service.registry")
    if registry is not None:
        registry.TrackingStoreRegistry._get_store_with_resolved_uri.cache_clear()
