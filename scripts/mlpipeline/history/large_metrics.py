"""Store metrics whose files are too large for memory: sorted, each line once, below the size that GitHub takes.

Writes temporary files, which go when the process ends, and nothing else.

A file that would be too large is thinned. It keeps the lines whose checksum ends in so many zero bits, as few as it
takes, and those that hold the first, the latest, the least and the greatest value. What is kept depends on the lines
alone and not on their order, and a tag notes the bits: so merging thinned files obeys the laws of merging. Of a set A
of lines thinned to the bits a, and a set B: the union of A and B needs at least a bits, and all lines that have so
many are still there.
"""

import atexit
import heapq
import io
import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from itertools import count, islice
from pathlib import Path
from zlib import crc32

from mlpipeline.core.edits import Content, Readable, streamed
from mlpipeline.core.records import Kind
from mlpipeline.core.workspace import workspace
from mlpipeline.history.metrics import (
    CHUNK,
    Key,
    Repair,
    lines_of,
    metric_lines,
    sound_metric,
)

LARGE = 1 << 20
"""Bytes of a metric's file above which it is no longer held in memory."""

LARGEST = 99 << 20
"""Bytes of a stored file: GitHub blocks files over 100 MiB."""

_SMALL = 1 << 14
"""Bytes that nearly no metric's file has."""

_BATCH = 50_000
"""Lines that are sorted in memory at a time."""

_RUNS = 64
"""Sorted files that are merged at a time."""

_NEVER = 1 << 32
"""The bit that every checksum is given on top, so that masks come to an end."""


@dataclass(frozen=True, kw_only=True)
class Stored:
    """A metric's file as it can be stored.

    Attributes:
        content: its lines; empty if there are none.
        lost: what could not be kept, in words.
        one_in: one line in so many was kept; 1 for all.
        points: how many different lines there were.
    """

    content: Content
    lost: str = ""
    one_in: int = 1
    points: int = 0


def stored_metric(content: Readable, *, of: Kind) -> Stored:
    """Repair and sort a metric's file of any size.

    Raises:
        ValueError: a line holds no time and value; the message quotes it.
    """
    head = _head(content)
    if len(head) <= LARGE:
        repaired = sound_metric(head, of=of)
        return Stored(content=repaired.data, lost=repaired.lost)
    repair = Repair(of=of)
    kept = _stored(repair.keys(lines_of(_Joined(head, content))), 1)
    return Stored(
        content=kept.content, lost=repair.lost(is_empty=not kept.points), one_in=kept.one_in, points=kept.points
    )


class Growing:
    """A metric whose lines come one by one, in any order."""

    def __init__(self) -> None:
        self._lines = bytearray()
        self._path: Path | None = None

    def add(self, line: bytes) -> None:
        """Add a line with its line break."""
        self._lines += line
        if len(self._lines) > LARGE:
            self._put_away()

    def stored(self, *, of: Kind) -> Stored:
        """Repair and sort what has come.

        Raises:
            ValueError: a line holds no time and value; the message quotes it.
        """
        if self._path is None:
            return stored_metric(io.BytesIO(self._lines), of=of)
        self._put_away()
        with self._path.open("rb") as file:
            found = stored_metric(file, of=of)
        self._path.unlink()
        return found

    def _put_away(self) -> None:
        self._path = self._path or _temporary()
        with self._path.open("ab") as file:
            file.write(self._lines)
        self._lines.clear()


def united(old: Content, new: Content, *, of: Kind, one_in: int) -> Stored:
    """Unite what a history and a job hold of a metric.

    Args:
        old: the history's file, which may be anybody's.
        new: the job's, sound.
        of: what the metric belongs to.
        one_in: one line in so many was kept of either of them.

    Raises:
        ValueError: a line of `old` holds no time and value.
    """
    if isinstance(old, bytes) and isinstance(new, bytes) and one_in == 1:
        return Stored(content=metric_lines(sound_metric(old, of=of).data, new))
    with streamed(old) as old_file, streamed(new) as new_file:
        keys = heapq.merge(Repair(of=of).keys(lines_of(old_file)), _keys(lines_of(new_file)))
        return _stored(keys, one_in)


def in_memory(content: Readable) -> Content:
    """Read a file into memory, or into a temporary file if it is large."""
    head = _head(content)
    if len(head) <= LARGE:
        return head
    path = _temporary()
    with path.open("wb") as file:
        file.write(head)
        while chunk := content.read(CHUNK):
            file.write(chunk)
    return path


def _stored(keys: Iterator[Key], one_in: int) -> Stored:
    """Sort and thin lines.

    What comes in order, as nearly all does, goes straight into the file; late lines are united with it afterwards.
    """
    kept = _Thinned(mask=one_in - 1)
    late = _Late()
    while batch := sorted(islice(keys, _BATCH)):
        at = bisect_left(batch, kept.last) if kept.last else 0
        late.add(batch[:at])
        kept.extend(batch[at:])
    if late:
        early, kept = kept, _Thinned(mask=kept.mask, extremes=kept.extremes)
        kept.extend(heapq.merge(early.keys(), late.keys()))
        early.discard()
        # A late line may be one of the early ones that were not kept; it is counted twice.
        kept.points += early.points - early.kept
    path = kept.finished()
    return Stored(content=path if kept.points else b"", one_in=kept.mask + 1, points=kept.points)


@dataclass
class _Extremes:
    """The lines that a thinned file keeps besides the others; seen in any order, it is the same lines.

    Attributes:
        first: the first line.
        least: the first of those with the least value, after that value.
        greatest: the same of the greatest value, which is negated.
        moment: the latest step and time.
        latest_first: the first line of that moment.
        latest: the line with the greatest value of that moment, after that value negated.
    """

    first: Key | None = None
    least: tuple[float, Key] | None = None
    greatest: tuple[float, Key] | None = None
    moment: tuple[int, int] | None = None
    latest_first: Key | None = None
    latest: tuple[float, Key] | None = None

    def see(self, keys: Sequence[Key]) -> None:
        """Look at some lines, which are in order."""
        self.first = keys[0] if self.first is None else min(self.first, keys[0])
        if valued := _valued(keys):
            values = [value for value, _ in valued]
            least, greatest = valued[values.index(min(values))], valued[values.index(max(values))]
            self.least = min(self.least or least, least)
            self.greatest = min(self.greatest or _negated(greatest), _negated(greatest))
        moment = max((step, time) for time, step, _ in keys)
        if self.moment is None or moment > self.moment:
            self.moment, self.latest_first, self.latest = moment, None, None
        if moment == self.moment:
            # MLflow compares the values of one moment; where the first of them is NaN, that stands.
            same = [key for key in keys if (key[1], key[0]) == moment]
            self.latest_first = min(self.latest_first or same[0], same[0])
            if ordered := sorted(map(_negated, _valued(same))):
                self.latest = min(self.latest or ordered[0], ordered[0])

    def keys(self) -> list[Key]:
        """List the lines, in order."""
        valued = (each[1] for each in (self.least, self.greatest, self.latest) if each)
        return sorted({*valued, *(each for each in (self.first, self.latest_first) if each)})


def _valued(keys: Sequence[Key]) -> list[tuple[float, Key]]:
    """Pair lines with their values, without those that are NaN."""
    values = [float(line.split(b" ", 2)[1]) for _, _, line in keys]
    return [(value, key) for value, key in zip(values, keys, strict=True) if not math.isnan(value)]


def _negated(valued: tuple[float, Key]) -> tuple[float, Key]:
    return -valued[0], valued[1]


@dataclass
class _Thinned:
    """A file that lines are added to in order, thinned as often as it grows too large.

    Attributes:
        mask: the bits of a checksum that are zero in lines that are kept.
        extremes: the lines that are kept whatever their checksum.
        last: the last line.
        points: how many different lines there were.
        kept: how many of them were kept.
    """

    mask: int = 0
    extremes: _Extremes = field(default_factory=_Extremes)
    last: Key | None = None
    points: int = 0
    kept: int = 0

    def __post_init__(self) -> None:
        self.path = _temporary()
        self.file = self.path.open("wb", CHUNK)
        self.size = 0

    def extend(self, keys: Iterable[Key]) -> None:
        """Add lines that come after those that are there."""
        remaining = iter(keys)
        while batch := list(islice(remaining, _BATCH)):
            different = [key for before, key in zip([self.last, *batch], batch, strict=False) if key != before]
            if different:
                self._add(different)

    def _add(self, keys: Sequence[Key]) -> None:
        self.last = keys[-1]
        self.points += len(keys)
        self.extremes.see(keys)
        mask = self.mask
        self._write([line for _, _, line in keys if not (crc32(line) | _NEVER) & mask])
        while self.size > LARGEST:
            self._halve()

    def _write(self, lines: Sequence[bytes]) -> None:
        self.kept += len(lines)
        self.size += self.file.write(b"".join([line + b"\n" for line in lines]))

    def keys(self) -> Iterator[Key]:
        """Yield the lines that were kept."""
        self.file.flush()
        return _keys_in(self.path)

    def finished(self) -> Path:
        """Give the file with all that is to be kept."""
        if self.mask:
            whole = _Thinned()
            for key in heapq.merge(self.keys(), self.extremes.keys()):
                if key != whole.last:
                    whole.file.write(key[2] + b"\n")
                    whole.last = key
            self.discard()
            self.path, self.file = whole.path, whole.file
        self.file.close()
        return self.path

    def discard(self) -> None:
        """Remove the file."""
        self.file.close()
        self.path.unlink()

    def _halve(self) -> None:
        self.mask = mask = self.mask * 2 + 1
        self.file.close()
        before, self.path = self.path, _temporary()
        self.file = self.path.open("wb", CHUNK)
        self.size = self.kept = 0
        with before.open("rb") as file:
            while lines := file.readlines(CHUNK):
                self._write([line[:-1] for line in lines if not (crc32(line[:-1]) | _NEVER) & mask])
        before.unlink()


@dataclass
class _Late:
    """Lines that came too late for their place: few, or sorted in temporary files."""

    batch: list[Key] = field(default_factory=list)
    runs: list[Path] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.batch or self.runs)

    def add(self, keys: Sequence[Key]) -> None:
        """Add lines."""
        self.batch += keys
        if len(self.batch) >= _BATCH:
            self.runs.append(_written(sorted(self.batch)))
            self.batch = []
        if len(self.runs) >= _RUNS:
            self.runs = [_written(self._merged())]

    def keys(self) -> Iterator[Key]:
        """Yield the lines in order."""
        return heapq.merge(sorted(self.batch), self._merged())

    def _merged(self) -> Iterator[Key]:
        yield from heapq.merge(*map(_keys_in, self.runs))
        for run in self.runs:
            run.unlink()


def _head(content: Readable) -> bytes:
    """Read a file if it is not large, else its beginning; nearly all are small, for which no room is made in vain."""
    head = content.read(_SMALL)
    return head if len(head) < _SMALL else head + content.read(max(0, LARGE + 1 - _SMALL))


class _Joined:
    """A file of which the beginning was read already."""

    def __init__(self, head: bytes, rest: Readable) -> None:
        self._head, self._rest = io.BytesIO(head), rest

    def read(self, size: int, /) -> bytes:
        return self._head.read(size) or self._rest.read(size)


def _keys(lines: Iterable[bytes]) -> Iterator[Key]:
    """Yield sound lines with their places in the order."""
    for line in lines:
        fields = line.split(b" ", 3)
        yield int(fields[0]), int(fields[2]) if fields[2:] else 0, line


def _keys_in(path: Path) -> Iterator[Key]:
    with path.open("rb") as file:
        yield from _keys(line[:-1] for line in file)


def _written(keys: Iterable[Key]) -> Path:
    path = _temporary()
    with path.open("wb", CHUNK) as file:
        file.writelines(key[2] + b"\n" for key in keys)
    return path


_PREFIX = "mlflow-git-metrics-"
"""What the name of the folder of temporary files begins with."""

_numbers = count()


@cache
def _folder() -> Path:
    """Make the folder of the temporary files; it goes when the process ends, also after an error."""
    ends = ExitStack()
    atexit.register(ends.close)
    return ends.enter_context(workspace(_PREFIX)).path


def _temporary() -> Path:
    """Name a temporary file that does not exist yet."""
    return _folder() / str(next(_numbers))
