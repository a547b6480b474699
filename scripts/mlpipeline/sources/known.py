"""Tell which records a history is known to hold as they are, so that a source need not read them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from mlpipeline.core.edits import Tree, differs
from mlpipeline.core.records import MODEL_PENDING, Kind, Record
from mlpipeline.history import names
from mlpipeline.history.paths import RecordFile, parse
from mlpipeline.history.stored import record_files

KnownFolder = Callable[[Path], bool]
"""True for the folder of a record of a file store."""

KnownRecord = Callable[[Record], bool]
"""True for a record of a database or a server.

It is asked with what is cheap to list, which is the description and the tags, of a trace also `request_metadata/` and
`assessments/`; for true, the rest is not read: metrics, params, inputs, outputs and artifacts.
"""


@dataclass(frozen=True, kw_only=True)
class Known:
    """What need not be read."""

    folder: KnownFolder = lambda _: False
    record: KnownRecord = lambda _: False


NOTHING = Known()
"""For whom all of a source is new."""


def known_records(tip: Tree) -> KnownRecord:
    """Tell records that need not be read: those that have ended, and that a tree holds as they are listed.

    The form in which a record would be stored is compared by id, so that none of the tree's blobs is read. What a
    record gets after its end while its description and its tags stay, such as another artifact, is not seen.
    """
    files = (parse(path) for path in tip.files)
    places = {(file.kind, file.id): file.place for file in files if isinstance(file, RecordFile)}

    def is_known(listed: Record) -> bool:
        place = places.get((listed.kind, listed.id))
        if place is None or not _has_ended(listed):
            return False
        named = replace(listed, files=names.fit(listed.files).applied(listed.files))
        return not any(differs(tip, path, content) for path, content in record_files(named, place).items())

    return is_known


def _has_ended(record: Record) -> bool:
    match record.kind:
        case Kind.RUN:
            return record.meta["end_time"] is not None
        case Kind.LOGGED_MODEL:
            return record.meta["status"] != MODEL_PENDING
        case Kind.TRACE:
            return record.meta.get("state") != "IN_PROGRESS"
