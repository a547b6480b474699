"""Which models to compare: one YAML file, checked whole before anything is trained."""

import difflib
import importlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from mlpipeline.core.errors import InputError

DEFAULT_FILE = Path(__file__).with_name("candidates.yaml")

MODELS: Mapping[str, tuple[str, str]] = {
    "dummy": ("sklearn.dummy", "DummyRegressor"),
    "linear": ("sklearn.linear_model", "LinearRegression"),
    "ridge": ("sklearn.linear_model", "Ridge"),
    "lasso": ("sklearn.linear_model", "Lasso"),
    "elastic_net": ("sklearn.linear_model", "ElasticNet"),
    "knn": ("sklearn.neighbors", "KNeighborsRegressor"),
    "svr": ("sklearn.svm", "SVR"),
    "random_forest": ("sklearn.ensemble", "RandomForestRegressor"),
    "extra_trees": ("sklearn.ensemble", "ExtraTreesRegressor"),
    "gradient_boosting": ("sklearn.ensemble", "GradientBoostingRegressor"),
    "hist_gradient_boosting": ("sklearn.ensemble", "HistGradientBoostingRegressor"),
    "xgboost": ("xgboost", "XGBRegressor"),
}
"""The module and class of each model; a module is imported only when a candidate names its model."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One model to train; `parameters` are those that the file sets."""

    name: str
    model: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def estimator(self, seed: int) -> Any:
        """A new estimator, unfitted, with the seed where it takes one and the file sets none."""
        estimator = _class_of(self.model)(**self.parameters)
        if "random_state" in estimator.get_params() and "random_state" not in self.parameters:
            estimator.set_params(random_state=seed)
        return estimator


def read(path: Path) -> tuple[Candidate, ...]:
    """Read and check a candidates file.

    Raises:
        InputError: with the file, the place in it and, for a mistyped word, the nearest one that is known.
    """
    try:
        document = yaml.safe_load(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"There is no candidates file '{path}'.") from error
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise InputError(f"{path} cannot be read as YAML: {error}") from error
    top = _mapping(document, known=("candidates",), place=str(path))
    entries = top.get("candidates")
    if not isinstance(entries, list) or not entries:
        raise InputError(f"{path}: 'candidates' must be a non-empty list.")
    candidates = tuple(_candidate(entry, f"{path}: candidate {number}") for number, entry in enumerate(entries, 1))
    names = [candidate.name for candidate in candidates]
    for name in names:
        if names.count(name) > 1:
            raise InputError(
                f"{path}: more than one candidate is called '{name}'.", remedy="give each a `name` of its own"
            )
    return candidates


def _candidate(entry: object, place: str) -> Candidate:
    fields = _mapping(entry, known=("name", "model", "parameters"), place=place)
    model = fields.get("model")
    if not isinstance(model, str):
        raise InputError(f"{place}: 'model' is missing.", remedy=f"one of {', '.join(MODELS)}")
    if model not in MODELS:
        raise InputError(f"{place}: there is no model '{model}'.", remedy=_suggestion(model, MODELS))
    name = fields.get("name", model)
    if not isinstance(name, str) or not name.strip():
        raise InputError(f"{place}: 'name' must be a string.")
    known = _class_of(model)().get_params()
    parameters = _mapping(fields.get("parameters") or {}, known=known, place=f"{place}, parameters of {model}")
    return Candidate(name=name, model=model, parameters=parameters)


def _mapping(value: object, *, known: Iterable[str], place: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InputError(f"{place}: expected keys and values, found {type(value).__name__}.")
    known = list(known)
    for key in value:
        if key not in known:
            raise InputError(f"{place}: unknown key '{key}'.", remedy=_suggestion(str(key), known))
    return value


def _suggestion(wrong: str, known: Iterable[str]) -> str:
    words = list(known)
    near = difflib.get_close_matches(wrong, words, n=1)
    return f"did you mean '{near[0]}'?" if near else f"known here: {', '.join(words) or 'none'}"


def _class_of(model: str) -> Any:
    module, name = MODELS[model]
    return getattr(importlib.import_module(module), name)
