"""Tables and reports on disk: written whole or not at all, and known by their SHA-256.

Touches only the files that it is given.
"""

import dataclasses
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from mlpipeline.core.errors import InputError

Report = TypeVar("Report")


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Which data this is, in words that hold on every machine.

    Attributes:
        name: `sklearn:diabetes`, or the name of the file without its folders.
        sha256: of the file's bytes; for an embedded table, of its content as CSV.
        dvc_md5: what the `.dvc` file beside the data records, where it is true of the data.
    """

    name: str
    sha256: str
    dvc_md5: str | None


def write_table(path: Path, table: pd.DataFrame) -> str:
    """Write a Parquet file and return its SHA-256."""
    with _replacing(path) as temporary:
        table.to_parquet(temporary, index=False)
        return sha256_of(temporary)


def read_table(path: Path, *, sha256: str, made_by: str) -> pd.DataFrame:
    """Read what `write_table` wrote.

    Args:
        path: the Parquet file.
        sha256: what the report beside it says.
        made_by: the command that wrote it, for the error's words.

    Raises:
        InputError: the file is not there, or no longer what its report describes.
    """
    remedy = f"python scripts/{made_by}"
    try:
        found = sha256_of(path)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.", remedy=remedy) from error
    if found != sha256:
        raise InputError(f"{path} changed after {made_by} wrote it: its SHA-256 is not the report's.", remedy=remedy)
    return pd.read_parquet(path)


def write_report(path: Path, report: Any) -> None:
    """Write a dataclass as JSON."""
    with _replacing(path) as temporary:
        temporary.write_text(json.dumps(dataclasses.asdict(report), indent=2, ensure_ascii=False) + "\n", "utf-8")


def read_report(path: Path, parse: Callable[[dict[str, Any]], Report], *, made_by: str) -> Report:
    """Read what `write_report` wrote.

    Args:
        path: the JSON file.
        parse: makes the dataclass from the JSON object.
        made_by: the command that wrote it, for the error's words.

    Raises:
        InputError: there is no such report, or it is something else.
    """
    remedy = f"python scripts/{made_by}"
    try:
        return parse(json.loads(path.read_text("utf-8")))
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist: {made_by} has not run.", remedy=remedy) from error
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is not a report of {made_by} ({error!r}).", remedy=remedy) from error


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """A temporary file that takes `path`'s place once the block has written it."""
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        os.close(handle)
        temporary = Path(name)
        yield temporary
        # mkstemp makes private files; these are as public as any other file of the user.
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        raise InputError(
            f"{path} cannot be written: {error.strerror or error}.", untouched=f"{path} is as it was."
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
