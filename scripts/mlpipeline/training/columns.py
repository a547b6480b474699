"""What each column is, and so what a model does with it: pure, and decided on the training part alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from mlpipeline.training.notation import is_time

MAX_CATEGORIES = 32
"""Categories of one column that get an input of their own; rarer ones share one."""

IDENTIFIER_SHARE = 0.5
"""Text with more distinct values than this share of its rows tells rows apart instead of grouping them."""

TIME_SHARE = 0.9
"""Text of which this share of the distinct values is dates or times is a column of them."""

# What pandas.api.types.infer_dtype answers, by what it means here.
_KINDS = {
    "integer": "number",
    "integer-na": "number",
    "floating": "number",
    "mixed-integer-float": "number",
    "decimal": "number",
    "boolean": "boolean",
    "string": "text",
    "datetime64": "time",
    "datetime": "time",
    "date": "time",
    "time": "time",
    "timedelta64": "time",
    "timedelta": "time",
    "period": "time",
}


@dataclass(frozen=True, kw_only=True)
class Columns:
    """The features by what is done with them, each in the table's order.

    Attributes:
        numeric: imputed with the median, then scaled.
        boolean: imputed with the commoner value.
        categorical: missing values become a category of their own, then one input a category.
        dropped: the reason, by column.
    """

    numeric: tuple[str, ...]
    boolean: tuple[str, ...]
    categorical: tuple[str, ...]
    dropped: Mapping[str, str]

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> "Columns":
        """From the JSON object of a report."""
        return cls(
            numeric=tuple(document["numeric"]),
            boolean=tuple(document["boolean"]),
            categorical=tuple(document["categorical"]),
            dropped=dict(document["dropped"]),
        )


def kind_of(column: pd.Series) -> str | None:
    """`number`, `boolean`, `text` or `time`; `None` for what no model here can read.

    Dates and times of a text file are texts: they are times all the same.
    """
    kind = _KINDS.get(pd.api.types.infer_dtype(column, skipna=True))
    return "time" if kind == "text" and _is_times(column) else kind


def assign(features: pd.DataFrame) -> Columns:
    """Give each feature its role.

    Args:
        features: the training part without its target, (rows, features).
    """
    dropped = {name: reason for name in features if (reason := _reason_to_drop(features[name]))}
    kinds = {name: kind_of(features[name]) for name in features if name not in dropped}
    return Columns(
        numeric=tuple(name for name, kind in kinds.items() if kind == "number"),
        boolean=tuple(name for name, kind in kinds.items() if kind == "boolean"),
        categorical=tuple(name for name, kind in kinds.items() if kind == "text"),
        dropped=dropped,
    )


def _is_times(texts: pd.Series) -> bool:
    distinct = texts.dropna().unique()
    strange, allowed = 0, (1 - TIME_SHARE) * len(distinct)
    for text in distinct:
        strange += not is_time(text.strip())
        if strange > allowed:
            return False
    return True


def _reason_to_drop(column: pd.Series) -> str | None:
    distinct, present = column.nunique(), column.notna().sum()
    if distinct <= 1:
        return "one value at most in the training part"
    kind = kind_of(column)
    if kind == "time":
        return "a date, time or duration: derive numbers from it, such as days since an event"
    if kind == "text" and distinct > MAX_CATEGORIES and distinct > IDENTIFIER_SHARE * present:
        return f"{distinct} distinct texts in {present} rows: an identifier, a date or free text"
    return None
