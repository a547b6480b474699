"""Names, index columns and empty rows: what a table brings along from the program that wrote it. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from mlpipeline.core.errors import InputError
from mlpipeline.training import notation
from mlpipeline.training.reporting import listed

HEADLESS = "put a line with the columns' names first: where they should be, the file seems to hold values"
"""What to do about a table without a header."""

_UNNAMED = re.compile(r"(?:Unnamed: \d+(?:\.\d+|_level_\d+)?)?")
"""What pandas calls a column without a name."""

_INDEX = frozenset({"index", "level_0", "__index_level_0__", "rownames", "row.names", "row_names"})
"""What pandas and R call the column of row labels."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Tidied:
    """A table whose columns are named once each, and what was left out or called otherwise."""

    table: pd.DataFrame
    notices: tuple[str, ...]


def tidy(table: pd.DataFrame, names: Sequence[str], *, target: str, source: str) -> Tidied:
    """Name the columns, and leave out empty rows, empty columns without a name, and row numbers.

    Row numbers must not stay: no row would repeat another, and equal rows would land on both sides of the split.

    Args:
        table: the columns in any naming.
        names: theirs, in order; empty for those without one.
        target: is never left out.
        source: for the errors' words.

    Raises:
        InputError: two columns have one name.
    """
    bare = [name.strip() for name in names]
    notices = []
    padded = [name for name, stripped in zip(names, bare, strict=True) if name != stripped]
    if any(name.strip() for name in padded):
        notices.append(f"Names are read without the spaces around them: {listed([name.strip() for name in padded])}.")
    check_unique([name for name in bare if name], source=source)
    numbered = table.set_axis(range(len(bare)), axis="columns")
    full = numbered[numbered.notna().any(axis="columns")]
    if dropped := len(numbered) - len(full):
        notices.append(f"Left out, for they hold no value: {dropped} of {len(numbered)} rows.")
    if full.empty:
        return Tidied(table=full.set_axis(bare, axis="columns"), notices=tuple(notices))
    kept: dict[int, str] = {}
    labels, hollow, unnamed = [], [], []
    for position, name in enumerate(bare):
        called = f"'{name}'" if name else f"column {position + 1}"
        if name != target and _UNNAMED.fullmatch(name) and full[position].isna().all():
            hollow.append(called)
        elif name != target and _labels_rows(full[position], name, position):
            labels.append(called)
        else:
            kept[position] = name or f"Unnamed: {position}"
            unnamed += [] if name else [f"{called} is called '{kept[position]}'"]
    if hollow:
        notices.append(f"Left out, for they have neither a name nor a value: {', '.join(hollow)}.")
    if labels:
        notices.append(f"Left out, for they only number or name the rows: {', '.join(labels)}.")
    if unnamed:
        notices.append(f"Without a name in the header: {', '.join(unnamed)}.")
    return Tidied(
        table=full[[*kept]].set_axis([*kept.values()], axis="columns"),
        notices=tuple(notices),
    )


def looks_headless(names: Sequence[str]) -> bool:
    """Whether the first row seems to hold values instead of names: none but numbers, and not 0, 1, 2 ... either."""
    counted = [[str(number) for number in range(first, first + len(names))] for first in (0, 1)]
    return all(map(notation.is_value, names)) and [*names] not in counted


def check_unique(names: Sequence[str], *, source: str) -> None:
    """Raise InputError for a name that two columns have."""
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise InputError(
            f"{source} has more than one column called {listed(repeated)}.",
            remedy=HEADLESS if looks_headless(names) else "rename all but one",
        )


def _labels_rows(column: pd.Series, name: str, position: int) -> bool:
    """Whether a column holds row labels as pandas and R write them, and nothing measured."""
    is_unnamed = _UNNAMED.fullmatch(name) is not None
    if not is_unnamed and name.lower() not in _INDEX:
        return False
    present = column.dropna()
    if pd.api.types.is_bool_dtype(column) or not pd.api.types.is_numeric_dtype(column):
        return is_unnamed and position == 0 and present.is_unique and len(present) == len(column)
    is_whole = bool((present % 1 == 0).all() and (present >= 0).all())
    # Files that were put together count from the start again, in the first column at least.
    return is_whole and (present.is_unique or (is_unnamed and position == 0))
