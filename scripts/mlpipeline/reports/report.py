"""What a command has to say when it is done."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mlpipeline.reports import github


@dataclass(frozen=True, kw_only=True)
class Notice:
    """One thing a person should see: an annotation on GitHub, a line on standard error elsewhere.

    `level` is `error`, `warning` or `notice`.
    """

    level: str
    title: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a command has to say when it is done.

    Attributes:
        outputs: the step's outputs, also printed by `--json`; names as in action.yml.
        text: what a person reads on standard output.
        summary: Markdown for the job summary.
        notices: annotations.
        exit_code: what the process returns.
    """

    outputs: Mapping[str, github.Output]
    text: str
    summary: str
    notices: Sequence[Notice] = field(default=())
    exit_code: int = 0
