r"""Make text harmless for its reader: the one place that knows what a terminal, a log, Markdown or a forge obeys; pure.

A run may come from anybody, so any name, value or message may hold what its reader would obey. Such characters are
shown as visible escapes (`\x1b`, `\u202e`); ordinary text of every script, emoji included, stays as it is. What is
harmless already is not changed again.
"""

import json
import re
from collections.abc import Mapping

LONGEST_NAME = 200
"""Characters of a name that a commit message holds, at the most."""

_JOINS_LETTERS = r"\u0600-\u0dff"
"""Scripts that are written with joiners, from Arabic to Sinhala."""

_PICTURES = r"\u2190-\u2bff\ufe0f\U0001f000-\U0001faff"

# Variation selectors and joiners have no width: .NET, in which GitHub's runner is written, reads over them where it
# looks for commands. They stay where they belong to what is written before them.
_HOSTILE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls, which terminals obey; but for tabs and line breaks
    r"\ud800-\udfff\ufff0-\ufffb\ufffe\uffff"  # no characters
    r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # direction of writing
    r"\u2028\u2029"  # line breaks that only some readers know
    r"\xad\u034f\u115f\u1160\u17b4\u17b5\u180e\u200b\u2060-\u2065\u206a-\u206f\u3164\ufeff\uffa0"  # invisible
    r"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e00ff\U000e01f0-\U000e0fff]"
    r"|(?<![^\x00-\x7f\s])[\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef](?!\u20e3)"
    rf"|\u200c(?:(?<![{_JOINS_LETTERS}]\u200c)|(?![{_JOINS_LETTERS}]))"
    rf"|\u200d(?:(?<![{_JOINS_LETTERS}{_PICTURES}]\u200d)|(?![{_JOINS_LETTERS}{_PICTURES}]))"
)

# GitHub's runner finds `::name::` after any white space at the beginning of a line, and `##[name]` anywhere in it; act
# and Forgejo at its beginning. `##vso[` is Azure's and `##teamcity[` TeamCity's.
# https://github.com/actions/runner/blob/main/src/Runner.Common/ActionCommand.cs
_COMMAND = re.compile(r"(?:^(?P<indent>[^\S\n]*)(?P<colon>:)(?=:))|(?P<hash>#)(?=#\w*\[)", re.MULTILINE)

_COLOURS = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")

_MARKUP = re.compile(
    r"(?P<reference>@(?=\w)|#(?=\w)|\bgh-(?=\d))"  # of a person, a team or an issue, which GitHub links
    r"|[\\`*\[\]<>|~$&]"
    r"|_(?![^\W_])|(?<![^\W_])_"  # emphasis, but for an underscore inside a word
    r"|^(?:[-+=#]|\d{1,9}[.)](?=\s|$))"  # lists and headings
    r"|:(?=//)|\bw(?=ww\.)",  # addresses, which become links
    re.IGNORECASE,
)

_DIRECTIVE = re.compile(
    r"\[(?=[^\]]*\b(?:ci|skip|no|actions)\b)"  # [skip ci], [ci skip], [no ci], [skip actions] and those of other forges
    r"|\*(?=\*\*no_ci)"
    r"|(?<!\w)@(?=\w)|#(?=\w)|(?<=\bgh)-(?=\d)|:(?=//)",  # people who would be told, issues that would be closed
    re.IGNORECASE,
)

_SPACES = re.compile(r"[ \t\r\n]+")


def visible(text: str) -> str:
    """Show characters that are invisible or obeyed as escapes; tabs and line breaks stay."""
    return _HOSTILE.sub(_escape, text.replace("\r\n", "\n"))


def one_line(text: str) -> str:
    """Write text in one line: white space becomes one space, what is invisible or obeyed an escape."""
    return visible(_SPACES.sub(" ", text).strip(" "))


def log(text: str) -> str:
    """Write text for a terminal or a log: no line of it is a command to the program that reads the log."""
    return _COMMAND.sub(_uncommanded, visible(text))


def markdown(text: str) -> str:
    """Write free text as one line of Markdown that is read as it is written: no markup, link, mention or reference."""
    return _MARKUP.sub(_unmarked, one_line(text))


def code_block(text: str, *, language: str = "text") -> str:
    """Write text as a block of code in Markdown, which nothing in it ends."""
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence}{language}\n{visible(text)}\n{fence}"


def commit_name(name: str) -> str:
    """Write a stranger's name for a commit message: it skips no workflow, calls nobody, closes no issue."""
    line = one_line(name)
    short = line if len(line) <= LONGEST_NAME else f"{line[: LONGEST_NAME - 3]}..."
    return _DIRECTIVE.sub(_escape, short)


def json_text(values: Mapping[str, object]) -> str:
    """Write JSON of which no terminal or log obeys anything, and which is parsed to the very values."""
    # What is not ASCII is escaped, and a line begins with a bracket or a quote.
    return json.dumps(dict(values), indent=2).replace("\x7f", "\\u007f").replace("##", "#\\u0023")


def without_colours(text: str) -> str:
    """Drop the colours that a program has written for a terminal."""
    return _COLOURS.sub("", text)


def _escape(match: re.Match[str]) -> str:
    """Escape one character as Python writes it."""
    sign = match[0]
    return f"\\x{ord(sign):02x}" if " " <= sign <= "~" else sign.encode("unicode_escape").decode("ascii")


def _uncommanded(match: re.Match[str]) -> str:
    return "\\x23" if match["hash"] else f"{match['indent']}\\x3a"


def _unmarked(match: re.Match[str]) -> str:
    # What a name or a number follows is looked for in the finished page, after every escape: an empty space parts them.
    if match["reference"]:
        return f"{match[0]}&#8203;"
    return f"{match[0][:-1]}&#{ord(match[0][-1])};"
