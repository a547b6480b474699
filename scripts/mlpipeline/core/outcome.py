"""How publishing ended."""

from dataclasses import dataclass
from typing import Literal

from mlpipeline.core.ranking import Choice

Status = Literal["persisted", "nothing-new", "skipped", "failed"]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a persist ended; the fields down to `bundle_path` are the outputs of the action.

    Attributes:
        status: what happened.
        reason: why, as one sentence.
        run_id: the promoted run.
        metric: name of the metric it was chosen by; `None` where it did not come to choosing.
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
        recovery: the command that brings the bundle's commit to the remote, for reports.
        messages: what else to tell, by annotation level.
    """

    status: Status
    reason: str
    run_id: str | None = None
    metric: str | None = None
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
    recovery: str = ""
    messages: tuple[tuple[str, str], ...] = ()
