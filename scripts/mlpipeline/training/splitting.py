"""Duplicates, the split and the columns' roles: what is settled before any model sees a row."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mlpipeline.core.errors import InputError
from mlpipeline.training.columns import Columns, assign
from mlpipeline.training.tables import Origin

MINIMUM_PART = 2
"""Rows that each part needs: R² is not defined for fewer."""

SEED_LIMIT = 2**31
"""Below this every library here takes a seed."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Split:
    """The raw rows of each part, target included, and the features' roles as the training part gives them."""

    train: pd.DataFrame
    validation: pd.DataFrame
    test: pd.DataFrame
    columns: Columns
    duplicates_dropped: int


@dataclass(frozen=True, kw_only=True)
class StoredPart:
    """One part on disk; `sha256` is of the Parquet file's bytes."""

    rows: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class SplitReport:
    """What preprocess.py writes beside the parts; train.py builds the preprocessing from `columns`."""

    origin: Origin
    target: str
    seed: int
    duplicates_dropped: int
    train: StoredPart
    validation: StoredPart
    test: StoredPart
    columns: Columns

    @classmethod
    def parse(cls, document: dict[str, Any]) -> "SplitReport":
        """From the JSON object in report.json."""
        nested = {
            "origin": Origin(**document["origin"]),
            "columns": Columns.parse(document["columns"]),
            **{part: StoredPart(**document[part]) for part in ("train", "validation", "test")},
        }
        return cls(**{**document, **nested})


def split(table: pd.DataFrame, *, target: str, seed: int, validation_share: float, test_share: float) -> Split:
    """Drop duplicate rows, shuffle the rest by the seed and cut it in three.

    Duplicates go first: a row on both sides of the cut would be known before it is asked for.

    Args:
        table: the raw rows, target included, (rows, columns).
        target: the column to predict.
        seed: of the shuffle; the same seed gives the same parts.
        validation_share: of the distinct rows, above 0.
        test_share: of the distinct rows, above 0.

    Raises:
        InputError: the shares or the seed make no sense, a part would be too small, or no feature is of use.
    """
    check_seed(seed)
    if not (0 < validation_share < 1 and 0 < test_share < 1 and validation_share + test_share < 1):
        raise InputError(
            f"Shares of {validation_share} for validation and {test_share} for the test leave no training part.",
            remedy="choose both above 0 and together below 1",
        )
    distinct = table.drop_duplicates(ignore_index=True)
    validation_rows, test_rows = round(validation_share * len(distinct)), round(test_share * len(distinct))
    train_rows = len(distinct) - validation_rows - test_rows
    if min(train_rows, validation_rows, test_rows) < MINIMUM_PART:
        raise InputError(
            f"{len(distinct)} distinct rows give {train_rows} to train on, {validation_rows} to validate and "
            f"{test_rows} to test; each part needs {MINIMUM_PART}.",
            remedy="bring more rows, or larger shares for the small parts",
        )
    order = np.random.default_rng(seed).permutation(len(distinct))
    train, validation, test = (
        distinct.iloc[rows].reset_index(drop=True)
        for rows in np.split(order, [train_rows, train_rows + validation_rows])
    )
    columns = assign(train.drop(columns=target))
    if not (columns.numeric or columns.boolean or columns.categorical):
        reasons = "; ".join(f"'{name}': {reason}" for name, reason in columns.dropped.items())
        raise InputError(f"No column is left to learn from. {reasons}.")
    return Split(
        train=train,
        validation=validation,
        test=test,
        columns=columns,
        duplicates_dropped=len(table) - len(distinct),
    )


def check_seed(seed: int) -> None:
    """Raise InputError for a seed that one of the libraries would refuse."""
    if not 0 <= seed < SEED_LIMIT:
        raise InputError(f"The seed {seed} is not between 0 and {SEED_LIMIT - 1}.")
