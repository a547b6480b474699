"""Read the metrics of a record, each of any size, for every kind of source; writes temporary files alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mlpipeline.core.edits import Content
from mlpipeline.core.records import LEFT_OUT
from mlpipeline.history.large_metrics import Stored
from mlpipeline.history.metrics import thinned_note, united_notes


@dataclass(kw_only=True)
class MetricFiles:
    """Gathers the metrics of one record.

    Attributes:
        files: those that hold a point, by path.
        warnings: what was repaired in a metric, as the rest of a sentence, with its path.
        thinned: why of a metric only some lines were kept, as the rest of a sentence, by path.
        notes: lines for the tag that says what was left out.
    """

    files: dict[str, Content] = field(default_factory=dict)
    warnings: list[tuple[str, str]] = field(default_factory=list)
    thinned: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, path: str, found: Stored) -> None:
        """Take a metric in."""
        if found.lost:
            self.warnings.append((path, f"{found.lost}, or MLflow would fail the whole experiment"))
        if found.one_in > 1:
            kept = f"one line in {found.one_in} and the first, latest, least and greatest value were kept"
            why = f"its {found.points:,} points take more than the 100 MiB at which GitHub blocks a file"
            self.thinned[path] = f"{why}; {kept}"
            self.notes.append(thinned_note(path, found.one_in))
        if found.content:
            self.files[path] = found.content

    def noted(self, files: Mapping[str, Content]) -> dict[str, Content]:
        """Add the metrics to a record's other files, and to its notes what was not kept."""
        if not self.notes:
            return {**files, **self.files}
        known = files.get(LEFT_OUT, b"")
        lines = "\n".join(self.notes).encode(errors="surrogateescape")
        notes = united_notes(known if isinstance(known, bytes) else b"", lines)
        return {**files, **self.files, LEFT_OUT: notes}
