"""Decide what of a source may be stored. What may not is refused by name and stays where it is.

Looks at the sizes of files; reads small artifacts (`history/masking.py`), and writes none.
"""

import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from mlpipeline.core.edits import Content
from mlpipeline.core.filenames import escaped, fault, is_unfit_for_windows
from mlpipeline.core.records import (
    LEFT_OUT,
    PROMOTED_TAG,
    Experiment,
    Incoming,
    Kind,
    ModelVersion,
    Record,
    Refusal,
    RegisteredModel,
)
from mlpipeline.history import names
from mlpipeline.history.masking import without_secrets
from mlpipeline.history.paths import PROMOTED_MODEL, RESERVED, is_id

LARGEST_FILE = 100 * 1024 * 1024
"""Bytes: GitHub blocks a push that holds a larger file."""

LARGE_FILE = 50 * 1024 * 1024
"""Bytes: GitHub warns of a larger file.

Both: https://docs.github.com/repositories/working-with-files/managing-large-files/about-large-files-on-github
"""

_OWN_CHARACTERS = 4000
"""Of the tag that lists what was left out; MLflow refuses tags of more than 8000."""

_LARGEST_VERSION = 2**31 - 1
"""The number of a model version that MLflow's databases hold."""


def storable(incoming: Incoming, *, allowed: Collection[str] = ()) -> Incoming:
    """Leave out of `incoming` what cannot or must not be pushed, each refused by name.

    A file over GitHub's limit is left out of its record, and with it the model that it belongs to: half a model is
    none. The tag `mlflow_git.left_out` lists what was left out, in the run's record too. Secrets are masked or left out
    (`without_secrets`); names that MLflow refuses or a checkout cannot hold are replaced.

    Args:
        incoming: what a source holds.
        allowed: names, as a refusal gives them, of what is no secret though it looks like one.
    """
    incoming = without_secrets(incoming, allowed=allowed)
    check = _Check()
    records = [check.whole(record) for record in incoming.records if check.has_id(record)]
    admitted: dict[tuple[Kind, str], Record] = {}
    for record in records:
        if (record.kind, record.id) in admitted:
            check.refuse(record, f"is in a second experiment, '{record.experiment}', too; that copy was left out.")
            continue
        admitted[record.kind, record.id] = check.named(check.noted(record))
    for record in admitted.values():
        check.names(record)
    return replace(
        incoming,
        experiments=tuple(check.experiment(each) for each in incoming.experiments),
        records=tuple(admitted.values()),
        models=tuple(
            check.registered_model(each) for each in incoming.models if check.is_jobs_own(each) and check.has_name(each)
        ),
        refusals=(*incoming.refusals, *check.refusals),
        warnings=(*incoming.warnings, *check.warnings, *check.renamings()),
    )


@dataclass
class _Check:
    """Gathers what is told of.

    Attributes:
        refusals: what is left out.
        warnings: what is stored and may cause trouble.
        left_out: what is left out of a run or what it logged, by its id: paths.
        renamed: the owners of names that are replaced, by the old path and the new one.
    """

    refusals: list[Refusal] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    left_out: dict[object, set[str]] = field(default_factory=lambda: defaultdict(set))
    renamed: dict[tuple[str, str], list[str]] = field(default_factory=lambda: defaultdict(list))

    def whole(self, record: Record) -> Record:
        """Leave out what is too large, and every model of which a file is missing."""
        sizes = dict(_file_sizes(record))
        large = {path for path, size in sizes.items() if size > LARGEST_FILE}
        missing = {*large, *record.unread}
        halves = _models_without(record.files, missing)
        for path in sorted(large):
            self.refuse(
                record,
                f"{path} has {_mebibytes(sizes[path])}, and GitHub blocks files over 100 MiB; it was left out.",
                remedy="Log it smaller or compressed, or keep it elsewhere.",
            )
        for folder in sorted(halves):
            lost = ", ".join(sorted(path for path in missing if _is_in(path, folder) or _is_in(folder, path)))
            what = f"the model in {folder} was left out whole and cannot be promoted, because {lost} is missing."
            self.refuse(record, what)
        for path, size in sizes.items():
            if LARGE_FILE < size <= LARGEST_FILE:
                self.warnings.append(
                    f"{record.kind} {record.id}: {path} has {_mebibytes(size)}; GitHub blocks at 100 MiB."
                )
        if not missing:
            return record
        files = {
            path: content
            for path, content in record.files.items()
            if path not in large and not any(_is_in(path, folder) for folder in halves)
        }
        told = {*missing, *(f"{folder}/" for folder in halves)}
        self.left_out[record.id] |= told
        if run := record.meta.get("source_run_id"):
            self.left_out[run] |= {f"models/{record.id}/{path}" for path in told}
        stays = {content for path, content in record.files.items() if path not in files and isinstance(content, Path)}
        return replace(record, files=files, origins=record.origins - stays)

    def noted(self, record: Record) -> Record:
        """List in a tag what was left out of a record."""
        if record.id not in self.left_out:
            return record
        known = record.files.get(LEFT_OUT, b"")
        noted = known.decode(errors="surrogateescape").splitlines() if isinstance(known, bytes) else ()
        lines: list[str] = []
        for path in sorted({*self.left_out[record.id], *noted}):
            if sum(map(len, lines)) + len(path) > _OWN_CHARACTERS:
                lines.append("...")
                break
            lines.append(path)
        return replace(
            record, files={**record.files, LEFT_OUT: "\n".join(sorted(lines)).encode(errors="surrogateescape")}
        )

    def has_id(self, record: Record) -> bool:
        """Refuse a record whose id no folder can have."""
        is_taken = record.kind is Kind.RUN and record.id in RESERVED
        if is_id(record.id) and not is_taken and _is_plain(record.id):
            return True
        self.refuse(record, f"the {record.kind} was left out: no folder can have its id.")
        return False

    def has_name(self, model: RegisteredModel) -> bool:
        """Refuse a registered model whose name no folder can have."""
        if _is_plain(model.name):
            return True
        reason = "was left out: no folder of every checkout can have its name."
        remedy = "Give it another (MlflowClient.rename_registered_model), and persist again."
        self.refusals.append(Refusal(where=f"registered model {model.name!r}", reason=reason, remedy=remedy))
        return False

    def named(self, record: Record) -> Record:
        """Give files names that MLflow takes and every checkout can hold."""
        files, refused = self._fit(record.files, f"{record.kind} {record.id}", record.experiment)
        ends = tuple(f"/{record.id}/{path}" for path in refused)
        stays = {origin for origin in record.origins if origin.as_posix().endswith(ends)} if ends else set()
        return replace(record, files=files, origins=record.origins - stays)

    def experiment(self, experiment: Experiment) -> Experiment:
        """Give files names that MLflow takes and every checkout can hold."""
        files, _ = self._fit(experiment.files, f"experiment '{experiment.name}'", experiment.name)
        return replace(experiment, files=files)

    def is_jobs_own(self, model: RegisteredModel) -> bool:
        """Tell whether a job registered this model; the one that promoting makes comes with copies of a history."""
        if model.name != PROMOTED_MODEL:
            return True
        if f"tags/{PROMOTED_TAG}" not in model.files:
            reason = "was left out: the name is kept for the model of the promoted run."
            remedy = "Register it under another name."
            self.refusals.append(Refusal(where=f"registered model '{model.name}'", reason=reason, remedy=remedy))
        return False

    def registered_model(self, model: RegisteredModel) -> RegisteredModel:
        """Give files names that every checkout can hold; refuse versions and aliases that have none."""
        where = f"registered model '{model.name}'"
        for alias in model.aliases:
            if not _is_plain(alias):
                reason = f"the alias {alias!r} was left out: no file of every checkout can have its name."
                self.refusals.append(Refusal(where=where, reason=reason))
        for each in model.versions:
            if not _is_version(each.number):
                reason = f"the version {each.number} was left out: MLflow has no version of this number."
                self.refusals.append(Refusal(where=where, reason=reason))

        def version(each: ModelVersion) -> ModelVersion:
            return replace(each, files=self._fit(each.files, f"version {each.number} of {where}")[0])

        return replace(
            model,
            files=self._fit(model.files, where)[0],
            aliases={alias: number for alias, number in model.aliases.items() if _is_plain(alias)},
            versions=tuple(version(each) for each in model.versions if _is_version(each.number)),
        )

    def _fit(
        self, files: Mapping[str, Content], where: str, experiment: str = ""
    ) -> tuple[dict[str, Content], Collection[str]]:
        """Give the files that can be stored, under the names that they get, and the paths of those that cannot."""
        found = names.fit(files)
        for path, name in found.renamed.items():
            self.renamed[path, name].append(where)
        for path, reason in found.refused.items():
            self.refusals.append(
                Refusal(where=where, reason=f"{path!r} {reason}", remedy="Rename it.", experiment=experiment)
            )
        return found.applied(files), found.refused

    def renamings(self) -> Iterator[str]:
        """Say which names were replaced."""
        for (path, name), owners in self.renamed.items():
            shown = owners[0] if len(owners) == 1 else f"{owners[0]} and {len(owners) - 1} more"
            yield f"{shown}: {path!r} is stored as {name!r}, for {names.why(path)}."

    def names(self, record: Record) -> None:
        """Warn of names that a checkout on another system cannot hold; Git then fails to check out the whole branch."""
        unfit = next(filter(is_unfit_for_windows, record.files), None)
        if unfit is not None:
            self.warnings.append(f"{record.kind} {record.id}: {unfit!r} is a name that Windows cannot check out.")
        folded: dict[str, str] = {}
        for path in record.files:
            other = folded.setdefault(_folded(path), path)
            if other != path:
                how = "case" if other.casefold() == path.casefold() else "the form of accented letters"
                what = f"{other!r} and {path!r} differ by {how} alone; Windows and macOS keep one of them"
                self.warnings.append(f"{record.kind} {record.id}: {what}.")
                break

    def refuse(self, record: Record, reason: str, *, remedy: str = "") -> None:
        self.refusals.append(
            Refusal(where=f"{record.kind} {record.id}", reason=reason, remedy=remedy, experiment=record.experiment)
        )


def _is_plain(name: str) -> bool:
    """Tell whether a name can be a folder's or a file's in every checkout as it is."""
    return "/" not in name and not fault(name) and escaped(name) == name


def _is_version(number: int) -> bool:
    return 0 <= number <= _LARGEST_VERSION


def _folded(path: str) -> str:
    """Write a path as systems compare it that know no cases, and one form of an accented letter."""
    return path.lower() if path.isascii() else unicodedata.normalize("NFC", path.casefold())


def _file_sizes(record: Record) -> Iterator[tuple[str, int]]:
    for path, content in record.files.items():
        yield path, content.stat().st_size if isinstance(content, Path) else len(content)


def _models_without(files: Iterable[str], missing: set[str]) -> set[str]:
    """Name the model folders among a record's artifacts of which something is missing, without those inside another."""
    models = {path.rpartition("/")[0] for path in (*files, *missing) if path.endswith("/MLmodel")} if missing else set()
    halves = {folder for folder in models if any(_is_in(path, folder) for path in missing)}
    return {folder for folder in halves if not any(_is_in(folder, other) for other in halves)}


def _is_in(path: str, folder: str) -> bool:
    return path.startswith(f"{folder}/")


def _mebibytes(size: int) -> str:
    return f"{size / 1024 / 1024:.0f} MiB"
