"""From a file, or a table embedded in scikit-learn, to a checked table and a report on it."""

import difflib
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import yaml
from pyarrow import parquet

from mlpipeline.core.errors import InputError
from mlpipeline.training.columns import kind_of
from mlpipeline.training.tables import Origin, sha256_of

EMBEDDED = "sklearn:diabetes"
"""442 patients (Efron et al., 2004) with ten measurements each and how far the disease went a year later."""

MINIMUM_ROWS = 10
"""Distinct rows below which a default split leaves a part without the two rows that R² needs."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Loaded:
    """A table fit for preprocessing, where it is from, and what a person should know about it."""

    table: pd.DataFrame
    origin: Origin
    warnings: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column: `kind` is `number`, `boolean`, `text` or `time`, `type` is pandas' own word."""

    name: str
    kind: str | None
    type: str
    missing: int
    distinct: int


@dataclass(frozen=True, kw_only=True)
class LoadReport:
    """What load_data.py writes beside the table; `table_sha256` is of `data.parquet`'s bytes."""

    origin: Origin
    target: str
    rows: int
    duplicates: int
    missing_values: int
    table_sha256: str
    columns: tuple[Column, ...]

    @classmethod
    def parse(cls, document: dict[str, Any]) -> "LoadReport":
        """From the JSON object in report.json."""
        nested = {
            "origin": Origin(**document["origin"]),
            "columns": tuple(Column(**column) for column in document["columns"]),
        }
        return cls(**{**document, **nested})


def load(data: str, *, target: str) -> Loaded:
    """Read a table and check all that training relies on.

    Args:
        data: a path that ends in .csv or .parquet, or `sklearn:diabetes`.
        target: the column to predict.

    Raises:
        InputError: there is no such file, it cannot be read, or the table cannot be trained on.
    """
    if data.startswith("sklearn:"):
        table, origin = _embedded(data)
        warnings: tuple[str, ...] = ()
    else:
        path = Path(data)
        table = _read(path)
        origin, warnings = _origin(path)
    check(table, target=target, source=data)
    return Loaded(table=table, origin=origin, warnings=warnings)


def describe(loaded: Loaded, *, target: str, table_sha256: str) -> LoadReport:
    """Count what a person wants to know before training."""
    table = loaded.table
    columns = tuple(
        Column(
            name=str(name),
            kind=kind_of(table[name]),
            type=str(table[name].dtype),
            missing=int(table[name].isna().sum()),
            distinct=int(table[name].nunique()),
        )
        for name in table
    )
    return LoadReport(
        origin=loaded.origin,
        target=target,
        rows=len(table),
        duplicates=int(table.duplicated().sum()),
        missing_values=sum(column.missing for column in columns),
        table_sha256=table_sha256,
        columns=columns,
    )


def check(table: pd.DataFrame, *, target: str, source: str) -> None:
    """Refuse a table that training would fail on, or would learn nonsense from.

    A missing target is refused too: dropping such rows in silence would hide a fault in the data.

    Raises:
        InputError: with the column and the reason.
    """
    if table.empty:
        raise InputError(f"{source} holds no rows.")
    _check_columns(table, source=source)
    if target not in table.columns:
        raise InputError(
            f"{source} has no column '{target}'; it has {_listed(list(table.columns))}.",
            remedy=_nearest(target, list(table.columns)),
        )
    _check_target(table[target], source=source)
    if len(table.columns) == 1:
        raise InputError(f"{source} has no column besides the target '{target}'.")
    distinct = len(table) - int(table.duplicated().sum())
    if distinct < MINIMUM_ROWS:
        raise InputError(f"{source} holds {distinct} distinct rows; the split needs {MINIMUM_ROWS} at least.")


def _check_columns(table: pd.DataFrame, *, source: str) -> None:
    empty = [name for name in table if table[name].isna().all()]
    if empty:
        raise InputError(
            f"{source} has no value at all in {_listed(empty)}.", remedy="leave the column out, or fill it"
        )
    unreadable = [name for name in table if kind_of(table[name]) is None]
    if unreadable:
        raise InputError(
            f"{source} holds lists, bytes or values of several types in {_listed(unreadable)}.",
            remedy="keep numbers, yes or no, text and times",
        )
    infinite = [name for name in table if kind_of(table[name]) == "number" and np.isinf(_as_floats(table[name])).any()]
    if infinite:
        raise InputError(
            f"{source} holds infinite values in {_listed(infinite)}.", remedy="leave them empty, or cap them"
        )


def _check_target(target: pd.Series, *, source: str) -> None:
    if kind_of(target) != "number":
        raise InputError(f"The target '{target.name}' of {source} is not numeric: it holds {target.dtype}.")
    missing = target.index[target.isna()]
    if len(missing):
        raise InputError(
            f"The target '{target.name}' of {source} is missing in {len(missing)} of {len(target)} rows, "
            f"first in row {missing[0] + 1}.",
            remedy="leave those rows out, or fill them",
        )
    if (target == target.iloc[0]).all():
        raise InputError(f"The target '{target.name}' of {source} is the same in every row: there is nothing to learn.")


def _as_floats(numbers: pd.Series) -> Any:
    return numbers.to_numpy(dtype="float64", na_value=np.nan)


def _embedded(data: str) -> tuple[pd.DataFrame, Origin]:
    if data != EMBEDDED:
        raise InputError(f"'{data}' is not an embedded table.", remedy=f"--data {EMBEDDED}, or a path")
    from sklearn.datasets import load_diabetes

    # As measured, in years and mmHg: whoever calls the served model has no scaled values.
    table = load_diabetes(as_frame=True, scaled=False).frame
    text = table.to_csv(index=False, lineterminator="\n")
    return table, Origin(name=data, sha256=hashlib.sha256(text.encode()).hexdigest(), dvc_md5=None)


def _read(path: Path) -> pd.DataFrame:
    readers = {".csv": _read_csv, ".parquet": _read_parquet}
    if path.suffix.lower() not in readers:
        raise InputError(f"'{path}' ends neither in .csv nor in .parquet, and is not {EMBEDDED}.")
    try:
        table = readers[path.suffix.lower()](path)
    except FileNotFoundError as error:
        raise InputError(f"There is no file '{path}'.") from error
    except pd.errors.EmptyDataError as error:
        raise InputError(f"{path} is empty.") from error
    # ParserError, UnicodeDecodeError and ArrowInvalid are ValueErrors.
    except (OSError, ValueError, pa.ArrowException) as error:
        raise InputError(f"{path} cannot be read as {path.suffix[1:].upper()}: {error}") from error
    return _without_categories(table)


def _read_csv(path: Path) -> pd.DataFrame:
    header = pd.read_csv(path, header=None, nrows=1, dtype=str)
    _check_names(header.iloc[0].dropna().tolist(), path)
    # Read in one piece, or pandas guesses a column's type once a chunk.
    table = pd.read_csv(path, low_memory=False)
    if not isinstance(table.index, pd.RangeIndex):
        # pandas would take the first fields for row labels, and shift all names.
        raise InputError(f"The rows of {path} have more fields than its header.", remedy="name every column")
    return table


def _read_parquet(path: Path) -> pd.DataFrame:
    _check_names(parquet.read_schema(path).names, path)
    table = pd.read_parquet(path)
    return table if table.index.names == [None] else table.reset_index()


def _check_names(names: list[str], path: Path) -> None:
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise InputError(f"{path} has more than one column called {_listed(repeated)}.", remedy="rename all but one")


def _without_categories(table: pd.DataFrame) -> pd.DataFrame:
    """A Parquet file may hold pandas' categories, which fix the values that a column can take: the values alone."""
    categories = table.select_dtypes("category")
    return table.assign(**{name: pd.Series(categories[name].tolist(), index=table.index) for name in categories})


def _origin(path: Path) -> tuple[Origin, tuple[str, ...]]:
    dvc_md5, warning = _dvc_md5(path)
    origin = Origin(name=path.name, sha256=sha256_of(path), dvc_md5=dvc_md5)
    return origin, (warning,) if warning else ()


def _dvc_md5(path: Path) -> tuple[str | None, str | None]:
    """The md5 that DVC records for the file, or the reason why there is none to trust.

    Format: https://dvc.org/doc/user-guide/project-structure/dvc-files
    """
    link = path.with_name(f"{path.name}.dvc")
    try:
        recorded = yaml.safe_load(link.read_text("utf-8"))["outs"][0]
        md5, plain = str(recorded["md5"]), recorded.get("hash") == "md5"
    except FileNotFoundError:
        return None, None
    except (OSError, ValueError, yaml.YAMLError, LookupError, TypeError, AttributeError):
        return None, f"{link} records no md5: the runs will carry the SHA-256 only."
    content = path.read_bytes()
    # Before version 3, which marks its sums with `hash: md5`, DVC took text for the same whatever its line ends.
    variants = [content] if plain else [content, content.replace(b"\r\n", b"\n")]
    if md5 not in {hashlib.md5(variant, usedforsecurity=False).hexdigest() for variant in variants}:
        return None, f"{path} is not the data that {link} records: run `dvc checkout` or `dvc add`."
    return md5, None


def _listed(names: list[str], limit: int = 20) -> str:
    rest = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(f"'{name}'" for name in names[:limit]) + rest


def _nearest(wanted: str, names: list[str]) -> str:
    near = difflib.get_close_matches(wanted, names, n=1)
    return f"--target {near[0]}" if near else "--target COLUMN"
