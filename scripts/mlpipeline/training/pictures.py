"""Two pictures a model: what it gets wrong, and what it looks at. Small PNG files, the same bytes every time."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from sklearn.pipeline import Pipeline

from mlpipeline.training.evaluation import Fitted, Parts

DPI = 80
LONGEST = 20
"""Bars of a picture; the largest ones."""

LONGEST_LABEL = 32

_COLOURS = {"val": "#1f6feb", "test": "#d9822b"}

_UNITS = {
    "feature importances": "importance",
    "coefficients": "change of the prediction by one standard deviation, or by the category",
}


def draw(folder: Path, fitted: Fitted, parts: Parts, *, name: str, target: str) -> None:
    """Write `residuals.png`, and `feature_importances.png` or `coefficients.png` where the model has them."""
    _draw_residuals(folder / "residuals.png", fitted, parts, name=name, target=target)
    weights = _weights(fitted.pipeline)
    if weights is not None:
        kind, values = weights
        _draw_weights(folder / f"{kind.replace(' ', '_')}.png", fitted.pipeline, kind, values, name=name)


def _draw_residuals(path: Path, fitted: Fitted, parts: Parts, *, name: str, target: str) -> None:
    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    axes = figure.add_subplot()
    labels = {"val": "validation", "test": "test"}
    for key, part in (("val", parts.validation), ("test", parts.test)):
        rmse = fitted.metrics[f"{key}_rmse"]
        residuals = part.truth - fitted.predictions[key]
        axes.scatter(
            fitted.predictions[key],
            residuals,
            s=14,
            alpha=0.6,
            linewidths=0,
            color=_COLOURS[key],
            label=f"{labels[key]}, RMSE {rmse:.4g}",
        )
    axes.axhline(0, color="#444444", linewidth=1)
    _name(axes, title=f"{name}: residuals", x=f"predicted {target}", y=f"{target} minus predicted")
    axes.legend(frameon=False, loc="upper right")
    _save(figure, path)


def _draw_weights(path: Path, model: Pipeline, kind: str, values: Any, *, name: str) -> None:
    labels = [label.partition("__")[2] for label in model[:-1].get_feature_names_out()]
    largest = np.argsort(np.abs(values), kind="stable")[-LONGEST:]
    figure = Figure(figsize=(6.4, 1.2 + 0.25 * len(largest)), layout="constrained")
    axes = figure.add_subplot()
    axes.barh(range(len(largest)), values[largest], color=_COLOURS["val"])
    axes.set_yticks(range(len(largest)), labels=[_short(labels[index]) for index in largest], parse_math=False)
    axes.axvline(0, color="#444444", linewidth=1)
    _name(axes, title=f"{name}: {kind}", x=_UNITS[kind])
    _save(figure, path)


def _weights(model: Pipeline) -> tuple[str, Any] | None:
    # Asking is the way to know: SVR has coefficients with a linear kernel only, XGBoost with a linear booster only.
    for kind, attribute in (("feature importances", "feature_importances_"), ("coefficients", "coef_")):
        values = getattr(model[-1], attribute, None)
        if values is not None:
            return kind, np.ravel(values)
    return None


def _name(axes: Axes, *, title: str, x: str, y: str = "") -> None:
    # The words come from the data: a dollar sign in them is a dollar sign, not mathematics.
    axes.set_title(title, parse_math=False)
    axes.set_xlabel(x, parse_math=False)
    axes.set_ylabel(y, parse_math=False)


def _short(label: str) -> str:
    return label if len(label) <= LONGEST_LABEL else f"{label[: LONGEST_LABEL - 1]}…"


def _save(figure: Figure, path: Path) -> None:
    FigureCanvasAgg(figure)
    # Without the version of matplotlib in it, equal pictures are equal bytes and Git keeps one.
    figure.savefig(path, format="png", dpi=DPI, metadata={"Software": None})
