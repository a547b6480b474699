"""Open files that others made: regular files alone, through no link in their own place, and no more than is wanted.

A named pipe, a device or a socket would never answer, or have no end.
"""

import errno
import io
import os
import stat
from pathlib import Path

from mlpipeline.core.errors import InputError

_FLAGS = ("O_NOFOLLOW", "O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC", "O_BINARY")

_HOW = os.O_RDONLY | sum(getattr(os, name, 0) for name in _FLAGS)
"""Without O_NONBLOCK, opening a pipe waits for whoever writes into it; systems without these have no such files."""


class UnfitFileError(OSError):
    """A file that is not read, whether or not it could be."""

    @property
    def reason(self) -> str:
        """Why, as the rest of a sentence."""
        return self.strerror or ""


def open_regular(path: str | Path) -> io.FileIO:
    """Open a regular file for reading.

    Raises:
        UnfitFileError: it is a link or no regular file.
        OSError: it cannot be opened.
    """
    descriptor = _descriptor(path)
    return io.FileIO(descriptor)


def read_regular(path: str | Path, *, largest: int) -> bytes:
    """Read a regular file of at most `largest` bytes.

    Raises:
        UnfitFileError: it is a link, no regular file, or larger.
        OSError: it cannot be read.
    """
    descriptor = _descriptor(path)
    try:
        size = os.fstat(descriptor).st_size
        if size > largest:
            raise too_large(path, size, largest=largest)
        data = os.read(descriptor, size + 1)
        # What grew meanwhile, and what has a size of 0 and content, as in /proc.
        while len(data) > size:
            if len(data) > largest:
                raise too_large(path, len(data), largest=largest)
            size = len(data)
            data += os.read(descriptor, largest + 1 - size)
        return data
    finally:
        os.close(descriptor)


def open_again(file: Path) -> io.FileIO:
    """Open a file that could be read before.

    Raises:
        InputError: it cannot be any more.
    """
    try:
        return open_regular(file)
    except OSError as error:
        raise InputError(
            f"'{file}' changed while it was read ({error.strerror}).",
            untouched="the repository and the remote.",
            remedy="wait until training is done, then run this again.",
        ) from error


def read_again(file: Path) -> bytes:
    """Read a file that could be read before.

    Raises:
        InputError: it cannot be any more.
    """
    with open_again(file) as opened:
        return opened.read()


def size_of(file: io.FileIO) -> int:
    """Return the size of an open file, in bytes."""
    return os.fstat(file.fileno()).st_size


def too_large(path: str | Path, size: int, *, largest: int) -> UnfitFileError:
    """Say that a file is larger than is read of such a file."""
    return UnfitFileError(errno.EFBIG, f"has {megabytes(size)}, and no more than {megabytes(largest)} are read", path)


def megabytes(size: int) -> str:
    """Write a size in bytes for people."""
    return f"{size / 1024 / 1024:,.0f} MiB"


def _descriptor(path: str | Path) -> int:
    try:
        descriptor = os.open(path, _HOW)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):
            raise UnfitFileError(error.errno, "is a symbolic link or no regular file", path) from error
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise UnfitFileError(errno.EINVAL, "is a symbolic link or no regular file", path)
    return descriptor
