"""Reads an MLflow file store on disk. Reads only, never follows a link, imports no MLflow.

Layout and defaults as in mlflow/store/tracking/file_store.py of MLflow 3.17.
"""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from mlpipeline import layout
from mlpipeline.errors import InputError
from mlpipeline.model import Experiment, Incoming, Kind, Record, Refusal

Known = Callable[[Path], bool]
"""Tells whether the history is known to hold a record's folder as it is, so that it need not be read."""


def read(store: Path, *, known: Known = lambda _: False) -> Incoming:
    """All experiments, runs and logged models of a file store.

    Args:
        store: the folder, often called `mlruns`.
        known: folders of records for which this is true are passed over.

    Raises:
        InputError: there is no such folder.
    """
    if not store.is_dir():
        raise InputError(
            f"No MLflow runs: the folder '{store}' does not exist.",
            untouched="everything.",
            remedy="train first, or name the runs with --source.",
        )
    reader = _Reader(store=store.absolute(), known=known)
    for folder in reader.experiment_folders():
        reader.read_experiment(folder)
    return Incoming(
        experiments=tuple(sorted(reader.experiments, key=lambda each: each.name)),
        records=tuple(sorted(reader.records, key=lambda each: (each.kind, each.id))),
        refusals=tuple(reader.refusals),
    )


class _MalformedError(Exception):
    """A record that cannot be read; the message says why."""


@dataclass(kw_only=True)
class _Reader:
    store: Path
    known: Known
    experiments: list[Experiment] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    experiment: str = ""

    def experiment_folders(self) -> Iterator[Path]:
        for folder in sorted(_folders(self.store)):
            if folder.name == ".trash":
                self._refuse_all(folder, "is a deleted experiment, which is not carried yet.")
            elif folder.name == "models":
                self._refuse_all(folder, "is a registered model, which is not carried yet.")
            elif folder.name.isascii() and folder.name.isdigit():
                yield folder

    def read_experiment(self, folder: Path) -> None:
        try:
            meta = _meta(folder)
            name = meta.get("name")
            if not isinstance(name, str) or not name:
                raise _MalformedError("its meta.yaml has no name")  # noqa: TRY301 - one place words the refusal
        except _MalformedError as error:
            return self._refuse(folder, f"{error}; the experiment and its runs were left out.")
        self.experiment = name
        found = {**dict(self._files(folder / "tags", "tags")), **dict(self._files(folder / "datasets", "datasets"))}
        files = {path: file.read_bytes() for path, file in found.items()}
        origins = frozenset({folder / "meta.yaml", *found.values()})
        self.experiments.append(Experiment(id=folder.name, name=name, meta=meta, files=files, origins=origins))
        for run in sorted(_folders(folder)):
            if run.name not in layout.RESERVED and (run / "meta.yaml").is_file():
                self._read_record(Kind.RUN, run, name)
        for model in sorted(_folders(folder / "models")):
            self._read_record(Kind.LOGGED_MODEL, model, name)
        self._refuse_all(folder / "traces", "is a trace, which is not carried yet.")
        self.experiment = ""
        return None

    def _read_record(self, kind: Kind, folder: Path, experiment: str) -> None:
        if self.known(folder):
            return
        try:
            record = self._record(kind, folder, experiment)
        except _MalformedError as error:
            self._refuse(folder, f"the {kind} was left out: {error}.")
        else:
            self.records.append(record)

    def _record(self, kind: Kind, folder: Path, experiment: str) -> Record:
        if not layout.is_id(folder.name):
            raise _MalformedError("its folder's name is no id that MLflow makes")
        meta = _meta(folder)
        own = meta.get("run_id", meta.get("run_uuid")) if kind is Kind.RUN else meta.get("model_id")
        if own != folder.name:
            raise _MalformedError(f"its meta.yaml belongs to '{own}'")
        found: dict[str, Path] = {}
        for name in ("metrics", "params", "tags", "inputs", "outputs"):
            found |= self._files(folder / name, name)
        small = {path: file.read_bytes() for path, file in found.items()}
        for path, content in small.items():
            if path.startswith("metrics/"):
                _check_metric(kind, path, content)
        artifacts = self._artifacts(kind, folder, meta)
        origins = frozenset({folder / "meta.yaml", *found.values(), *artifacts.values()})
        return Record(
            kind=kind,
            id=folder.name,
            experiment=experiment,
            meta=meta,
            files={**small, **artifacts},
            origins=origins,
        )

    def _artifacts(self, kind: Kind, folder: Path, meta: dict[str, object]) -> dict[str, Path]:
        location = meta.get("artifact_uri" if kind is Kind.RUN else "artifact_location")
        for place in self._artifact_places(kind, folder, str(location or "")):
            if found := dict(self._files(place, "artifacts")):
                return {path: file for path, file in found.items() if file.name not in (".gitkeep", layout.LOAD_MARK)}
        return {}

    def _artifact_places(self, kind: Kind, folder: Path, location: str) -> Iterator[Path]:
        """Where a record's artifacts may lie: where its metadata says, else where a moved store keeps them.

        What the metadata names is believed only if it ends in `<id>/artifacts`, as every location that MLflow makes
        does. Otherwise a doctored run could have any folder of the machine published.
        """
        path = _local_path(location)
        if path is not None:
            named = Path(os.path.normpath(self.store.parent / path))
            if named.parts[-2:] == (folder.name, "artifacts"):
                yield named
        yield folder / "artifacts"
        yield self.store.parent / layout.artifact_folder(kind, folder.name)

    def _files(self, folder: Path, prefix: str) -> Iterator[tuple[str, Path]]:
        """Regular files below `folder` by path, with `prefix` in place of the folder's own."""
        if _crosses_link(folder, self.store):
            self._refuse(folder, "is reached through a symbolic link; what it holds was left out.")
            return
        for at, folders, names in os.walk(folder):
            folders.sort()
            for name in sorted(names):
                file = Path(at, name)
                if file.is_symlink() or not file.is_file():
                    self._refuse(file, "is a symbolic link or no regular file, and was left out.")
                elif any(_is_gits(part) for part in file.relative_to(folder).parts):
                    self._refuse(file, "has a name that Git keeps for itself, and was left out.")
                else:
                    yield f"{prefix}/{file.relative_to(folder).as_posix()}", file

    def _refuse(self, path: Path, reason: str) -> None:
        self.refusals.append(Refusal(where=self._shown(path), reason=reason, experiment=self.experiment))

    def _refuse_all(self, parent: Path, reason: str) -> None:
        for folder in sorted(_folders(parent)):
            self._refuse(folder, reason)

    def _shown(self, path: Path) -> str:
        return path.relative_to(self.store.parent).as_posix() if path.is_relative_to(self.store.parent) else path.name


def _folders(parent: Path) -> Iterator[Path]:
    if parent.is_dir() and not parent.is_symlink():
        yield from (each for each in parent.iterdir() if each.is_dir() and not each.is_symlink())


def _crosses_link(path: Path, store: Path) -> bool:
    depth = len(path.relative_to(store).parts) if path.is_relative_to(store) else 2
    return any(part.is_symlink() for part in [path, *path.parents][:depth])


def _meta(folder: Path) -> dict[str, object]:
    try:
        return layout.load_yaml((folder / "meta.yaml").read_bytes())
    except FileNotFoundError as error:
        raise _MalformedError("it has no meta.yaml") from error
    except (OSError, ValueError) as error:
        raise _MalformedError(f"its meta.yaml is {error}") from error


def _is_gits(name: str) -> bool:
    """Whether Git, on one system or another, would take a file of this name for its own folder."""
    return name.rstrip(". ").lower() in (".git", "git~1")


def _check_metric(kind: Kind, path: str, content: bytes) -> None:
    try:
        empty = not layout.metric_points(layout.metric_lines(content), of=kind)
    except ValueError as error:
        raise _MalformedError(f"{path} holds {error}, which makes MLflow fail its whole experiment") from error
    if empty:
        raise _MalformedError(f"{path} is empty, which makes MLflow fail its whole experiment")


_DRIVE = re.compile(r"/?[A-Za-z]:[\\/]")


def _local_path(location: str) -> str | None:
    """The path that a location means on this machine: absolute, or relative to where MLflow ran."""
    if _DRIVE.match(location):
        return None if os.name != "nt" else location
    parts = urlsplit(location)
    if parts.scheme not in ("", "file") or parts.netloc not in ("", "localhost", "."):
        return None
    return unquote(parts.path) if parts.scheme else location or None
