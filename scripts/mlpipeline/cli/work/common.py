"""What the subcommands of `history.py` have in common: a run as JSON, and the folder of a history."""

import argparse
import math
from pathlib import Path

from mlpipeline.core.ranking import RunSummary
from mlpipeline.history.folder import root_folder


def root_of(flags: argparse.Namespace) -> Path:
    """Find the folder that holds `mlruns/`.

    Raises:
        InputError: there is no such folder.
    """
    return root_folder(flags.repository, flags.root)


def run_json(run: RunSummary) -> dict[str, object]:
    """Give a run's values as `--json` prints them."""
    return {
        "run_id": run.run_id,
        "run_name": run.run_name,
        "experiment": run.experiment,
        "algorithm": run.algorithm,
        "value": number_json(run.value),
        "status": run.status,
        "deleted": run.deleted,
        "start_time": run.start_time,
        "end_time": run.end_time,
        "model_path": run.model,
    }


def number_json(value: float | None) -> float | str | None:
    """Give a number, or the name of one that JSON does not have: NaN and the infinities."""
    return value if value is None or math.isfinite(value) else str(value)
