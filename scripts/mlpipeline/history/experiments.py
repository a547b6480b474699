"""Decide where experiments go: one name is one experiment; pure."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

from mlpipeline.core.documents import dump_yaml, readable_yaml
from mlpipeline.core.edits import Content, Copy, Delete, Edit, Tree, Write, differs
from mlpipeline.core.records import EXPERIMENT_NOTE, Experiment, Kind
from mlpipeline.history import reader
from mlpipeline.history.paths import (
    ARTIFACTS,
    CHAMPION,
    DEFAULT_NAME,
    FILE_STORE_DEFAULT,
    METADATA,
    PROMOTED_MODEL,
    TRASH,
    ExperimentFile,
    RecordFile,
    experiment_id,
    experiment_place,
    is_experiment_id,
    parse,
    with_underscore,
)
from mlpipeline.history.reader import StoredExperiment
from mlpipeline.history.stored import in_experiment, is_deleted, is_portable

LOCATION = f"file:./{ARTIFACTS}"
"""Where the artifacts of all experiments of a history lie."""


NOTE_END = f"is promoted: `models:/{PROMOTED_MODEL}@{CHAMPION}`."
"""What the description ends with that promoting gives to an experiment (`lifecycle/marks.py`)."""


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


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """What makes the ids of a history such that they leave MLflow's default store alone.

    Attributes:
        edits: they move experiments.
        places: where experiments lie afterwards, by where they lay before; both below `mlruns/`.
    """

    edits: tuple[Edit, ...]
    places: Mapping[str, str]

    def path(self, path: str) -> str:
        """Name the path of a file after the conversion."""
        file = parse(path)
        if not isinstance(file, ExperimentFile | RecordFile) or file.place not in self.places:
            return path
        return f"{METADATA}/{self.places[file.place]}{path.removeprefix(f'{METADATA}/{file.place}')}"


def conversion(existing: Tree, healed: Collection[str]) -> Conversion:
    """Give experiments whose ids are digits alone ids with an underscore, as new ones have (`with_underscore`).

    Experiments that hold what was committed by hand stay as they are until they are healed: on the machine that wrote
    them their locations may still be true. Default stays `0` where it holds runs, for a file store finds it under no
    other id, and goes where it holds nothing.

    Args:
        existing: the branch.
        healed: the names of the experiments of which all locations are made relative.
    """
    edits: list[Edit] = []
    places: dict[str, str] = {}
    for stored in reader.experiments(existing):
        if "_" in stored.id:
            continue
        described = _described(existing, stored.place)
        if stored.name not in healed and not _is_published(existing, stored, described):
            continue
        if stored.id == FILE_STORE_DEFAULT and stored.name == DEFAULT_NAME:
            if len(described) > 1:
                continue
            if sum(path.startswith(f"{METADATA}/{stored.place}/") for path in existing.files) == 1:
                edits.append(Delete(path=f"{METADATA}/{stored.place}"))
                continue
        places[stored.place] = experiment_place(
            with_underscore(stored.id), deleted=stored.place.startswith(f"{TRASH}/")
        )
        edits += _moved(existing, stored.place, places[stored.place])
    return Conversion(edits=tuple(edits), places=places)


def _is_published(existing: Tree, stored: StoredExperiment, described: Iterable[str]) -> bool:
    """Tell whether all that an experiment holds was published here, and nothing committed by hand."""
    if stored.meta.get("artifact_location") != LOCATION:
        return False
    return all(is_portable(readable_yaml(data)) for data in existing.read(described).values())


def _described(existing: Tree, place: str) -> dict[str, ExperimentFile | RecordFile]:
    """Find the descriptions of an experiment and of its records, by path."""
    described: dict[str, ExperimentFile | RecordFile] = {}
    for path in existing.files:
        file = parse(path) if path.startswith(f"{METADATA}/{place}/") else None
        if isinstance(file, ExperimentFile | RecordFile) and file.place == place and file.is_description:
            described[path] = file
    return described


def placements(
    existing: Tree, experiments: Sequence[Experiment], *, used: Collection[str] = ()
) -> dict[str, Placement]:
    """Place each experiment, by its name in the job.

    It is the id under which the branch knows the name, else the id that the name gives. An experiment that came from
    the history and was renamed keeps its id. Default is `0` once runs of it came from a file store.

    Args:
        existing: the branch.
        experiments: the job's.
        used: the names of those that hold something that the job brings.
    """
    stored = reader.experiments(existing)
    # Where one name has several ids, the lowest comes last and stands, whatever the order in which they are found.
    by_name = {known.name: known.id for known in sorted(stored, key=lambda known: int(known.id), reverse=True)}
    own = {known.id: known for known in stored}
    ids = {
        experiment.name: by_name.get(experiment.name) or _renamed(experiment, own) or experiment_id(experiment.name)
        for experiment in experiments
    }
    if DEFAULT_NAME in used and any(_is_file_store_default(experiment) for experiment in experiments):
        ids[DEFAULT_NAME] = FILE_STORE_DEFAULT
        if (known := by_name.get(DEFAULT_NAME)) and FILE_STORE_DEFAULT not in own:
            own[FILE_STORE_DEFAULT] = own[known]
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
            if _is_newer(existing, f"{folder}/{path}", content, changed=_time(experiment.meta) > before):
                yield from _changed(existing, Write(path=f"{folder}/{path}", content=content))
    yield from _changed(existing, Write(path=f"{folder}/meta.yaml", content=dump_yaml(placement.meta)))


def is_own_note(description: bytes) -> bool:
    """Tell whether promoting wrote the description of an experiment, and nobody has changed it since."""
    return description.endswith(NOTE_END.encode()) and b"\n" not in description


def move(existing: Tree, placement: Placement) -> Iterator[Edit]:
    """Move an experiment which was deleted or restored, or needs another id, to its new place."""
    if placement.stored is not None and placement.stored.place != placement.place:
        yield from _moved(existing, placement.stored.place, placement.place)


def is_empty_default(experiment: Experiment, used: Collection[str]) -> bool:
    """Tell whether this is the Default that MLflow makes in every store, and that nobody used."""
    return experiment.name == DEFAULT_NAME and experiment.name not in used and not experiment.files


def _moved(existing: Tree, source: str, target: str) -> Iterator[Edit]:
    """Move an experiment from one place below `mlruns/` to another, and name its id in all that describes it."""
    yield Copy(path=f"{METADATA}/{target}", source=f"{METADATA}/{source}")
    yield Delete(path=f"{METADATA}/{source}")
    identifier = target.rpartition("/")[2]
    if source.rpartition("/")[2] == identifier:
        return
    described = _described(existing, source)
    for path, data in existing.read(described).items():
        if not (meta := readable_yaml(data)):
            continue  # as unreadable at its new place
        file = described[path]
        kind = file.kind if isinstance(file, RecordFile) else Kind.RUN
        content = dump_yaml(in_experiment(kind, meta, identifier))
        yield Write(path=f"{METADATA}/{target}{path.removeprefix(f'{METADATA}/{source}')}", content=content)


def _is_newer(existing: Tree, path: str, content: Content, *, changed: bool) -> bool:
    """Whether a job's file of an experiment is to stand; a description that promoting wrote gives way to a person's.

    Args:
        existing: the branch.
        path: of the file in it.
        content: the job's.
        changed: whether the job's experiment was changed later than the branch's.
    """
    if isinstance(content, bytes) and is_own_note(content):
        return False
    is_own = (
        path.endswith(f"/{EXPERIMENT_NOTE}") and path in existing.files and is_own_note(existing.read([path])[path])
    )
    return changed or is_own or path not in existing.files


def _is_file_store_default(experiment: Experiment) -> bool:
    is_default = experiment.name == DEFAULT_NAME and experiment.id == FILE_STORE_DEFAULT
    return is_default and experiment.in_file_store


def _renamed(experiment: Experiment, own: Mapping[str, StoredExperiment]) -> str | None:
    # Ids of databases are small numbers that say nothing; one computed from the name came from this history, in which
    # it may have had no underscore when the job began.
    if experiment.id == FILE_STORE_DEFAULT or not is_experiment_id(experiment.id):
        return None
    there = own.get(with_underscore(experiment.id))
    return there.id if there and there.id == experiment_id(there.name) and there.name != DEFAULT_NAME else None


def _placement(identifier: str, stored: StoredExperiment | None, described: Sequence[Experiment]) -> Placement:
    descriptions = [stored.meta] if stored else []
    meta = reduce(_united, [*descriptions, *(each.meta for each in described)])
    placed = {**meta, "experiment_id": identifier, "artifact_location": LOCATION}
    return Placement(
        stored=stored,
        place=experiment_place(identifier, deleted=is_deleted(meta)),
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
