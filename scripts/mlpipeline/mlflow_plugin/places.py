"""The two forms of a location: relative in what Git stores, absolute for whoever opens it; pure."""

import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

from mlpipeline.history.paths import ARTIFACTS


def opened(location: str, home: Path) -> str:
    """A location in the form that opens from any working directory.

    Args:
        location: as it is stored; `file:./x`, `file:x`, `./x` and `x` are relative.
        home: the absolute folder that relative locations are meant from.

    Returns:
        A `file:///` URI for a relative location, any other as it is.
    """
    parts = urlsplit(location)
    if parts.scheme not in ("", "file") or parts.netloc or not parts.path or parts.path.startswith("/"):
        return location
    return Path(os.path.normpath(home / unquote(parts.path))).as_uri()


def stored(location: str, home: Path) -> str:
    """A location in the form that Git stores; only what lies in the history's artifacts has a relative one."""
    prefix = (home / ARTIFACTS).as_uri()
    return f"file:./{ARTIFACTS}{location.removeprefix(prefix)}" if location.startswith(f"{prefix}/") else location
