"""Read an MLflow file store on disk. Writes temporary files alone, never follows a link, imports no MLflow.

Layout and defaults as in `mlflow/store/tracking/file_store.py` and `mlflow/store/model_registry/file_store.py` of
MLflow 3.17, and in the stores of MLflow 1 and 2 that it still reads. What can be repaired with certainty is repaired
and named in a warning; what cannot is refused by name, and nothing else is held up by it. Limits bound the files, and
whatever reading one record raises costs that record alone.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from pathlib import Path

from mlpipeline.core.documents import LARGEST, load_yaml
from mlpipeline.core.edits import Content
from mlpipeline.core.errors import InputError
from mlpipeline.core.files import UnfitFileError, megabytes, open_regular, read_regular
from mlpipeline.core.records import Experiment, Incoming, Kind, ModelVersion, Record, Refusal, RegisteredModel
from mlpipeline.history.large_metrics import stored_metric
from mlpipeline.history.paths import (
    CONTENTS,
    DESCRIPTIONS,
    EXPERIMENT_CONTENTS,
    FOLDERS,
    METRICS_LINK,
    REGISTERED_MODELS,
    RESERVED,
    TRASH,
    is_id,
    version_folder,
    version_number,
)
from mlpipeline.history.stored import ARTIFACT_TAG, LOCATIONS
from mlpipeline.sources import artifacts
from mlpipeline.sources.absent import Absences, missing_models, with_address
from mlpipeline.sources.artifacts import NOWHERE, Finder, Lost, Surroundings
from mlpipeline.sources.descriptions import LONGEST_NAME, faults
from mlpipeline.sources.foreign import is_backup, is_foreign
from mlpipeline.sources.known import NOTHING, Known
from mlpipeline.sources.limits import MEMORY, MOST_ENTRIES, MOST_IN_ALL
from mlpipeline.sources.metric_files import MetricFiles

_OWN_ID = {Kind.RUN: ("run_id", "run_uuid"), Kind.LOGGED_MODEL: ("model_id",), Kind.TRACE: ("trace_id", "request_id")}
"""The keys under which a record's description names itself, newest first."""

_NAMED = 5
"""Folders that a refusal of several names."""


def read(store: Path, known: Known = NOTHING, *, around: Surroundings = NOWHERE, elsewhere: bool = True) -> Incoming:
    """Read experiments, runs, logged models, traces and registered models of a file store, deleted ones included.

    Args:
        store: the folder, often called `mlruns`; it may be a link.
        known: records that are passed over.
        around: where artifacts may lie besides the folder that holds the store.
        elsewhere: whether artifacts may lie outside of the folder that holds the store. A branch's own files may not;
            and of a branch, a pointer of Git LFS is the file.

    Raises:
        InputError: there is no such folder, it cannot be read, or it holds more than can be.
    """
    if not os.path.isdir(store):
        raise InputError(
            f"No MLflow runs: the folder '{store}' does not exist.",
            remedy="train first, or name the runs with --source.",
        )
    home = store.absolute().parent
    # Whoever names a link names what it leads to; links inside are not followed.
    named = store.resolve() if store.is_symlink() else store.absolute()
    around = replace(around, bases=(home, *around.bases))
    finder = Finder(home=named.parent, around=around, elsewhere=elsewhere, pointers=not elsewhere)
    reader = _Reader(store=named, known=known, finder=finder)
    try:
        os.scandir(named).close()
    except OSError as error:
        raise InputError(
            f"The folder '{store}' cannot be read: {error.strerror or error}.", remedy="make it readable for this user."
        ) from error
    reader.read()
    return Incoming(
        experiments=tuple(sorted(reader.experiments, key=lambda each: (each.name, each.id))),
        records=tuple(sorted(reader.records, key=lambda each: (each.kind, each.id))),
        models=tuple(reader.models),
        refusals=tuple(reader.refusals),
        warnings=(
            *reader.warnings,
            *reader.absences.warnings(),
            *missing_models(reader.records, reader.logged_models),
        ),
    )


class _MalformedError(Exception):
    """Something that cannot be read; the message says why."""

    remedy = ""


class _UnreadError(_MalformedError):
    """Something that could be read if its file could."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what)
        self.remedy = remedy


@dataclass(frozen=True, kw_only=True)
class _Small:
    """The small files of something.

    Attributes:
        files: by path.
        lost: what is among them and is left out.
        origins: all files that lie there, foreign ones too: a history that holds such a file does not open.
    """

    files: Mapping[str, Path]
    lost: Sequence[Lost]
    origins: frozenset[Path]


@dataclass(kw_only=True)
class _Reader:
    store: Path
    known: Known
    finder: Finder
    experiments: list[Experiment] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    models: list[RegisteredModel] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    ghosts: list[Path] = field(default_factory=list)
    logged_models: set[str] = field(default_factory=set)
    experiment: str = ""
    count: int = 0
    size: int = 0

    def __post_init__(self) -> None:
        self.absences = Absences(finder=self.finder)

    def read(self) -> None:
        """Read the experiments, then the registered models."""
        for parent in (self.store, self.store / TRASH):
            for folder in self._folders(parent):
                if folder not in (self.store / TRASH, self.store / REGISTERED_MODELS):
                    self._alone(folder, "the experiment", self.read_experiment)
                    self.experiment = ""
        for folder in self._folders(self.store / REGISTERED_MODELS):
            self._alone(folder, "the registered model", self.read_registered_model)
        if self.ghosts and not _holds_database(self.store.parent):
            shown = ", ".join(folder.name for folder in self.ghosts[:_NAMED]) + (
                ", ..." if self.ghosts[_NAMED:] else ""
            )
            reason = f"without meta.yaml hold artifacts alone and are no experiments ({shown}); they were left out."
            remedy = "If a database has their runs, name it with --source."
            self.refusals.append(Refusal(where=f"folders of {self.store.name}", reason=reason, remedy=remedy))

    def _alone(self, folder: Path, what: str, read: Callable[[Path], None]) -> None:
        """Read something; whatever that raises, only this is left out, and named."""
        try:
            read(folder)
        except _MalformedError as error:
            self._refuse(folder, f"{what} was left out: {error}.", error.remedy)
        except InputError:
            raise
        except Exception as error:  # noqa: BLE001 - nothing that a stranger wrote may hold up the others
            self._refuse(folder, f"{what} was left out: it could not be read ({_shortened(error)}).")

    def read_experiment(self, folder: Path) -> None:
        """Read an experiment with all it holds."""
        if blocked := artifacts.blocked(folder):
            return self._refuse_all([blocked])
        records = list(self._record_folders(folder))
        is_described = os.path.lexists(folder / "meta.yaml")
        if not is_described and not any(os.path.lexists(record / DESCRIPTIONS[kind]) for kind, record in records):
            return self._pass_over(folder, records)
        self.experiment = folder.name
        try:
            meta = self._experiment_meta(folder)
        except _UnreadError as error:
            return self._refuse(folder, f"the experiment was left out with all it holds: {error}.", error.remedy)
        self.experiment = str(meta["name"])
        small = self._below(folder, *EXPERIMENT_CONTENTS)
        self._refuse_all(small.lost)
        described = {folder / "meta.yaml"} if is_described else set()
        experiment = Experiment(
            id=folder.name,
            name=self.experiment,
            meta=meta,
            files=self._contents(small.files),
            origins=frozenset({*described, *small.origins}),
            in_file_store=True,
        )
        self.experiments.append(with_address(experiment))
        for kind, record in records:
            if not self.known.folder(record):
                self._read_record(kind, record)
        return None

    def read_registered_model(self, folder: Path) -> None:
        """Read a registered model with its versions and aliases."""
        meta = _faultless(folder / "meta.yaml")
        aliases = self._aliases(folder, meta)
        versions = self._versions(folder)
        tags = self._below(folder, "tags")
        self._refuse_all(tags.lost)
        small = [file for name in ("meta.yaml", "aliases", "tags") for file in _files(folder / name)]
        inside = [file for version in versions for file in _files(folder / version_folder(version.number))]
        self.models.append(
            RegisteredModel(
                name=folder.name,
                meta=meta,
                files=self._contents(tags.files),
                aliases=aliases,
                versions=versions,
                origins=frozenset({*small, *inside}),
            )
        )

    def _pass_over(self, folder: Path, records: Sequence[tuple[Kind, Path]]) -> None:
        """Tell of a folder that is no experiment, and holds no run that says so itself."""
        if records:
            for kind, record in records:
                self._read_record(kind, record)
        elif _holds_artifacts(folder):
            self.ghosts.append(folder)
        elif self._names(folder):
            self._refuse(folder, "is no experiment, and was left out.")

    def _record_folders(self, experiment: Path) -> Iterator[tuple[Kind, Path]]:
        """Yield the folders of an experiment that are records, or what is left of them."""
        for kind, inner in FOLDERS.items():
            for folder in self._folders(experiment / inner):
                if not (kind is Kind.RUN and folder.name in RESERVED) and _looks_like_record(kind, folder):
                    if kind is Kind.LOGGED_MODEL:
                        self.logged_models.add(folder.name)
                    yield kind, folder

    def _experiment_meta(self, folder: Path) -> dict[str, object]:
        """Read an experiment's description; where it is lost, its id is its name, so that its runs stay in sight."""
        try:
            meta = _description(folder / "meta.yaml")
        except _UnreadError:
            raise
        except _MalformedError as error:
            meta = {}
            self._warn(folder, f"{error}; its runs were stored in an experiment named by its id")
        for key, wanted in list(faults(meta)):
            del meta[key]
            self._warn(folder, f"its meta.yaml says a '{key}' that is not {wanted}, and was left out")
        name = meta.get("name")
        if isinstance(name, str) and len(name) > LONGEST_NAME:
            self._warn(folder, f"its name has more than {LONGEST_NAME} characters; its id was taken instead")
            name = None
        default = "Default" if folder.name == "0" else os.fsencode(folder.name).decode(errors="replace")
        in_trash = folder.parent.name == TRASH
        lifecycle = {"lifecycle_stage": "deleted" if in_trash else meta.get("lifecycle_stage", "active")}
        return {**meta, **lifecycle, "name": name if isinstance(name, str) and name else default}

    def _read_record(self, kind: Kind, folder: Path) -> None:
        self._alone(folder, f"the {kind}", lambda folder: self.records.append(self._record(kind, folder)))

    def _record(self, kind: Kind, folder: Path) -> Record:
        if not is_id(folder.name):
            raise _MalformedError("its folder's name is no id that MLflow makes")
        described = folder / DESCRIPTIONS[kind]
        meta = _faultless(described, kind)
        own = next((meta[key] for key in _OWN_ID[kind] if meta.get(key)), None)
        if own != folder.name:
            raise _MalformedError(f"its {described.name} belongs to '{str(own)[:_SHOWN]}'")
        found = self._below(folder, *CONTENTS[kind])
        if unread := next((each for each in found.lost if each.unread), None):
            raise _UnreadError(f"its {unread.path} {unread.reason}", unread.remedy)
        self._refuse_all(found.lost)
        metrics = {path: file for path, file in found.files.items() if path.startswith("metrics/")}
        others = self._contents({path: file for path, file in found.files.items() if path not in metrics})
        sound = self._metrics(kind, folder, metrics)
        small = sound.noted(others)
        location = _location(kind, meta, small)
        logged = self.finder.of_record(kind, folder.name, location=location, metadata=folder)
        self._refuse_all(logged.lost)
        self._take(len(logged.files), 0)
        notes = {} if logged else self._absent(kind, folder, location, meta, small)
        return Record(
            kind=kind,
            id=folder.name,
            experiment=self.experiment,
            meta=meta,
            files={**notes, **small, **logged.files},
            # Of what was thinned, the whole is here alone.
            origins=frozenset(
                {described, *found.origins, *logged.files.values()} - {metrics[p] for p in sound.thinned}
            ),
            unread=frozenset(each.path for each in (*found.lost, *logged.lost)),
        )

    def _absent(
        self, kind: Kind, folder: Path, location: str, meta: Mapping[str, object], files: Mapping[str, Content]
    ) -> dict[str, bytes]:
        """Note that a record has no artifacts here, unless it never had any: its own folder is where they would be."""
        own = (folder.parent.name, folder.name, "artifacts")
        is_here = artifacts.parts_of(location)[-3:] == own
        return self.absences.note(kind, folder.name, location=location, meta=meta, files=files, is_here=is_here)

    def _metrics(self, kind: Kind, folder: Path, metrics: Mapping[str, Path]) -> MetricFiles:
        """Read and repair a record's metrics."""
        sound = MetricFiles()
        for path, file in metrics.items():
            try:
                with open_regular(file) as content:
                    sound.add(path, stored_metric(content, of=kind))
            except ValueError as error:
                raise _MalformedError(f"{path} holds {error}, which makes MLflow fail its whole experiment") from error
            except OSError as error:
                lost = artifacts.unreadable(file, path, error)
                raise _UnreadError(f"its {path} {lost.reason}", lost.remedy) from error
        self._take(len(metrics), sum(len(content) for content in sound.files.values() if isinstance(content, bytes)))
        for path, what in sound.warnings:
            self._warn(folder / path, what)
        for path, why in sound.thinned.items():
            self._refuse(folder / path, f"{why}.")
        return sound

    def _versions(self, folder: Path) -> tuple[ModelVersion, ...]:
        versions: list[ModelVersion] = []
        for version in self._folders(folder):
            if (number := version_number(version.name)) is not None:
                self._alone(version, "the model version", partial(self._read_version, versions, number))
        return tuple(sorted(versions, key=lambda version: version.number))

    def _read_version(self, versions: list[ModelVersion], number: int, folder: Path) -> None:
        meta = _faultless(folder / "meta.yaml")
        tags = self._below(folder, "tags")
        self._refuse_all(tags.lost)
        versions.append(ModelVersion(number=number, meta=meta, files=self._contents(tags.files)))

    def _aliases(self, folder: Path, meta: Mapping[str, object]) -> dict[str, int]:
        """Read the version of each alias: a file each; MLflow 2 kept them in `meta.yaml` too."""
        listed = meta.get("aliases")
        found = self._below(folder, "aliases")
        self._refuse_all(found.lost)
        files = {path.removeprefix("aliases/"): data for path, data in self._contents(found.files).items()}
        aliases: dict[str, int] = {}
        for alias, version in {**(listed if isinstance(listed, dict) else {}), **files}.items():
            text = version.decode(errors="replace") if isinstance(version, bytes) else str(version)
            number = version_number(f"version-{text.strip()}")
            if isinstance(alias, str) and number is not None:
                aliases[alias] = number
            else:
                self._refuse(folder, f"the alias {str(alias)[:_SHOWN]!r} was left out: it names no version.")
        return aliases

    def _folders(self, parent: Path) -> list[Path]:
        """List the folders in a folder that MLflow may have made; others are told of."""
        found: list[Path] = []
        if parent != self.store and os.path.islink(parent):
            self._refuse(parent, "is a symbolic link; what it leads to was left out.")
            return found
        for name in self._names(parent, files=False):
            folder = parent / name
            if os.path.islink(folder) and os.path.isdir(folder):
                if name != METRICS_LINK and not _is_placeholder(folder):
                    self._refuse(folder, "is a symbolic link; what it leads to was left out.")
            elif os.path.isdir(folder):
                found.append(folder)
        return found

    def _names(self, folder: Path, *, files: bool = True) -> list[str]:
        """List the names in a folder that a job may have given."""
        try:
            with os.scandir(folder) as inside:
                wanted = (entry.name for entry in inside if files or not entry.is_file(follow_symlinks=False))
                names = list(islice(wanted, MOST_ENTRIES + 1))
            if len(names) > MOST_ENTRIES:
                self._refuse(folder, f"holds more than {MOST_ENTRIES:,} folders, and was left out.")
                return []
            return sorted(name for name in names if not is_foreign(name))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            self._refuse_all([artifacts.unreadable(folder, folder.name, error)])
            return []

    def _below(self, folder: Path, *names: str) -> _Small:
        files: dict[str, Path] = {}
        lost: list[Lost] = []
        origins: set[Path] = set()
        for name in names:
            # Our own link for a folder that is empty in Git; what was logged through it is behind it.
            linked = name == "metrics" and _is_placeholder(folder / name)
            place = folder / (METRICS_LINK if linked else name)
            largest = None if name == "metrics" else LARGEST
            found = artifacts.below(place, name, within=self.store, largest=largest)
            origins |= set(found.files.values())
            lost += [each for each in found.lost if not is_foreign(each.path)]
            own = (path for path in found.files if not is_foreign(path) and not is_backup(path, found.files))
            files |= {path: found.files[path] for path in own}
        return _Small(files=files, lost=lost, origins=frozenset(origins))

    def _contents(self, files: Mapping[str, Path]) -> dict[str, bytes]:
        """Read small files."""
        contents: dict[str, bytes] = {}
        for path, file in files.items():
            data = read_regular(file, largest=LARGEST)
            self._take(1, len(data))
            contents[path] = data
        return contents

    def _take(self, count: int, size: int) -> None:
        """Count what is taken of the store.

        Raises:
            InputError: it is more than can be held.
        """
        self.count += count
        self.size += size
        if self.count > MOST_IN_ALL or self.size > MEMORY:
            limit = f"{MOST_IN_ALL:,} files, or {megabytes(MEMORY)} of params, tags and metrics"
            raise InputError(
                f"The folder '{self.store}' holds more than can be read at once: {limit}.",
                untouched="the repository and the runs.",
                remedy="move what is not to be published out of it, or publish it in parts with --source.",
            )

    def _refuse_all(self, lost: Sequence[Lost]) -> None:
        for each in lost:
            self._refuse(each.file, f"{each.reason}, and was left out.", each.remedy)

    def _refuse(self, path: Path, reason: str, remedy: str = "") -> None:
        where = self._shown(path)
        self.refusals.append(Refusal(where=where, reason=reason, remedy=remedy, experiment=self.experiment))

    def _warn(self, path: Path, what: str) -> None:
        self.warnings.append(f"{self._shown(path)}: {what}.")

    def _shown(self, path: Path) -> str:
        home = self.store.parent
        return path.relative_to(home).as_posix() if path.is_relative_to(home) else str(path)


_SHOWN = 80
"""Characters of a stranger's text that a message quotes."""


def _shortened(error: Exception) -> str:
    said = " ".join(str(error).split())[:_SHOWN]
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def _looks_like_record(kind: Kind, folder: Path) -> bool:
    """Tell whether a folder is a record, or may be one that cannot be read.

    A store whose artifacts lie beside its runs has folders that hold artifacts alone, and are none. Nor is a folder
    without any file, which is what Git leaves of a record that moved.
    """
    try:
        names = os.listdir(folder)
    except OSError:
        return True
    return DESCRIPTIONS[kind] in names or (not set(CONTENTS[kind]).isdisjoint(names) and _holds_files(folder))


def _holds_files(folder: Path) -> bool:
    return bool(artifacts.below(folder, "", within=folder))


def _holds_artifacts(folder: Path) -> bool:
    return any(True for inner in ("*", "models/*", "traces/*") for _ in folder.glob(f"{inner}/artifacts"))


def _holds_database(folder: Path) -> bool:
    return any(True for end in ("db", "sqlite", "sqlite3") for _ in folder.glob(f"*.{end}"))


def _is_placeholder(metrics: Path) -> bool:
    return metrics.is_symlink() and str(metrics.readlink()) == METRICS_LINK


def _location(kind: Kind, meta: Mapping[str, object], files: Mapping[str, Content]) -> str:
    """Read where a record's artifacts lie, as MLflow wrote it."""
    if kind is not Kind.TRACE:
        return str(meta.get(LOCATIONS[kind]) or "")
    tag = files.get(f"tags/{ARTIFACT_TAG}")
    return tag.decode(errors="replace").strip() if isinstance(tag, bytes) else ""


def _files(place: Path) -> Iterator[Path]:
    """Yield the file at `place`, or all regular files below it."""
    if os.path.isfile(place) and not place.is_symlink():
        yield place
    else:
        yield from artifacts.below(place, "", within=place).files.values()


def _faultless(file: Path, kind: Kind | None = None) -> dict[str, object]:
    """Read a description in which every value can be used."""
    meta = _description(file)
    for key, wanted in faults(meta, kind):
        raise _MalformedError(f"its {file.name} says a '{key}' that is not {wanted}")
    return meta


def _description(file: Path) -> dict[str, object]:
    try:
        data = read_regular(file, largest=LARGEST)
    except FileNotFoundError as error:
        raise _MalformedError(f"it has no {file.name}") from error
    except UnfitFileError as error:
        raise _MalformedError(f"its {file.name} {error.reason}") from error
    except OSError as error:
        lost = artifacts.unreadable(file, file.name, error)
        raise _UnreadError(f"its {file.name} {lost.reason}", lost.remedy) from error
    if data.startswith(artifacts.POINTER):
        lost = artifacts.pointer(file, file.name)
        raise _UnreadError(f"its {file.name} {lost.reason}", lost.remedy)
    try:
        return load_yaml(data)
    except ValueError as error:
        raise _MalformedError(f"its {file.name} is {error}") from error
