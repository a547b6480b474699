"""Read the runs of a source, whatever its kind."""

from collections.abc import Callable
from pathlib import Path

from mlpipeline.core.errors import UnknownSchemaError
from mlpipeline.core.records import Incoming
from mlpipeline.sources import filestore
from mlpipeline.sources.address import Source
from mlpipeline.sources.known import Known
from mlpipeline.sources.sqlite import reader as sqlite


def read(source: Source, known: Known, *, downloads: Path, say: Callable[[str], None]) -> Incoming:
    """Read all that a source holds.

    Args:
        source: where the runs are.
        known: records that are passed over.
        downloads: where artifacts of a server are kept until they are published.
        say: shows a line of progress.

    Raises:
        InputError: the source cannot be read.
        ImportError: it needs MLflow, which is not installed.
    """
    place = Path(source.place).absolute()
    match source.kind:
        case "folder":
            return filestore.read(place, known)
        case "database":
            try:
                return sqlite.read(place, known)
            except UnknownSchemaError as error:
                return _read_by_mlflow(f"sqlite:///{place}", known, error, downloads, say)
        case "server":
            # Late: not every job has a server, nor MLflow.
            from mlpipeline.sources.client import reader as client

            return client.read(source.place, downloads=downloads, known=known, say=say)


def _read_by_mlflow(
    uri: str, known: Known, error: UnknownSchemaError, downloads: Path, say: Callable[[str], None]
) -> Incoming:
    """Read a database that is newer than we know by the MLflow that wrote it, where that is installed."""
    from mlpipeline.sources.client import reader as client

    say(f"{error.what} MLflow itself is asked.")
    try:
        return client.read(uri, downloads=downloads, known=known, say=say)
    except ImportError:
        raise error from None
