"""What a job logged: runs, logged models, traces, experiments, registered models."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from mlpipeline.core.edits import Content

RUN_STATUS = {1: "RUNNING", 2: "SCHEDULED", 3: "FINISHED", 4: "FAILED", 5: "KILLED"}

MODEL_PENDING = 1

MODEL_READY = 2

ADDRESS_TAG = "mlflow_git.artifact_uri"
"""The tag that keeps where artifacts lay that were not brought into the history."""

LEFT_OUT_TAG = "mlflow_git.left_out"
"""The tag that lists the files of a record that were not brought into the history, a path a line."""

PROMOTED_TAG = "mlflow_git.promoted"
"""The tag of the promoted run in a history: the metric by which it was chosen, and its value. No source brings it."""

EXPERIMENT_NOTE = "tags/mlflow.note.content"
"""An experiment's file that MLflow's UI shows as its description."""

LEFT_OUT = f"tags/{LEFT_OUT_TAG}"
"""The file of that tag."""

NOTES = (f"tags/{ADDRESS_TAG}", LEFT_OUT)
"""The files of tags that are not the job's own; their lines unite."""


class Kind(StrEnum):
    """What a record is."""

    RUN = "run"
    LOGGED_MODEL = "logged model"
    TRACE = "trace"


@dataclass(frozen=True, kw_only=True)
class Record:
    """A run, a logged model or a trace as a source holds it.

    Attributes:
        kind: which of the three.
        id: its id, checked against MLflow's own pattern.
        experiment: the name of its experiment.
        meta: `meta.yaml`, of a trace `trace_info.yaml`, parsed, with the keys that MLflow's file store writes.
        files: every other file by path inside the record: `metrics/...`, `params/...`, `tags/...`, `inputs/...`,
            `outputs/...`, of a trace `request_metadata/...` and `assessments/...`; and `artifacts/...`.
        origins: the files on disk it was read from; they may be replaced once their content is published.
        unread: paths of files or folders, mostly artifacts, that it has as well and that were not read, or may not be
            stored.
        withheld: those of `origins` that hold what is not stored, and so must not be replaced.
    """

    kind: Kind
    id: str
    experiment: str
    meta: Mapping[str, object]
    files: Mapping[str, Content]
    origins: frozenset[Path] = frozenset()
    unread: frozenset[str] = frozenset()
    withheld: frozenset[Path] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """An experiment as a source holds it, active or deleted.

    Attributes:
        id: its id in the source.
        name: its name; one name is one experiment of the history.
        meta: `meta.yaml`, parsed.
        files: its `tags/...` and `datasets/...`.
        origins: as in a record.
        in_file_store: whether the source is a file store, where runs of no named experiment go to the id 0.
    """

    id: str
    name: str
    meta: Mapping[str, object]
    files: Mapping[str, Content]
    origins: frozenset[Path] = frozenset()
    in_file_store: bool = False


@dataclass(frozen=True, kw_only=True)
class ModelVersion:
    """A version of a registered model: `meta.yaml` parsed, and its `tags/...`."""

    number: int
    meta: Mapping[str, object]
    files: Mapping[str, Content]


@dataclass(frozen=True, kw_only=True)
class RegisteredModel:
    """A registered model as a source holds it.

    Attributes:
        name: its name, which can be a folder's.
        meta: `meta.yaml`, parsed.
        files: its `tags/...`.
        aliases: version number by alias.
        versions: in the order of their numbers.
        origins: as in a record.
    """

    name: str
    meta: Mapping[str, object]
    files: Mapping[str, Content]
    aliases: Mapping[str, int]
    versions: tuple[ModelVersion, ...]
    origins: frozenset[Path] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Something of the source that is not stored.

    Attributes:
        where: what it is, as a person finds it.
        reason: why, as the rest of a sentence.
        remedy: what to do; empty where nothing need be done.
        experiment: the name of the experiment it belongs to, or empty.
    """

    where: str
    reason: str
    remedy: str = ""
    experiment: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.reason}" + (f" {self.remedy}" if self.remedy else "")


@dataclass(frozen=True, kw_only=True)
class Incoming:
    """All that a source has to add.

    Attributes:
        experiments: in the order of their names.
        records: runs, logged models and traces.
        models: registered models, in the order of their names.
        refusals: what was left out, each with its reason.
        warnings: what was stored and may still cause trouble.
    """

    experiments: tuple[Experiment, ...] = ()
    records: tuple[Record, ...] = ()
    models: tuple[RegisteredModel, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def origins(self) -> frozenset[Path]:
        """The files that all of it was read from."""
        holders: tuple[Experiment | Record | RegisteredModel, ...] = (*self.experiments, *self.records, *self.models)
        return frozenset(origin for holder in holders for origin in holder.origins)

    @property
    def withheld(self) -> frozenset[Path]:
        """Those of the files that must not be replaced."""
        return frozenset(origin for record in self.records for origin in record.withheld)
