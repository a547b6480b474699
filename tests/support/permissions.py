"""Files that may not be read, whoever runs the tests."""

import contextlib
import ctypes
import os
from collections.abc import Iterator
from pathlib import Path

_VERSION = 0x20080522
_READS_ALL = 1 << 1 | 1 << 2  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH: linux/capability.h


@contextlib.contextmanager
def forbidden(*places: Path) -> Iterator[None]:
    """Take all permissions from files or folders for a while, and from root the right to overlook that."""
    modes = {place: place.stat().st_mode for place in places}
    for place in places:
        place.chmod(0)
    try:
        with _as_ordinary_user():
            yield
    finally:
        for place, mode in modes.items():
            place.chmod(mode)


@contextlib.contextmanager
def _as_ordinary_user() -> Iterator[None]:
    if os.geteuid() != 0:
        yield
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(_VERSION, 0)
    capabilities = (ctypes.c_uint32 * 6)()
    assert libc.capget(header, capabilities) == 0
    effective = capabilities[0]
    capabilities[0] = effective & ~_READS_ALL
    assert libc.capset(header, capabilities) == 0
    try:
        yield
    finally:
        capabilities[0] = effective
        assert libc.capset(header, capabilities) == 0
