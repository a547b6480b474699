"""The values that travel between modules: what a job logged, what a branch holds, what is to be written."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Literal, Protocol

Content = bytes | Path
"""A file's bytes, or the file on disk that holds them (artifacts, which may be large)."""


@dataclass(frozen=True, kw_only=True)
class Write:
    """Put a file at `path`; paths of edits are relative to the repository's top, with `/`."""

    path: str
    content: Content


@dataclass(frozen=True, kw_only=True)
class Link:
    """Put a symbolic link at `path`."""

    path: str
    target: str


@dataclass(frozen=True, kw_only=True)
class Copy:
    """Put what the tree holds at `source`, a file or a folder, at `path` as well."""

    path: str
    source: str


@dataclass(frozen=True, kw_only=True)
class Delete:
    """Remove the file or folder at `path`."""

    path: str


Edit = Write | Link | Copy | Delete


class Tree(Protocol):
    """The files of one commit below the history's root."""

    @property
    def files(self) -> Mapping[str, str]:
        """Git's object id by path, paths relative to the root."""

    def read(self, paths: Iterable[str]) -> Mapping[str, bytes]:
        """The bytes of those of `paths` that exist."""

    def blob_id(self, content: Content) -> str:
        """The object id that Git would give to `content`."""


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
    """

    kind: Kind
    id: str
    experiment: str
    meta: Mapping[str, object]
    files: Mapping[str, Content]
    origins: frozenset[Path] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """An experiment as a source holds it, active or deleted.

    Attributes:
        id: its id in the source.
        name: its name; one name is one experiment of the history.
        meta: `meta.yaml`, parsed.
        files: its `tags/...` and `datasets/...`.
        origins: as in a record.
    """

    id: str
    name: str
    meta: Mapping[str, object]
    files: Mapping[str, Content]
    origins: frozenset[Path] = frozenset()


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


class Mode(StrEnum):
    """Which end of a metric is the better one."""

    MIN = "min"
    MAX = "max"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """How the best run is chosen.

    Attributes:
        metric: the metric's name; its latest value counts.
        mode: whether low or high is better.
        experiments: names of the experiments that take part; empty for all.
    """

    metric: str = "val_rmse"
    mode: Mode = Mode.MIN
    experiments: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A run of the history, with what choosing needs to know of it.

    Attributes:
        run_id: its id.
        run_name: its name, or empty.
        folder: the path of its metadata, below the history's root.
        experiment_id: the id of its experiment in the history.
        experiment: the name of its experiment.
        algorithm: `model_type` as a file name can hold it.
        status: MLflow's status name, such as FINISHED.
        deleted: whether its lifecycle stage is deleted.
        start_time: milliseconds since the epoch.
        end_time: milliseconds since the epoch, `None` while it runs.
        value: latest value of the rule's metric; `None` where it was not logged.
        malformed: whether the metric's file cannot be read as MLflow would.
        model: path of the model, below the history's root: an MLflow model directory, or the folder that holds
            a bare `model.joblib` or `model.pkl`; `None` where there is none.
    """

    run_id: str
    run_name: str
    folder: str
    experiment_id: str
    experiment: str
    algorithm: str
    status: str
    deleted: bool
    start_time: int | None
    end_time: int | None
    value: float | None
    malformed: bool = False
    model: str | None


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What a rule makes of a history.

    Attributes:
        rule: the rule.
        ranking: the runs that can be promoted, best first.
        champions: the best run of each algorithm.
        excluded: the ids of the runs that cannot be promoted, by reason.
    """

    rule: Rule
    ranking: tuple[Candidate, ...]
    champions: Mapping[str, Candidate]
    excluded: Mapping[str, tuple[str, ...]]

    @property
    def best(self) -> Candidate | None:
        """The run to promote, if any run can be."""
        return self.ranking[0] if self.ranking else None

    @property
    def runs(self) -> int:
        """How many runs the history holds."""
        return len(self.ranking) + sum(map(len, self.excluded.values()))


Status = Literal["persisted", "nothing-new", "skipped", "failed"]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a persist ended; the fields are the outputs of the action.

    Attributes:
        status: what happened.
        reason: why, as one sentence.
        run_id: the promoted run.
        metric: name of the metric it was chosen by.
        value: that metric's latest value.
        improved: whether the promoted run changed with this persist.
        model_path: the promoted model, relative to the repository's top.
        commit_sha: the commit that holds the history.
        pushed: whether the remote was seen to hold that commit.
        runs_added: runs that the branch did not have.
        runs_updated: runs that the branch had in an older state.
        runs_excluded: runs of the history that cannot be promoted.
        runs_refused: things of the source that were not stored.
        bundle_path: the `git bundle` a failed push left behind.
        choice: the ranking, for reports.
        messages: what else to tell, by annotation level.
    """

    status: Status
    reason: str
    run_id: str | None = None
    metric: str
    value: float | None = None
    improved: bool = False
    model_path: str | None = None
    commit_sha: str | None = None
    pushed: bool = False
    runs_added: int = 0
    runs_updated: int = 0
    runs_excluded: int = 0
    runs_refused: int = 0
    bundle_path: str | None = None
    choice: Choice | None = None
    messages: tuple[tuple[str, str], ...] = ()
