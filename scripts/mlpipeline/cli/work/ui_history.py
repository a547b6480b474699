"""`history.py ui`: open a history in MLflow's UI."""

import argparse
import hashlib
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from mlpipeline.cli import streams
from mlpipeline.cli.work.settings import history_root
from mlpipeline.core.errors import RepositoryError
from mlpipeline.history.folder import refuse_none
from mlpipeline.history.paths import METADATA, is_id
from mlpipeline.operations.browse import recorded_in
from mlpipeline.repo.checkout import Checkout
from mlpipeline.reports.links import runs_page
from mlpipeline.reports.report import Notice, Report
from mlpipeline.ui_cache import cache, ui

READ_VIEW = "This is a view of the history. What is edited in it is gone when it ends."


def work(flags: argparse.Namespace, environ: Mapping[str, str]) -> Report:
    """Open a history in MLflow's UI."""
    root = history_root(flags)
    refuse_none(root)
    file = _cache_folder(root, environ) / f"browse-{hashlib.sha256(str(root).encode()).hexdigest()[:12]}.db"
    done = cache.refresh(file, root)
    counted = f"{done.read} read, {done.kept} unchanged, {done.removed} removed"
    text = f"{'Built' if done.rebuilt else 'Refreshed'} {file}: {counted}."
    if not flags.refresh_only:
        streams.say(text)
        streams.say(f"{READ_VIEW} Starting MLflow's UI; Ctrl-C ends it.")
        for refused in done.refused:
            streams.say(f"warning: left out: {refused}")
        ui.serve(
            file,
            host=flags.host,
            port=flags.port,
            environ=environ,
            ready=partial(_tell, root),
        )
        text = "The UI has ended."
    outputs = {
        "status": "refreshed",
        "cache": str(file),
        "rebuilt": done.rebuilt,
        "read": done.read,
        "kept": done.kept,
        "removed": done.removed,
        "refused": list(done.refused),
    }
    notices = [
        Notice(level="warning", title="history.py ui", message=f"left out: {refused}") for refused in done.refused
    ]
    return Report(outputs=outputs, text=text, notices=notices if flags.refresh_only else ())


def _tell(root: Path, address: str) -> None:
    """Say where the UI is, and where the runs of the promoted run's experiment are in it."""
    streams.say(f"The history is at {address}")
    run = recorded_in(root).run_id
    if run and is_id(run) and (folder := next(root.glob(f"{METADATA}/*/{run}"), None)):
        # The cache is a database, which holds the number.
        streams.say(f"Its runs are at {runs_page(folder.parent.name.replace('_', ''), ui=address)}")


def _cache_folder(root: Path, environ: Mapping[str, str]) -> Path:
    """Where the cache is kept: inside the repository's own folder, so that no checkout sees it; else the user's."""
    try:
        return Checkout(root).bundle_folder()
    except RepositoryError:
        home = environ.get("XDG_CACHE_HOME")
        return (Path(home) if home else Path.home() / ".cache") / "mlflow-persistence"
