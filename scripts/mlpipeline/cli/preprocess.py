"""`preprocess.py`: drop duplicates, split, settle what is done with each column."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from mlpipeline.cli import entry

_DESCRIPTION = """\
Drop duplicate rows, split the rest in three by a seed, and settle what is done with each column.

The parts hold raw rows. Imputation, scaling and encoding are fitted on the training part alone, by train.py, as a
part of each model: so nothing leaks from the other parts, and a served model takes raw rows. The training part also
decides what becomes of a column: numbers are imputed and scaled, yes or no is imputed, text is encoded by category;
dates, identifiers, free text and columns with one value are left out, with the reason in a notice and in the report.
"""

_EPILOG = """\
reads    INPUT/data.parquet and INPUT/report.json, as load_data.py wrote them
writes   OUTPUT/train.parquet, OUTPUT/validation.parquet, OUTPUT/test.parquet
         OUTPUT/report.json    rows and SHA-256 of each part, duplicates dropped, the columns' treatment
next     python scripts/train.py

examples:
  python scripts/preprocess.py
  python scripts/preprocess.py --seed 7 --validation-share 0.15 --test-share 0.15
"""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `preprocess.py`."""
    parser.add_argument(
        "--input", type=Path, default=Path("data/raw"), metavar="DIR", help="where to read (default: %(default)s)"
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("data/processed"),
        metavar="DIR",
        help="where to write (default: %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=42, metavar="N", help="of the shuffle (default: %(default)s)")
    for part in ("validation", "test"):
        parser.add_argument(
            f"--{part}-share",
            type=float,
            default=0.2,
            metavar="SHARE",
            help=f"the {part} part, between 0 and 1 (default: %(default)s)",
        )


COMMAND = entry.Command(
    name="preprocess",
    summary="drop duplicates, split, settle what is done with each column",
    description=_DESCRIPTION,
    epilog=_EPILOG,
    add_flags=add_flags,
    work=entry.later("mlpipeline.cli.work.preprocess"),
    extra="train",
)


def main(argv: Sequence[str] | None = None, *, prog: str = "preprocess.py") -> int:
    """Run the command; returns its exit code."""
    return entry.run(entry.parser_of(COMMAND, prog=prog), argv)
