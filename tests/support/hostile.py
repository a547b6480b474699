"""Text that speaks to whoever reads it, and what must not be left of it."""

import io
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.isolation import forget_stores

NAME = (
    "n\n::error::pwned\r::stop-commands::t\x85  ::add-mask::a ##[group]g ##vso[task.x]\x1b[31m\x9b2J\x1b]0;t\x07\b\x7f"
    "\u202e\u2066\u200b\u2028::notice::\ufeff<img src=x> @octocat #1 [a](b) `c` | d [skip ci] $(id)\nPromoted-run: z"
)
"""A name of everything that a file can be called."""

TEXT = (
    f"{NAME}\n\n```\n# heading\n- item https://evil.example/x\nCo-authored-by: Eve <eve@evil.example>\n"
    "Untouched: nothing.\nTo do: fixes #2 ."
)
"""A value of everything."""

_COMMAND = re.compile(r"\s*::|.*##\w*\[")
"""What GitHub's runner, act and Azure take for a command, and more."""

_OURS = re.compile(r"::(?:error|warning|notice) title=[^:\r\n]*::[^\r\n]*")

_BLOCK = re.compile(r"^(`{3,})\w*\n.*?\n\1$", re.MULTILINE | re.DOTALL)


def obeyed(text: str) -> list[str]:
    """Name the characters of a text that a terminal obeys or nobody sees."""
    unseen = ("Cc", "Cf", "Cs", "Zl", "Zp")
    return [ascii(sign) for sign in text if sign not in "\n\t" and unicodedata.category(sign) in unseen]


def commands(text: str) -> list[str]:
    """Name the lines that a runner takes for commands, but for annotations."""
    return [line for line in text.split("\n") if _COMMAND.match(line) and not _OURS.fullmatch(line)]


def marked_up(summary: str) -> list[str]:
    """Name the markup, links and mentions in a summary that come from hostile text."""
    prose = _BLOCK.sub("", summary)
    return re.findall(r"^# heading|^- item|<\w+|@\w+|(?<!&)#\d|\]\(|https?://", prose, re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Told:
    """All that a command told of, and where."""

    code: int
    outputs: Mapping[str, str]
    texts: Mapping[str, str]

    def assert_harmless(self) -> None:
        for where, text in self.texts.items():
            assert not obeyed(text), (where, text)
            assert not commands(text), (where, text)
            assert "\nTo do: fixes" not in text, (where, text)
        assert not marked_up(self.texts.get("summary", "")), self.texts["summary"]

    def assert_tells(self, *words: str) -> None:
        """The hostile text did come here, or the test says nothing."""
        everything = "\n".join(self.texts.values())
        for word in words:
            assert word in everything, everything


def tell(folder: Path, main: Callable[[list[str]], int], *arguments: str, on_github: bool) -> Told:
    """Call a command in a folder, and gather all that it tells."""
    files = {"GITHUB_OUTPUT": folder / "github-output", "GITHUB_STEP_SUMMARY": folder / "github-summary"}
    for file in files.values():
        file.unlink(missing_ok=True)
    out, err = io.StringIO(), io.StringIO()
    forget_stores()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.chdir(folder)
        for name, value in {"GITHUB_ACTIONS": "true", **files}.items() if on_github else ():
            patch.setenv(name, str(value))
        try:
            code = main(list(arguments))
        except SystemExit as ended:
            code = int(ended.code or 0)
    texts = {"out": out.getvalue(), "err": err.getvalue()}
    if files["GITHUB_STEP_SUMMARY"].exists():
        texts["summary"] = files["GITHUB_STEP_SUMMARY"].read_text(encoding="utf-8")
    written = files["GITHUB_OUTPUT"].read_bytes().decode() if files["GITHUB_OUTPUT"].exists() else ""
    return Told(code=code, outputs=dict(_outputs(written)), texts=texts)


def _outputs(text: str) -> Iterator[tuple[str, str]]:
    """Read the file of outputs as GitHub's runner does."""
    lines = text.removesuffix("\n").split("\n") if text else []
    while lines:
        name, delimiter = lines.pop(0).split("<<")
        end = lines.index(delimiter)
        yield name, "\n".join(lines[:end])
        del lines[: end + 1]
