"""What a command has to say when it is done."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mlpipeline.core.errors import PipelineError
from mlpipeline.core.harmless import code_block


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
        outputs: values of JSON, which `--json` prints; on GitHub the step's outputs, their names in kebab-case.
        text: what a person reads on standard output.
        summary: Markdown for the job summary; empty for none.
        notices: annotations.
        exit_code: what the process returns.
    """

    outputs: Mapping[str, object]
    text: str
    summary: str = ""
    notices: Sequence[Notice] = field(default=())
    exit_code: int = 0


def failed(title: str, error: PipelineError) -> Report:
    """Report an error: as an annotation, in the summary, and as the outputs `status` and `reason`."""
    message = str(error)
    return Report(
        outputs={"status": "failed", "reason": error.what},
        text="",
        summary=f"### {title} failed\n\n{code_block(message)}",
        notices=[Notice(level="error", title=f"{title} failed", message=message)],
    )
