"""What publishing is asked to do, and where it runs: values."""

from dataclasses import dataclass
from pathlib import Path

from mlpipeline.core.errors import InputError
from mlpipeline.core.filenames import fault
from mlpipeline.core.ranking import RuleOptions

ATTEMPTS = 20
"""Pushes that may lose a race before giving up; of 20 jobs at once, one was seen to need 17."""

UNREACHABLE_ATTEMPTS = 4
"""Times a remote that does not answer is tried."""

BOT = "github-actions[bot] <41898282+github-actions[bot]@users.noreply.github.com>"
"""GitHub's own account for commits of a workflow."""


@dataclass(frozen=True, kw_only=True)
class Context:
    """What the environment says.

    Attributes:
        tracking_uri: `MLFLOW_TRACKING_URI`, or empty.
        job: the workflow run, else the machine, as the commit message names it.
        identity: the fallback for git's own idea of who commits.
        act: whether this is a rehearsal under `act`.
        skip: why nothing may be pushed from here; empty if it may.
        branch: the branch to publish to where none is checked out; `None` where nothing tells.
        git_settings: how many settings the environment already passes to git.
    """

    tracking_uri: str
    job: str
    identity: str
    act: bool
    skip: str
    branch: str | None = None
    git_settings: int


@dataclass(frozen=True, kw_only=True)
class PublishSettings:
    """One publication, of whatever is published; the flags of its command under their own names.

    Attributes:
        repository: a folder of the checkout.
        root: the folder in the repository that holds `mlruns/`, relative to its top.
        remote: the remote's name.
        branch: the branch to publish to; `None` for the one checked out.
        rule: what is asked of the rule by which the best run is chosen.
        update: whether the checkout follows a push.
        dry_run: whether to stop before anything is pushed.
        attempts: how many pushes may lose a race.
        allow_secrets: names, as a refusal gives them, of what is no secret though it looks like one.
        context: what the environment says.

    Raises:
        InputError: `root` leaves the repository, or is Git's own folder.
    """

    repository: Path
    root: str
    remote: str
    branch: str | None
    rule: RuleOptions
    update: bool
    dry_run: bool
    attempts: int
    allow_secrets: frozenset[str] = frozenset()
    context: Context

    def __post_init__(self) -> None:
        if self.root.startswith("/") or (self._folders and fault("/".join(self._folders))):
            raise InputError(
                f"--root '{self.root}' is not a folder inside the repository.",
                remedy="give it relative to the repository's top, such as --root backend.",
            )

    @property
    def prefix(self) -> str:
        """`root` as paths of the repository begin: empty, or with a `/` at its end."""
        return "".join(f"{folder}/" for folder in self._folders)

    @property
    def _folders(self) -> list[str]:
        return [folder for folder in self.root.replace("\\", "/").split("/") if folder not in ("", ".")]
