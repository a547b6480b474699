"""`history.py restore`: bring a history into the folder of the next training."""

import argparse
from collections.abc import Mapping

from mlpipeline.cli.work.settings import history_root
from mlpipeline.core.errors import RepositoryError
from mlpipeline.history.folder import FolderTree
from mlpipeline.operations.restore import restore
from mlpipeline.repo.checkout import Checkout
from mlpipeline.reports.report import Notice, Report

NAMED = 10
"""Records or paths that a message names, at the most."""


def work(flags: argparse.Namespace, _environ: Mapping[str, str]) -> Report:
    """Bring a history into the folder of the next training."""
    root = history_root(flags)
    into = root if flags.into is None else flags.into
    same_place = not flags.commit and into.resolve() == root
    if flags.commit:
        checkout = Checkout(flags.repository)
        commit = checkout.commit(flags.commit)
        if commit is None:
            raise RepositoryError(
                f"There is no commit '{flags.commit}' in '{checkout.top}'.", remedy="git fetch, or name another."
            )
        prefix = root.relative_to(checkout.top).as_posix()
        done = restore(checkout.tree(commit, "" if prefix == "." else f"{prefix}/"), into, artifacts=flags.artifacts)
    else:
        done = restore(FolderTree.scan(root), into, artifacts=flags.artifacts, same_place=same_place)
    brought = f"{done.runs} runs in {done.files} files brought into '{into}', {done.folders} empty folders created."
    advice = f"Train in '{into}' with MLFLOW_TRACKING_URI=file:./mlruns and MLFLOW_ALLOW_FILE_STORE=true."
    told: list[str] = []
    if done.skipped:
        told.append(
            f"{len(done.skipped)} records are in another state in '{into}' and were left as they are there: "
            f"{', '.join(done.skipped[:NAMED])}{', ...' if len(done.skipped) > NAMED else ''}"
        )
    refused = [f"{path!r} {reason}" for path, reason in sorted(done.refused.items())]
    if refused:
        told.append(
            f"{len(refused)} paths of the history were not brought, because no run's files are called so or links are "
            f"not followed: {'; '.join(refused[:NAMED])}{'; ...' if len(refused) > NAMED else ''}"
        )
    outputs = {
        "status": "restored",
        "runs": done.runs,
        "files": done.files,
        "folders": done.folders,
        "skipped": list(done.skipped),
        "refused": refused,
        "path": str(into),
    }
    notices = [Notice(level="warning", title="history.py restore", message=message) for message in told]
    return Report(outputs=outputs, text=f"{brought}\n{advice}", notices=notices)
