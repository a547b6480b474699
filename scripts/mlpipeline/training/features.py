"""Preprocessing as a part of the model: whoever calls the served model sends raw rows.

Only classes and functions of scikit-learn and pandas: a saved model must load without this package.
"""

from collections.abc import Callable

import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from mlpipeline.training.columns import MAX_CATEGORIES, Columns

MISSING = "(missing)"
"""The category of a text that is not there."""


def model_rows(table: pd.DataFrame, columns: Columns) -> pd.DataFrame:
    """The rows as a model takes them, in training and when it is served.

    Whole numbers become float64, the one number type that can be missing (MLflow's schema refuses a missing
    integer); elsewhere what is missing is `None`, as in JSON.

    Args:
        table: raw rows, (rows, any columns in any order).
        columns: the features' roles.

    Returns:
        (rows, features), numeric columns first.
    """
    numbers = table[[*columns.numeric]].astype("float64")
    others = table[[*columns.boolean, *columns.categorical]].astype(object)
    return numbers.join(others.where(others.notna(), None))


def pipeline(columns: Columns, estimator: object) -> Pipeline:
    """Imputation, scaling, encoding and the estimator, all unfitted: fitting it fits everything on the same rows."""
    return Pipeline([("preprocess", preprocessor(columns)), ("model", estimator)])


def preprocessor(columns: Columns) -> ColumnTransformer:
    """The unfitted preprocessing for these columns."""
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    # pandas' boolean takes None, NaN and NA alike; SimpleImputer takes floats.
    as_floats = (_step(pd.DataFrame.astype, dtype="boolean"), _step(pd.DataFrame.astype, dtype="float64"))
    booleans = make_pipeline(*as_floats, SimpleImputer(strategy="most_frequent"))
    # Again None, NaN and NA alike; SimpleImputer looks for one of them.
    filled = (_step(pd.DataFrame.astype, dtype=object), _step(pd.DataFrame.fillna, value=MISSING))
    encoder = OneHotEncoder(
        # A category that training never saw counts as a rare one, and as none where there are no rare ones.
        handle_unknown="infrequent_if_exist",
        max_categories=MAX_CATEGORIES,
        sparse_output=False,
    )
    branches = [
        ("number", numbers, [*columns.numeric]),
        ("boolean", booleans, [*columns.boolean]),
        ("category", make_pipeline(*filled, encoder), [*columns.categorical]),
    ]
    return ColumnTransformer([branch for branch in branches if branch[2]])


def _step(method: Callable[..., object], **arguments: object) -> FunctionTransformer:
    return FunctionTransformer(method, kw_args=arguments, feature_names_out="one-to-one")
