"""What a run trained, and under which name of a file its model stands."""

from collections.abc import Mapping

import pytest

from mlpipeline.core.documents import dump_yaml
from mlpipeline.core.ranking import Mode, Rule
from mlpipeline.history.algorithms import algorithm_name, file_names, of_mlmodel
from mlpipeline.history.reader import run_summaries
from support.memory import MemoryTree

RULE = Rule(metric="val_rmse", mode=Mode.MIN)


def summaries(
    run_name: str = "bold-crane-123",
    *,
    files: Mapping[str, bytes] | None = None,
    model: str = "model",
    mlmodel: bytes = b"flavors: {sklearn: {}}\n",
    registered: str = "",
) -> list[tuple[str, str | None]]:
    """The algorithm and the model's place of a run with a logged model."""
    run, logged = "mlruns/1_1/a", "mlruns/1_1/models/m-1"
    contents = {
        "mlruns/1_1/meta.yaml": b"name: demo\n",
        f"{run}/meta.yaml": dump_yaml({"run_id": "a", "status": 3, "run_name": run_name}),
        f"{run}/outputs/m-1/meta.yaml": b"",
        f"{logged}/meta.yaml": dump_yaml({"model_id": "m-1", "status": 2, "name": model}),
        "mlflow-artifacts/models/m-1/artifacts/MLmodel": mlmodel,
        **{f"{run}/{path}": data for path, data in (files or {}).items()},
    }
    if registered:
        contents[f"mlruns/models/{registered}/version-1/meta.yaml"] = dump_yaml({"run_id": "a", "version": 1})
    return [(each.algorithm, each.model) for each in run_summaries(MemoryTree(contents), RULE)]


@pytest.mark.parametrize(
    ("given", "algorithm"),
    [
        ({"files": {"tags/model_type": b"Ridge Regression", "tags/estimator_name": b"Ridge"}}, "Ridge-Regression"),
        ({"files": {"params/model_type": b"gbr"}}, "gbr"),
        ({"files": {"tags/model_type": b" ", "tags/estimator_name": b"Ridge"}}, "Ridge"),
        ({"files": {"tags/estimator_name": b"RandomForestRegressor"}, "run_name": "mine"}, "RandomForestRegressor"),
        ({"files": {"tags/estimator_class": b"sklearn.linear_model._ridge.Ridge"}}, "Ridge"),
        ({"mlmodel": b"flavors: {xgboost: {model_class: xgboost.sklearn.XGBRegressor}}\n"}, "XGBRegressor"),
        ({"mlmodel": b"flavors: {catboost: {model_type: CatBoostClassifier}}\n", "model": "x"}, "CatBoostClassifier"),
        ({"mlmodel": b"flavors: [", "model": "churn"}, "churn"),
        ({"registered": "pricer", "model": "churn", "run_name": "mine"}, "pricer"),
        ({"model": "churn", "run_name": "mine"}, "churn"),
        ({"run_name": "baseline tuned"}, "baseline-tuned"),
        ({"run_name": "bold-crane-123"}, "model"),
        ({"run_name": ""}, "model"),
    ],
)
def test_what_is_known_best_names_the_algorithm(given: dict[str, object], algorithm: str) -> None:
    ((found, _),) = summaries(**given)  # type: ignore[arg-type]
    assert found == algorithm


@pytest.mark.parametrize(
    ("artifacts", "model"),
    [
        (["rf_model.pkl"], "rf_model.pkl"),
        (["plots/a.png", "best/weights.PTH"], "best/weights.PTH"),
        (["a.pkl", "b.pkl"], None),
        (["data.csv", "notes.txt"], None),
        (["a.pkl", "model.joblib"], ""),
    ],
)
def test_the_only_file_that_is_like_a_model_is_the_model(artifacts: list[str], model: str | None) -> None:
    folder = "mlflow-artifacts/a/artifacts"
    meta = dump_yaml({"run_id": "a", "status": 3})
    contents = {"mlruns/1_1/meta.yaml": b"name: demo\n", "mlruns/1_1/a/meta.yaml": meta}
    contents |= {f"{folder}/{path}": b"x" for path in artifacts}

    (found,) = run_summaries(MemoryTree(contents), RULE)

    assert found.model == (None if model is None else f"{folder}/{model}".rstrip("/"))


def test_two_algorithms_never_have_one_name() -> None:
    algorithms = ["a b", "a/b", "a-b", "Ridge", "ridge", "x" * 70, "x" * 71, "é", "ü", "lasso"]

    named = file_names(algorithms)

    assert len({name.lower() for name in named.values()}) == len(algorithms)
    assert all(algorithm_name(name) == name for name in named.values())
    assert (named["a-b"], named["Ridge"], named["lasso"]) == ("a-b", "Ridge", "lasso")
    assert file_names(reversed(algorithms)) == named  # type: ignore[arg-type]


def test_an_mlmodel_that_says_nothing() -> None:
    for data in (b"", b"flavors: 1", b"flavors: {a: 1}", b"flavors: {a: {model_class: 3}}", b"\xff"):
        assert of_mlmodel(data) == ""
