"""Bring artifacts to this machine, one folder a record; what is complete there is not fetched again.

Never writes outside of the folder for downloads. Whatever a server says about names and places is taken for a
stranger's word: artifacts are fetched only from places that end in the record's id, as all that MLflow makes do.
"""

import os
import posixpath
import shlex
import shutil
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit

from mlpipeline.core.credentials import without_credentials
from mlpipeline.core.errors import InputError, MissingDependencyError
from mlpipeline.core.filenames import fault
from mlpipeline.core.records import Kind
from mlpipeline.history.paths import LOAD_MARK
from mlpipeline.history.screening import LARGEST_FILE
from mlpipeline.sources.artifacts import Finder, Found
from mlpipeline.sources.client.errors import UnfitError, is_out_of_reach, stopped, words
from mlpipeline.sources.client.meta import Entity
from mlpipeline.sources.limits import MOST_FILES

SPANS_FILE = "traces.json"

_TOO_LARGE = "GitHub blocks files over 100 MiB; it was not downloaded."

_DOWNLOADS = {Kind.RUN: "runs", Kind.LOGGED_MODEL: "models", Kind.TRACE: "traces"}


@dataclass(frozen=True, kw_only=True)
class ArtifactsPlace:
    """What a record says of its artifacts.

    Attributes:
        location: where they lie.
        state: changes when they may have changed; empty while the record is being written.
        spans: gives the content of a trace's `traces.json`, where the database holds it.
    """

    location: str
    state: str
    spans: Callable[[], bytes] | None = None


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """A record's artifacts on this machine.

    Attributes:
        files: by path.
        refused: why others are not among them, by name.
        unread: those of them that are missed, by path.
        is_here: whether all would be found here.
    """

    files: dict[str, Path]
    refused: dict[str, str]
    unread: frozenset[str] = frozenset()
    is_here: bool = True


@dataclass(kw_only=True)
class Fetcher:
    """Brings artifacts to this machine, one folder a record; what lies here already is taken as it lies.

    A record's folder holds `artifacts/`; `begun`, the state of the record when its first file was fetched; and
    `complete`, written last. Files get their names when they are whole, so an interrupted call is continued.

    Attributes:
        uri: the source.
        tracking_uri: the source as MLflow's client has it.
        folder: where to.
        finder: finds those that lie on this machine's own disk.
        size: bytes that were fetched.
    """

    uri: str
    tracking_uri: str
    folder: Path
    finder: Finder
    size: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def fetch(self, kind: Kind, record_id: str, where: ArtifactsPlace) -> Fetched:
        """A record's artifacts.

        Raises:
            InputError: the server stopped answering, or it is the wrong one for this place.
            MissingDependencyError: MLflow needs another package to reach the place.
            UnfitError: the place cannot be right, or cannot be read.
        """
        self._check_place(where.location, record_id)
        folder = self.folder / _DOWNLOADS[kind] / record_id
        is_local = urlsplit(where.location).scheme.lower() in ("", "file")
        refused: dict[str, str] = {}
        if not is_local or where.spans:
            refused = self._update(folder, "" if is_local else where.location, where)
        found = Finder(home=self.folder).of_record(kind, record_id, location=str(folder / "artifacts"))
        on_disk = Found()
        if is_local and where.location:
            on_disk = self.finder.of_record(kind, record_id, location=where.location)
        lost = [*on_disk.lost, *found.lost]
        return Fetched(
            files={**on_disk.files, **found.files},
            refused={
                **refused,
                **{each.file.name: f"{each.reason}, and was left out." for each in lost},
            },
            unread=frozenset({each.path for each in lost} | {f"artifacts/{path}" for path in _large(refused)}),
            is_here=not is_local or bool(on_disk or found),
        )

    def _check_place(self, location: str, record_id: str) -> None:
        """Refuse a place that would have this machine publish what it may read, or show its login to others."""
        if not location:
            return
        parts, shown = urlsplit(location), without_credentials(location)
        scheme, server = parts.scheme.lower(), urlsplit(self.uri)
        if parts.path.rstrip("/").split("/")[-2:] != [record_id, "artifacts"] or scheme in ("runs", "models"):
            raise UnfitError(f"its artifacts lie at '{shown}', and MLflow makes no such place")
        if scheme == "mlflow-artifacts" and server.scheme.lower() not in ("http", "https"):
            raise InputError(
                f"The artifacts lie behind the MLflow server that uses this database ('{shown}').",
                remedy="name that server as the source, such as --source http://localhost:5000.",
            )
        if scheme in ("http", "https", "mlflow-artifacts") and parts.netloc:
            same = (parts.hostname, parts.port) == (server.hostname, server.port)
            if not same or scheme not in ("mlflow-artifacts", server.scheme.lower()):
                raise UnfitError(f"its artifacts lie on another server ('{shown}'), which is not given our login")

    def _update(self, folder: Path, location: str, where: ArtifactsPlace) -> dict[str, str]:
        """Bring a record's folder to its state; returns the paths that were left out, and why."""
        begun, complete = folder / "begun", folder / "complete"
        if where.state and _content(complete) == where.state:
            return {}
        if not where.state or _content(begun) != where.state:
            # What lies there is of another state, or was fetched while the record was being written.
            shutil.rmtree(folder, ignore_errors=True)
        _put(begun, where.state.encode())
        refused = self._download(folder, location, skip=SPANS_FILE if where.spans else "") if location else {}
        if where.spans:
            _put(folder / "artifacts" / SPANS_FILE, where.spans())
        if where.state and not refused:
            _put(complete, where.state.encode())
        return refused

    def _download(self, folder: Path, location: str, *, skip: str) -> dict[str, str]:
        try:
            return self._download_all(folder, location, skip=skip)
        except UnfitError:
            raise
        except ImportError as error:
            raise MissingDependencyError(
                f"MLflow needs the Python package '{error.name}' to reach the artifacts at "
                f"'{without_credentials(location)}'.",
                remedy=shlex.join([sys.executable, "-m", "pip", "install", str(error.name)]),
            ) from error
        except Exception as error:
            # Each cloud's library raises errors of its own.
            if is_out_of_reach(error):
                raise stopped(self.uri, error) from error
            raise UnfitError(f"its artifacts cannot be fetched: {words(error)}") from error

    def _download_all(self, folder: Path, location: str, *, skip: str) -> dict[str, str]:
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        repository = get_artifact_repository(location, tracking_uri=self.tracking_uri)
        refused: dict[str, str] = {}
        folders, count = [""], 0
        while folders:
            at = folders.pop()
            for artifact in repository.list_artifacts(at or None):
                if artifact.path in (".", at, skip):
                    continue
                count += 1
                if count > MOST_FILES:
                    raise UnfitError(f"it has more than {MOST_FILES:,} artifacts")
                if fault(artifact.path) or posixpath.dirname(artifact.path) != at:
                    refused[artifact.path] = "this is no path that stays in its folder."
                elif (artifact.file_size or 0) > LARGEST_FILE:
                    refused[artifact.path] = _TOO_LARGE
                elif artifact.is_dir:
                    folders.append(artifact.path)
                elif posixpath.basename(artifact.path) != LOAD_MARK:
                    self._download_file(repository, artifact, folder)
        return refused

    def _download_file(self, repository: Entity, file: Entity, folder: Path) -> None:
        target = folder / "artifacts" / file.path
        if target.is_file() and file.file_size in (None, target.stat().st_size):
            return
        is_proxied = repository.artifact_uri.startswith(("http:", "https:"))
        growing = folder / "partial"
        # The public way lists every file once more before it fetches it.
        repository._download_file(quote(file.path) if is_proxied else file.path, str(growing))
        size = growing.stat().st_size
        if file.file_size not in (None, size):
            raise UnfitError(f"its artifact '{file.path}' should have {file.file_size} bytes, and {size} came")
        target.parent.mkdir(parents=True, exist_ok=True)
        growing.replace(target)
        with self.lock:
            self.size += size


def _large(refused: Mapping[str, str]) -> set[str]:
    return {path for path, reason in refused.items() if reason == _TOO_LARGE}


def _content(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.is_file() else ""


def _put(file: Path, data: bytes) -> None:
    """Write a file that is there whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    partial_file = file.with_name(f"{file.name}.partial")
    partial_file.write_bytes(data)
    os.replace(partial_file, file)
