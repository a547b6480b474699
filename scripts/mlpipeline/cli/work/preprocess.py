"""Preprocess: read what was loaded, split it, write the parts."""

import argparse
from collections.abc import Iterable, Mapping

from mlpipeline.reports.report import Notice, Report
from mlpipeline.training import loading, reporting, splitting, tables


def work(parsed: argparse.Namespace, _environ: Mapping[str, str]) -> Report:
    """Split the data."""
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
        ]
        + _encoded(split),
    )


def _encoded(split: splitting.Split) -> list[Notice]:
    texts = [f"'{name}' ({split.train[name].nunique()} distinct texts)" for name in split.columns.categorical]
    if not texts:
        return []
    message = f"Encoded by category, for they hold text: {', '.join(texts)}."
    return [Notice(level="notice", title="Columns encoded", message=message)]


def _names(columns: Iterable[str]) -> str:
    return ", ".join(columns) or "-"
