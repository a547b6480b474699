"""Where the artifacts of a record are found, and where they are not looked for."""

from pathlib import Path

import pytest

from mlpipeline.core.records import Kind
from mlpipeline.sources import artifacts
from mlpipeline.sources.artifacts import Finder, Found, Surroundings
from support.mlstore import put

RUN = "a" * 32
MODEL = "m-" + "b" * 32


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """A checkout, as a folder."""
    top = tmp_path / "checkout"
    top.mkdir()
    return top


def find(top: Path, location: str, *, home: str = "store", kind: Kind = Kind.RUN, identifier: str = RUN) -> Found:
    finder = Finder(home=top / home, around=Surroundings(bases=(top,), searched=(top,)))
    return finder.of_record(kind, identifier, location=location)


@pytest.mark.parametrize(
    ("location", "place"),
    [
        # As it stands: seen from the store's folder, from the checkout's top.
        (f"./mlruns/1/{RUN}/artifacts", "store/mlruns/1"),
        (f"./mlflow/artifacts/1/{RUN}/artifacts", "mlflow/artifacts/1"),
        (f"mlruns/1/{RUN}/artifacts", "mlruns/1"),
        (f"file:./mlflow-artifacts/{RUN}/artifacts", "mlflow-artifacts"),
        # By its end: of a container, of another machine, of another system.
        (f"/app/mlruns/1/{RUN}/artifacts", "mlruns/1"),
        (f"/workspace/project/mlruns/1/{RUN}/artifacts", "store/mlruns/1"),
        (f"file:///mlflow/artifacts/1/{RUN}/artifacts", "artifacts/1"),
        (f"/home/runner/work/a/a/1/{RUN}/artifacts", "1"),
        (f"/srv/x/{RUN}/artifacts", ""),
        (f"file:///home/a%20b/exp%231/{RUN}/artifacts", "exp#1"),
        (f"C:\\Users\\me\\mlruns\\1\\{RUN}\\artifacts", "mlruns/1"),
        (f"file:///C:/Users/me/mlruns/1/{RUN}/artifacts", "store/mlruns/1"),
        # Of a server, whose folder is known and whose is not.
        (f"mlflow-artifacts:/1/{RUN}/artifacts", "store/mlartifacts/1"),
        (f"mlflow-artifacts:/1/{RUN}/artifacts", "mlartifacts/1"),
        (f"mlflow-artifacts://host:5000/1/{RUN}/artifacts", "mlruns/1"),
        (f"mlflow-artifacts:/1/{RUN}/artifacts", "server/files/1"),
        # Below the folder in which MLflow ran.
        (f"file:./mlflow-artifacts/{RUN}/artifacts", "MLProject/mlflow-artifacts"),
        (f"file:./mlflow-artifacts/{RUN}/artifacts", "a/b/c/d/mlflow-artifacts"),
        (f"/app/mlruns/1/{RUN}/artifacts", "notebooks/mlruns/1"),
        (f"/old/place/{RUN}/artifacts", "docker/volume/mlruns/7"),
    ],
)
def test_artifacts_are_found(top: Path, location: str, place: str) -> None:
    file = top / place / RUN / "artifacts" / "deep" / "a.txt"
    put(file, b"1")

    assert find(top, location).files == {"artifacts/deep/a.txt": file}


def test_models_are_found_like_runs(top: Path) -> None:
    file = top / "MLProject/mlflow-artifacts/models" / MODEL / "artifacts/MLmodel"
    put(file, b"1")

    found = find(top, f"file:./mlflow-artifacts/models/{MODEL}/artifacts", kind=Kind.LOGGED_MODEL, identifier=MODEL)

    assert found.files == {"artifacts/MLmodel": file}


@pytest.mark.parametrize(
    "location",
    [
        "/etc",
        "file:///etc/ssl",
        "secrets",
        f"secrets/{MODEL}/artifacts",
        f"{RUN}/artifacts/..",
        "",
        f"s3://b/{RUN}/artifacts",
    ],
)
def test_only_a_folder_of_its_own_is_believed(top: Path, location: str) -> None:
    put(top / "secrets/key.pem", b"1")
    put(top / "secrets" / MODEL / "artifacts/key.pem", b"1")
    put(top / "sub" / RUN / "artifacts/a.txt", b"1")

    assert not find(top, location)


@pytest.mark.parametrize("folder", [".git", ".venv/lib", "node_modules/x", "a/b/c/d/e/f/g/h/i/j"])
def test_some_folders_are_not_searched(top: Path, folder: str) -> None:
    put(top / folder / RUN / "artifacts/a.txt", b"1")

    assert not find(top, f"/app/1/{RUN}/artifacts")


def test_the_search_ends_somewhere(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(top / "a/b" / RUN / "artifacts/a.txt", b"1")
    monkeypatch.setattr(artifacts, "MOST_FOLDERS", 2)

    assert not find(top, f"/app/1/{RUN}/artifacts")


def test_links_are_not_searched(top: Path, tmp_path: Path) -> None:
    put(tmp_path / "outside" / RUN / "artifacts/a.txt", b"1")
    (top / "sub").symlink_to(tmp_path / "outside")

    assert not find(top, f"/app/1/{RUN}/artifacts")


def test_copies_of_one_run_are_one(top: Path) -> None:
    for folder in ("one", "two"):
        put(top / folder / RUN / "artifacts/a.txt", b"1")
    put(top / "empty" / RUN / "artifacts/.gitkeep", b"")

    assert find(top, f"/app/1/{RUN}/artifacts").files == {"artifacts/a.txt": top / "one" / RUN / "artifacts/a.txt"}


@pytest.mark.parametrize("other", [{"a.txt": b"2"}, {"a.txt": b"1", "b.txt": b"1"}])
def test_of_two_that_differ_none_is_taken(top: Path, other: dict[str, bytes]) -> None:
    put(top / "one" / RUN / "artifacts/a.txt", b"1")
    for name, data in other.items():
        put(top / "two" / RUN / "artifacts" / name, data)

    found = find(top, f"/app/1/{RUN}/artifacts")

    assert found.files == {}
    [lost] = found.lost
    assert str(top / "two" / RUN / "artifacts") in lost.reason
    assert lost.file == top / "one" / RUN / "artifacts"


def test_what_a_location_names_comes_before_what_is_searched(top: Path) -> None:
    put(top / "MLProject/mlflow-artifacts" / RUN / "artifacts/a.txt", b"old")
    put(top / "mlflow-artifacts" / RUN / "artifacts/a.txt", b"new")

    found = find(top, f"file:./mlflow-artifacts/{RUN}/artifacts")

    assert found.files["artifacts/a.txt"].read_bytes() == b"new"


def test_a_link_into_the_checkout_is_followed_above_a_runs_own_folder(top: Path) -> None:
    put(top / "data/runs/1" / RUN / "artifacts/a.txt", b"1")
    (top / "mlruns").symlink_to(top / "data/runs")

    assert find(top, f"{top}/mlruns/1/{RUN}/artifacts", home=".").files.keys() == {"artifacts/a.txt"}


@pytest.mark.parametrize("link", ["mlruns", f"mlruns/1/{RUN}", f"mlruns/1/{RUN}/artifacts"])
def test_no_other_link_is_followed(top: Path, tmp_path: Path, link: str) -> None:
    inside = f"mlruns/1/{RUN}/artifacts"
    put(tmp_path / "outside" / inside / "key.pem", b"1")
    (top / link).parent.mkdir(parents=True, exist_ok=True)
    (top / link).symlink_to(tmp_path / "outside" / link)

    found = find(top, f"{top}/{inside}", home=".")

    assert found.files == {}
    assert "symbolic link" in found.lost[0].reason


class TestPlace:
    """Whether a record of which no artifacts are here had none."""

    def test_it_had_none_where_the_folder_of_all_is(self, top: Path) -> None:
        finder = Finder(home=top)

        assert finder.has_place_of(f"{top}/mlruns/1/{RUN}/artifacts")
        assert finder.has_place_of(f"./mlruns/1/{RUN}/artifacts")
        assert not finder.has_place_of(f"/nowhere/mlruns/1/{RUN}/artifacts")
        assert not finder.has_place_of(f"/mlruns/1/{RUN}/artifacts")
        assert not finder.has_place_of(f"mlflow-artifacts:/1/{RUN}/artifacts")

    def test_which_may_have_moved(self, top: Path) -> None:
        (top / "mlruns/1").mkdir(parents=True)
        (top / "mlartifacts").mkdir()
        finder = Finder(home=top)

        assert finder.has_place_of(f"/nowhere/mlruns/1/{RUN}/artifacts")
        assert not finder.has_place_of(f"/nowhere/mlruns/2/{RUN}/artifacts")
        assert finder.has_place_of(f"mlflow-artifacts:/1/{RUN}/artifacts")
