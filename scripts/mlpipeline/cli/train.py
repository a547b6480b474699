"""`train.py`: train every candidate, one MLflow run each."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from mlpipeline.cli import entry

_DESCRIPTION = """\
Train every candidate on the training part, measure it on the other two, and log one MLflow run each.

A run holds parameters, val_ and test_ RMSE, MAE and R², tags for the model's type, Git commit, data (SHA-256, DVC's
md5), seed and machine, a residual plot, feature importances or coefficients, the model (signature, input example;
it takes raw rows) and the fitted pipeline as model.joblib. A candidate that fails leaves a FAILED run and a warning;
the command fails only when all of them do.
"""

_EPILOG = """\
reads    INPUT/train.parquet, validation.parquet, test.parquet and report.json, as preprocess.py wrote them
writes   runs at the tracking URI: --tracking-uri, else $MLFLOW_TRACKING_URI, else file:./mlruns
next     python scripts/persist.py

candidates file (the default is scripts/mlpipeline/training/candidates.yaml):
  candidates:
    - model: ridge              dummy, linear, ridge, lasso, elastic_net, knn, svr, random_forest, extra_trees,
                                gradient_boosting, hist_gradient_boosting or xgboost
      name: strong ridge        the run's name; the model's by default
      parameters: {alpha: 10}   of the scikit-learn or XGBoost class

examples:
  python scripts/train.py
  python scripts/train.py --candidates candidates.yaml --experiment houses --seed 7
  MLFLOW_TRACKING_URI=http://localhost:5000 python scripts/train.py
"""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `train.py`."""
    parser.add_argument(
        "--input", type=Path, default=Path("data/processed"), metavar="DIR", help="where to read (default: %(default)s)"
    )
    parser.add_argument(
        "--candidates", type=Path, metavar="FILE", help="which models to train (default: six, from dummy to xgboost)"
    )
    parser.add_argument(
        "--experiment", metavar="NAME", help="MLflow's experiment (default: the data's name and -regression)"
    )
    parser.add_argument("--tracking-uri", metavar="URI", help="where MLflow keeps the runs (default: see below)")
    parser.add_argument("--seed", type=int, default=42, metavar="N", help="of the models (default: %(default)s)")


COMMAND = entry.Command(
    name="train",
    summary="train every candidate, one MLflow run each",
    description=_DESCRIPTION,
    epilog=_EPILOG,
    add_flags=add_flags,
    work=entry.later("mlpipeline.cli.work.train"),
    extra="train",
)


def main(argv: Sequence[str] | None = None, *, prog: str = "train.py") -> int:
    """Run the command; returns its exit code."""
    return entry.run(entry.parser_of(COMMAND, prog=prog), argv)
