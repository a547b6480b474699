"""Decide where experiments go: one name is one experiment; pure."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

from mlpipeline.core.documents import dump_yaml
from mlpipeline.core.edits import Copy, Delete, Edit, Tree, Write, differs
from mlpipeline.core.records import Experiment
from mlpipeline.history import reader
from mlpipeline.history.paths import ARTIFACTS, METADATA, experiment_id
from mlpipeline.history.reader import StoredExperiment
from mlpipeline.history.stored import is_deleted


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Where an experiment lives in the history.

    Attributes:
        stored: the branch's own, if it has it.
        place: below `mlruns/`: the id, inside `.trash/` where the experiment was deleted.
        described: the job's experiments that go there.
        meta: what all of them make of its description.
    """

    stored: StoredExperiment | None
    place: str
    described: tuple[Experiment, ...]
    meta: Mapping[str, object]

    @property
    def paths(self) -> list[str]:
        """The paths of its own files, below its place."""
        return ["meta.yaml", *(path for experiment in self.described for path in experiment.files)]

    @property
    def moved(self) -> bool:
        """Whether the job deleted or restored it, or gave it a new name."""
        if self.stored is None:
            return False
        return self.stored.place != self.place or self.stored.meta.get("name") != self.meta.get("name")


def placements(existing: Tree, experiments: Sequence[Experiment]) -> dict[str, Placement]:
    """Place each experiment, by its name in the job.

    It is the id under which the branch knows the name, else the id that the name gives. An experiment that came from
    the history and was renamed keeps its id.
    """
    stored = reader.experiments(existing)
    # Where one name has several ids, the lowest comes last and stands, whatever the order in which they are found.
    by_name = {known.name: known.id for known in sorted(stored, key=lambda known: int(known.id), reverse=True)}
    own = {known.id: known for known in stored}
    ids = {
        experiment.name: by_name.get(experiment.name) or _renamed(experiment, own) or experiment_id(experiment.name)
        for experiment in experiments
    }
    together: dict[str, list[Experiment]] = defaultdict(list)
    for experiment in experiments:
        together[ids[experiment.name]].append(experiment)
    placed = {identifier: _placement(identifier, own.get(identifier), group) for identifier, group in together.items()}
    return {name: placed[identifier] for name, identifier in ids.items()}


def edits(existing: Tree, placement: Placement) -> Iterator[Write]:
    """Yield those of an experiment's own files that change; the branch has it at its place already."""
    folder = f"{METADATA}/{placement.place}"
    before = _time(placement.stored.meta) if placement.stored else -1
    for experiment in sorted(placement.described, key=_order):
        for path, content in experiment.files.items():
            if f"{folder}/{path}" not in existing.files or _time(experiment.meta) > before:
                yield from _changed(existing, Write(path=f"{folder}/{path}", content=content))
    yield from _changed(existing, Write(path=f"{folder}/meta.yaml", content=dump_yaml(placement.meta)))


def move(placement: Placement) -> Iterator[Edit]:
    """Move an experiment which was deleted or restored to its new place."""
    if placement.stored is not None and placement.stored.place != placement.place:
        yield Copy(path=f"{METADATA}/{placement.place}", source=f"{METADATA}/{placement.stored.place}")
        yield Delete(path=f"{METADATA}/{placement.stored.place}")


def _renamed(experiment: Experiment, own: Mapping[str, StoredExperiment]) -> str | None:
    # Ids of databases are small numbers that say nothing; one computed from the name came from this history.
    there = own.get(experiment.id)
    return experiment.id if there and experiment.id == experiment_id(there.name) and there.id != "0" else None


def _placement(identifier: str, stored: StoredExperiment | None, described: Sequence[Experiment]) -> Placement:
    descriptions = [stored.meta] if stored else []
    meta = reduce(_united, [*descriptions, *(each.meta for each in described)])
    placed = {**meta, "experiment_id": identifier, "artifact_location": f"file:./{ARTIFACTS}"}
    return Placement(
        stored=stored,
        place=f".trash/{identifier}" if is_deleted(meta) else identifier,
        described=tuple(described),
        meta=placed,
    )


def _united(one: Mapping[str, object], other: Mapping[str, object]) -> dict[str, object]:
    """Unite two descriptions of an experiment: as old as the first, as new as the last; deleted if the last says so."""
    first, last = sorted((one, other), key=lambda meta: (_time(meta), is_deleted(meta), _neutral(meta)))
    created = [time for meta in (one, other) if isinstance(time := meta.get("creation_time"), int)]
    return {**first, **last} | ({"creation_time": min(created)} if created else {})


def _neutral(meta: Mapping[str, object]) -> bytes:
    """Leave out of a description what differs between a job and the history, for ordering."""
    return dump_yaml({key: meta[key] for key in meta if key not in ("experiment_id", "artifact_location")})


def _time(meta: Mapping[str, object]) -> int:
    value = meta.get("last_update_time")
    return value if isinstance(value, int) else 0


def _order(experiment: Experiment) -> tuple[int, str]:
    return _time(experiment.meta), experiment.id


def _changed(existing: Tree, edit: Write) -> Iterator[Write]:
    if differs(existing, edit.path, edit.content):
        yield edit
