"""Files of others: regular ones alone are opened, and no more of them is read than is wanted."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from mlpipeline.core.edits import blob_id
from mlpipeline.core.errors import InputError
from mlpipeline.core.files import UnfitFileError, open_again, open_regular, read_again, read_regular


def listen(place: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(place))  # the whole path may be longer than an address can be


UNFIT: dict[str, Callable[[Path], object]] = {
    "named pipe": os.mkfifo,
    "link to a file": lambda place: place.symlink_to(__file__),
    "link to a device": lambda place: place.symlink_to("/dev/zero"),
    "link to itself": lambda place: place.symlink_to(place.name),
    "folder": Path.mkdir,
    "socket": listen,
}


@pytest.mark.parametrize("what", UNFIT)
def test_no_regular_file_is_not_opened(tmp_path: Path, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    place = tmp_path / "a"
    UNFIT[what](place)

    for read in (open_regular, lambda path: read_regular(path, largest=100)):
        with pytest.raises(UnfitFileError, match="symbolic link or no regular file"):
            read(place)
    for again in (open_again, read_again, blob_id):
        with pytest.raises(InputError, match="changed while it was read") as error:
            again(place)
        assert error.value.remedy


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no devices here")
def test_devices_are_not_opened() -> None:
    with pytest.raises(UnfitFileError, match="no regular file"):
        read_regular("/dev/zero", largest=100)


def test_a_file_is_read_up_to_its_limit(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"x" * 100)

    assert read_regular(file, largest=100) == b"x" * 100
    with pytest.raises(UnfitFileError, match="no more than"):
        read_regular(file, largest=99)


def test_a_file_that_grows_is_read_up_to_its_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"x" * 100)
    read = os.read

    def growing(descriptor: int, size: int) -> bytes:
        with file.open("ab") as more:
            more.write(b"x" * 50)
        return read(descriptor, size)

    monkeypatch.setattr(os, "read", growing)

    with pytest.raises(UnfitFileError, match="no more than"):
        read_regular(file, largest=1000)


def test_a_sparse_file_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "a"
    with file.open("wb") as sparse:
        sparse.truncate(1 << 40)

    with pytest.raises(UnfitFileError) as error:
        read_regular(file, largest=4 << 20)

    assert error.value.reason == "has 1,048,576 MiB, and no more than 4 MiB are read"


def test_a_missing_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_regular(tmp_path / "a", largest=1)
