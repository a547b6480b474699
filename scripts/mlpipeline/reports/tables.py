"""Tables for a terminal and for Markdown; pure text."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of text under a header; the columns named in `numeric` are aligned to the right."""

    header: tuple[str, ...]
    rows: Sequence[Sequence[str]]
    numeric: frozenset[str] = frozenset()

    def text(self) -> str:
        """Aligned columns, two spaces between them."""
        rows = [self.header, *(tuple(map(_one_line, row)) for row in self.rows)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(self.header))]
        return "\n".join(
            "  ".join(
                cell.rjust(width) if name in self.numeric else cell.ljust(width)
                for name, cell, width in zip(self.header, row, widths, strict=True)
            ).rstrip()
            for row in rows
        )

    def markdown(self) -> str:
        """A GitHub table; names are free text, so what would end a cell or begin markup is escaped."""
        rule = ["---:" if name in self.numeric else "---" for name in self.header]
        rows = [self.header, rule, *([escaped(cell) for cell in row] for row in self.rows)]
        return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _one_line(cell: str) -> str:
    return " ".join(cell.split())


def escaped(text: str) -> str:
    """Write free text as one line of Markdown that begins no markup."""
    text = _one_line(text)
    for character in "\\|`<>[]*_":
        text = text.replace(character, f"\\{character}")
    return text
