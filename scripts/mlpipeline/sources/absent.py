"""Tell of records whose artifacts were not brought, and keep what they said of the place."""

import re
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from mlpipeline.core.credentials import without_credentials
from mlpipeline.core.edits import Content
from mlpipeline.core.records import ADDRESS_TAG, MODEL_READY, Experiment, Kind, Record
from mlpipeline.history.paths import ARTIFACTS
from mlpipeline.sources.artifacts import Finder, is_near

NAMED = 5
"""Records that a warning names; it counts the others."""

_MODEL_LOGGED = "tags/mlflow.log-model.history"
"""What MLflow 1 and 2 say of a run that has a model among its artifacts."""


@dataclass(kw_only=True)
class Absences:
    """Gathers the records of a source that are stored without artifacts.

    Attributes:
        finder: what looked for them.
        remedy: how those on another machine's disk could be brought.
        names: the records, by kind and by where their artifacts lie.
    """

    finder: Finder
    remedy: str = ""
    names: dict[tuple[Kind, str], list[str]] = field(default_factory=lambda: defaultdict(list))

    def note(
        self,
        kind: Kind,
        record_id: str,
        *,
        location: str,
        meta: Mapping[str, object],
        files: Mapping[str, Content],
        is_here: bool = False,
    ) -> dict[str, bytes]:
        """Note a record of which no artifact was found, if it has any or may have some.

        Args:
            kind: the record's kind.
            record_id: its id.
            location: where they lie, as MLflow wrote it.
            meta: its description.
            files: its metadata.
            is_here: whether it is known that they would be found if there were any.

        Returns:
            The tag that keeps the location, as a file; none where the history says the same.
        """
        is_here = is_here or not location or (is_near(location) and self.finder.has_place_of(location))
        if is_here and not _has_artifacts(kind, meta, files):
            return {}
        name = meta.get("run_name") if kind is Kind.RUN else meta.get("name")
        self.names[kind, _common_place(location, record_id)].append(f"{record_id} ({name})" if name else record_id)
        return address(location)

    def warnings(self) -> Iterator[str]:
        """Say which records were stored without artifacts, and where these lie."""
        for (kind, place), names in sorted(self.names.items()):
            count = f"1 {kind} was" if len(names) == 1 else f"{len(names)} {kind}s were"
            shown = ", ".join(sorted(names)[:NAMED]) + (", ..." if len(names) > NAMED else "")
            where = f"were not found ({place})" if is_near(place) else f"lie in {place} and were not brought"
            kept = "" if _is_stored(place) else f" The tag {ADDRESS_TAG} keeps where they lay."
            remedy = f" {self.remedy}" if self.remedy and is_near(place) else ""
            yield f"{count} stored without artifacts, which {where}: {shown}.{kept}{remedy}"


def missing_models(records: Iterable[Record], listed: Container[str]) -> Iterator[str]:
    """Say which runs name a logged model that their source does not have.

    Args:
        records: of the source.
        listed: ids of the logged models that it has, stored or not.
    """
    without: list[str] = []
    for record in records:
        models = {path.split("/")[1] for path in record.files if path.startswith("outputs/") and path.count("/") == 2}
        if missing := sorted(model for model in models if model not in listed):
            name = record.meta.get("run_name")
            without.append(
                f"{record.id} ({name}): {', '.join(missing)}" if name else f"{record.id}: {', '.join(missing)}"
            )
    if without:
        runs = "1 run was" if len(without) == 1 else f"{len(without)} runs were"
        shown = "; ".join(without[:NAMED]) + ("; ..." if without[NAMED:] else "")
        yield f"{runs} stored without logged models that the source does not have: {shown}."


def address(location: str) -> dict[str, bytes]:
    """Keep a location as the file of a tag, without credentials; none of one that the history has itself."""
    return (
        {} if not location or _is_stored(location) else {f"tags/{ADDRESS_TAG}": without_credentials(location).encode()}
    )


def with_address(experiment: Experiment) -> Experiment:
    """Keep where an experiment puts its artifacts if that is no folder of a disk."""
    location = str(experiment.meta.get("artifact_location") or "")
    return experiment if is_near(location) else replace(experiment, files={**experiment.files, **address(location)})


def _has_artifacts(kind: Kind, meta: Mapping[str, object], files: Mapping[str, Content]) -> bool:
    """Tell whether MLflow never makes such a record without artifacts; most runs it does."""
    match kind:
        case Kind.LOGGED_MODEL:
            return meta.get("status") == MODEL_READY
        case Kind.TRACE:
            return meta.get("state", meta.get("status")) != "IN_PROGRESS"
        case Kind.RUN:
            return _MODEL_LOGGED in files and not any(path.startswith("outputs/") for path in files)


def _is_stored(location: str) -> bool:
    return location.startswith(f"file:./{ARTIFACTS}")


def _common_place(location: str, record_id: str) -> str:
    """Name what the locations of an experiment have in common, or of a bucket."""
    shown = without_credentials(location)
    if is_near(location):
        return re.split(rf"[\\/]{re.escape(record_id)}\b", shown, maxsplit=1)[0] or "no place is named"
    parts = urlsplit(shown)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else f"{parts.scheme}:"
