"""Every failure a person is meant to read, with the exit code its kind decides."""

from typing import ClassVar


class PipelineError(Exception):
    """Root of the errors that are told to a person without a traceback.

    Args:
        what: what happened and where, as one sentence.
        untouched: what was left as it was; empty where nothing could have changed.
        remedy: what to do about it, preferably one command.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, untouched: str = "", remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.untouched = untouched
        self.remedy = remedy

    def __str__(self) -> str:
        parts = [self.what, self.untouched and f"Untouched: {self.untouched}", self.remedy and f"To do: {self.remedy}"]
        # What a name or a message goes on with in a second line must not look like the next part.
        return "\n".join(part.replace("\n", "\n  ") for part in parts if part)


class InputError(PipelineError):
    """A flag, a file or a value that cannot be used."""

    exit_code = 2


class UnknownSchemaError(InputError):
    """A database whose schema is newer than this project knows."""


class MissingDependencyError(PipelineError):
    """A package or program that this command needs is not installed."""

    exit_code = 3


class TrainingError(PipelineError):
    """No candidate could be trained."""

    exit_code = 4


class RepositoryError(PipelineError):
    """The checkout cannot be used: no repository, no branch, no such remote."""

    exit_code = 5


class PublishError(PipelineError):
    """The history was built, but did not reach the remote."""

    exit_code = 6
