"""Read an MLflow file store on disk. Writes nothing, never follows a link, imports no MLflow.

Layout and defaults as in `mlflow/store/tracking/file_store.py` and `mlflow/store/model_registry/file_store.py` of
MLflow 3.17, and in the stores of MLflow 1 and 2 that it still reads. What can be repaired with certainty is repaired
and named in a warning; what cannot is refused by name, and nothing else is held up by it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mlpipeline.core.documents import load_yaml
from mlpipeline.core.edits import Content
from mlpipeline.core.errors import InputError
from mlpipeline.core.records import Experiment, Incoming, Kind, ModelVersion, Record, Refusal, RegisteredModel
from mlpipeline.history.metrics import sound_metric
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
from mlpipeline.sources.known import NOTHING, Known

_OWN_ID = {Kind.RUN: ("run_id", "run_uuid"), Kind.LOGGED_MODEL: ("model_id",), Kind.TRACE: ("trace_id", "request_id")}
"""The keys under which a record's description names itself, newest first."""


def read(store: Path, known: Known = NOTHING, *, elsewhere: bool = True) -> Incoming:
    """Read experiments, runs, logged models, traces and registered models of a file store, deleted ones included.

    Args:
        store: the folder, often called `mlruns`.
        known: records that are passed over.
        elsewhere: whether artifacts may lie outside of the folder that holds the store.

    Raises:
        InputError: there is no such folder.
    """
    if not store.is_dir():
        raise InputError(
            f"No MLflow runs: the folder '{store}' does not exist.",
            remedy="train first, or name the runs with --source.",
        )
    reader = _Reader(store=store.absolute(), known=known, elsewhere=elsewhere)
    for parent in (reader.store, reader.store / TRASH):
        for folder in sorted(_folders(parent)):
            if folder not in (reader.store / TRASH, reader.store / REGISTERED_MODELS):
                reader.read_experiment(folder)
    for folder in sorted(_folders(reader.store / REGISTERED_MODELS)):
        reader.read_registered_model(folder)
    return Incoming(
        experiments=tuple(sorted(reader.experiments, key=lambda each: (each.name, each.id))),
        records=tuple(sorted(reader.records, key=lambda each: (each.kind, each.id))),
        models=tuple(reader.models),
        refusals=tuple(reader.refusals),
        warnings=tuple(reader.warnings),
    )


class _MalformedError(Exception):
    """Something that cannot be read; the message says why."""


@dataclass(kw_only=True)
class _Reader:
    store: Path
    known: Known
    elsewhere: bool
    experiments: list[Experiment] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    models: list[RegisteredModel] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    experiment: str = ""

    def read_experiment(self, folder: Path) -> None:
        """Read an experiment with all it holds."""
        records = list(_record_folders(folder))
        if not (folder / "meta.yaml").is_file() and not records:
            if any(folder.iterdir()):
                self._refuse(folder, "is no experiment, and was left out.")
            return
        self.experiment = folder.name
        meta = self._experiment_meta(folder)
        self.experiment = str(meta["name"])
        found = self._below(folder, *EXPERIMENT_CONTENTS)
        described = {folder / "meta.yaml"} if (folder / "meta.yaml").is_file() else set()
        self.experiments.append(
            Experiment(
                id=folder.name,
                name=self.experiment,
                meta=meta,
                files=_contents(found),
                origins=frozenset({*described, *found.values()}),
            )
        )
        for kind, record in records:
            if not self.known.folder(record):
                self._read_record(kind, record)
        self.experiment = ""

    def read_registered_model(self, folder: Path) -> None:
        """Read a registered model with its versions and aliases."""
        try:
            meta = _description(folder / "meta.yaml")
            versions = tuple(sorted(self._versions(folder), key=lambda version: version.number))
            aliases = {path: int(data) for path, data in _aliases(folder, meta).items()}
        except (_MalformedError, ValueError) as error:
            return self._refuse(folder, f"the registered model was left out: {error}.")
        tags = self._below(folder, "tags")
        small = [file for name in ("meta.yaml", "aliases", "tags") for file in _files(folder / name)]
        inside = [file for version in versions for file in _files(folder / version_folder(version.number))]
        self.models.append(
            RegisteredModel(
                name=folder.name,
                meta=meta,
                files=_contents(tags),
                aliases=aliases,
                versions=versions,
                origins=frozenset({*small, *inside}),
            )
        )
        return None

    def _experiment_meta(self, folder: Path) -> dict[str, object]:
        """Read an experiment's description; where it is lost, its id is its name, so that its runs stay in sight."""
        try:
            meta = _description(folder / "meta.yaml")
        except _MalformedError as error:
            meta = {}
            self._warn(folder, f"{error}; its runs were stored in an experiment named by its id")
        name = meta.get("name")
        default = "Default" if folder.name == "0" else folder.name
        in_trash = folder.parent.name == TRASH
        lifecycle = {"lifecycle_stage": "deleted" if in_trash else meta.get("lifecycle_stage", "active")}
        return {**meta, **lifecycle, "name": name if isinstance(name, str) and name else default}

    def _read_record(self, kind: Kind, folder: Path) -> None:
        try:
            record = self._record(kind, folder)
        except _MalformedError as error:
            self._refuse(folder, f"the {kind} was left out: {error}.")
        else:
            self.records.append(record)

    def _record(self, kind: Kind, folder: Path) -> Record:
        if not is_id(folder.name):
            raise _MalformedError("its folder's name is no id that MLflow makes")
        described = folder / DESCRIPTIONS[kind]
        meta = _description(described)
        own = next((meta[key] for key in _OWN_ID[kind] if meta.get(key)), None)
        if own != folder.name:
            raise _MalformedError(f"its {described.name} belongs to '{own}'")
        found = self._below(folder, *CONTENTS[kind])
        logged = artifacts.of_record(
            kind,
            folder.name,
            location=_location(kind, meta, found),
            home=self.store.parent,
            metadata=folder,
            elsewhere=self.elsewhere,
        )
        self._refuse_all(logged.refused)
        return Record(
            kind=kind,
            id=folder.name,
            experiment=self.experiment,
            meta=meta,
            files={**self._sound(kind, folder, _contents(found)), **logged.files},
            origins=frozenset({described, *found.values(), *logged.files.values()}),
        )

    def _sound(self, kind: Kind, folder: Path, files: Mapping[str, Content]) -> dict[str, Content]:
        """Repair the metrics among a record's small files."""
        sound: dict[str, Content] = {}
        for path, content in files.items():
            if not path.startswith("metrics/") or not isinstance(content, bytes):
                sound[path] = content
                continue
            try:
                repaired = sound_metric(content, of=kind)
            except ValueError as error:
                raise _MalformedError(f"{path} holds {error}, which makes MLflow fail its whole experiment") from error
            if repaired.lost:
                self._warn(folder / path, f"{repaired.lost}, or MLflow would fail the whole experiment")
            if repaired.data:
                sound[path] = repaired.data
        return sound

    def _versions(self, folder: Path) -> Iterator[ModelVersion]:
        for version in _folders(folder):
            number = version_number(version.name)
            if number is not None:
                try:
                    meta = _description(version / "meta.yaml")
                except _MalformedError as error:
                    self._refuse(version, f"the model version was left out: {error}.")
                    continue
                yield ModelVersion(number=number, meta=meta, files=_contents(self._below(version, "tags")))

    def _below(self, folder: Path, *names: str) -> dict[str, Path]:
        files: dict[str, Path] = {}
        for name in names:
            # Our own link for a folder that is empty in Git; what was logged through it is behind it.
            linked = name == "metrics" and _is_placeholder(folder / name)
            found = artifacts.below(folder / (METRICS_LINK if linked else name), name, within=self.store)
            self._refuse_all(found.refused)
            files |= found.files
        return files

    def _refuse_all(self, refused: Mapping[Path, str]) -> None:
        for path, reason in refused.items():
            self._refuse(path, reason)

    def _refuse(self, path: Path, reason: str) -> None:
        self.refusals.append(Refusal(where=self._shown(path), reason=reason, experiment=self.experiment))

    def _warn(self, path: Path, what: str) -> None:
        self.warnings.append(f"{self._shown(path)}: {what}.")

    def _shown(self, path: Path) -> str:
        return path.relative_to(self.store.parent).as_posix() if path.is_relative_to(self.store.parent) else path.name


def _record_folders(experiment: Path) -> Iterator[tuple[Kind, Path]]:
    """Yield the folders of an experiment that are records, or what is left of them."""
    for kind, inner in FOLDERS.items():
        for folder in sorted(_folders(experiment / inner)):
            if kind is not Kind.RUN or (folder.name not in RESERVED and _looks_like_run(folder)):
                yield kind, folder


def _looks_like_run(folder: Path) -> bool:
    # A file store whose artifacts lie beside its runs has folders that hold artifacts alone, and are none.
    return any((folder / name).exists() for name in ("meta.yaml", "metrics", "params", "tags"))


def _is_placeholder(metrics: Path) -> bool:
    return metrics.is_symlink() and str(metrics.readlink()) == METRICS_LINK


def _aliases(folder: Path, meta: Mapping[str, object]) -> dict[str, str]:
    """Read the version of each alias: a file each; MLflow 2 kept them in `meta.yaml` too."""
    listed = meta.get("aliases")
    kept = {str(alias): str(version) for alias, version in listed.items()} if isinstance(listed, dict) else {}
    files = {file.name: file.read_text(encoding="utf-8").strip() for file in _files(folder / "aliases")}
    return {**kept, **files}


def _location(kind: Kind, meta: Mapping[str, object], files: Mapping[str, Path]) -> str:
    """Read where a record's artifacts lie, as MLflow wrote it."""
    if kind is not Kind.TRACE:
        return str(meta.get(LOCATIONS[kind]) or "")
    tag = files.get(f"tags/{ARTIFACT_TAG}")
    return tag.read_text(encoding="utf-8", errors="replace").strip() if tag else ""


def _contents(files: Mapping[str, Path]) -> dict[str, Content]:
    return {path: file.read_bytes() for path, file in files.items()}


def _folders(parent: Path) -> Iterator[Path]:
    if parent.is_dir() and not parent.is_symlink():
        yield from (each for each in parent.iterdir() if each.is_dir() and not each.is_symlink())


def _files(place: Path) -> Iterator[Path]:
    """Yield the file at `place`, or all regular files below it."""
    if place.is_file() and not place.is_symlink():
        yield place
    else:
        yield from artifacts.below(place, "", within=place).files.values()


def _description(file: Path) -> dict[str, object]:
    try:
        return load_yaml(file.read_bytes())
    except FileNotFoundError as error:
        raise _MalformedError(f"it has no {file.name}") from error
    except (OSError, ValueError) as error:
        raise _MalformedError(f"its {file.name} is {error}") from error
