"""The lines of metrics: united, read, repaired."""

import pytest

from mlpipeline.core.records import Kind
from mlpipeline.history.metrics import metric_lines, metric_points


def test_metric_lines_are_united_in_the_order_of_time() -> None:
    assert metric_lines(b"2 0.4 1\r\n1 0.5 0\n1 0.5 0\n\n", b"10 0.3 2\n1  0.5 0") == b"1 0.5 0\n2 0.4 1\n10 0.3 2\n"


def test_a_logged_models_metric_lines_name_their_run() -> None:
    assert metric_points(b"5 0.5 2 abc\n", of=Kind.LOGGED_MODEL) == [(2, 5, 0.5)]
    with pytest.raises(ValueError, match="5 0"):
        metric_points(b"5 0.5\n", of=Kind.LOGGED_MODEL)
