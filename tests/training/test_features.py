"""Preprocessing inside of the model: fitted on the training part, and able to take what comes when it is served."""

import cloudpickle
import numpy as np
import pandas as pd
import pytest

from mlpipeline.training.candidates import MODELS, Candidate
from mlpipeline.training.columns import Columns, assign
from mlpipeline.training.evaluation import Fitted, Part, Parts, fit
from mlpipeline.training.features import model_rows, pipeline

TRAIN = pd.DataFrame(
    {
        "number": [1.0, 2.0, None, 4.0, 10.0, 6.0, 1.0, 3.0],
        "whole": [1, 2, 3, 4, 5, 6, 7, 8],
        "yes": [True, True, None, False, True, True, False, True],
        "text": ["a", "b", None, "a", "b", "a", "b", "a"],
        "target": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0],
    }
)
COLUMNS = Columns(numeric=("number", "whole"), boolean=("yes",), categorical=("text",), dropped={})
RIDGE = Candidate(name="ridge", model="ridge")


def fitted(elsewhere: pd.DataFrame, candidate: Candidate = RIDGE) -> Fitted:
    """Fit on TRAIN, with the rows given as the validation and test parts."""
    train, other = (Part.of(table, target="target", columns=COLUMNS) for table in (TRAIN, elsewhere))
    return fit(candidate, Parts(train=train, validation=other, test=other), columns=COLUMNS, seed=1)


def test_the_roles_are_those_of_the_columns() -> None:
    assert assign(TRAIN.drop(columns="target")) == COLUMNS


def test_statistics_are_those_of_the_training_part() -> None:
    elsewhere = TRAIN.assign(number=1000.0, whole=1000, text="elsewhere", yes=False)
    number, boolean, category = (
        fitted(elsewhere).pipeline["preprocess"].named_transformers_[name] for name in ("number", "boolean", "category")
    )
    assert number["simpleimputer"].statistics_.tolist() == [3.0, 4.5]
    imputed = TRAIN["number"].fillna(3.0)
    assert number["standardscaler"].mean_.tolist() == pytest.approx([imputed.mean(), 4.5])
    assert number["standardscaler"].scale_.tolist() == pytest.approx([imputed.std(ddof=0), TRAIN["whole"].std(ddof=0)])
    assert boolean["simpleimputer"].statistics_.tolist() == [1.0]
    assert category["onehotencoder"].categories_[0].tolist() == ["(missing)", "a", "b"]


def test_no_byte_of_a_model_depends_on_the_other_parts() -> None:
    plain = fitted(TRAIN)
    strange = fitted(TRAIN.assign(number=1e6, whole=-5, yes=None, text="never seen", target=range(100, 108)))
    assert cloudpickle.dumps(plain.pipeline) == cloudpickle.dumps(strange.pipeline)
    assert plain.metrics != strange.metrics


def test_rows_are_floats_and_plain_values() -> None:
    table = pd.DataFrame(
        {
            "text": pd.Series(["a", None], dtype="str"),
            "yes": pd.Series([True, None], dtype="boolean"),
            "whole": pd.Series([1, None], dtype="Int64"),
            "number": [1, 2],
            "reference": ["x", "y"],
        }
    )
    rows = model_rows(table, COLUMNS)
    assert [str(kind) for kind in rows.dtypes] == ["float64", "float64", "object", "object"]
    assert rows["yes"].tolist() == [True, None]
    assert rows["text"].tolist() == ["a", None]
    assert rows["whole"].isna().tolist() == [False, True]


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA], ids=["None", "NaN", "NA"])
def test_whatever_stands_for_missing_gives_one_prediction(missing: object) -> None:
    model = fitted(TRAIN).pipeline
    row = {"number": np.nan, "whole": np.nan, "yes": missing, "text": missing}
    expected = model.predict(model_rows(pd.DataFrame([dict.fromkeys(row)]), COLUMNS))
    assert model.predict(pd.DataFrame([row])).tolist() == pytest.approx(expected.tolist())


def test_an_unseen_category_is_none_of_the_known_ones() -> None:
    preprocess = fitted(TRAIN).pipeline["preprocess"]
    row = model_rows(pd.DataFrame([{"number": 3.0, "whole": 4.5, "yes": True, "text": "never seen"}]), COLUMNS)
    names = list(preprocess.get_feature_names_out())
    encoded = dict(zip(names, preprocess.transform(row)[0].tolist(), strict=True))
    assert [encoded[name] for name in names if name.startswith("category__")] == [0.0, 0.0, 0.0]


def test_rare_categories_share_an_input() -> None:
    # 40 categories, the first ones commoner.
    text = [f"c{kind:02}" for kind in range(40) for _ in range(2 if kind < 32 else 1)]
    table = pd.DataFrame({"text": text})
    columns = Columns(numeric=(), boolean=(), categorical=("text",), dropped={})
    made = pipeline(columns, None)["preprocess"].fit(model_rows(table, columns))
    assert len(made.get_feature_names_out()) == 32
    unseen, rare = made.transform(model_rows(pd.DataFrame({"text": ["never seen", "c39"]}), columns))
    assert unseen.tolist() == rare.tolist()


@pytest.mark.parametrize("model", MODELS)
def test_every_model_of_the_registry_learns(model: str) -> None:
    parameters = {"n_neighbors": 2} if model == "knn" else {}
    made = fitted(TRAIN, Candidate(name=model, model=model, parameters=parameters))
    assert set(made.metrics) == {f"{part}_{kind}" for part in ("val", "test") for kind in ("rmse", "mae", "r2")}
    assert made.metrics["val_rmse"] < 2.5


def test_metrics_are_what_their_names_say() -> None:
    made = fitted(TRAIN, Candidate(name="dummy", model="dummy"))
    # The mean of 1 to 8, asked for 1 to 8.
    assert made.metrics["val_rmse"] == pytest.approx(np.sqrt(5.25))
    assert made.metrics["val_mae"] == pytest.approx(2.0)
    assert made.metrics["val_r2"] == pytest.approx(0.0)
