"""Fitting one candidate and measuring it: no files, no tracking."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error
from sklearn.pipeline import Pipeline

from mlpipeline.training.candidates import Candidate
from mlpipeline.training.columns import Columns
from mlpipeline.training.features import model_rows, pipeline


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """One part as a model takes it: `rows` is (n, features), `truth` (n,) in the target's unit."""

    rows: pd.DataFrame
    truth: Any

    @classmethod
    def of(cls, table: pd.DataFrame, *, target: str, columns: Columns) -> "Part":
        """From raw rows with their target."""
        return cls(rows=model_rows(table, columns), truth=table[target].to_numpy(dtype="float64"))


@dataclass(frozen=True, kw_only=True, eq=False)
class Parts:
    """The three parts of the data."""

    train: Part
    validation: Part
    test: Part


@dataclass(frozen=True, kw_only=True, eq=False)
class Fitted:
    """A candidate that learned.

    Attributes:
        pipeline: fitted, from raw rows to predictions.
        predictions: by part (`val`, `test`), (n,) in the target's unit.
        metrics: `val_` and `test_` of `rmse`, `mae` (the target's unit) and `r2`.
        fit_seconds: wall time of the fit alone.
    """

    pipeline: Pipeline
    predictions: Mapping[str, Any]
    metrics: Mapping[str, float]
    fit_seconds: float


def fit(candidate: Candidate, parts: Parts, *, columns: Columns, seed: int) -> Fitted:
    """Fit on the training part, measure on the other two.

    Raises:
        Exception: whatever the estimator raises; ValueError for predictions that are not finite.
    """
    model = pipeline(columns, candidate.estimator(seed))
    started = time.perf_counter()
    model.fit(parts.train.rows, parts.train.truth)
    fit_seconds = time.perf_counter() - started
    predictions = {"val": model.predict(parts.validation.rows), "test": model.predict(parts.test.rows)}
    metrics = _scores("val", parts.validation, predictions["val"]) | _scores("test", parts.test, predictions["test"])
    if not np.isfinite(list(metrics.values())).all():
        raise ValueError(f"its metrics are not finite numbers: {metrics}")
    return Fitted(pipeline=model, predictions=predictions, metrics=metrics, fit_seconds=fit_seconds)


def _scores(prefix: str, part: Part, predicted: Any) -> dict[str, float]:
    return {
        f"{prefix}_rmse": float(root_mean_squared_error(part.truth, predicted)),
        f"{prefix}_mae": float(mean_absolute_error(part.truth, predicted)),
        f"{prefix}_r2": float(r2_score(part.truth, predicted)),
    }
