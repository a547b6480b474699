"""Merge what a job logged into what a branch holds: decides edits, writes nothing.

Laws: merging the same twice changes nothing, and the order of jobs does not matter. Metric lines unite; of two states
of one file the one of the newer record stands; nothing that the branch holds is dropped. Version numbers of registered
models are the exception: what was published keeps its number (see `registered_models`).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from mlpipeline.core.documents import readable_yaml
from mlpipeline.core.edits import Content, Delete, Edit, Tree, Write, differs
from mlpipeline.core.files import read_again
from mlpipeline.core.records import LEFT_OUT, NOTES, Incoming, Kind, Record
from mlpipeline.history import experiments, large_metrics, registered_models
from mlpipeline.history.large_metrics import in_memory
from mlpipeline.history.metrics import thinned, thinned_note, united_notes
from mlpipeline.history.overlay import Overlay
from mlpipeline.history.paths import METADATA, RecordFile, metadata_folder, parse
from mlpipeline.history.stored import is_deleted, is_portable, placeholders, record_files


@dataclass(frozen=True, kw_only=True)
class Merge:
    """What merging adds.

    Attributes:
        edits: paths relative to the history's root; empty where the branch holds it all.
        added: ids of the runs that the branch did not have.
        updated: ids of the runs that the branch had in another state.
        holds: the paths at which all that was merged stands now, changed or not.
    """

    edits: tuple[Edit, ...]
    added: tuple[str, ...]
    updated: tuple[str, ...]
    holds: frozenset[str]


def merge(existing: Tree, incoming: Incoming, *, complete: bool = False) -> Merge:
    """The edits that bring `incoming` into `existing`.

    Args:
        existing: the branch.
        incoming: what is to be in it.
        complete: whether `incoming` has all that the branch has of its records: what it lacks will be dropped.
    """
    used = {record.experiment for record in incoming.records}
    carried = [experiment for experiment in incoming.experiments if not experiments.is_empty_default(experiment, used)]
    placements = experiments.placements(existing, carried, used=used)
    distinct = {placement.place: placement for placement in placements.values()}
    edits: list[Edit] = [edit for placement in distinct.values() for edit in experiments.move(existing, placement)]
    tree = Overlay(existing, edits) if edits else existing
    branch = registered_models.published(tree, (model.name for model in incoming.models))
    numbers = registered_models.numbers(incoming.models, branch)
    added: list[str] = []
    updated: list[str] = []
    holds: set[str] = set()
    filled = frozenset() if complete else _filled(tree.files, {record.id for record in incoming.records})
    for record in incoming.records:
        place = placements[record.experiment].place
        stored = record_files(registered_models.renumbered(record, numbers), place)
        holds |= stored.keys() | _possible(record, place).keys()
        changes = [*_placeholders(tree, record, place, stored, filled), *_record_edits(tree, record, stored)]
        if not changes:
            continue
        edits += changes
        if record.kind is Kind.RUN:
            (updated if next(iter(stored)) in tree.files else added).append(record.id)
    for write in registered_models.merge(tree, incoming.models, branch, numbers):
        holds.add(write.path)
        edits += [write] if differs(tree, write.path, write.content) else []
    # Experiments come along with what is in them: by themselves they are nothing to persist.
    if incoming.records or incoming.models or any(placement.moved for placement in distinct.values()):
        edits += [edit for placement in distinct.values() for edit in experiments.edits(tree, placement)]
    holds |= {f"{METADATA}/{placement.place}/{path}" for placement in distinct.values() for path in placement.paths}
    return Merge(edits=tuple(edits), added=tuple(added), updated=tuple(updated), holds=frozenset(holds))


def merge_all(existing: Tree, incoming: Sequence[Incoming], *, complete: bool = False) -> Merge:
    """The edits that bring what several stores hold into `existing`, one after the other; they may hold the same."""
    merges: list[Merge] = []
    tree = existing
    for part in incoming:
        merges.append(merge(tree, part, complete=complete))
        tree = Overlay(tree, merges[-1].edits) if merges[-1].edits else tree
    added = dict.fromkeys(run for each in merges for run in each.added)
    updated = dict.fromkeys(run for each in merges for run in each.updated if run not in added)
    return Merge(
        edits=tuple(edit for each in merges for edit in each.edits),
        added=tuple(added),
        updated=tuple(updated),
        holds=frozenset().union(*(each.holds for each in merges)),
    )


def _record_edits(existing: Tree, record: Record, stored: Mapping[str, Content]) -> Iterator[Write]:
    changed = [path for path, content in stored.items() if differs(existing, path, content)]
    described = next(iter(stored))
    if described not in existing.files:
        yield from (Write(path=path, content=stored[path]) for path in changed)
        return
    folder = described.rpartition("/")[0]
    notes = f"{folder}/{LEFT_OUT}"
    united = [path for path in changed if path in existing.files and (_is_metric(path) or path.endswith(NOTES))]
    asked = [described, notes, *united] if changed else [described]
    old = existing.stream(dict.fromkeys(path for path in asked if path in existing.files), in_memory)
    newer = _newness(record, stored[described]) > _newness(record, old[described])
    noted = [content for content in (old.get(notes), stored.get(notes)) if isinstance(content, bytes)]
    known = thinned(united_notes(*noted))
    for path in changed:
        content: Content | None
        if path in old and _is_metric(path):
            inner = path.removeprefix(f"{folder}/")
            content, one_in = _united_metric(record.kind, old[path], stored[path], one_in=known.get(inner, 1))
            noted += [thinned_note(inner, one_in).encode(errors="surrogateescape")] if one_in > 1 else []
        else:
            content = _united(path, old.get(path), stored[path], newer=newer, exists=path in existing.files)
        if content is not None and path != notes and differs(existing, path, content):
            yield Write(path=path, content=content)
    if noted and differs(existing, notes, united_notes(*noted)):
        yield Write(path=notes, content=united_notes(*noted))


def _placeholders(
    existing: Tree, record: Record, place: str, stored: Mapping[str, Content], filled: frozenset[str]
) -> Iterator[Edit]:
    """The edits that leave a run with the placeholders it needs, and no other; `filled` are folders of the branch."""
    if record.kind is not Kind.RUN:
        return
    folder = metadata_folder(record, place)
    own = _filled(stored, {record.id})
    metrics, params = (f"{folder}/{name}" in filled | own for name in ("metrics", "params"))
    wanted = placeholders(folder, metrics=metrics, params=params)
    yield from (Delete(path=path) for path in _possible(record, place) if path in existing.files and path not in wanted)
    yield from (edit for path, edit in wanted.items() if path not in existing.files)


def _filled(paths: Iterable[str], records: AbstractSet[str]) -> frozenset[str]:
    """The folders of metrics and of params of some records that are not empty."""
    folders: set[str] = set()
    for path in paths:
        # The id is the third part of a run's path, or the fourth; a history has many more records than a job.
        file = None if records.isdisjoint(path.split("/", 4)[2:4]) else parse(path)
        if isinstance(file, RecordFile):
            name, _, inner = file.inner.partition("/")
            if name in ("metrics", "params") and inner and inner != ".keep":
                folders.add(f"{file.folder}/{name}")
    return frozenset(folders)


def _possible(record: Record, place: str) -> Mapping[str, Edit]:
    return placeholders(metadata_folder(record, place), metrics=False, params=False)


def _united(path: str, old: Content | None, new: Content, *, newer: bool, exists: bool) -> Content | None:
    """What a file of a record known to the branch becomes; `None` to leave it."""
    if not exists:
        return new
    if path.endswith(NOTES) and isinstance(old, bytes) and isinstance(new, bytes):
        return united_notes(old, new)
    return new if newer else None


def _united_metric(kind: Kind, old: Content, new: Content, *, one_in: int) -> tuple[Content, int]:
    """What a metric known to the branch becomes, and one line in how many of it is kept."""
    try:
        found = large_metrics.united(old, new, of=kind, one_in=one_in)
    except ValueError:
        # What MLflow cannot read was committed by hand, and blanks the whole experiment.
        return new, one_in
    return found.content, found.one_in


def _is_metric(path: str) -> bool:
    file = parse(path)
    return isinstance(file, RecordFile) and file.inner.startswith("metrics/")


_TIMES = {Kind.RUN: "end_time", Kind.LOGGED_MODEL: "last_updated_timestamp", Kind.TRACE: "execution_duration_ms"}
"""What grows when a record of a kind goes on: the key that tells two states of one record apart."""


def _newness(record: Record, described: Content) -> tuple[int, bool, bool, bytes]:
    """Orders two states of one record: by its time, deleted last, then the portable one, ties by content.

    The content decides nothing of importance, but decides it alike for every order of jobs.
    """
    data = described if isinstance(described, bytes) else read_again(described)
    values = readable_yaml(data)
    when = values.get(_TIMES[record.kind])
    return when if isinstance(when, int) else 0, is_deleted(values), is_portable(values), data
