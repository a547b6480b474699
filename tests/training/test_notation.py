"""Which texts are dates and times: the forms that programs and people write."""

import pandas as pd
import pytest

from mlpipeline.training.columns import kind_of
from mlpipeline.training.notation import is_time

TIMES = [
    *(
        "2011-01-01",
        "2011/1/5",
        "2011.01.05",
        "10/03/2004",
        "3/28/04",
        "28.03.2004",
        "28-03-2004",
        "2004-03",
        "03/2004",
    ),
    *("2011-01-01 00:00:00", "2011-01-01T12:30:00Z", "2011-01-01T12:30:00.123456+02:00", "2011-01-01 12:30:00+0200"),
    *("10-Mar-2004", "10 March 2004", "10. Mar 2004", "Mar 10, 2004", "March 10th, 2004", "10-Mar-04", "2004-Mar-10"),
    *("Mon, 10 Mar 2004 12:30:00 GMT", "Mon Mar  3 10:00:00 2004", "28.03.2004 12:30", "3/28/2004 1:30 PM"),
    *("12:30", "12:30:05", "00.00.00", "9:05 am", "20110101T120000", "2004Q1", "2004-W10", "Mar 2004"),
]
OTHERS = [
    "1.5",
    "1.2.3",
    "10.0.0.1",
    "555-1234",
    "2004",
    "May",
    "45/45/2004",
    "12-34-56",
    "ab-12-2004",
    "",
    "3:99",
    "A4",
]


@pytest.mark.parametrize("text", TIMES)
def test_a_date_or_a_time_is_one(text: str) -> None:
    assert is_time(text)
    assert kind_of(pd.Series([text, None, f" {text} "])) == "time"


@pytest.mark.parametrize("text", OTHERS)
def test_other_texts_are_none(text: str) -> None:
    assert not is_time(text)
    assert kind_of(pd.Series([text, text])) == "text"


def test_a_few_words_among_many_dates_change_nothing() -> None:
    dates = [f"2011-01-{day:02}" for day in range(1, 29)]
    assert kind_of(pd.Series([*dates, "soon", "later"])) == "time"
    assert kind_of(pd.Series([*dates, *(f"word {number}" for number in range(9))])) == "text"
