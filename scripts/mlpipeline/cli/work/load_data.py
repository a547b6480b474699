"""Load data: read a table, check it, write it down."""

import argparse
from collections.abc import Mapping

from mlpipeline.reports.report import Notice, Report
from mlpipeline.training import delimited, loading, reporting, tables


def work(parsed: argparse.Namespace, _environ: Mapping[str, str]) -> Report:
    """Load the data."""
    dialect = delimited.Dialect(
        separator=parsed.separator,
        decimal=parsed.decimal,
        encoding=parsed.encoding,
        missing=tuple(word.strip() for word in parsed.missing if word.strip()),
    )
    loaded = loading.load(parsed.data, target=parsed.target, dialect=dialect)
    data_path, report_path = parsed.output / "data.parquet", parsed.output / "report.json"
    table_sha256 = tables.write_table(data_path, loaded.table)
    report = loading.describe(loaded, target=parsed.target, table_sha256=table_sha256)
    tables.write_report(report_path, report)
    facts = {
        "data": report.origin.name,
        "format": delimited.described(report.format) if report.format else "-",
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
        notices=[
            Notice(level=level, title="Data", message=message)
            for level, messages in (("warning", report.warnings), ("notice", report.notices))
            for message in messages
        ],
    )
