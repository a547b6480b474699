"""Where a run came from: machine, packages, code, data and job, as tags that hold no path and no secret."""

import importlib.metadata
import os
import platform
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil
from mlflow.utils.git_utils import get_git_commit

from mlpipeline.training.tables import Origin

# xgboost-cpu is the same module without the GPU's libraries.
_DISTRIBUTIONS = {"xgboost": ("xgboost", "xgboost-cpu")}

_STACK = ("mlflow", "scikit-learn", "xgboost", "pandas", "numpy", "scipy", "joblib", "cloudpickle", "matplotlib")


@dataclass(frozen=True, kw_only=True)
class CiJob:
    """The job of GitHub Actions that trains."""

    run_id: str
    run_url: str
    workflow: str
    actor: str


def tags(*, origin: Origin, seed: int, folder: Path, ci_job: CiJob | None) -> dict[str, str]:
    """The tags that all runs of one training share.

    Args:
        origin: the data.
        seed: of the training.
        folder: in the checkout whose commit is meant; the scripts may lie in another.
        ci_job: `None` outside of GitHub Actions.
    """
    commit = get_git_commit(str(folder))
    found = {
        # MLflow would write the path that the script was called by.
        "mlflow.source.name": "train.py",
        "mlflow.source.type": "LOCAL",
        "mlflow.source.git.commit": commit,
        "git.commit": commit,
        "data.name": origin.name,
        "data.sha256": origin.sha256,
        "data.dvc_md5": origin.dvc_md5,
        "seed": str(seed),
        **_system(),
    }
    if ci_job is not None:
        found |= {
            "mlflow.source.type": "JOB",
            "mlflow.user": ci_job.actor,
            "ci.run_id": ci_job.run_id,
            "ci.run_url": ci_job.run_url,
            "ci.workflow": ci_job.workflow,
            "ci.actor": ci_job.actor,
        }
    return {name: value for name, value in found.items() if value}


def pinned(packages: Iterable[str]) -> list[str]:
    """The installed packages as exact requirements; those that are not installed are left out."""
    return [requirement for package in packages if (requirement := _pin(package))]


def _pin(package: str) -> str | None:
    for distribution in _DISTRIBUTIONS.get(package, (package,)):
        try:
            return f"{distribution}=={importlib.metadata.version(distribution)}"
        except importlib.metadata.PackageNotFoundError:
            continue
    return None


def _system() -> dict[str, str]:
    return {
        "system.os": platform.platform(),
        "system.cpu": _cpu(),
        "system.cpu_count": str(os.cpu_count()),
        "system.memory_gib": f"{psutil.virtual_memory().total / 2**30:.1f}",
        "system.python": platform.python_version(),
        # In one tag: a file store keeps a file for each.
        "system.packages": " ".join(pinned(_STACK)),
    }


def _cpu() -> str:
    """The processor's name; Python itself knows it on Windows and macOS only."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())
