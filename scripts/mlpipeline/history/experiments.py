"""Decides where experiments go: one name is one experiment; pure."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

from mlpipeline.core.documents import dump_yaml
from mlpipeline.core.edits import Copy, Delete, Edit, Tree, Write, differs
from mlpipeline.core.records import Experiment
from mlpipeline.history import reader
from mlpipeline.history.paths import ARTIFACTS, METADATA, experiment_id
from mlpipeline.history.reader import Held
from mlpipeline.history.stored import is_deleted


@dataclass(frozen=True, kw_only=True)
class Home:
    """Where an experiment lives in the history.

    Attributes:
        held: the branch's own, if it has it.
        place: below `mlruns/`: the id, inside `.trash/` where the experiment was deleted.
        described: the job's experiments that go there.
        meta: what all of them make of its description.
    """

    held: Held | None
    place: str
    described: tuple[Experiment, ...]
    meta: Mapping[str, object]

    @property
    def paths(self) -> list[str]:
        """The paths of its own files, below its place."""
        return ["meta.yaml", *(path for each in self.described for path in each.files)]

    @property
    def moved(self) -> bool:
        """Whether the job deleted or restored it, or gave it a new name."""
        if self.held is None:
            return False
        return self.held.place != self.place or self.held.meta.get("name") != self.meta.get("name")


def homes(existing: Tree, experiments: Sequence[Experiment]) -> dict[str, Home]:
    """The home of each experiment by its name in the job.

    It is the id under which the branch knows the name, else the id that the name gives. An experiment that came from
    the history and was renamed keeps its id.
    """
    held = reader.experiments(existing)
    # Where one name has several ids, the lowest comes last and stands, whatever the order in which they are found.
    by_name = {each.name: each.id for each in sorted(held, key=lambda each: int(each.id), reverse=True)}
    own = {each.id: each for each in held}
    ids = {each.name: by_name.get(each.name) or _renamed(each, own) or experiment_id(each.name) for each in experiments}
    together: dict[str, list[Experiment]] = defaultdict(list)
    for each in experiments:
        together[ids[each.name]].append(each)
    made = {identifier: _home(identifier, own.get(identifier), group) for identifier, group in together.items()}
    return {name: made[identifier] for name, identifier in ids.items()}


def edits(existing: Tree, home: Home) -> Iterator[Write]:
    """Each of an experiment's own files that is to change; the branch has it at its place already."""
    folder = f"{METADATA}/{home.place}"
    before = _time(home.held.meta) if home.held else -1
    for each in sorted(home.described, key=_order):
        for path, content in each.files.items():
            if f"{folder}/{path}" not in existing.files or _time(each.meta) > before:
                yield from _changed(existing, Write(path=f"{folder}/{path}", content=content))
    yield from _changed(existing, Write(path=f"{folder}/meta.yaml", content=dump_yaml(home.meta)))


def move(home: Home) -> Iterator[Edit]:
    """The edits that bring an experiment which was deleted or restored to its new place."""
    if home.held is not None and home.held.place != home.place:
        yield Copy(path=f"{METADATA}/{home.place}", source=f"{METADATA}/{home.held.place}")
        yield Delete(path=f"{METADATA}/{home.held.place}")


def _renamed(experiment: Experiment, own: Mapping[str, Held]) -> str | None:
    # Ids of databases are small numbers that say nothing; one computed from the name came from this history.
    there = own.get(experiment.id)
    return experiment.id if there and experiment.id == experiment_id(there.name) and there.id != "0" else None


def _home(identifier: str, held: Held | None, described: Sequence[Experiment]) -> Home:
    descriptions = [held.meta] if held else []
    meta = reduce(_united, [*descriptions, *(each.meta for each in described)])
    placed = {**meta, "experiment_id": identifier, "artifact_location": f"file:./{ARTIFACTS}"}
    return Home(
        held=held,
        place=f".trash/{identifier}" if is_deleted(meta) else identifier,
        described=tuple(described),
        meta=placed,
    )


def _united(one: Mapping[str, object], other: Mapping[str, object]) -> dict[str, object]:
    """Two descriptions of one experiment: as old as the first, as new as the last; deleted if the last says so."""
    first, last = sorted((one, other), key=lambda meta: (_time(meta), is_deleted(meta), _neutral(meta)))
    created = [time for meta in (one, other) if isinstance(time := meta.get("creation_time"), int)]
    return {**first, **last} | ({"creation_time": min(created)} if created else {})


def _neutral(meta: Mapping[str, object]) -> bytes:
    """A description without what differs between a job and the history, for ordering."""
    return dump_yaml({key: meta[key] for key in meta if key not in ("experiment_id", "artifact_location")})


def _time(meta: Mapping[str, object]) -> int:
    value = meta.get("last_update_time")
    return value if isinstance(value, int) else 0


def _order(experiment: Experiment) -> tuple[int, str]:
    return _time(experiment.meta), experiment.id


def _changed(existing: Tree, edit: Write) -> Iterator[Write]:
    if differs(existing, edit.path, edit.content):
        yield edit
