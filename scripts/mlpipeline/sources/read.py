"""Read the runs of a source, whatever its kind."""

from collections.abc import Callable
from pathlib import Path

from mlpipeline.core.errors import UnknownSchemaError
from mlpipeline.core.records import Incoming
from mlpipeline.sources import filestore
from mlpipeline.sources.address import Source
from mlpipeline.sources.artifacts import NOWHERE, Surroundings
from mlpipeline.sources.known import Known
from mlpipeline.sources.sqlite import reader as sqlite


def read(
    source: Source,
    known: Known,
    *,
    downloads: Path,
    say: Callable[[str], None],
    around: Surroundings = NOWHERE,
) -> Incoming:
    """Read all that a source holds.

    Args:
        source: where the runs are.
        known: records that are passed over.
        downloads: where artifacts of a server are kept until they are published.
        say: shows a line of progress.
        around: where artifacts may lie besides the folder of the source.

    Raises:
        InputError: the source cannot be read.
        ImportError: it needs MLflow, which is not installed.
    """
    place = Path(source.place).absolute()
    match source.kind:
        case "folder":
            return filestore.read(place, known, around=around)
        case "database":
            try:
                return sqlite.read(place, known, around=around)
            except UnknownSchemaError as error:
                say(f"{error.what} MLflow itself is asked.")
                try:
                    return _read_by_mlflow(f"sqlite:///{place}", known, downloads=downloads, say=say, around=around)
                except ImportError:
                    raise error from None
        case "server":
            return _read_by_mlflow(source.place, known, downloads=downloads, say=say, around=around)


def _read_by_mlflow(
    uri: str, known: Known, *, downloads: Path, say: Callable[[str], None], around: Surroundings
) -> Incoming:
    # Late: not every job has a server, nor MLflow.
    from mlpipeline.sources.client import reader as client

    return client.read(uri, downloads=downloads, known=known, say=say, around=around)
