"""Read, repair and unite the lines of a metric's file; pure. Those too large for memory are in `large_metrics`."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mlpipeline.core.edits import Readable
from mlpipeline.core.records import Kind

CHUNK = 1 << 20
"""Bytes of a metric's file that are in memory at a time; a line is no longer."""


def metric_lines(*files: bytes) -> bytes:
    """Unite the lines of one metric: each once, in the order of time, step and text.

    MLflow 3 repeats a run's step-0 lines when it logs a model, and `mlflow migrate-filestore` fails on the copies.
    """
    lines = {b" ".join(line.split()) for file in files for line in file.splitlines() if line.strip()}
    return b"".join(line + b"\n" for line in sorted(lines, key=_line_order))


def lines_of(content: Readable) -> Iterator[bytes]:
    """Yield the lines of a metric's file.

    Raises:
        ValueError: a line is longer than any of MLflow's.
    """
    rest = b""
    while chunk := content.read(CHUNK):
        end = chunk.rfind(b"\n") + 1
        if not end and len(rest) + len(chunk) > CHUNK:
            raise ValueError(f"a line of more than {CHUNK} bytes")
        if end:
            yield from (rest + chunk[:end]).splitlines()
        rest = chunk[end:] if end else rest + chunk
    yield from rest.splitlines()


@dataclass(frozen=True, kw_only=True)
class Repaired:
    """A metric's file as it can be stored; `lost` says what could not be kept, `data` is empty if nothing could."""

    data: bytes
    lost: str = ""


def sound_metric(data: bytes, *, of: Kind) -> Repaired:
    """Repair a metric's file so that MLflow can read it.

    Raises:
        ValueError: a line holds no time and value; the message quotes it.
    """
    repair = Repair(of=of)
    sound = b"".join(line + b"\n" for _, _, line in repair.keys(data.splitlines()))
    return Repaired(data=sound, lost=repair.lost(is_empty=not sound))


Key = tuple[int, int, bytes]
"""A line with its time and step before it: the order of lines in a stored file."""


@dataclass(kw_only=True)
class Repair:
    """Repairs lines one by one.

    MLflow writes the name of a dataset behind the step even if the name holds spaces, and then cannot read its own
    line. Time, value and step are certain in such a line and are kept; an empty file held no value.

    Attributes:
        of: what the metric belongs to.
        cut: whether a line was cut.
    """

    of: Kind
    cut: bool = False

    def keys(self, lines: Iterable[bytes]) -> Iterator[Key]:
        """Yield the lines, without blank ones, in a form that MLflow can read.

        Raises:
            ValueError: a line holds no time and value; the message quotes it.
        """
        own = 4 if self.of is Kind.LOGGED_MODEL else 3
        sound = (own, own + 2) if self.of is Kind.LOGGED_MODEL else (2, own, own + 2)
        for line in lines:
            fields = line.split()
            if len(fields) not in sound:
                if not fields:
                    continue
                self.cut = True
                fields = fields[:own]
            try:
                step = int(fields[2]) if fields[2:] else 0
                if own == 4 and not fields[3:]:
                    raise ValueError("no run")  # noqa: TRY301 - joins the errors of int() and float()
                float(fields[1])
                yield int(fields[0]), step, b" ".join(fields)
            except (ValueError, IndexError) as error:
                raise ValueError(_quoted(line)) from error

    def lost(self, *, is_empty: bool) -> str:
        """Say what could not be kept; empty where all was."""
        if is_empty:
            return "an empty metric was dropped"
        return "the dataset's name was cut off lines that MLflow cannot read" if self.cut else ""


Point = tuple[int, int, float]
"""Step, time in milliseconds since the epoch, value: greatest is latest, as MLflow compares them."""


def metric_points(data: bytes, *, of: Kind = Kind.RUN) -> list[Point]:
    """Parse the points of a metric's file: lines of `time value`, `time value step` or those three and a dataset's two.

    A logged model's lines have the run's id after the step.

    Raises:
        ValueError: a line is none of these; the message quotes it.
    """
    return list(points_of(data.splitlines(), of=of))


def points_of(lines: Iterable[bytes], *, of: Kind = Kind.RUN) -> Iterator[Point]:
    """Parse lines one by one, as `metric_points` does.

    Raises:
        ValueError: a line is no point; the message quotes it.
    """
    for line in lines:
        fields = line.split()
        try:
            if of is Kind.LOGGED_MODEL:
                del fields[3]
            if len(fields) not in (2, 3, 5):
                raise ValueError(len(fields))  # noqa: TRY301 - joins the errors of int() and float()
            yield int(fields[2]) if fields[2:] else 0, int(fields[0]), float(fields[1])
        except (ValueError, IndexError) as error:
            raise ValueError(_quoted(line)) from error


def thinned_note(path: str, one_in: int) -> str:
    """Say, for the tag that lists what was left out, that a metric's file holds one line in so many."""
    return f"{path} (all but one line in {one_in})"


_NOTE = re.compile(rb"(metrics/.+) \(all but one line in ([1-9]\d{0,9})\)")


def thinned(notes: bytes) -> dict[str, int]:
    """Read which metrics were thinned, and to one line in how many, by path."""
    found: dict[str, int] = {}
    for match in filter(None, map(_NOTE.fullmatch, notes.splitlines())):
        path = match[1].decode(errors="surrogateescape")
        found[path] = max(int(match[2]), found.get(path, 1))
    return found


def united_notes(*notes: bytes) -> bytes:
    """Unite the lines of tags that are not the job's own; of what they say of one metric, the last word stands."""
    lines = {line for each in notes for line in each.splitlines() if not _NOTE.fullmatch(line)}
    last: dict[str, int] = {}
    for each in notes:
        for path, one_in in thinned(each).items():
            last[path] = max(one_in, last.get(path, 1))
    lines |= {thinned_note(path, one_in).encode(errors="surrogateescape") for path, one_in in last.items()}
    return b"\n".join(sorted(lines))


def _quoted(line: bytes) -> str:
    return f"the line {line[:80].decode(errors='replace')!r}"


def _line_order(line: bytes) -> tuple[int, int, bytes]:
    fields = line.split()
    return _number(fields[0]), _number(fields[2]) if fields[2:] else 0, line


def _number(field: bytes) -> int:
    try:
        return int(field)
    except ValueError:
        return 0
