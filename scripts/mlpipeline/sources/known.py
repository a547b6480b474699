"""Tell which records a history is known to hold as they are, so that a source need not read them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class RecordState:
    """What a source knows of a record before it has read all of it.

    Attributes:
        id: of a run, a logged model or a trace.
        deleted: whether it is a deleted run.
        tags: text by name; of a run alone.
    """

    id: str
    deleted: bool = False
    tags: Mapping[str, bytes]


@dataclass(frozen=True, kw_only=True)
class Known:
    """What need not be read.

    Attributes:
        folder: true for the folder of a record of a file store.
        record: true for a record of a database or a server.
    """

    folder: Callable[[Path], bool] = lambda _: False
    record: Callable[[RecordState], bool] = lambda _: False


NOTHING = Known()
"""For whom all of a source is new."""
