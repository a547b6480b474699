"""`train.py`: compare the candidates, one MLflow run each."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mlpipeline.cli import entry
from mlpipeline.core.credentials import without_credentials
from mlpipeline.reports.report import Notice, Report

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from mlpipeline.training.provenance import CiJob
    from mlpipeline.training.trainer import CandidateResult

DEFAULT_TRACKING_URI = "file:./mlruns"

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


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    arguments = entry.parser(prog="train.py", description=_DESCRIPTION, epilog=_EPILOG)
    arguments.add_argument(
        "--input", type=Path, default=Path("data/processed"), metavar="DIR", help="where to read (default: %(default)s)"
    )
    arguments.add_argument(
        "--candidates", type=Path, metavar="FILE", help="which models to train (default: six, from dummy to xgboost)"
    )
    arguments.add_argument(
        "--experiment", metavar="NAME", help="MLflow's experiment (default: the data's name and -regression)"
    )
    arguments.add_argument("--tracking-uri", metavar="URI", help="where MLflow keeps the runs (default: see below)")
    arguments.add_argument("--seed", type=int, default=42, metavar="N", help="of the models (default: %(default)s)")
    return entry.run(arguments, _work, extra="train", argv=argv)


def _work(parsed: argparse.Namespace, environ: Mapping[str, str]) -> Report:
    from mlpipeline.training import candidates, evaluation, provenance, recording, reporting, splitting, tables, trainer

    splitting.check_seed(parsed.seed)
    chosen = candidates.read(parsed.candidates or candidates.DEFAULT_FILE)
    report = tables.read_report(parsed.input / "report.json", splitting.SplitReport.parse, made_by="preprocess.py")
    parts = {
        name: evaluation.Part.of(
            tables.read_table(parsed.input / f"{name}.parquet", sha256=part.sha256, made_by="preprocess.py"),
            target=report.target,
            columns=report.columns,
        )
        for name, part in {"train": report.train, "validation": report.validation, "test": report.test}.items()
    }
    task = trainer.Task(
        parts=evaluation.Parts(**parts),
        columns=report.columns,
        target=report.target,
        seed=parsed.seed,
        tags=provenance.tags(origin=report.origin, seed=parsed.seed, folder=Path.cwd(), ci_job=_ci_job(environ)),
    )
    tracking_uri = parsed.tracking_uri or environ.get("MLFLOW_TRACKING_URI") or DEFAULT_TRACKING_URI
    experiment = parsed.experiment or _experiment(report.origin.name)
    shown_uri = without_credentials(tracking_uri)
    with recording.recorder(tracking_uri=tracking_uri, experiment=experiment) as recorder:
        outcomes = trainer.train(chosen, task, recorder, progress=_progress)
    best = outcomes[0]
    failed = [outcome for outcome in outcomes if outcome.failure]
    return Report(
        outputs={
            "tracking_uri": shown_uri,
            "experiment": experiment,
            "best_run_id": best.run_id,
            "best_algorithm": best.candidate.model,
            "val_rmse": best.metrics["val_rmse"],
            "runs": len(outcomes),
            "failed_runs": len(failed),
        },
        text="\n".join(
            [
                reporting.leaderboard(outcomes).text(),
                f"Logged to {shown_uri}, experiment '{experiment}'. Next: python scripts/persist.py",
            ]
        ),
        summary=f"### Training: {experiment}\n\n{reporting.leaderboard(outcomes).markdown()}",
        notices=[
            Notice(level="warning", title="Candidate failed", message=f"{outcome.candidate.name}: {outcome.failure}")
            for outcome in failed
        ],
    )


def _progress(outcome: CandidateResult) -> None:
    result = "failed" if outcome.failure else f"val_rmse {outcome.metrics['val_rmse']:.4f}"
    print(f"{outcome.candidate.name}: {result}, {outcome.seconds:.1f} s", file=sys.stderr, flush=True)


def _experiment(data: str) -> str:
    """`diabetes-regression` for `sklearn:diabetes`, `houses-regression` for `houses.csv`."""
    return f"{Path(data.rpartition(':')[2]).stem}-regression"


def _ci_job(environ: Mapping[str, str]) -> CiJob | None:
    from mlpipeline.training.provenance import CiJob

    if environ.get("GITHUB_ACTIONS") != "true":
        return None
    run_id = environ.get("GITHUB_RUN_ID", "")
    repository = f"{environ.get('GITHUB_SERVER_URL', 'https://github.com')}/{environ.get('GITHUB_REPOSITORY', '')}"
    return CiJob(
        run_id=run_id,
        run_url=f"{repository}/actions/runs/{run_id}",
        workflow=environ.get("GITHUB_WORKFLOW", ""),
        actor=environ.get("GITHUB_ACTOR", ""),
    )
