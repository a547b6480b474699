"""Merges what a job logged into what a branch holds; pure: decides edits, writes nothing.

Laws: merging the same twice changes nothing, and the order of jobs does not matter. Metric lines unite; of two states
of one file the one of the newer record stands; nothing that the branch holds is dropped.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mlpipeline import layout
from mlpipeline.model import Content, Edit, Experiment, Incoming, Kind, Record, Refusal, Tree, Write
from mlpipeline.stores import history

LARGEST_FILE = 100 * 1024 * 1024
"""Bytes: GitHub blocks a push that holds a larger file."""

LARGE_FILE = 50 * 1024 * 1024
"""Bytes: GitHub warns of a larger file.

Both: https://docs.github.com/repositories/working-with-files/managing-large-files/about-large-files-on-github
"""


@dataclass(frozen=True, kw_only=True)
class Merge:
    """What merging adds.

    Attributes:
        edits: paths relative to the history's root; empty where the branch holds it all.
        added: ids of the runs that the branch did not have.
        updated: ids of the runs that the branch had in another state.
    """

    edits: tuple[Edit, ...]
    added: tuple[str, ...]
    updated: tuple[str, ...]


def merge(existing: Tree, incoming: Incoming) -> Merge:
    """The edits that bring `incoming` into `existing`.

    An experiment goes to the id under which the branch knows its name, else to the id computed from the name.
    """
    ids = _experiment_ids(existing, incoming)
    edits: list[Edit] = []
    added: list[str] = []
    updated: list[str] = []
    touched: set[str] = set()
    for record in incoming.records:
        experiment = ids[record.experiment]
        changes = list(_record_edits(existing, record, experiment))
        if not changes:
            continue
        edits += changes
        touched.add(record.experiment)
        if record.kind is Kind.RUN:
            known = f"{layout.metadata_folder(record, experiment)}/meta.yaml" in existing.files
            (updated if known else added).append(record.id)
    if edits:
        for each in incoming.experiments:
            edits += _experiment_edits(existing, each, ids[each.name], grown=each.name in touched)
    return Merge(edits=tuple(edits), added=tuple(added), updated=tuple(updated))


def within_limits(incoming: Incoming) -> Incoming:
    """`incoming` without the records that hold a file too large to push, each refused by the file's name.

    A run goes with its logged model: without it, it would look like a run that never had one.
    """
    refusals: list[Refusal] = []
    warnings: list[str] = []
    too_large: set[object] = set()
    for record in incoming.records:
        for path, size in _file_sizes(record):
            if size > LARGEST_FILE:
                too_large |= _owners(record)
                refusals.append(_too_large(record, path, size))
            elif size > LARGE_FILE:
                warnings.append(f"{record.kind} {record.id}: {path} has {_mebibytes(size)}; GitHub blocks at 100 MiB.")
    records = tuple(record for record in incoming.records if not _owners(record) & too_large)
    return Incoming(
        experiments=incoming.experiments,
        records=records,
        refusals=(*incoming.refusals, *refusals),
        warnings=(*incoming.warnings, *warnings),
    )


def _experiment_ids(existing: Tree, incoming: Incoming) -> dict[str, str]:
    """Id in the history by experiment name."""
    # Where one name has several ids, the lowest comes last and stands, whatever the order in which they are found.
    found = sorted(history.experiment_names(existing).items(), key=lambda item: int(item[0]), reverse=True)
    known = {name: identifier for identifier, name in found}
    return {each.name: known.get(each.name, layout.experiment_id(each.name)) for each in incoming.experiments}


def _record_edits(existing: Tree, record: Record, experiment: str) -> Iterator[Edit]:
    stored = layout.record_files(record, experiment)
    changed = [path for path, content in stored.items() if existing.files.get(path) != existing.blob_id(content)]
    meta_path = next(iter(stored))
    if meta_path in existing.files:
        old = existing.read([path for path in changed if path in existing.files and _is_merged(path)] + [meta_path])
        newer = _newness(record, stored[meta_path]) > _newness(record, old[meta_path])
        for path in changed:
            content = _united(path, old.get(path), stored[path], newer=newer, exists=path in existing.files)
            if content is not None and existing.files.get(path) != existing.blob_id(content):
                yield Write(path=path, content=content)
    else:
        for path in changed:
            yield Write(path=path, content=stored[path])
        yield from layout.placeholders(record, experiment, stored)


def _united(path: str, old: bytes | None, new: Content, *, newer: bool, exists: bool) -> Content | None:
    """What a file of a record known to the branch becomes; `None` to leave it."""
    if not exists:
        return new
    if _is_metric(path) and old is not None and isinstance(new, bytes):
        return layout.metric_lines(old, new)
    return new if newer else None


def _is_merged(path: str) -> bool:
    """Whether the old state of a file is needed to decide on the new one."""
    return _is_metric(path) or path.endswith("/meta.yaml")


def _is_metric(path: str) -> bool:
    return path.startswith(f"{layout.METADATA}/") and "/metrics/" in path


def _newness(record: Record, meta: Content) -> tuple[int, bool, bytes]:
    """Orders two states of one record: by end (run) or last update (model), deleted last, ties by content.

    The content decides nothing of importance, but decides it alike for every order of jobs.
    """
    data = meta if isinstance(meta, bytes) else meta.read_bytes()
    values = layout.load_yaml(data)
    when = values.get("end_time" if record.kind is Kind.RUN else "last_updated_timestamp")
    return when if isinstance(when, int) else 0, values.get("lifecycle_stage", "active") != "active", data


def _experiment_edits(existing: Tree, experiment: Experiment, identifier: str, *, grown: bool) -> Iterator[Edit]:
    """An experiment's own files: new ones always; its description once runs were added to it."""
    stored = layout.experiment_files(experiment, identifier)
    meta_path = next(iter(stored))
    if meta_path not in existing.files:
        yield from (Write(path=path, content=content) for path, content in stored.items())
        return
    if not grown:
        return
    old = layout.load_yaml(existing.read([meta_path])[meta_path])
    new = layout.load_yaml(bytes(_bytes(stored[meta_path])))
    stored[meta_path] = layout.dump_yaml(_united_experiment(old, new))
    newer = _time(new, "last_update_time") > _time(old, "last_update_time")
    for path, content in stored.items():
        stands = path in existing.files and path != meta_path and not newer
        if not stands and existing.files.get(path) != existing.blob_id(content):
            yield Write(path=path, content=content)


def _united_experiment(old: Mapping[str, object], new: Mapping[str, object]) -> dict[str, object]:
    """An experiment is as old as its first description and as new as its last."""
    first, last = sorted((old, new), key=lambda meta: (_time(meta, "last_update_time"), layout.dump_yaml(meta)))
    times = [time for meta in (old, new) if (time := _time(meta, "creation_time"))]
    return {**first, **last} | ({"creation_time": min(times)} if times else {})


def _time(meta: Mapping[str, object], key: str) -> int:
    value = meta.get(key)
    return value if isinstance(value, int) else 0


def _bytes(content: Content) -> bytes:
    return content if isinstance(content, bytes) else content.read_bytes()


def _file_sizes(record: Record) -> Iterator[tuple[str, int]]:
    for path, content in record.files.items():
        if isinstance(content, Path):
            yield path, content.stat().st_size


def _owners(record: Record) -> set[object]:
    """A record's own id and, of a logged model, that of its run."""
    return {record.id, record.meta.get("source_run_id") or record.id}


def _too_large(record: Record, path: str, size: int) -> Refusal:
    return Refusal(
        where=f"{record.kind} {record.id}",
        reason=f"{path} has {_mebibytes(size)}; GitHub blocks files over 100 MiB, so the run was not stored.",
        remedy="Train a smaller model, log it compressed, or keep that file out of the run.",
        experiment=record.experiment,
    )


def _mebibytes(size: int) -> str:
    return f"{size / 1024 / 1024:.0f} MiB"
