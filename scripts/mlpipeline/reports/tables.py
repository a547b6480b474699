"""Tables for a terminal and for Markdown; pure text."""

from collections.abc import Sequence
from dataclasses import dataclass

from mlpipeline.core.harmless import markdown, one_line

LONGEST_CELL = 300
"""Characters that are shown of a cell: one long name must not widen every row."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of free text under a header; the columns named in `numeric` are aligned to the right."""

    header: tuple[str, ...]
    rows: Sequence[Sequence[str]]
    numeric: frozenset[str] = frozenset()

    def text(self) -> str:
        """Align the columns, two spaces between them."""
        rows = [tuple(map(_cell, row)) for row in (self.header, *self.rows)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(self.header))]
        return "\n".join(
            "  ".join(
                cell.rjust(width) if name in self.numeric else cell.ljust(width)
                for name, cell, width in zip(self.header, row, widths, strict=True)
            ).rstrip()
            for row in rows
        )

    def markdown(self) -> str:
        """Write a GitHub table."""
        header, *rows = ([markdown(_cell(cell)) for cell in row] for row in (self.header, *self.rows))
        rule = ["---:" if name in self.numeric else "---" for name in self.header]
        return "\n".join(f"| {' | '.join(row)} |" for row in (header, rule, *rows))


def _cell(text: str) -> str:
    line = one_line(text)
    return line if len(line) <= LONGEST_CELL else f"{line[: LONGEST_CELL - 3]}..."
