"""`preprocess.py`: drop duplicates, split, and settle what is done with each column."""

import argparse
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from mlpipeline.cli import entry
from mlpipeline.reports.report import Notice, Report

_DESCRIPTION = """\
Drop duplicate rows, split the rest in three by a seed, and settle what is done with each column.

The parts hold raw rows. Imputation, scaling and encoding are fitted on the training part alone, by train.py, as a
part of each model: so nothing leaks from the other parts, and a served model takes raw rows. The training part also
decides what becomes of a column: numbers are imputed and scaled, yes or no is imputed, text is encoded by category;
dates, identifiers, free text and columns with one value are left out, with the reason in the report.
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


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    arguments = entry.parser(prog="preprocess.py", description=_DESCRIPTION, epilog=_EPILOG)
    arguments.add_argument(
        "--input", type=Path, default=Path("data/raw"), metavar="DIR", help="where to read (default: %(default)s)"
    )
    arguments.add_argument(
        "--output",
        type=Path,
        default=Path("data/processed"),
        metavar="DIR",
        help="where to write (default: %(default)s)",
    )
    arguments.add_argument("--seed", type=int, default=42, metavar="N", help="of the shuffle (default: %(default)s)")
    for part in ("validation", "test"):
        arguments.add_argument(
            f"--{part}-share",
            type=float,
            default=0.2,
            metavar="SHARE",
            help=f"the {part} part, between 0 and 1 (default: %(default)s)",
        )
    return entry.run(arguments, _work, extra="train", argv=argv)


def _work(parsed: argparse.Namespace, _environ: Mapping[str, str]) -> Report:
    from mlpipeline.training import loading, reporting, splitting, tables

    loaded = tables.read_report(parsed.input / "report.json", loading.LoadReport.parse, made_by="load_data.py")
    table = tables.read_table(parsed.input / "data.parquet", sha256=loaded.table_sha256, made_by="load_data.py")
    split = splitting.split(
        table,
        target=loaded.target,
        seed=parsed.seed,
        validation_share=parsed.validation_share,
        test_share=parsed.test_share,
    )
    parts = {
        name: splitting.StoredPart(rows=len(part), sha256=tables.write_table(parsed.output / f"{name}.parquet", part))
        for name, part in {"train": split.train, "validation": split.validation, "test": split.test}.items()
    }
    report = splitting.SplitReport(
        origin=loaded.origin,
        target=loaded.target,
        seed=parsed.seed,
        duplicates_dropped=split.duplicates_dropped,
        train=parts["train"],
        validation=parts["validation"],
        test=parts["test"],
        columns=split.columns,
    )
    tables.write_report(parsed.output / "report.json", report)
    facts = {
        "rows": f"{report.train.rows} to train, {report.validation.rows} to validate, {report.test.rows} to test",
        "duplicates dropped": report.duplicates_dropped,
        "seed": report.seed,
        "imputed and scaled": _names(report.columns.numeric),
        "imputed (yes or no)": _names(report.columns.boolean),
        "encoded by category": _names(report.columns.categorical),
        "left out": _names(report.columns.dropped),
    }
    return Report(
        outputs={
            "processed_path": parsed.output.as_posix(),
            "train_rows": report.train.rows,
            "validation_rows": report.validation.rows,
            "test_rows": report.test.rows,
            "duplicates_dropped": report.duplicates_dropped,
        },
        text=f"{reporting.facts_text(facts)}\nWritten: {parsed.output}. Next: python scripts/train.py",
        summary=f"### Preprocessing\n\n{reporting.facts_markdown(facts)}",
        notices=[
            Notice(level="notice", title="Column left out", message=f"'{name}' is left out: {reason}.")
            for name, reason in report.columns.dropped.items()
        ],
    )


def _names(columns: Iterable[str]) -> str:
    return ", ".join(columns) or "-"
