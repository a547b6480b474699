"""Mark what is promoted where MLflow's UI shows it: the run by a tag, its experiment by the description; pure.

Both are derived from the choice, like the promoted model.
"""

from collections.abc import Iterator

from mlpipeline.core.edits import Delete, Edit, Tree, Write, differs
from mlpipeline.core.ranking import Choice, RunSummary
from mlpipeline.core.records import EXPERIMENT_NOTE, PROMOTED_TAG
from mlpipeline.history.experiments import NOTE_END, is_own_note
from mlpipeline.history.paths import ExperimentFile, RecordFile, parse


def marks(tree: Tree, choice: Choice) -> Iterator[Edit]:
    """Yield the edits that leave the marks on the best run and its experiment, and on no other.

    An experiment that somebody described keeps that description.
    """
    best = choice.best
    tag = f"{best.folder}/tags/{PROMOTED_TAG}" if best else ""
    note = f"{best.folder.rpartition('/')[0]}/{EXPERIMENT_NOTE}" if best else ""
    tags = [path for path in tree.files if path.endswith(f"/tags/{PROMOTED_TAG}") and _is(RecordFile, path)]
    described = [path for path in tree.files if path.endswith(f"/{EXPERIMENT_NOTE}") and _is(ExperimentFile, path)]
    notes = {path: is_own_note(data) for path, data in tree.read(described).items()}
    yield from (Delete(path=path) for path in tags if path != tag)
    yield from (Delete(path=path) for path, is_own in notes.items() if is_own and path != note)
    if best:
        value = f"{choice.rule.metric} {best.value:.6g}"
        own = [Write(path=tag, content=value.encode())]
        own += [Write(path=note, content=_note(best, value))] if notes.get(note, True) else []
        yield from (write for write in own if differs(tree, write.path, write.content))


def _is(kind: type[ExperimentFile | RecordFile], path: str) -> bool:
    return isinstance(parse(path), kind)


def _note(best: RunSummary, value: str) -> bytes:
    return f"The run {best.run_id} ({value}) {NOTE_END}".encode()
