"""Mark the promoted run where MLflow's UI shows it: a tag, derived from the choice like the promoted model; pure."""

from collections.abc import Iterator

from mlpipeline.core.edits import Delete, Edit, Tree, Write, differs
from mlpipeline.core.ranking import Choice
from mlpipeline.core.records import PROMOTED_TAG
from mlpipeline.history.paths import RecordFile, parse


def marks(tree: Tree, choice: Choice) -> Iterator[Edit]:
    """Yield the edits that leave the tag `mlflow_git.promoted` on the best run, with its metric, and on no other."""
    best = choice.best
    place = f"{best.folder}/tags/{PROMOTED_TAG}" if best else ""
    for path in tree.files:
        if path.endswith(f"/tags/{PROMOTED_TAG}") and path != place and isinstance(parse(path), RecordFile):
            yield Delete(path=path)
    if best:
        content = f"{choice.rule.metric} {best.value:.6g}".encode()
        if differs(tree, place, content):
            yield Write(path=place, content=content)
