"""`load_data.py`: read a table, check it, write it with a report."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from mlpipeline.cli import entry

_DESCRIPTION = """\
Read a table, check that a model can be trained on it, and write it down with a report.

The table is a CSV or Parquet file, or `sklearn:diabetes`: 442 real patients that come with scikit-learn.
Of a CSV file the separator, the encoding, the decimal sign and words for missing values among numbers ('?', 'n/a') are
recognised, or asked for by flags. Columns that only number the rows, empty columns without a name and empty rows are
left out. Each of these is told in a notice and in the report.
Refused, with the column and the reason: a target that is absent, not numeric, incomplete or constant; a column
without any value; infinite values; names that occur twice; fewer than ten distinct rows.
"""

_EPILOG = """\
reads    the file, and FILE.dvc beside it if there is one
writes   OUTPUT/data.parquet   the table as it was read
         OUTPUT/report.json    rows, columns, types, missing values, duplicates, SHA-256, DVC's md5, the CSV file's
                               format, and what was recognised or left out
next     python scripts/preprocess.py

examples:
  python scripts/load_data.py
  python scripts/load_data.py --data houses.csv --target price
  python scripts/load_data.py --data export.csv --target price --separator ';' --decimal , --missing -999
"""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `load_data.py`."""
    parser.add_argument(
        "--data",
        default="sklearn:diabetes",
        metavar="SOURCE",
        help="a .csv, .tsv, .csv.gz or .parquet file (default: %(default)s)",
    )
    parser.add_argument(
        "--target", default="target", metavar="COLUMN", help="the numeric column to predict (default: %(default)s)"
    )
    parser.add_argument(
        "--separator", metavar="SIGN", help="between a CSV file's fields: one sign, or tab (default: recognised)"
    )
    parser.add_argument(
        "--decimal", choices=[".", ","], help="the decimal sign of a CSV file's numbers (default: recognised)"
    )
    parser.add_argument(
        "--encoding", metavar="NAME", help="of a CSV file, such as utf-8 or cp1252 (default: recognised)"
    )
    parser.add_argument(
        "--missing",
        action="extend",
        type=str.splitlines,
        default=[],
        metavar="WORD",
        help="stands for a missing value in any column of a CSV file, besides an empty field; may be repeated, or hold "
        "one a line",
    )
    parser.add_argument(
        "--output", type=Path, default=Path("data/raw"), metavar="DIR", help="where to write (default: %(default)s)"
    )


COMMAND = entry.Command(
    name="load-data",
    summary="read a table, check it, write it with a report",
    description=_DESCRIPTION,
    epilog=_EPILOG,
    add_flags=add_flags,
    work=entry.later("mlpipeline.cli.work.load_data"),
    extra="train",
)


def main(argv: Sequence[str] | None = None, *, prog: str = "load_data.py") -> int:
    """Run the command; returns its exit code."""
    return entry.run(entry.parser_of(COMMAND, prog=prog), argv)
