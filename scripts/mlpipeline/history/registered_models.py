"""Merge registered models; pure: decides what stands where, writes nothing.

A version number that was published never changes. A job's own versions come after those of the branch in the order
of their creation, whatever numbers the job gave them; aliases and whatever else names a version follow.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from mlpipeline.core.documents import dump_yaml, load_json, readable_yaml
from mlpipeline.core.edits import Tree, Write
from mlpipeline.core.records import Kind, ModelVersion, Record, RegisteredModel
from mlpipeline.history.paths import (
    DESCRIPTION,
    METADATA,
    REGISTERED_MODELS,
    RegisteredModelFile,
    artifact_folder,
    parse,
    version_folder,
    version_number,
)
from mlpipeline.history.stored import is_portable

VERSIONS_TAG = "tags/mlflow.modelVersions"
"""Where a logged model lists the registered versions made of it: a JSON list of names and numbers."""

Numbers = Mapping[str, Mapping[int, int]]
"""By registered model: the number in the history by the number in the job."""


@dataclass(frozen=True, kw_only=True)
class Published:
    """A registered model as the branch holds it: its description, and its versions' by number."""

    meta: Mapping[str, object]
    aliases: Mapping[str, int]
    versions: Mapping[int, Mapping[str, object]]


def published(tree: Tree, names: Iterable[str]) -> dict[str, Published]:
    """Read the registered models of these names that a tree holds."""
    wanted = set(names)
    begin = f"{METADATA}/{REGISTERED_MODELS}/"
    files = {
        path: file
        for path in tree.files
        if path.startswith(begin) and isinstance(file := parse(path), RegisteredModelFile) and file.name in wanted
    }
    metas: dict[str, Mapping[str, object]] = {}
    aliases: dict[str, dict[str, int]] = defaultdict(dict)
    versions: dict[str, dict[int, Mapping[str, object]]] = defaultdict(dict)
    for path, data in tree.read(files).items():
        file = files[path]
        folder, _, alias = file.inner.partition("/")
        if file.inner == DESCRIPTION and file.version is None:
            metas[file.name] = readable_yaml(data)
        elif file.inner == DESCRIPTION and file.version is not None:
            versions[file.name][file.version] = readable_yaml(data)
        elif file.version is None and folder == "aliases":
            number = version_number(f"version-{data.decode(errors='replace').strip()}")
            aliases[file.name] |= {} if number is None else {alias: number}
    return {
        name: Published(meta=metas.get(name, {}), aliases=aliases[name], versions=versions[name])
        for name in sorted({file.name for file in files.values()})
    }


def numbers(models: Iterable[RegisteredModel], branch: Mapping[str, Published]) -> Numbers:
    """Number each of a job's versions: the number that it gets, or already has, in the history."""
    return {
        model.name: _numbers(model, branch[model.name].versions if model.name in branch else {}) for model in models
    }


def merge(
    tree: Tree, models: Iterable[RegisteredModel], branch: Mapping[str, Published], given: Numbers
) -> Iterator[Write]:
    """Yield each file of a job's registered models as it is to stand in a tree, changed or not.

    Args:
        tree: the branch.
        models: the job's.
        branch: what the branch holds of the same names, from `published`.
        given: from `numbers`.
    """
    for model in models:
        there = branch.get(model.name) or Published(meta={}, aliases={}, versions={})
        for path, content in _stored(model, there, given[model.name], tree).items():
            yield Write(path=path, content=content)


def renumbered(record: Record, given: Numbers) -> Record:
    """Rewrite the versions that a logged model names to their numbers in the history; leave other records alone."""
    listed = record.files.get(VERSIONS_TAG)
    if record.kind is not Kind.LOGGED_MODEL or not isinstance(listed, bytes):
        return record
    try:
        found: Any = load_json(listed)
        versions = [
            {**version, "version": given.get(version["name"], {}).get(int(version["version"]), int(version["version"]))}
            for version in found
        ]
    except (ValueError, TypeError, KeyError, AttributeError):
        return record
    return replace(record, files={**record.files, VERSIONS_TAG: json.dumps(versions).encode()})


def _numbers(model: RegisteredModel, there: Mapping[int, Mapping[str, object]]) -> dict[int, int]:
    known = {_identity(meta): number for number, meta in sorted(there.items(), reverse=True)}
    own = {version.number: _identity(version.meta) for version in model.versions}
    new = sorted((identity, number) for number, identity in own.items() if identity not in known)
    following = {number: position for position, (_, number) in enumerate(new, start=max(there, default=0) + 1)}
    return {number: known.get(identity, following.get(number, number)) for number, identity in own.items()}


def _identity(meta: Mapping[str, object]) -> tuple[int, str, str]:
    """Identify a version whatever its number; sorts by creation."""
    return _time(meta, "creation_timestamp"), str(meta.get("run_id")), str(meta.get("model_id"))


def _stored(model: RegisteredModel, there: Published, given: Mapping[int, int], tree: Tree) -> dict[str, bytes]:
    """Lay out a registered model's files as the history stores them, by path below the root."""
    folder = f"{METADATA}/{REGISTERED_MODELS}/{model.name}"
    stored: dict[str, bytes] = {}
    for version in model.versions:
        number = given[version.number]
        old = there.versions.get(number, {})
        stored |= _version_files(f"{folder}/{version_folder(number)}", number, version, old, tree)
    aliases = _aliases(model, there, given)
    stored |= {f"{folder}/aliases/{alias}": str(number).encode() for alias, number in aliases.items()}
    united = _united(there.meta, model.meta) | {"name": model.name}
    if "aliases" in united or aliases:
        united["aliases"] = {alias: str(number) for alias, number in sorted(aliases.items())}
    stored[f"{folder}/meta.yaml"] = dump_yaml(united)
    newer = _time(model.meta, "last_updated_timestamp") >= _time(there.meta, "last_updated_timestamp")
    stored |= _small_files(folder, model.files, tree, newer=newer)
    return stored


def _version_files(
    folder: str, number: int, version: ModelVersion, old: Mapping[str, object], tree: Tree
) -> dict[str, bytes]:
    meta = {**version.meta, "version": number}
    meta |= {key: portable(str(meta[key])) for key in ("source", "storage_location") if meta.get(key)}
    # A server gives the model's name where a file store gives its folder.
    if logged := re.fullmatch(r"models:/(m-[0-9a-f]{32})", str(meta.get("storage_location"))):
        meta["storage_location"] = f"file:./{artifact_folder(Kind.LOGGED_MODEL, logged[1])}"
    newer = _time(meta, "last_updated_timestamp") >= _time(old, "last_updated_timestamp")
    files = {f"{folder}/meta.yaml": dump_yaml(_united(old, meta))}
    return files | _small_files(folder, version.files, tree, newer=newer)


def _small_files(folder: str, files: Mapping[str, object], tree: Tree, *, newer: bool) -> dict[str, bytes]:
    return {
        f"{folder}/{path}": content
        for path, content in files.items()
        if isinstance(content, bytes) and (newer or f"{folder}/{path}" not in tree.files)
    }


def portable(location: str) -> str:
    """Make a model's location relative to the history's root; leave other forms, such as `models:/m-...`, alone."""
    logged = re.search(r"(?:^|/)models/(m-[0-9a-f]{32})/artifacts(/.*)?$", location)
    if logged:
        return f"file:./{artifact_folder(Kind.LOGGED_MODEL, logged[1])}{logged[2] or ''}"
    run = re.search(r"/([0-9a-f]{32})/artifacts(/.*)?$", location)
    if run:
        return f"file:./{artifact_folder(Kind.RUN, run[1])}{run[2] or ''}"
    return location


def _aliases(model: RegisteredModel, there: Published, given: Mapping[int, int]) -> dict[str, int]:
    """Unite the aliases. Where branch and job disagree, the alias goes to the version that was created later."""
    created = {given[version.number]: _identity(version.meta) for version in model.versions}
    created |= {number: _identity(meta) for number, meta in there.versions.items()}
    own = {alias: given[number] for alias, number in model.aliases.items() if number in given}
    nothing = (0, "", "")
    return {
        alias: max(
            (side[alias] for side in (there.aliases, own) if alias in side),
            key=lambda number: (created.get(number, nothing), number),
        )
        for alias in sorted({*there.aliases, *own})
    }


def _united(one: Mapping[str, object], other: Mapping[str, object]) -> dict[str, object]:
    """Unite two states of one description: the later update stands, the earlier creation stays."""
    first, last = sorted(
        (one, other),
        key=lambda meta: (_time(meta, "last_updated_timestamp"), is_portable(meta), dump_yaml(meta)),
    )
    created = [time for meta in (one, other) if (time := _time(meta, "creation_timestamp"))]
    return {**first, **last} | ({"creation_timestamp": min(created)} if created else {})


def _time(meta: Mapping[str, object], key: str) -> int:
    value = meta.get(key)
    return value if isinstance(value, int) else 0
