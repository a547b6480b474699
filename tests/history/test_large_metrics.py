"""Metrics that are too large for memory: sorted, thinned by a law, the latest and the best value kept."""

import io
import math
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlpipeline.core.edits import Content
from mlpipeline.core.records import LEFT_OUT, Experiment, Incoming, Kind, Record
from mlpipeline.history import large_metrics
from mlpipeline.history.large_metrics import Growing, Stored, stored_metric, united
from mlpipeline.history.merge import merge
from mlpipeline.history.metrics import metric_lines, metric_points, thinned, thinned_note, united_notes
from mlpipeline.history.reader import latest_value
from support.memory import MemoryTree

POINTS = 200


@pytest.fixture(autouse=True)
def small_limits(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let a few hundred lines be more than memory holds, and more than GitHub takes."""
    limits = {"LARGE": 64, "LARGEST": 300, "_BATCH": 20, "_RUNS": 3}
    with monkeypatch.context() as patched:
        for name, value in limits.items():
            patched.setattr(large_metrics, name, value)
        yield


def text(lines: list[bytes]) -> bytes:
    return b"".join(line + b"\n" for line in lines)


def bytes_of(content: Content) -> bytes:
    return content.read_bytes() if isinstance(content, Path) else content


def stored(data: bytes, of: Kind = Kind.RUN) -> Stored:
    return stored_metric(io.BytesIO(data), of=of)


@pytest.mark.parametrize("order", ["sorted", "reversed", "shuffled", "step 0 again at the end"])
def test_lines_in_any_order_are_stored_sorted_and_once(monkeypatch: pytest.MonkeyPatch, order: str) -> None:
    monkeypatch.setattr(large_metrics, "LARGEST", 1 << 20)
    lines = [b"%d %d.5 %d" % (1000 + step, step, step) for step in range(POINTS)]
    mixed = sorted(lines, key=crc32)
    orders = {
        "sorted": lines,
        "reversed": lines[::-1],
        "shuffled": [*mixed, *mixed[:100]],
        "step 0 again at the end": [*lines, lines[0]],
    }
    found = stored(text(orders[order]))
    assert bytes_of(found.content) == metric_lines(text(lines))
    assert (found.one_in, found.points) == (1, POINTS)


def test_the_file_is_below_the_limit_and_keeps_the_first_latest_least_and_greatest_value() -> None:
    values = [5.0] * POINTS
    values[7], values[150] = -3.0, 99.0
    data = text([b"%d %r %d" % (1000 + step, value, step) for step, value in enumerate(values)])
    found = stored(data)
    kept = bytes_of(found.content)
    points = metric_points(kept)
    assert found.one_in > 1
    assert len(kept) < 300 + 5 * 20
    assert found.points == POINTS
    assert {-3.0, 99.0} <= {value for _, _, value in points}
    assert points[0][0] == 0
    assert max(points)[0] == POINTS - 1
    assert points == sorted(points)


def test_what_makes_a_line_unreadable_refuses_the_file_wherever_it_stands() -> None:
    data = text([b"%d 1 %d" % (step, step) for step in range(POINTS)])
    with pytest.raises(ValueError, match="the line 'x'"):
        stored(data + b"x\n")


def test_a_line_without_end_is_refused() -> None:
    with pytest.raises(ValueError, match="a line of more than"):
        stored(b"1 " + b"1" * (3 << 20))


def test_lines_that_all_have_the_same_checksum_come_to_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_metrics, "crc32", lambda _: 0)
    found = stored(text([b"%d 1 %d" % (step, step) for step in range(POINTS)]))
    assert len(metric_points(bytes_of(found.content))) <= 5


def test_temporary_files_go_but_for_those_that_hold_a_metric() -> None:
    folder = large_metrics._folder()
    before = set(folder.iterdir())
    mixed = sorted([b"%d 1 %d" % (step, step) for step in range(POINTS)], key=crc32)
    found = stored(text(mixed))
    assert set(folder.iterdir()) - before == {found.content}


VALUES = (-3.0, -1.0, 0.0, 0.1, 2.0, math.nan, math.inf, -math.inf)


def line(number: int) -> bytes:
    """One of 8 values at one of 20 times and steps; a number is much cheaper to generate."""
    return b"%d %r %d" % (number % 20, VALUES[number // 20 % 8], number // 160 % 20)


FILES = st.lists(st.integers(0, 3199), max_size=80).map(lambda numbers: [line(number) for number in numbers])


@settings(max_examples=100, deadline=None)
@given(first=FILES, second=FILES, third=FILES)
def test_thinning_obeys_the_laws_of_merging(first: list[bytes], second: list[bytes], third: list[bytes]) -> None:
    whole = stored(text([*first, *second, *third]))
    one, two, three = (stored(text(lines)) for lines in (first, second, third))
    for left, middle, right in ((one, two, three), (three, two, one), (two, one, three)):
        there = united_all(united_all(left, middle), right)
        again = united_all(there, one)
        assert bytes_of(there.content) == metric_lines(bytes_of(whole.content))
        assert (bytes_of(again.content), again.one_in) == (bytes_of(there.content), there.one_in)
        assert there.one_in == whole.one_in


def united_all(old: Stored, new: Stored) -> Stored:
    return united(old.content, new.content, of=Kind.RUN, one_in=max(old.one_in, new.one_in))


@settings(max_examples=100, deadline=None)
@given(lines=FILES)
def test_the_latest_value_is_that_of_all_lines(lines: list[bytes]) -> None:
    kept, whole = stored(text(lines)), metric_lines(text(lines))
    assert repr(latest_value(metric_lines(bytes_of(kept.content)))) == repr(latest_value(whole))


def test_lines_of_a_database_are_stored_as_those_of_a_file() -> None:
    lines = [b"%d 1.5 %d" % (step, step) for step in range(POINTS)]
    for some in (lines, lines[:2], []):
        growing = Growing()
        for each in some:
            growing.add(each + b"\n")
        assert bytes_of(growing.stored(of=Kind.RUN).content) == bytes_of(stored(text(some)).content)


def test_jobs_that_thinned_differently_give_the_same_tree_in_any_order() -> None:
    run = "a" * 32
    lines = [b"%d 1.5 %d" % (step, step) for step in range(POINTS)]
    parts = [lines[:150], lines[120:], lines[10:20]]

    def job(part: list[bytes]) -> Incoming:
        found = stored(text(part))
        notes = {LEFT_OUT: thinned_note("metrics/loss", found.one_in).encode()} if found.one_in > 1 else {}
        files = {"metrics/loss": found.content, **notes}
        record = Record(kind=Kind.RUN, id=run, experiment="demo", meta={"run_id": run}, files=files)
        meta = {"name": "demo", "experiment_id": "77"}
        return Incoming(records=(record,), experiments=(Experiment(id="77", name="demo", meta=meta, files={}),))

    trees = []
    for order in ((0, 1, 2), (2, 1, 0), (1, 0, 2), (0, 0, 1, 2, 1)):
        tree = MemoryTree()
        for number in order:
            tree = tree.with_edits(merge(tree, job(parts[number])).edits)
        trees.append(tree.contents)
    assert all(tree == trees[0] for tree in trees)
    assert thinned(next(data for path, data in trees[0].items() if path.endswith(LEFT_OUT))) == {
        "metrics/loss": stored(text(lines)).one_in
    }


def test_of_two_notes_on_one_metric_the_last_word_stands() -> None:
    notes = united_notes(b"artifacts/a\nmetrics/b (all but one line in 2)", b"metrics/b (all but one line in 8)")
    assert notes == b"artifacts/a\nmetrics/b (all but one line in 8)"
    assert thinned(notes) == {"metrics/b": 8}
