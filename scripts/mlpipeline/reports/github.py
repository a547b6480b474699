"""GitHub's files and log commands: step outputs, the job summary, annotations.

Writes to the files that `GITHUB_OUTPUT` and `GITHUB_STEP_SUMMARY` name, and nothing else.
Formats: https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
"""

import json
import secrets
from collections.abc import Mapping
from pathlib import Path

from mlpipeline.core import harmless

SUMMARY_LIMIT = 1024 * 1024
"""Bytes that GitHub accepts for the summary of one step; a longer one is dropped whole."""


def write_outputs(path: Path, outputs: Mapping[str, object]) -> None:
    """Append step outputs as they are, line breaks included; NUL alone, which no program takes, is escaped.

    Args:
        path: the file that `GITHUB_OUTPUT` names.
        outputs: value by name in snake_case, which becomes kebab-case; `None` for an empty one.
    """
    lines: list[str] = []
    for name, value in outputs.items():
        # A delimiter nobody can guess keeps a value from ending its own block and adding outputs.
        delimiter = f"end-{secrets.token_hex(16)}"
        lines += [f"{output_name(name)}<<{delimiter}", as_text(value).replace("\0", r"\x00"), delimiter]
    # A file's name may hold bytes that are no text; GitHub reads UTF-8 alone.
    with path.open("a", encoding="utf-8", errors="backslashreplace") as file:
        file.write("".join(f"{line}\n" for line in lines))


def write_summary(path: Path, markdown: str) -> None:
    """Append to the job summary, cut at a line break where it would pass GitHub's limit."""
    room = SUMMARY_LIMIT - (path.stat().st_size if path.exists() else 0)
    data = f"{harmless.log(markdown).rstrip()}\n\n".encode()
    if len(data) > room:
        note = b"\n\n*Cut: the summary of a step holds 1 MiB.*\n"
        data = data[: max(0, room - len(note))].rpartition(b"\n")[0] + note
    with path.open("ab") as file:
        file.write(data)


def annotation(level: str, title: str, message: str) -> str:
    """Write the log line that GitHub shows as an annotation.

    Args:
        level: `error`, `warning` or `notice`.
        title: a few words.
        message: any text; line breaks are kept.
    """
    heading = _escaped(harmless.one_line(title)).replace(":", "%3A").replace(",", "%2C")
    return f"::{level} title={heading}::{_escaped(harmless.log(message))}"


def output_name(name: str) -> str:
    """Give the name that an output of `--json` has on GitHub."""
    return name.replace("_", "-")


def as_text(value: object) -> str:
    """Write an output's value as GitHub's expressions compare it: `true`, `false`, empty for `None`, lists as JSON."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value) if isinstance(value, list | tuple | dict) else str(value)


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\n", "%0A")
