"""Train: read the parts, train the candidates, report the leaderboard."""

import argparse
from collections.abc import Mapping
from pathlib import Path

from mlpipeline.cli import streams
from mlpipeline.core.credentials import without_credentials
from mlpipeline.core.harmless import markdown, one_line
from mlpipeline.reports.report import Notice, Report
from mlpipeline.training import candidates, evaluation, provenance, recording, reporting, splitting, tables, trainer
from mlpipeline.training.provenance import CiJob
from mlpipeline.training.trainer import CandidateResult


def work(parsed: argparse.Namespace, environ: Mapping[str, str]) -> Report:
    """Train the candidates."""
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
    tracking_uri = parsed.tracking_uri or environ.get("MLFLOW_TRACKING_URI") or "file:./mlruns"
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
                f"Logged to {shown_uri}, experiment '{one_line(experiment)}'. Next: python scripts/persist.py",
            ]
        ),
        summary=f"### Training: {markdown(experiment)}\n\n{reporting.leaderboard(outcomes).markdown()}",
        notices=[
            Notice(level="warning", title="Candidate failed", message=f"{outcome.candidate.name}: {outcome.failure}")
            for outcome in failed
        ],
    )


def _progress(outcome: CandidateResult) -> None:
    result = "failed" if outcome.failure else f"val_rmse {outcome.metrics['val_rmse']:.4f}"
    streams.say(f"{outcome.candidate.name}: {result}, {outcome.seconds:.1f} s")


def _experiment(data: str) -> str:
    """`diabetes-regression` for `sklearn:diabetes`, `houses-regression` for `houses.csv`."""
    return f"{Path(data.rpartition(':')[2]).stem}-regression"


def _ci_job(environ: Mapping[str, str]) -> CiJob | None:
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
