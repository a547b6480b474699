"""Reads the runs of a source, whatever its kind."""

from collections.abc import Callable
from pathlib import Path

from mlpipeline.core.errors import UnknownSchemaError
from mlpipeline.core.records import Incoming
from mlpipeline.sources import filestore
from mlpipeline.sources.address import Source
from mlpipeline.sources.sqlite import reader as sqlite


def read(
    source: Source,
    *,
    known_folder: Callable[[Path], bool],
    known_id: Callable[[str], bool],
    downloads: Path,
    say: Callable[[str], None],
) -> Incoming:
    """All that a source holds.

    Args:
        source: where the runs are.
        known_folder: records of a folder that need not be read, by their own folder.
        known_id: records of a server that need not be fetched, by id.
        downloads: where artifacts of a server are kept until they are published.
        say: shows a line of progress.

    Raises:
        InputError: the source cannot be read.
        ImportError: it needs MLflow, which is not installed.
    """
    if source.kind == "folder":
        return filestore.read(Path(source.place).absolute(), known=known_folder)
    if source.kind == "database":
        try:
            return sqlite.read(Path(source.place).absolute())
        except UnknownSchemaError as error:
            return _read_by_mlflow(f"sqlite:///{Path(source.place).absolute()}", error, downloads, say)
    from mlpipeline.sources.client import reader as client

    return client.read(source.place, downloads=downloads, known=known_id, say=say)


def _read_by_mlflow(uri: str, error: UnknownSchemaError, downloads: Path, say: Callable[[str], None]) -> Incoming:
    """A database that is newer than we know, read by the MLflow that wrote it, where that is installed."""
    from mlpipeline.sources.client import reader as client

    say(f"{error.what} MLflow itself is asked.")
    try:
        return client.read(uri, downloads=downloads, say=say)
    except ImportError:
        raise error from None
