"""`load_data.py`: read a table, check it, write it down."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

from mlpipeline.cli import entry
from mlpipeline.reports.report import Notice, Report

_DESCRIPTION = """\
Read a table, check that a model can be trained on it, and write it down with a report.

The table is a CSV or Parquet file, or `sklearn:diabetes`: 442 real patients that come with scikit-learn.
Refused, with the column and the reason: a target that is absent, not numeric, incomplete or constant; a column
without any value; infinite values; names that occur twice; fewer than ten distinct rows.
"""

_EPILOG = """\
reads    the file, and FILE.dvc beside it if there is one
writes   OUTPUT/data.parquet   the table as it was read
         OUTPUT/report.json    rows, columns, types, missing values, duplicates, SHA-256, DVC's md5
next     python scripts/preprocess.py

examples:
  python scripts/load_data.py
  python scripts/load_data.py --data houses.csv --target price
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    arguments = entry.parser(prog="load_data.py", description=_DESCRIPTION, epilog=_EPILOG)
    arguments.add_argument(
        "--data", default="sklearn:diabetes", metavar="SOURCE", help="a .csv or .parquet file (default: %(default)s)"
    )
    arguments.add_argument(
        "--target", default="target", metavar="COLUMN", help="the numeric column to predict (default: %(default)s)"
    )
    arguments.add_argument(
        "--output", type=Path, default=Path("data/raw"), metavar="DIR", help="where to write (default: %(default)s)"
    )
    return entry.run(arguments, _work, extra="train", argv=argv)


def _work(parsed: argparse.Namespace, _environ: Mapping[str, str]) -> Report:
    from mlpipeline.training import loading, reporting, tables

    loaded = loading.load(parsed.data, target=parsed.target)
    data_path, report_path = parsed.output / "data.parquet", parsed.output / "report.json"
    table_sha256 = tables.write_table(data_path, loaded.table)
    report = loading.describe(loaded, target=parsed.target, table_sha256=table_sha256)
    tables.write_report(report_path, report)
    facts = {
        "data": report.origin.name,
        "target": report.target,
        "rows": report.rows,
        "columns": len(report.columns),
        "duplicates": report.duplicates,
        "missing values": report.missing_values,
        "SHA-256": report.origin.sha256,
        "DVC md5": report.origin.dvc_md5 or "-",
    }
    return Report(
        outputs={
            "data_path": data_path.as_posix(),
            "report_path": report_path.as_posix(),
            "target": report.target,
            "rows": report.rows,
            "columns": len(report.columns),
            "duplicates": report.duplicates,
            "missing_values": report.missing_values,
            "data_sha256": report.origin.sha256,
            "dvc_md5": report.origin.dvc_md5,
        },
        text="\n".join(
            [
                reporting.facts_text(facts),
                f"Written: {data_path} and {report_path}. Next: python scripts/preprocess.py",
            ]
        ),
        summary=f"### Data\n\n{reporting.facts_markdown(facts)}",
        notices=[Notice(level="warning", title="Data", message=warning) for warning in loaded.warnings],
    )
