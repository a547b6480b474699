"""Text tables as people have them: separator, encoding and the numbers' notation are recognised, or asked for."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd

from mlpipeline.core.errors import InputError
from mlpipeline.training import notation
from mlpipeline.training.decoding import FALLBACK, decode
from mlpipeline.training.reporting import listed

SEPARATORS = {";": "semicolon", "\t": "tab", "|": "pipe", ",": "comma", " ": "space"}
"""The signs that are recognised between fields, by name; earlier ones are preferred, for commas are in numbers, too."""

_LONGEST_FIELD = 2**31 - 1
_SAMPLE = 200
_AGREEMENT = 0.9
"""Share of rows that must have as many fields as the header for a separator to be believed."""


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """What a person says about a text table; `None` is recognised from the file."""

    separator: str | None = None
    decimal: str | None = None
    encoding: str | None = None
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Format:
    """How a text table was read."""

    encoding: str
    separator: str
    decimal: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Delimited:
    """A text table as it stands there.

    Attributes:
        table: its cells, the columns numbered from 0.
        names: the header's words; empty where it has none.
        format: how it was read.
        notices: what was recognised in its cells.
        warnings: what looks wrong in its cells.
    """

    table: pd.DataFrame
    names: tuple[str, ...]
    format: Format
    notices: tuple[str, ...]
    warnings: tuple[str, ...]


def separator_of(word: str) -> str:
    """The sign that a person means by `;`, `semicolon`, or a tab written as `tab` or with a backslash.

    Raises:
        InputError: it is no single sign.
    """
    signs = {name: sign for sign, name in SEPARATORS.items()} | {"\\t": "\t", "\\s+": " "}
    sign = signs.get(word.lower(), word)
    if len(sign) != 1 or sign in '\r\n"':
        raise InputError(
            f"'{word}' separates no fields: a separator is one sign.", remedy="--separator ';' or ',' or '|' or tab"
        )
    return sign


def read(path: Path, dialect: Dialect) -> Delimited:
    """Read a text table.

    Args:
        path: the file.
        dialect: what is not to be recognised.

    Raises:
        InputError: it is empty or no table, or a flag contradicts it.
        OSError, ValueError: pandas or the system cannot read it.
    """
    # For the whole process, there is no other way; pandas knows no limit.
    csv.field_size_limit(_LONGEST_FIELD)
    text, encoding = decode(path, dialect.encoding)
    text, hint = _without_hint(io.StringIO(text, newline=None).getvalue())
    asked = dialect.separator and separator_of(dialect.separator)
    separator = asked or hint or _recognised(text)
    parts = _parts(text, separator)
    if not parts.header:
        raise InputError(f"{path} is empty.")
    if asked and len(parts.header) == 1 and len(_parts(text, other := _recognised(text)).header) > 1:
        raise InputError(
            f"{path} is not separated by {shown(asked)}: its header is one field, '{parts.header[0]}'. "
            f"It looks separated by {shown(other)}.",
            remedy=f"leave --separator out, or {flag(other)}",
        )
    names = _padded(parts, path=path, separator=separator)
    raw = _cells(parts.body, separator, len(names), dtype=str, keep_default_na=False, na_filter=False)
    counts = {position: _counts(raw[position]) for position in raw}
    readings = notation.readings(counts, decimal=dialect.decimal, separator=separator, missing=dialect.missing)
    typed = _cells(
        parts.body,
        separator,
        len(names),
        dtype={position: str for position, reading in readings.items() if not reading.plain},
        na_values={position: [*reading.missing] for position, reading in readings.items() if reading.missing},
    )
    for position, reading in readings.items():
        if reading.decimal and not pd.api.types.is_numeric_dtype(typed[position]):
            # Not through thousands= and decimal=, which hold for all columns and take "1,2" for 12.
            typed[position] = [
                float("nan") if pd.isna(text) else notation.number(text, reading.decimal) for text in typed[position]
            ]
    notes = _Notes(
        names=[name or f"column {position + 1}" for position, name in enumerate(names)],
        counts=counts,
        readings=readings,
    )
    notes.tell_encoding(path, encoding, asked=dialect.encoding)
    notes.tell_decimals()
    notes.tell_missing(raw, typed)
    notes.tell_short_rows(parts)
    notes.tell_strange()
    decimals = Counter(
        reading.decimal
        for position, reading in readings.items()
        if reading.decimal and any(sign in text for text in counts[position] for sign in ".,")
    )
    return Delimited(
        table=typed,
        names=names,
        format=Format(
            encoding=encoding,
            separator=separator,
            decimal=dialect.decimal or ("," if decimals[","] > decimals["."] else "."),
        ),
        notices=tuple(notes.notices),
        warnings=tuple(notes.warnings),
    )


def shown(separator: str) -> str:
    """A separator in a sentence."""
    return SEPARATORS[separator] + "s" if separator in "\t " else f"'{separator}'"


def described(form: Format) -> str:
    """How a text table was read, in a few words."""
    return f"{form.encoding}, separated by {shown(form.separator)}, decimal '{form.decimal}'"


def flag(separator: str) -> str:
    """The flag that asks for a separator, as it is typed in a shell."""
    return f"--separator {SEPARATORS[separator]}" if separator in "\t " else f"--separator '{separator}'"


@dataclass(frozen=True, kw_only=True)
class _Row:
    """How many fields a row has, and how many up to the last that holds something."""

    width: int
    filled: int


@dataclass(frozen=True, kw_only=True)
class _Parts:
    """The header's fields, the text behind it, and its rows."""

    header: tuple[str, ...]
    body: str
    rows: tuple[_Row, ...]


@dataclass(kw_only=True)
class _Notes:
    """What a person should know about the cells."""

    names: list[str]
    counts: Mapping[int, Mapping[str, int]]
    readings: Mapping[int, notation.Reading]
    notices: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def tell_encoding(self, path: Path, encoding: str, *, asked: str | None) -> None:
        if not asked and encoding in (FALLBACK, "latin-1"):
            self.notices.append(
                f"{path} is not UTF-8 and is read as {encoding}. If letters look wrong, name its --encoding."
            )

    def tell_decimals(self) -> None:
        examples = [
            f"'{text}' in '{self.names[position]}' is {notation.number(text, reading.decimal):.15g}"
            for position, reading in self.readings.items()
            if reading.decimal and not reading.plain
            for text in islice(
                (text for text in self.counts[position] if text not in reading.missing and not text.strip().isdigit()),
                1,
            )
        ]
        if examples:
            self.notices.append(f"Read as numbers: {'; '.join(examples)}.")
        for position, reading in self.readings.items():
            if reading.assumed and reading.decimal:
                other = "." if reading.decimal == "," else ","
                self.warnings.append(
                    f"'{self.names[position]}' holds '{reading.assumed}', which is taken for "
                    f"{notation.number(reading.assumed, reading.decimal):.15g}. If it means "
                    f"{notation.number(reading.assumed, other):.15g}: --decimal '{other}'."
                )

    def tell_missing(self, raw: pd.DataFrame, typed: pd.DataFrame) -> None:
        found = {}
        for position in raw:
            texts = raw.loc[typed[position].isna(), position].str.strip()
            if words := Counter(text for text in texts if text):
                rows = f"{words.total()} of {len(raw)} rows"
                found[position] = f"{listed(sorted(words))} in '{self.names[position]}' ({rows})"
        if found:
            self.notices.append(f"Read as missing: {'; '.join(found.values())}.")

    def tell_short_rows(self, parts: _Parts) -> None:
        expected = len(parts.header) - _empty_at_end(parts.header)
        short = [number for number, row in enumerate(parts.rows, 1) if row.filled and row.width < expected]
        if short:
            self.warnings.append(
                f"{len(short)} of {len(parts.rows)} rows have fewer fields than the header, first row {short[0]}: what "
                f"they lack is read as missing."
            )

    def tell_strange(self) -> None:
        for position, reading in self.readings.items():
            if reading.decimal or not reading.numbers:
                continue
            if not reading.strange:
                self.warnings.append(
                    f"'{self.names[position]}' is read as text: no one decimal sign fits all its numbers, such as "
                    f"{listed([*self.counts[position]], limit=5)}."
                )
                continue
            total = reading.numbers + sum(reading.strange.values())
            words = sorted(reading.strange, key=lambda word: (-reading.strange[word], word))
            self.warnings.append(
                f"'{self.names[position]}' is read as text: {reading.numbers} of {total} values are numbers, the "
                f"others are {listed(words, limit=5)}. If they stand for missing values: --missing '{words[0]}'."
            )


def _without_hint(text: str) -> tuple[str, str | None]:
    """Without the line `sep=;` that Excel writes and reads, and the separator it names."""
    hint = re.match(r'\s*"?sep=([^\n"])"?[^\S\n]*\n', text, re.IGNORECASE)
    return (text[hint.end() :], hint[1]) if hint else (text, None)


def _rows(lines: io.StringIO, separator: str) -> Iterator[list[str]]:
    if separator == " ":
        return (line.split() for line in lines)
    return csv.reader(lines, delimiter=separator, skipinitialspace=True)


def _recognised(text: str) -> str:
    """The separator under which the rows have as many fields as the header, and most of them are numbers or times."""
    best, best_score = ",", (False, -1.0, 0.0)
    for separator in SEPARATORS:
        rows = [row for row in islice(_rows(io.StringIO(text), separator), _SAMPLE) if any(row)]
        width = len(rows[0]) - _empty_at_end(rows[0]) if rows else 0
        if width < 2:
            continue
        score = _score(rows, width)
        # Spaces separate words, too: they count where nothing else does.
        if score > best_score and (separator != " " or (score[1] == 1 and not best_score[0])):
            best, best_score = separator, score
    return best


def _score(rows: Sequence[Sequence[str]], width: int) -> tuple[bool, float, float]:
    """Whether the rows have the header's width, which share of them has, and which share of their cells is a value."""
    header, *body = rows
    full = [
        [cell.strip() for cell in row[:width]]
        for row in body
        if len(row) >= width and len(row) - _empty_at_end(row) <= len(header)
    ]
    share = len(full) / max(1, len(body))
    cells = [cell for row in full for cell in row if cell]
    values = sum(map(notation.is_value, cells)) / max(1, len(cells))
    # Among separators that most rows agree on, the values decide.
    return share >= _AGREEMENT, 1.0 if share >= _AGREEMENT else share, values


def _parts(text: str, separator: str) -> _Parts:
    lines = io.StringIO(text)
    header = next((row for row in _rows(lines, separator) if any(cell.strip() for cell in row)), [])
    body = lines.read()
    widths = ((len(row), _empty_at_end(row)) for row in _rows(io.StringIO(body), separator) if row)
    return _Parts(
        header=tuple(header), body=body, rows=tuple(_Row(width=width, filled=width - empty) for width, empty in widths)
    )


def _padded(parts: _Parts, *, path: Path, separator: str) -> tuple[str, ...]:
    """A name for each field of the widest row; empty for fields that have none, and hold nothing."""
    width = len(parts.header)
    long = [number for number, row in enumerate(parts.rows, 1) if row.filled > width]
    if long:
        remedy = "name every column"
        if separator == ",":
            remedy += "; where numbers have decimal commas, quote them or export the table with semicolons"
        if len(long) == len(parts.rows):
            raise InputError(
                f"The rows of {path} have more fields than its header, separated by {shown(separator)}.", remedy=remedy
            )
        raise InputError(
            f"{path} cannot be read as CSV: {len(long)} of {len(parts.rows)} rows have more fields than the header's "
            f"{width}, separated by {shown(separator)}; the first is row {long[0]}.",
            remedy="quote the fields that hold a separator",
        )
    widest = max((row.width for row in parts.rows), default=width)
    return parts.header + ("",) * (widest - width)


def _cells(body: str, separator: str, width: int, **options: Any) -> pd.DataFrame:
    return pd.read_csv(
        io.StringIO(body),
        sep=r"\s+" if separator == " " else separator,
        header=None,
        names=range(width),
        index_col=False,
        skipinitialspace=True,
        # Read in one piece, or pandas guesses a column's type once a chunk.
        low_memory=False,
        **options,
    )


def _counts(column: pd.Series) -> dict[str, int]:
    """The texts of a column in their order, empty ones left out, with how often they occur."""
    return {str(text): int(count) for text, count in column.value_counts(sort=False).items() if str(text).strip()}


def _empty_at_end(row: Sequence[str]) -> int:
    return next((count for count, cell in enumerate(reversed(row)) if cell.strip()), len(row))
