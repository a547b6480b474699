"""Tables."""

from mlpipeline.reports.tables import Table

TABLE = Table(header=("name", "value"), rows=[("a|b\n<c>", "1.5"), ("long_name", "10")], numeric=frozenset({"value"}))


def test_text_is_aligned() -> None:
    assert TABLE.text().splitlines() == ["name       value", "a|b <c>      1.5", "long_name     10"]


def test_markdown_escapes_what_would_be_markup() -> None:
    assert TABLE.markdown().splitlines() == [
        "| name | value |",
        "| --- | ---: |",
        "| a&#124;b &#60;c&#62; | 1.5 |",
        "| long_name | 10 |",
    ]
