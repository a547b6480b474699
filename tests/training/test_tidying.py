"""What a table brings along from the program that wrote it: left out where it says nothing, and told."""

from collections.abc import Sequence

import pandas as pd
import pytest

from mlpipeline.core.errors import InputError
from mlpipeline.training import tidying

COUNT = range(12)
VALUES = [float(row * 5 % 7) for row in COUNT]


def tidy(*columns: tuple[str, Sequence[object]], target: str = "target") -> tidying.Tidied:
    table = pd.DataFrame({position: list(column) for position, (_, column) in enumerate(columns)})
    return tidying.tidy(table, [name for name, _ in columns], target=target, source="data.csv")


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("", COUNT),
        ("Unnamed: 0", COUNT),
        ("Unnamed: 0", range(1, 13)),
        ("Unnamed: 0.1", COUNT),
        # Shuffled, sampled, put together of two files.
        ("Unnamed: 0", [7, 3, 90, 4, 5, 6, 8, 9, 10, 11, 12, 13]),
        ("", [0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5]),
        # Names of the rows, as R writes them.
        ("", [f"car {row}" for row in COUNT]),
        ("index", COUNT),
        ("Index", [7, 3, 90, 4, 5, 6, 8, 9, 10, 11, 12, 13]),
        ("level_0", COUNT),
        ("rownames", range(1, 13)),
    ],
)
def test_row_labels_are_left_out_and_told(name: str, labels: Sequence[object]) -> None:
    tidied = tidy((name, labels), ("a", VALUES), ("target", VALUES))
    assert list(tidied.table) == ["a", "target"]
    called = f"'{name}'" if name else "column 1"
    assert tidied.notices == (f"Left out, for they only number or name the rows: {called}.",)


@pytest.mark.parametrize(
    ("name", "column"),
    [
        # A measured index, a real column that was given no name, and numbers that count by chance.
        ("index", VALUES),
        ("index", [row + 0.5 for row in COUNT]),
        ("Unnamed: 1", VALUES),
        ("a", COUNT),
        ("id", COUNT),
    ],
)
def test_what_is_measured_stays(name: str, column: Sequence[object]) -> None:
    tidied = tidy(("first", VALUES), (name, column), ("target", VALUES))
    assert list(tidied.table) == ["first", name, "target"]
    assert tidied.notices == ()


def test_a_column_without_a_name_gets_one_and_it_is_told() -> None:
    tidied = tidy(("a", VALUES), ("", VALUES), ("target", VALUES))
    assert list(tidied.table) == ["a", "Unnamed: 1", "target"]
    assert tidied.notices == ("Without a name in the header: column 2 is called 'Unnamed: 1'.",)


def test_the_target_is_never_left_out() -> None:
    assert list(tidy(("a", VALUES), ("index", COUNT), target="index").table) == ["a", "index"]


def test_spaces_around_names_go_and_it_is_told() -> None:
    tidied = tidy((" a", VALUES), ("target ", VALUES))
    assert list(tidied.table) == ["a", "target"]
    assert tidied.notices == ("Names are read without the spaces around them: 'a', 'target'.",)


def test_empty_rows_keep_the_others_places() -> None:
    tidied = tidy(("a", [1.0, None, 3.0]), ("target", [1.0, None, 3.0]))
    assert list(tidied.table.index) == [0, 2]
    assert tidied.notices == ("Left out, for they hold no value: 1 of 3 rows.",)


@pytest.mark.parametrize(
    ("names", "remedy"),
    [(["a", "a", "target"], "rename all but one"), ([" a", "a ", "b"], "rename"), (["1.5", "0", "0"], "names first")],
)
def test_names_that_occur_twice_are_refused(names: list[str], remedy: str) -> None:
    with pytest.raises(InputError, match="more than one column called") as caught:
        tidy(*((name, VALUES) for name in names))
    assert remedy in caught.value.remedy


@pytest.mark.parametrize(
    ("names", "headless"),
    [
        (["5.1", "3.5", "0.2"], True),
        (["2011-01-01", "7"], True),
        (["0", "1", "2"], False),
        (["1", "2", "3"], False),
        (["1", "2", "target"], False),
    ],
)
def test_a_table_without_a_header_is_noticed(names: list[str], headless: bool) -> None:
    assert tidying.looks_headless(names) is headless
