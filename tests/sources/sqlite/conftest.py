"""The story that each version of MLflow wrote."""

from pathlib import Path

import pytest

from sources.sqlite.stories import NEWEST, VERSIONS, unpacked


@pytest.fixture(params=VERSIONS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The story, as each version wrote it."""
    return unpacked(request.param, tmp_path)


@pytest.fixture
def newest(tmp_path: Path) -> Path:
    return unpacked(NEWEST, tmp_path)
