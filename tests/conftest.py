"""Isolation that every test gets, and every fixture that is made before the first test."""

from collections.abc import Iterator

import pytest

from support.isolation import forget_stores, isolate, keep_package_caches

pytest_plugins = ["support.jobs", "support.histories"]


@pytest.fixture(scope="session", autouse=True)
def isolated_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        keep_package_caches(patch)
        isolate(patch, tmp_path_factory.mktemp("home"))
        yield


@pytest.fixture(autouse=True)
def isolated(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch, tmp_path_factory.mktemp("home"))
    forget_stores()
