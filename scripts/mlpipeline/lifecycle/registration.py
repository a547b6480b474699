"""Register the promoted model where MLflow looks for it, as `models:/promoted_model@champion`; pure.

Like the promoted model itself this is derived from the choice: one version, of the promoted run. Its number is the time
at which that run ended, so that a number never comes to mean another run, and jobs in any order give the same.
"""

from collections.abc import Iterator

from mlpipeline.core.documents import dump_yaml
from mlpipeline.core.edits import Delete, Edit, Tree, Write, differs
from mlpipeline.core.ranking import Choice, RunSummary
from mlpipeline.core.records import PROMOTED_TAG, Kind
from mlpipeline.history.paths import (
    CHAMPION,
    METADATA,
    PROMOTED,
    PROMOTED_MODEL,
    REGISTERED_MODELS,
    ArtifactFile,
    RegisteredModelFile,
    artifact_folder,
    parse,
)

_ABOUT = f"The promoted run's model, of which {PROMOTED} is a copy."
_FOLDER = f"{METADATA}/{REGISTERED_MODELS}/{PROMOTED_MODEL}/"
_LARGEST_VERSION = 2**31 - 1  # that MLflow's SQL schema holds
_TAG = f"tags/{PROMOTED_TAG}"


def registration(tree: Tree, choice: Choice) -> Iterator[Edit]:
    """Yield the edits that leave the registered model with one version, of the best run; a team's own stays."""
    there = [path for path in tree.files if path.startswith(_FOLDER)]
    if there and f"{_FOLDER}{_TAG}" not in there:
        return
    wanted = _files(choice, choice.best) if choice.best else {}
    yield from (Delete(path=path) for path in there if path not in wanted)
    for path, content in wanted.items():
        if differs(tree, path, content):
            yield Write(path=path, content=content)


def _files(choice: Choice, best: RunSummary) -> dict[str, bytes]:
    """Lay out the registered model as MLflow's file store does, by path below the root."""
    ended = best.end_time or best.start_time or 0
    number = min(max(ended // 1000, 1), _LARGEST_VERSION)
    times = {"creation_timestamp": ended, "last_updated_timestamp": ended}
    place = parse(f"{best.model}/MLmodel")
    logged = place.id if isinstance(place, ArtifactFile) and place.kind is Kind.LOGGED_MODEL else None
    inner = (best.model or "").removeprefix(artifact_folder(Kind.RUN, best.run_id)).strip("/")
    version = {
        **times,
        "current_stage": "None",
        "description": f"Run {best.run_name or best.run_id} ({best.algorithm})",
        "model_id": logged,
        "name": PROMOTED_MODEL,
        "run_id": best.run_id,
        "run_link": None,
        "source": f"models:/{logged}" if logged else f"runs:/{best.run_id}/{inner}",
        "status": "READY",
        "status_message": None,
        "storage_location": f"file:./{best.model}",
        "user_id": None,
        "version": number,
    }
    model = {**times, "aliases": {CHAMPION: str(number)}, "description": _ABOUT, "name": PROMOTED_MODEL}
    value = f"{choice.rule.metric} {best.value:.6g}".encode()
    return {
        _path(): dump_yaml(model),
        _path(inner=_TAG): value,
        _path(inner=f"aliases/{CHAMPION}"): str(number).encode(),
        _path(version=number): dump_yaml(version),
        _path(version=number, inner=_TAG): value,
    }


def _path(*, version: int | None = None, inner: str = "meta.yaml") -> str:
    return RegisteredModelFile(name=PROMOTED_MODEL, version=version, inner=inner).path
