"""The rule by which the best run is chosen, and what it makes of a history."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


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

    metric: str
    mode: Mode
    experiments: tuple[str, ...] = ()

    @property
    def options(self) -> "RuleOptions":
        """This rule as something to ask for."""
        return RuleOptions(metric=self.metric, mode=self.mode, experiments=self.experiments)

    def __str__(self) -> str:
        taking_part = f" among the experiments {', '.join(map(repr, self.experiments))}" if self.experiments else ""
        return f"{self.metric} ({self.mode}){taking_part}"


@dataclass(frozen=True, kw_only=True)
class RuleOptions:
    """What is asked of a rule; `None` for what is left open. Fields as in `Rule`."""

    metric: str | None = None
    mode: Mode | None = None
    experiments: tuple[str, ...] | None = None

    def over(self, other: "RuleOptions") -> "RuleOptions":
        """Fill what is open from `other`; a mode goes with its metric and is not taken for another one."""
        is_same_metric = self.metric in (None, other.metric)
        return RuleOptions(
            metric=other.metric if self.metric is None else self.metric,
            mode=other.mode if self.mode is None and is_same_metric else self.mode,
            experiments=other.experiments if self.experiments is None else self.experiments,
        )


@dataclass(frozen=True, kw_only=True)
class RunSummary:
    """A run of the history, with what choosing needs to know of it.

    Attributes:
        run_id: its id.
        run_name: its name, or empty.
        folder: the path of its metadata, below the history's root.
        experiment_id: the id of its experiment in the history.
        experiment: the name of its experiment.
        algorithm: what it trained, as a file name can hold it (`history/algorithms.py`).
        status: MLflow's status name, such as FINISHED.
        deleted: whether its lifecycle stage is deleted.
        start_time: milliseconds since the epoch.
        end_time: milliseconds since the epoch, `None` while it runs.
        value: latest value of the rule's metric; `None` where it was not logged.
        malformed: whether the metric's file cannot be read as MLflow would.
        model: path of the model, below the history's root: an MLflow model directory, or the folder that holds
            a bare `model.joblib` or `model.pkl`, or the one file that is like a model; `None` where there is none.
        unreadable: whether its description cannot be read, so that all of it but its id and its place is unknown.
        by_hand: whether it was committed by hand: its locations name one machine or server.
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
    unreadable: bool = False
    by_hand: bool = False


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
    ranking: tuple[RunSummary, ...]
    champions: Mapping[str, RunSummary]
    excluded: Mapping[str, tuple[str, ...]]

    @property
    def best(self) -> RunSummary | None:
        """The run to promote, if any run can be."""
        return self.ranking[0] if self.ranking else None

    @property
    def runs(self) -> int:
        """How many runs the history holds."""
        return len(self.ranking) + sum(map(len, self.excluded.values()))
