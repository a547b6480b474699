"""`persist.py`: the flags, and what is told of the outcome."""

import argparse
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from mlpipeline.cli import entry, options
from mlpipeline.core.errors import PipelineError
from mlpipeline.core.outcome import Outcome
from mlpipeline.core.settings import Context
from mlpipeline.reports import persisted
from mlpipeline.reports.report import Report

DESCRIPTION = """\
Publish the job's MLflow runs in the Git repository: merge them into the history on
the branch, choose the best run by a metric, promote its model and push.

writes on the branch:
  mlruns/, mlflow-artifacts/        the history, readable by MLflow in every clone
  models/                           the best model of each algorithm
  deployment/models/best_model/     the promoted model, as MLflow serves it
  mlflow_persistence_info.json      leaderboard, counts, provenance

The commit is built and pushed beside the checkout, on the newest state of the branch;
other jobs may push at the same time. After that the checkout follows, if it can without
overwriting anything. A failure is reported and leaves all as it was; it ends with 0
unless --fail-on-error is given, and the commit that could not be pushed is kept."""

EXAMPLES = """\
examples:
  python scripts/persist.py                          runs in ./mlruns, branch checked out
  python scripts/persist.py --dry-run                show what would be pushed
  python scripts/persist.py --metric val_r2 --mode max
  python scripts/persist.py --root backend           a history in a folder of a monorepo
  python scripts/persist.py --branch ml-history      a history on a branch of its own"""


def parser() -> argparse.ArgumentParser:
    """The flags of `persist.py`."""
    made = entry.parser(prog="persist.py", description=DESCRIPTION, epilog=EXAMPLES)
    made.add_argument(
        "--source",
        default="",
        metavar="URI",
        help="the job's runs: a folder, sqlite:///FILE or a server's address "
        "(default: $MLFLOW_TRACKING_URI, else what MLflow itself would use in the root)",
    )
    made.add_argument("--repository", type=Path, default=Path(), metavar="DIR", help="the checkout (default: .)")
    made.add_argument("--root", default=".", help="folder in the repository that holds mlruns/ (default: .)")
    options.add_flags(made)
    made.add_argument("--job", default="", help="who ran this, in the commit message (default: workflow run, or host)")
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run `persist.py`; returns the exit code."""
    return entry.run(parser(), _work, extra="persist", argv=argv, strict=lambda flags: bool(flags.fail_on_error))


def _work(flags: argparse.Namespace, environ: Mapping[str, str]) -> Report:
    # Here, not above: without GitPython the command must still be able to name what is missing.
    from mlpipeline.operations.persist import persist
    from mlpipeline.publishing.loop import Effects

    context = Context.from_environ(environ)
    job = " ".join(flags.job.split()) or context.job
    settings = options.settings(flags, context, source=flags.source, job=job)
    try:
        outcome = persist(settings, Effects(now=time.time, sleep=time.sleep, say=options.say))
    except PipelineError as error:
        # Told as an outcome, so that whoever reads the outputs finds the same names as always.
        outcome = Outcome(
            status="failed", reason=error.what, metric=settings.rule.metric, messages=(("error", str(error)),)
        )
        return persisted.report(outcome, exit_code=error.exit_code if flags.fail_on_error else 0)
    return persisted.report(outcome, exit_code=options.exit_code(outcome, flags))
