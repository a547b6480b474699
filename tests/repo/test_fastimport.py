"""What `git fast-import` makes of edits, and that the overlay says the same without writing anything."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlpipeline.core.edits import Copy, Delete, Edit, Link, Write
from mlpipeline.core.errors import RepositoryError
from mlpipeline.history.overlay import Overlay
from mlpipeline.repo.checkout import Checkout
from mlpipeline.repo.fastimport import Changes, CommitInfo
from mlpipeline.repo.scratch import Scratch
from support.gitrepo import git

FILES = tuple(f"mlruns/{folder}/{name}" for folder in ("a", "a/b", "c") for name in ("x", "y"))
FOLDERS = ("mlruns/a", "mlruns/a/b", "mlruns/c", "mlruns/d")
CONTENTS = (b"", b"one", b"two\n")

EDITS = st.one_of(
    st.builds(Write, path=st.sampled_from(FILES), content=st.sampled_from(CONTENTS)),
    st.sampled_from(
        [
            Link(path="mlruns/a/b/metrics", target=".metrics"),
            Link(path="mlruns/a/b/params/.keep", target="../artifacts"),
        ]
    ),
    st.builds(Delete, path=st.sampled_from((*FILES, *FOLDERS))),
)


@pytest.fixture
def scratch(origin: Path, tmp_path: Path) -> Iterator[Scratch]:
    git(tmp_path, "clone", "--quiet", str(origin), "checkout")
    with Checkout(tmp_path / "checkout").scratch("origin") as repository:
        yield repository


def commit(scratch: Scratch, parent: str | None, edits: list[Edit], asked: list[str] | None = None) -> str:
    def derive(folder_id: str) -> list[Edit]:
        if asked is not None:
            asked.append(folder_id)
        return [Write(path="info", content=b"derived")]

    info = CommitInfo(parent=parent, message="test\n", identity="Tester <tester@example.org>", when=1)
    return scratch.commit(info, Changes(root="", edits=edits, folder="mlruns", derive=derive))


@given(st.lists(EDITS, max_size=8), st.lists(EDITS, max_size=8), st.sampled_from(FOLDERS))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_overlay_is_what_git_writes(scratch: Scratch, first: list[Edit], second: list[Edit], folder: str) -> None:
    base = commit(scratch, None, [Write(path="mlruns/z/kept", content=b"kept"), *first])
    edits = [
        *second,
        Copy(path="mlruns/copied", source="mlruns/z/kept"),
        Copy(path=f"{folder}/inner", source="mlruns/z"),
    ]

    overlay = Overlay(scratch.tree(base, ""), edits)
    written = scratch.tree(commit(scratch, base, edits), "")

    assert dict(overlay.files) == dict(written.files)
    assert overlay.read(overlay.files) == written.read(written.files)


def test_what_is_derived_knows_the_folder_as_the_edits_left_it(scratch: Scratch) -> None:
    asked: list[str] = []

    first = commit(scratch, None, [Write(path="mlruns/a", content=b"1")], asked)
    commit(scratch, first, [Delete(path="mlruns/a")], asked)

    assert asked == [scratch.tree(first, "").folder_id("mlruns"), ""]


def test_a_file_is_read_once_however_many_attempts_it_takes(scratch: Scratch, tmp_path: Path) -> None:
    file = tmp_path / "model.pkl"
    file.write_bytes(b"model")
    edits: list[Edit] = [Write(path="mlruns/model.pkl", content=file)]
    first = commit(scratch, None, edits)
    file.unlink()

    again = commit(scratch, None, edits)

    assert again == first
    assert scratch.tree(again, "").read(["mlruns/model.pkl"]) == {"mlruns/model.pkl": b"model"}


@pytest.mark.parametrize("now", [b"other", b"longer", b""], ids=["same size", "longer", "emptied"])
def test_a_file_that_changed_since_it_was_hashed_is_refused(scratch: Scratch, tmp_path: Path, now: bytes) -> None:
    file = tmp_path / "model.pkl"
    file.write_bytes(b"model")
    scratch.tree(None, "").blob_id(file)
    file.write_bytes(now)

    with pytest.raises(RepositoryError, match="changed while it was read"):
        commit(scratch, None, [Write(path="mlruns/model.pkl", content=file)])


@pytest.mark.parametrize(
    "path",
    [
        *("mlruns/models/.git/meta.yaml", "mlruns/models/.GIT/x", "mlruns/../x", "mlruns//x", "mlruns/a/.g\u200cit"),
        *("mlruns/1/a/tags/.gitmodules", "mlflow-artifacts/a/artifacts/.gitattributes", "models/git~1/x"),
        *("mlruns/" + "a" * 256, "mlruns/a\0b"),
    ],
)
@pytest.mark.parametrize("kind", [Write, Link, Copy])
def test_an_unsafe_path_is_never_written(scratch: Scratch, kind: type[Edit], path: str) -> None:
    edits: dict[type[Edit], Edit] = {
        Write: Write(path=path, content=b"x"),
        Link: Link(path=path, target="x"),
        Copy: Copy(path=path, source="mlruns/a"),
    }

    with pytest.raises(RepositoryError, match="The commit would hold 'm"):
        commit(scratch, None, [Write(path="mlruns/a", content=b"x"), edits[kind]])


def test_git_files_of_our_own_are_written(scratch: Scratch) -> None:
    paths = [f"{folder}/.gitattributes" for folder in ("mlruns", "mlflow-artifacts", "models", "deployment/models")]

    written = commit(scratch, None, [Write(path=path, content=b"* -text\n") for path in [*paths, "mlruns/.gitignore"]])

    assert scratch.tree(written, "").files.keys() >= {*paths, "mlruns/.gitignore"}


def test_what_git_refuses_is_found_before_the_push(scratch: Scratch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlpipeline.repo.fastimport._refuse_unsafe", lambda *_: None)

    with pytest.raises(RepositoryError, match=r"Git's own checks refuse .*\.git"):
        commit(scratch, None, [Write(path="mlruns/models/.GIT/meta.yaml", content=b"name: .GIT")])
    with pytest.raises(RepositoryError, match=r"Git's own checks refuse"):
        commit(scratch, None, [Write(path="mlruns/.gitattributes", content=b"a" * 3000)])
