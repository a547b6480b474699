"""The grammar of a history: its paths, parsed and formatted side by side, its names and its ids; pure.

A history is these files below one root, the folder of a repository that holds `mlruns/`:

    mlruns/[.trash/]<experiment>/<inner>                           ExperimentFile
    mlruns/[.trash/]<experiment>/[models/|traces/]<id>/<inner>     RecordFile: of a run, a logged model, a trace
    mlruns/models/<name>/[version-<number>/]<inner>                RegisteredModelFile
    mlflow-artifacts/[models/|traces/]<id>/artifacts/<inner>       ArtifactFile
    models/, deployment/models/, mlflow_persistence_info.json      what is derived from these, not parsed
"""

import hashlib
import re
from dataclasses import dataclass

from mlpipeline.core.filenames import LONGEST_ON_LINUX, acts, fault
from mlpipeline.core.records import Kind, Record

METADATA = "mlruns"

ARTIFACTS = "mlflow-artifacts"

MODELS = "models"

PROMOTED = "deployment/models/best_model"

PROMOTED_MODEL = "promoted_model"
"""The registered model of which each promoted run is a version."""

CHAMPION = "champion"
"""The alias of the version that is promoted now."""

INFO = "mlflow_persistence_info.json"

TRASH = ".trash"
"""The folder of `mlruns/` to which MLflow moves deleted experiments."""

REGISTERED_MODELS = "models"
"""The folder of `mlruns/` that holds registered models, and no experiment."""

DESCRIPTION = "meta.yaml"
"""The file that describes an experiment, a registered model or a version of one."""

DESCRIPTIONS = {Kind.RUN: DESCRIPTION, Kind.LOGGED_MODEL: DESCRIPTION, Kind.TRACE: "trace_info.yaml"}
"""The file that describes a record."""

FOLDERS = {Kind.RUN: "", Kind.LOGGED_MODEL: "models/", Kind.TRACE: "traces/"}
"""Where records of a kind lie inside their experiment, and their artifacts inside the artifacts."""

CONTENTS = {
    Kind.RUN: ("metrics", "params", "tags", "inputs", "outputs"),
    Kind.LOGGED_MODEL: ("metrics", "params", "tags"),
    Kind.TRACE: ("tags", "request_metadata", "assessments"),
}
"""The folders of metadata in a record."""

REQUIRED = {
    Kind.RUN: ("metrics", "params", "tags", "artifacts"),
    Kind.LOGGED_MODEL: ("metrics", "params", "tags"),
    Kind.TRACE: (),
}
"""The folders that MLflow creates with a record and wants to find there, empty or not."""

EXPERIMENT_CONTENTS = ("tags", "datasets")
"""The folders of an experiment's own metadata."""

REGISTERED_MODEL_CONTENTS = ("tags", "aliases")
"""The folders of a registered model's own metadata; a version of it has `tags` alone."""

RESERVED = frozenset({"tags", "datasets", "traces", "models"})
"""Folders of an experiment that are no runs (FileStore.RESERVED_EXPERIMENT_FOLDERS)."""

METRICS_LINK = ".metrics"
"""What the link that stands for the empty `metrics/` of a run points to."""

LOAD_MARK = "registered_model_meta"
"""A file that MLflow leaves in a model's folder whenever `models:/` loads it; no part of the model."""

_KINDS = {"models": Kind.LOGGED_MODEL, "traces": Kind.TRACE}

_VERSION = "version-"

_MOST_DIGITS = 10
"""Of a version's number, which MLflow's SQL schema holds in 32 bits."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ExperimentFile:
    """A file of an experiment itself.

    Attributes:
        experiment: the name of its folder: its id, or anything in a history that was committed by hand (see
            `is_experiment_id`).
        deleted: whether it lies in `.trash/`.
        inner: the path inside the experiment.
    """

    experiment: str
    deleted: bool = False
    inner: str = DESCRIPTION

    @property
    def place(self) -> str:
        """The folder below `mlruns/`: the id, or `.trash/<id>`."""
        return experiment_place(self.experiment, deleted=self.deleted)

    @property
    def path(self) -> str:
        """The path below the root."""
        return f"{METADATA}/{self.place}/{self.inner}"

    @property
    def is_description(self) -> bool:
        """Whether this file describes the experiment."""
        return self.inner == DESCRIPTION


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordFile:
    """A file in the metadata folder of a run, a logged model or a trace.

    Attributes:
        kind: what it belongs to.
        id: the id of that, which is its folder's name.
        experiment: the folder of the experiment, as in `ExperimentFile`.
        deleted: whether the experiment lies in `.trash/`.
        inner: the path inside the record.
    """

    kind: Kind
    id: str
    experiment: str
    deleted: bool = False
    inner: str

    @property
    def place(self) -> str:
        """The experiment's folder below `mlruns/`: the id, or `.trash/<id>`."""
        return experiment_place(self.experiment, deleted=self.deleted)

    @property
    def folder(self) -> str:
        """The record's folder below the root."""
        return f"{METADATA}/{self.place}/{FOLDERS[self.kind]}{self.id}"

    @property
    def path(self) -> str:
        """The path below the root."""
        return f"{self.folder}/{self.inner}"

    @property
    def is_description(self) -> bool:
        """Whether this file describes the record."""
        return self.inner == DESCRIPTIONS[self.kind]

    @property
    def output(self) -> str | None:
        """The logged model that the run names as its output, if that is what this file is for."""
        match self.inner.split("/") if self.inner.startswith("outputs/") else ():
            case [_, model, "meta.yaml"]:
                return model
        return None


@dataclass(frozen=True, kw_only=True, slots=True)
class RegisteredModelFile:
    """A file of a registered model.

    Attributes:
        name: the model's.
        version: the number of the version that it belongs to; `None` for a file of the model itself.
        inner: the path inside the version or the model.
    """

    name: str
    version: int | None = None
    inner: str = DESCRIPTION

    @property
    def path(self) -> str:
        """The path below the root."""
        version = "" if self.version is None else f"{version_folder(self.version)}/"
        return f"{METADATA}/{REGISTERED_MODELS}/{self.name}/{version}{self.inner}"


@dataclass(frozen=True, kw_only=True, slots=True)
class ArtifactFile:
    """A file that a record logged, in the folder of artifacts.

    Attributes:
        kind: what logged it.
        id: the id of that.
        inner: the path among its artifacts.
    """

    kind: Kind
    id: str
    inner: str

    @property
    def path(self) -> str:
        """The path below the root."""
        return f"{artifact_folder(self.kind, self.id)}/{self.inner}"


HistoryFile = ExperimentFile | RecordFile | RegisteredModelFile | ArtifactFile


def parse(path: str) -> HistoryFile | None:
    """Parse a path below the root; the inverse of `.path`.

    Returns:
        What the file is; `None` for derived files, git attributes and whatever else is no part of the grammar.
    """
    # Partitions, because every path of a history goes through here: 200,000 take half a second.
    top, _, inner = path.partition("/")
    if top not in (METADATA, ARTIFACTS) or "//" in path or path.endswith("/"):
        return None
    if top == ARTIFACTS:
        return _parse_artifact(inner)
    if inner.startswith(f"{REGISTERED_MODELS}/"):
        return _parse_registered_model(inner)
    return _parse_metadata(inner)


def _parse_metadata(path: str) -> ExperimentFile | RecordFile | None:
    deleted = path.startswith(f"{TRASH}/")
    experiment, _, inner = path.removeprefix(f"{TRASH}/").partition("/")
    if not inner or experiment in (TRASH, REGISTERED_MODELS):
        return None
    first, _, rest = inner.partition("/")
    kind = _KINDS.get(first, Kind.RUN)
    if kind is Kind.RUN and (first in RESERVED or not rest):
        return ExperimentFile(experiment=experiment, deleted=deleted, inner=inner)
    if kind is not Kind.RUN:
        first, _, rest = rest.partition("/")
    return RecordFile(kind=kind, id=first, experiment=experiment, deleted=deleted, inner=rest) if rest else None


def _parse_registered_model(path: str) -> RegisteredModelFile | None:
    _, name, *parts = path.split("/", 3)
    match parts:
        case [folder, inner] if (version := version_number(folder)) is not None:
            return RegisteredModelFile(name=name, version=version, inner=inner)
        case [_, *_]:
            return RegisteredModelFile(name=name, inner="/".join(parts))
    return None


def _parse_artifact(path: str) -> ArtifactFile | None:
    first, _, rest = path.partition("/")
    kind = _KINDS.get(first, Kind.RUN)
    record, _, rest = path.partition("/") if kind is Kind.RUN else rest.partition("/")
    folder, _, inner = rest.partition("/")
    return ArtifactFile(kind=kind, id=record, inner=inner) if folder == "artifacts" and inner else None


def experiment_place(experiment: str, *, deleted: bool) -> str:
    """Name the folder of an experiment below `mlruns/`, given its id."""
    return f"{TRASH}/{experiment}" if deleted else experiment


def metadata_folder(record: Record, place: str) -> str:
    """Name the folder of a record's metadata, given its experiment's place: the id, or `.trash/<id>`."""
    return f"{METADATA}/{place}/{FOLDERS[record.kind]}{record.id}"


def artifact_folder(kind: Kind, record_id: str) -> str:
    """Name the folder of a record's artifacts."""
    return f"{ARTIFACTS}/{FOLDERS[kind]}{record_id}/artifacts"


def version_folder(number: int) -> str:
    """Name the folder of a version inside its registered model; the inverse of `version_number`."""
    return f"{_VERSION}{number}"


def version_number(folder: str) -> int | None:
    """Parse the name of a version's folder; `None` if it is not one, or not as MLflow writes it."""
    number = folder.removeprefix(_VERSION)
    is_number = number != folder and number.isascii() and number.isdigit() and len(number) <= _MOST_DIGITS
    return int(number) if is_number and (number == "0" or number[0] != "0") else None


DEFAULT_NAME = "Default"
"""The experiment of whoever names none (mlflow/entities/experiment.py)."""

FILE_STORE_DEFAULT = "0"
"""The id under which MLflow's file store looks for Default, and for no other experiment."""

_LONGEST_EXPERIMENT_ID = 64

_EXPERIMENT_ID = re.compile(r"[0-9]+(?:_[0-9]+)*")


def is_experiment_id(text: str) -> bool:
    """Tell whether `text` is the id of an experiment in a history.

    Those of MLflow's file store and of databases are, in repositories that committed them by hand, and ours are.
    """
    return len(text) <= _LONGEST_EXPERIMENT_ID and _EXPERIMENT_ID.fullmatch(text) is not None


def experiment_id(name: str) -> str:
    """Compute the id of an experiment in a history from its name: 18 digits with an underscore, `0_0` for Default.

    Two jobs that create an experiment of one name agree on it without knowing each other. MLflow's SQL schema holds
    ids as integers and its file store makes them 18 digits long.
    """
    if name == DEFAULT_NAME:
        return with_underscore(FILE_STORE_DEFAULT)
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8])
    return with_underscore(str(10**17 + number % (9 * 10**17)))


def with_underscore(identifier: str) -> str:
    """Write an id of digits so that it leaves MLflow's default store alone; the number stays the same.

    MLflow from 3.7 on takes `./mlruns` for its default store, instead of `sqlite:///mlflow.db`, where a folder of it
    that `str.isdigit` takes for a number holds a `meta.yaml` (mlflow/tracking/_tracking_service/utils.py,
    _has_existing_mlruns_data), and 3.13 then raises. Python's `int` reads `12_3` as 123.
    """
    return identifier if "_" in identifier else f"{identifier[:-1] or '0'}_{identifier[-1]}"


_ID = re.compile(r"[A-Za-z0-9][\w-]{0,255}")
"""MLflow's own pattern for run ids (mlflow/utils/validation.py, _RUN_ID_REGEX)."""


def is_id(text: str) -> bool:
    """Tell whether `text` can be a run's, a logged model's or a dataset's id, and so a folder's name."""
    return _ID.fullmatch(text) is not None


def unsafe(path: str) -> str:
    """Find out why a path below the root, on a branch or in a checkout, is not to be read or written; empty if it is.

    Returns:
        The rest of a sentence that begins with the path.
    """
    if reason := fault(path, longest=LONGEST_ON_LINUX):
        return reason
    return "is a file on which Git acts" if acts(path) and parse(path) is not None else ""
