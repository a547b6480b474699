"""What the texts of a column say: numbers in one of several notations, times, and words for what is missing. Pure."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

MISSING = frozenset(
    re.split(
        r"\s{2,}",
        """\
?  ??  -  --  ---  .  ..  ...  *  /  \u2013  \u2014  na  n/a  n.a.  n.a  n/d  n.d.  nd  k.a.  s/d  #n/a  #na  #n/a n/a
<na>  null  (null)  nil  none  nan  -nan  nat  \\n  unknown  unk  unkn  missing  (missing)  <missing>  undefined  undef
empty  blank  tbd  not available  not applicable  not known  no data
#value!  #div/0!  #ref!  #name?  #num!  #null!""",
    )
)
"""Words for a missing value in lower case, taken for one where all else in the column is numbers or times."""

MOSTLY = 0.5
"""Share of numbers from which on a column of texts deserves a warning."""

_GROUPS = r"'\u2019 \u00a0\u202f"
_SIGN = r"[+\-\u2212]?"
_EXPONENT = r"(?:[eE][+-]?\d+)?"


def _notation(point: str, group: str) -> re.Pattern[str]:
    whole = rf"(?:\d+|[1-9]\d{{0,2}}(?:[{group}{_GROUPS}]\d{{3}})+)"
    return re.compile(rf"{_SIGN}(?:{whole}(?:{point}\d*)?|{point}\d+){_EXPONENT}")


_PLAIN = re.compile(rf"[+-]?(?:\d+\.?\d*|\.\d+){_EXPONENT}|[+-]?inf(?:inity)?", re.IGNORECASE)
_NUMBERS = {".": _notation(r"\.", ","), ",": _notation(",", r"\.")}

_CLOCK = (
    r"(?:(?:[01]?\d|2[0-4]):[0-5]\d(?::[0-5]\d(?:[.,]\d+)?)?|(?:[01]?\d|2[0-4])\.[0-5]\d\.[0-5]\d)"
    r"(?: ?[ap]\.?m\.?)?(?: ?(?:Z|UTC|GMT|[+-]\d\d:?\d\d))?"
)
_DAY, _MONTH = r"(?:0?[1-9]|[12]\d|3[01])", r"(?:0?[1-9]|1[0-2])"
_YEAR = r"(?:1[5-9]|2[01])\d\d"
_MONTH_NAME = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_WEEKDAY = r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,? )?"
_SHORT_YEAR = rf"(?:{_YEAR}|'?\d\d)"
_DATES = (
    rf"{_YEAR}([-/.]){_MONTH}\1{_DAY}",
    rf"{_DAY}([-/.]){_MONTH}\2{_SHORT_YEAR}",
    rf"{_MONTH}([-/.]){_DAY}\3{_SHORT_YEAR}",
    rf"{_DAY}(?:st|nd|rd|th)?[- ./]+(?:of )?{_MONTH_NAME}[- ,./]+{_SHORT_YEAR}",
    rf"{_MONTH_NAME}[- ./]+{_DAY}(?:st|nd|rd|th)?,?[- /]+{_YEAR}",
    rf"{_YEAR}[- /]{_MONTH_NAME}[- /]{_DAY}",
)
_TIME = re.compile(
    rf"{_WEEKDAY}(?:{'|'.join(_DATES)})(?:(?:T|,? +){_CLOCK})?"
    rf"|{_YEAR}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])T\d{{4,6}}Z?|{_CLOCK}"
    # As C's ctime() and Unix's date write it.
    rf"|{_WEEKDAY}{_MONTH_NAME} +{_DAY} {_CLOCK} {_YEAR}"
    rf"|{_YEAR}[-/]{_MONTH}|{_MONTH}/{_YEAR}|{_MONTH_NAME}[- ]{_YEAR}|{_YEAR}[- ]{_MONTH_NAME}"
    rf"|{_YEAR}-?(?:Q[1-4]|W[0-5]\d(?:-?[1-7])?)|Q[1-4][-/ ]{_YEAR}",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How the texts of one column are to be read.

    Attributes:
        decimal: the decimal sign of its numbers; `None` where they are no numbers.
        plain: whether pandas reads its numbers as they are.
        assumed: a number that another decimal sign would make another one; empty where there is none.
        missing: the texts, as they stand there, that mean a missing value.
        strange: the texts that keep a column of numbers from being one, by how often they occur.
        numbers: in how many rows a number stands; 0 where most of the column is something else.
    """

    decimal: str | None = None
    plain: bool = True
    assumed: str = ""
    missing: tuple[str, ...] = ()
    strange: Mapping[str, int]
    numbers: int = 0


def is_time(text: str) -> bool:
    """Whether a text is a date, a time of day, or both."""
    return _TIME.fullmatch(text) is not None


def is_value(text: str) -> bool:
    """Whether a text is a number in any notation, or a time."""
    return is_number(text) or is_time(text)


def is_number(text: str) -> bool:
    """Whether a text is a number in any notation."""
    return any(_reads(text, sign) for sign in _NUMBERS)


def number(text: str, decimal: str) -> float:
    """The number that a text stands for.

    Raises:
        ValueError: it is no number.
    """
    group = "." if decimal == "," else ","
    bare = re.sub(rf"[{re.escape(group)}{_GROUPS}]", "", text.strip())
    return float(bare.replace(decimal, ".").replace("\u2212", "-"))


def readings(
    columns: Mapping[int, Mapping[str, int]], *, decimal: str | None, separator: str, missing: Collection[str]
) -> dict[int, Reading]:
    """Settle how each column is to be read; where a column leaves it open, the others' decimal sign decides.

    Args:
        columns: each column's texts, empty ones left out, with how often they occur.
        decimal: the file's decimal sign; `None` to recognise it.
        separator: between the fields: a file with semicolons most often has decimal commas.
        missing: words for a missing value in any column.
    """
    texts = {name: _real(column, missing) for name, column in columns.items()}
    signs = {name: _signs(real) - ({","} if decimal == "." else set()) for name, real in texts.items()}
    certain = {next(iter(found)) for name, found in signs.items() if len(found) == 1}
    usual = decimal or (certain.pop() if len(certain) == 1 else None)
    return {
        name: _reading(
            columns[name],
            texts[name],
            decimal=_settled(texts[name], signs[name], usual, separator),
            assumed="" if usual or len(signs[name]) < 2 else _open(texts[name], separator),
            missing=missing,
        )
        for name in columns
    }


def _real(column: Mapping[str, int], missing: Collection[str]) -> set[str]:
    """The texts that are no word for a missing value."""
    return {text.strip() for text in column if text.strip() not in missing and text.strip().lower() not in MISSING}


def _signs(texts: Collection[str]) -> set[str]:
    """The decimal signs under which all texts are numbers."""
    if not texts:
        return set()
    if not any("." in text or "," in text for text in texts):
        # The same number under both signs.
        return {".", ","} if all(_reads(text, ".") for text in texts) else set()
    return {sign for sign in _NUMBERS if all(_reads(text, sign) for text in texts)}


def _reads(text: str, decimal: str) -> bool:
    return bool(_NUMBERS[decimal].fullmatch(text) or (_PLAIN.fullmatch(text) and (decimal == "." or "." not in text)))


def _settled(texts: Collection[str], signs: Collection[str], usual: str | None, separator: str) -> str | None:
    if len(signs) < 2:
        return next(iter(signs), None)
    if usual:
        return usual
    return "," if separator == ";" and any("," in text for text in texts) else "."


def _reading(
    column: Mapping[str, int], real: Collection[str], *, decimal: str | None, assumed: str, missing: Collection[str]
) -> Reading:
    asked = {text for text in column if text.strip() in missing}
    if decimal is None:
        is_other = bool(real) and (all(map(is_time, real)) or {text.lower() for text in real} <= {"true", "false"})
        words = {text for text in column if is_other and text.strip() not in real}
        strange, numbers = _strange(column, real)
        return Reading(missing=tuple(sorted(asked | words)), strange=strange, numbers=numbers)
    words = {text for text in column if text.strip() not in real}
    values = {number(word, ".") for word in missing if _PLAIN.fullmatch(word)}
    equal = {text for text in column if text not in words and number(text, decimal) in values} if values else set()
    signed = [text for text in real if "." in text or "," in text]
    return Reading(
        decimal=decimal,
        plain=all(_PLAIN.fullmatch(text) for text in real) and not (decimal == "," and signed),
        assumed=assumed,
        missing=tuple(sorted(asked | words | equal)),
        strange={},
        numbers=sum(column[text] for text in column if text not in words | equal),
    )


def _open(texts: Collection[str], separator: str) -> str:
    """A text that is one number with thousands and another with decimals: `1,234`, and `1.234` among semicolons."""
    signs = ",." if separator == ";" else ","
    return next((text for text in sorted(texts) if any(sign in text for sign in signs)), "")


def _strange(column: Mapping[str, int], real: Collection[str]) -> tuple[dict[str, int], int]:
    """The texts that are no numbers, and how many rows hold numbers; nothing where too few do."""
    present = {text: count for text, count in column.items() if text.strip() in real}
    strange = {text.strip(): count for text, count in present.items() if not is_number(text.strip())}
    numbers = sum(present.values()) - sum(strange.values())
    return (strange, numbers) if numbers >= max(1, MOSTLY * sum(present.values())) else ({}, 0)
