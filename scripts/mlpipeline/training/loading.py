"""From a file, or a table embedded in scikit-learn, to a checked table and a report on it."""

import hashlib
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import yaml
from pyarrow import parquet

from mlpipeline.core.credentials import without_credentials
from mlpipeline.core.errors import InputError
from mlpipeline.core.nearest import nearest
from mlpipeline.training import delimited, notation
from mlpipeline.training.columns import kind_of
from mlpipeline.training.decoding import DECOMPRESS
from mlpipeline.training.reporting import listed
from mlpipeline.training.tables import Origin, sha256_of
from mlpipeline.training.tidying import HEADLESS, check_unique, looks_headless, tidy

EMBEDDED = "sklearn:diabetes"
"""442 patients (Efron et al., 2004) with ten measurements each and how far the disease went a year later."""

MINIMUM_ROWS = 10
"""Distinct rows below which a default split leaves a part without the two rows that R² needs."""


TEXTS = (".csv", ".tsv", ".tab")
"""Ends of the names of text tables, before that of a compression."""

_LFS = b"version https://git-lfs.github.com/spec/"
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, eq=False)
class Loaded:
    """A table fit for preprocessing, where it is from, and what a person should know about it.

    Attributes:
        table: the rows.
        origin: the data.
        format: how a text table was read; `None` for another.
        notices: what was recognised, left out or renamed.
        warnings: what looks wrong.
    """

    table: pd.DataFrame
    origin: Origin
    format: delimited.Format | None = None
    notices: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


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
    """What load_data.py writes beside the table; `table_sha256` is of `data.parquet`'s bytes, `format` of a text."""

    origin: Origin
    format: delimited.Format | None
    notices: tuple[str, ...]
    warnings: tuple[str, ...]
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
            "format": document["format"] and delimited.Format(**document["format"]),
            "notices": tuple(document["notices"]),
            "warnings": tuple(document["warnings"]),
            "columns": tuple(Column(**column) for column in document["columns"]),
        }
        return cls(**{**document, **nested})


def load(data: str, *, target: str, dialect: delimited.Dialect | None = None) -> Loaded:
    """Read a table and check all that training relies on.

    Args:
        data: a path that ends in .csv, .tsv or .parquet, or `sklearn:diabetes`.
        target: the column to predict.
        dialect: what a person says about a text table.

    Raises:
        InputError: there is no such file, it cannot be read, or the table cannot be trained on.
    """
    dialect = dialect or delimited.Dialect()
    path = Path(data)
    if data.startswith("sklearn:"):
        _refuse_flags(dialect, data)
        table, origin = _embedded(data)
        loaded = Loaded(table=table, origin=origin)
    elif _ADDRESS.match(data):
        raise InputError(
            f"'{without_credentials(data)}' is an address, and --data takes a file of this machine.",
            remedy="download it first, and give --data the file's path",
        )
    elif _kind(path) == ".parquet":
        _refuse_flags(dialect, data)
        loaded = _read(path, target=target)
    else:
        loaded = _read(path, target=target, dialect=dialect)
    check(loaded.table, target=target, source=data, told=loaded.notices)
    return loaded


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
        format=loaded.format,
        notices=loaded.notices,
        warnings=loaded.warnings,
        target=target,
        rows=len(table),
        duplicates=int(table.duplicated().sum()),
        missing_values=sum(column.missing for column in columns),
        table_sha256=table_sha256,
        columns=columns,
    )


def check(table: pd.DataFrame, *, target: str, source: str, told: Sequence[str] = ()) -> None:
    """Refuse a table that training would fail on, or would learn nonsense from.

    A missing target is refused too: dropping such rows in silence would hide a fault in the data.

    Args:
        table: the rows.
        target: the column to predict.
        source: the data, for the errors' words.
        told: what was left out of it.

    Raises:
        InputError: with the column and the reason.
    """
    if table.empty:
        raise InputError(f"{source} holds no rows.")
    _check_columns(table, source=source)
    if target not in table.columns:
        raise _no_column(target, list(table.columns), source=source)
    _check_target(table[target], source=source)
    if len(table.columns) == 1:
        raise InputError(" ".join([f"{source} has no column besides the target '{target}'.", *told]))
    distinct = len(table) - int(table.duplicated().sum())
    if distinct < MINIMUM_ROWS:
        raise InputError(f"{source} holds {distinct} distinct rows; the split needs {MINIMUM_ROWS} at least.")


def _check_columns(table: pd.DataFrame, *, source: str) -> None:
    empty = [name for name in table if table[name].isna().all()]
    if empty:
        raise InputError(f"{source} has no value at all in {listed(empty)}.", remedy="leave the column out, or fill it")
    unreadable = [name for name in table if kind_of(table[name]) is None]
    if unreadable:
        raise InputError(
            f"{source} holds lists, bytes or values of several types in {listed(unreadable)}.",
            remedy="keep numbers, yes or no, text and times",
        )
    infinite = [name for name in table if kind_of(table[name]) == "number" and np.isinf(_as_floats(table[name])).any()]
    if infinite:
        raise InputError(
            f"{source} holds infinite values in {listed(infinite)}.", remedy="leave them empty, or cap them"
        )


def _check_target(target: pd.Series, *, source: str) -> None:
    if kind_of(target) != "number":
        raise InputError(f"The target '{target.name}' of {source} is not numeric: it holds {_strange(target)}.")
    missing = target.index[target.isna()]
    if len(missing):
        raise InputError(
            f"The target '{target.name}' of {source} is missing in {len(missing)} of {len(target)} rows, "
            f"first in row {missing[0] + 1}.",
            remedy="leave those rows out, or fill them",
        )
    if (target == target.iloc[0]).all():
        raise InputError(f"The target '{target.name}' of {source} is the same in every row: there is nothing to learn.")


def _strange(target: pd.Series) -> str:
    """What a column holds that is no number."""
    if kind_of(target) != "text":
        return str(target.dtype)
    texts = [text for text in target.dropna().unique() if not notation.is_number(text)]
    return f"{listed(texts, limit=5)} in {int(target.isin(texts).sum())} of {len(target)} rows"


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


def _refuse_flags(dialect: delimited.Dialect, data: str) -> None:
    if dialect != delimited.Dialect():
        raise InputError(
            f"{data} is no text table: its values have types.",
            remedy="leave --separator, --decimal, --encoding and --missing out",
        )


def _kind(path: Path) -> str:
    """The end of a file's name that tells what it holds, without that of a compression."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes[-1:] and suffixes[-1] in DECOMPRESS and suffixes[-2:-1] and suffixes[-2] in TEXTS:
        return suffixes[-2]
    return suffixes[-1] if suffixes else ""


def _read(path: Path, *, target: str, dialect: delimited.Dialect | None = None) -> Loaded:
    kind = _kind(path)
    if kind not in (*TEXTS, ".parquet"):
        raise InputError(
            f"'{path}' ends neither in .csv nor in .parquet, and is not {EMBEDDED}.",
            remedy="let the name of a text table end in .csv, .tsv or .csv.gz; save a spreadsheet as CSV",
        )
    try:
        _check_pointer(path)
        if dialect is None:
            names, table = _read_parquet(path)
            text = None
        else:
            text = delimited.read(path, dialect)
            names, table = text.names, text.table
    except FileNotFoundError as error:
        raise _no_file(path) from error
    # ParserError, UnicodeDecodeError and ArrowInvalid are ValueErrors.
    except (OSError, ValueError, pa.ArrowException) as error:
        raise InputError(f"{path} cannot be read as {kind[1:].upper()}: {error}") from error
    tidied = tidy(table, names, target=target, source=str(path))
    origin, warnings = _origin(path)
    if text is None:
        return Loaded(table=tidied.table, origin=origin, notices=tidied.notices, warnings=warnings)
    return Loaded(
        table=tidied.table,
        origin=origin,
        format=text.format,
        notices=text.notices + tidied.notices,
        warnings=text.warnings + warnings,
    )


def _read_parquet(path: Path) -> tuple[tuple[str, ...], pd.DataFrame]:
    check_unique(parquet.read_schema(path).names, source=str(path))
    stored = pd.read_parquet(path)
    table = stored if stored.index.names == [None] else stored.reset_index()
    return tuple(map(str, table.columns)), _without_categories(
        table.set_axis(range(len(table.columns)), axis="columns")
    )


def _check_pointer(path: Path) -> None:
    with path.open("rb") as file:
        is_pointer = file.read(len(_LFS)) == _LFS
    if is_pointer:
        raise InputError(f"{path} is a pointer of Git LFS; the data is not here.", remedy="git lfs pull")


def _no_file(path: Path) -> InputError:
    link = path.with_name(f"{path.name}.dvc")
    if link.is_file():
        return InputError(f"There is no file '{path}', but '{link}': DVC has not fetched it.", remedy="dvc pull")
    if not path.parent.is_dir():
        return InputError(f"There is no file '{path}', for there is no folder '{path.parent}'.")
    tables = [file for file in path.parent.iterdir() if _kind(file) in (*TEXTS, ".parquet")]
    # Of several files of one name the last counts: the one of the kind that was asked for.
    files = {_stem(file): file for file in sorted(tables, key=lambda file: (_kind(file) == _kind(path), file.name))}
    near = nearest(_stem(path), files)
    if near is None:
        return InputError(f"There is no file '{path}'.")
    return InputError(
        f"There is no file '{path}'. Did you mean '{files[near]}'?", remedy=shlex.join(["--data", str(files[near])])
    )


def _stem(path: Path) -> str:
    """A file's name without the ends that tell what it holds: `.csv` and `.csv.gz` count for nothing in likeness."""
    return path.name.removesuffix(path.suffix).removesuffix(_kind(path))


def _no_column(target: str, names: list[str], *, source: str) -> InputError:
    what = f"{source} has no column '{target}'; it has {listed(names)}."
    sign = _separator_within(target, names)
    if sign is not None:
        return InputError(f"{what} It looks separated by {delimited.shown(sign)}.", remedy=delimited.flag(sign))
    near = nearest(target, names)
    if near is not None:
        return InputError(f"{what} Did you mean '{near}'?", remedy=shlex.join(["--target", near]))
    return InputError(what, remedy=HEADLESS if looks_headless(names) else "--target COLUMN")


def _without_categories(table: pd.DataFrame) -> pd.DataFrame:
    """A Parquet file may hold pandas' categories, which fix the values that a column can take: the values alone."""
    values = {
        name: pd.Series(column.tolist(), index=table.index) for name, column in table.select_dtypes("category").items()
    }
    return pd.DataFrame({name: values.get(name, table[name]) for name in table})


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


def _separator_within(target: str, names: list[str]) -> str | None:
    """The sign that parts a name into the target and something else."""
    signs = [sign for sign in delimited.SEPARATORS if sign != " "]
    if len(names) == 1:
        signs += [sign for sign in dict.fromkeys(names[0]) if not sign.isalnum() and sign not in ' _"']
    return next(
        (sign for sign in signs if any(target in map(_bare, name.split(sign)) for name in names if sign in name)), None
    )


def _bare(name: str) -> str:
    return name.strip(' "')
