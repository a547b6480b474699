"""The files of an entry as rows of MLflow's tables."""

from pathlib import Path

from mlpipeline.ui_cache.entries import Entry, EntryKind
from mlpipeline.ui_cache.rows import rows


def test_only_the_folder_of_a_version_is_a_version(tmp_path: Path) -> None:
    files = {"meta.yaml": b"name: wine", "tags/meta.yaml": b"a tag", "version-2/meta.yaml": b"version: 2"}
    entry = Entry(sort=EntryKind.REGISTERED_MODEL, folder="mlruns/models/wine", files=tuple(files), state=b"")

    filled = rows(entry, files, tmp_path)

    assert filled["registered_model_tags"] == [("meta.yaml", "a tag", "wine")]
    assert [row[:2] for row in filled["model_versions"]] == [("wine", 2)]
