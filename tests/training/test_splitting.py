"""The split: no row on two sides, nothing known before its time."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlpipeline.core.errors import InputError
from mlpipeline.training.columns import assign
from mlpipeline.training.splitting import Split, split


def table(rows: int = 40) -> pd.DataFrame:
    return pd.DataFrame({"a": range(rows), "text": list("xy") * (rows // 2), "target": range(rows)})


def cut(data: pd.DataFrame, *, seed: int = 42, validation: float = 0.2, test: float = 0.2) -> Split:
    return split(data, target="target", seed=seed, validation_share=validation, test_share=test)


def identities(part: pd.DataFrame) -> set[int]:
    return set(part["a"])


@given(
    seed=st.integers(0, 2**31 - 1),
    copies=st.lists(st.integers(0, 39), max_size=60),
    shares=st.sampled_from([(0.2, 0.2), (0.1, 0.3), (0.45, 0.45)]),
)
def test_every_distinct_row_lands_in_exactly_one_part(
    seed: int, copies: list[int], shares: tuple[float, float]
) -> None:
    data = pd.concat([table(), table().iloc[copies]])
    made = cut(data, seed=seed, validation=shares[0], test=shares[1])
    parts = [identities(part) for part in (made.train, made.validation, made.test)]
    assert set.union(*parts) == set(range(40))
    assert sum(map(len, parts)) == 40 == len(made.train) + len(made.validation) + len(made.test)
    assert (len(made.validation), len(made.test)) == (round(40 * shares[0]), round(40 * shares[1]))
    assert made.duplicates_dropped == len(copies)


def test_the_seed_decides_the_split() -> None:
    first, same, other = cut(table()), cut(table()), cut(table(), seed=43)
    pd.testing.assert_frame_equal(first.train, same.train)
    pd.testing.assert_frame_equal(first.test, same.test)
    assert identities(first.test) != identities(other.test)


@pytest.mark.parametrize(
    ("validation", "test", "seed", "words"),
    [
        (0, 0.2, 1, "leave no training part"),
        (0.2, 1, 1, "leave no training part"),
        (0.5, 0.5, 1, "leave no training part"),
        (float("nan"), 0.2, 1, "leave no training part"),
        (0.01, 0.2, 1, "0 to validate and 8 to test; each part needs 2"),
        (0.49, 0.49, 1, "0 to train on"),
        (0.2, 0.2, -1, "The seed -1 is not between"),
        (0.2, 0.2, 2**31, "The seed 2147483648 is not between"),
    ],
)
def test_a_split_that_makes_no_sense_is_refused(validation: float, test: float, seed: int, words: str) -> None:
    with pytest.raises(InputError, match=words):
        cut(table(), seed=seed, validation=validation, test=test)


def test_columns_that_teach_nothing_are_left_out_with_a_reason() -> None:
    rows = 80
    data = pd.DataFrame(
        {
            "number": range(rows),
            "yes": [True, False] * (rows // 2),
            "text": list("abcd") * (rows // 4),
            "reference": [f"id-{row}" for row in range(rows)],
            "day": pd.date_range("2024-01-01", periods=rows),
            "zoned": pd.date_range("2024-01-01", periods=rows, tz="UTC"),
            "lasted": pd.to_timedelta(range(rows), unit="s"),
            "same": ["x"] * rows,
            "empty": [None] * rows,
        }
    )
    columns = assign(data)
    assert (columns.numeric, columns.boolean, columns.categorical) == (("number",), ("yes",), ("text",))
    assert columns.dropped == {
        "reference": "80 distinct texts in 80 rows: an identifier, a date or free text",
        "day": "a date, time or duration: derive numbers from it, such as days since an event",
        "zoned": "a date, time or duration: derive numbers from it, such as days since an event",
        "lasted": "a date, time or duration: derive numbers from it, such as days since an event",
        "same": "one value at most in the training part",
        "empty": "one value at most in the training part",
    }


def test_a_table_without_a_useful_column_is_refused() -> None:
    data = pd.DataFrame({"same": [1] * 20, "day": pd.date_range("2024-01-01", periods=20), "target": range(20)})
    with pytest.raises(InputError, match=r"No column is left to learn from\. 'same': one value"):
        cut(data)


def test_the_training_part_alone_decides_what_a_column_is() -> None:
    data = table()
    made = cut(data)
    elsewhere = data["a"].isin(identities(made.validation) | identities(made.test))
    # Outside of the training part the column takes other values; inside it has one.
    data["constant"] = elsewhere.map({True: 5.0, False: 1.0})
    again = cut(data)
    assert identities(again.train) == identities(made.train)
    assert "constant" in again.columns.dropped
