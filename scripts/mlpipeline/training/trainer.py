"""Train every candidate, one run each, and rank what came out."""

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlpipeline.core.credentials import without_credentials
from mlpipeline.core.errors import TrainingError
from mlpipeline.training import pictures
from mlpipeline.training.candidates import Candidate
from mlpipeline.training.columns import Columns
from mlpipeline.training.evaluation import Parts, fit
from mlpipeline.training.recording import Recorder


@dataclass(frozen=True, kw_only=True)
class Task:
    """What all candidates of one training share; `tags` go to every run."""

    parts: Parts
    columns: Columns
    target: str
    seed: int
    tags: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class CandidateResult:
    """One candidate's run: its metrics, or why it failed. `seconds` is wall time, recording included."""

    candidate: Candidate
    run_id: str
    seconds: float
    metrics: Mapping[str, float]
    failure: str = ""


def train(
    candidates: Sequence[Candidate], task: Task, recorder: Recorder, *, progress: Callable[[CandidateResult], None]
) -> tuple[CandidateResult, ...]:
    """Train the candidates in order; one that fails does not stop the others.

    Args:
        candidates: at least one.
        task: what they share.
        recorder: where their runs go.
        progress: called after each.

    Returns:
        The outcomes, best `val_rmse` first and failures last.

    Raises:
        TrainingError: all of them failed.
    """
    outcomes: list[CandidateResult] = []
    for candidate in candidates:
        outcomes.append(_train(candidate, task, recorder))
        progress(outcomes[-1])
    if all(outcome.failure for outcome in outcomes):
        reasons = "\n".join(f"{outcome.candidate.name}: {outcome.failure}" for outcome in outcomes)
        raise TrainingError(
            f"All {len(outcomes)} candidates failed:\n{reasons}",
            untouched="each left a FAILED run in the tracking store.",
            remedy="fix the parameters in the candidates file, or the data.",
        )
    # sorted() is stable: of two that are equally good the one named first wins.
    return tuple(sorted(outcomes, key=lambda outcome: outcome.metrics.get("val_rmse", float("inf"))))


def _train(candidate: Candidate, task: Task, recorder: Recorder) -> CandidateResult:
    started = time.perf_counter()
    run_id = recorder.start(candidate.name, tags={**task.tags, "model_type": candidate.model})
    metrics: Mapping[str, float] = {}
    failure = ""
    try:
        metrics = _fit_and_record(run_id, candidate, task, recorder)
    except Exception as error:  # noqa: BLE001 - an estimator may raise anything, and the others are to go on
        failure = without_credentials(f"{type(error).__name__}: {error}")
        # The kind alone: a message may hold a path of this machine.
        recorder.end(run_id, "FAILED", failure=type(error).__name__)
    except BaseException:
        recorder.end(run_id, "KILLED")
        raise
    else:
        recorder.end(run_id, "FINISHED")
    return CandidateResult(
        candidate=candidate,
        run_id=run_id,
        seconds=time.perf_counter() - started,
        metrics=metrics,
        failure=failure,
    )


def _fit_and_record(run_id: str, candidate: Candidate, task: Task, recorder: Recorder) -> Mapping[str, float]:
    recorder.add_params(run_id, {"model": candidate.model, "seed": task.seed, **candidate.parameters})
    rows = len(task.parts.train.rows)
    recorder.add_data(run_id, name=task.tags["data.name"], sha256=task.tags["data.sha256"], rows=rows)
    fitted = fit(candidate, task.parts, columns=task.columns, seed=task.seed)
    with tempfile.TemporaryDirectory() as folder:
        pictures.draw(Path(folder), fitted, task.parts, name=candidate.name, target=task.target)
        recorder.add_files(run_id, Path(folder))
    recorder.record(
        run_id,
        fitted,
        name=candidate.name,
        model_type=candidate.model,
        example=task.parts.train.rows,
        columns=task.columns,
    )
    return fitted.metrics
