"""Tables."""

from mlpipeline.reports.tables import Table

TABLE = Table(header=("name", "value"), rows=[("a|b\n<c>", "1.5"), ("long_name", "10")], numeric=frozenset({"value"}))


def test_text_is_aligned() -> None:
    assert TABLE.text().splitlines() == ["name       value", "a|b <c>      1.5", "long_name     10"]


def test_one_long_name_does_not_widen_every_row() -> None:
    table = Table(header=("name", "value"), rows=[("x" * 100_000, "1"), ("y", "2")])

    assert max(map(len, table.text().splitlines())) < 400


def test_markdown_escapes_what_would_be_markup() -> None:
    assert TABLE.markdown().splitlines() == [
        "| name | value |",
        "| --- | ---: |",
        "| a&#124;b &#60;c&#62; | 1.5 |",
        "| long_name | 10 |",
    ]
