"""The history of one commit, read from git."""

from pathlib import Path

import git as gitpython
import pytest

from mlpipeline.core.edits import Readable
from mlpipeline.repo import tree as module
from mlpipeline.repo.tree import GitTree
from support.gitrepo import git

CONTENTS = {"mlruns/a": b"", "mlruns/b": b"small\n", "mlruns/c": b"large\n" * 1000, "mlruns/d": b"small\n"}


@pytest.mark.parametrize("most", [0, 3, 10**6])
def test_a_stream_gives_each_file_however_much_of_it_is_read(
    most: int, origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHUNK", 1000)
    folder = tmp_path / "filled"
    git(tmp_path, "clone", "--quiet", str(origin), str(folder))
    for path, data in CONTENTS.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_bytes(data)
    git(folder, "add", "-f", ".")
    git(folder, "commit", "--quiet", "-m", "files")
    tree = GitTree(repo=gitpython.Repo(folder), commit="HEAD", root="", object_format="sha1")

    def begin(content: Readable) -> bytes:
        read = b""
        while len(read) < most and (chunk := content.read(min(700, most - len(read)))):
            read += chunk
        return read

    assert tree.stream([*CONTENTS, "mlruns/missing"], begin) == {path: data[:most] for path, data in CONTENTS.items()}
