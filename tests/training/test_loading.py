"""Reading a table, and every reason to refuse one."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from mlpipeline.core.errors import InputError
from mlpipeline.training import loading, tables
from mlpipeline.training.columns import kind_of

GOOD = "a,target\n" + "".join(f"{row},{row * 2}\n" for row in range(12))


def rows(*cells: str, header: str = "a,target") -> str:
    """A CSV file that is good but for the rows given."""
    good = [f"{row},{row * 2}" for row in range(12)]
    return "\n".join([header, *cells, *good]) + "\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("a,target\n", "holds no rows"),
        ('a,target\n1,"2\n', "cannot be read as CSV"),
        ("a,target\n1,2\n1,2,3,4\n", "cannot be read as CSV"),
        (rows(header="a,goal"), "has no column 'target'; it has 'a', 'goal'"),
        (rows("3,high"), "The target 'target' of .* is not numeric"),
        ("a,target\n" + "".join(f"{row},{row > 5}\n" for row in range(12)), "is not numeric: it holds bool"),
        (rows("3,4", "3,"), "'target' of .* is missing in 1 of 14 rows, first in row 2"),
        (rows("3,inf"), "holds infinite values in 'target'"),
        (rows("-inf,3"), "holds infinite values in 'a'"),
        ("a,target\n" + "".join(f"{row},7\n" for row in range(12)), "the same in every row"),
        ("a,b,target\n" + "".join(f"{row},,{row}\n" for row in range(12)), "no value at all in 'b'"),
        ("a,target,a\n" + "".join(f"{row},{row},1\n" for row in range(12)), "more than one column called 'a'"),
        (
            "a,target\n" + "".join(f"x{row},{row},1\n" for row in range(12)),
            "more fields than its header, separated by ','",
        ),
        ("a;target\n" + "".join(f"x{row};{row};1\n" for row in range(12)), "more fields than its header, .* ';'"),
        ("target\n" + "".join(f"{row}\n" for row in range(12)), "no column besides the target"),
        (
            ",target\n" + "".join(f"{row},{row}\n" for row in range(12)),
            "besides the target 'target'. Left out, for they only number or name the rows: column 1",
        ),
        ("a,target\n" + "".join(f"{row},{row}\n" for row in range(9)), "9 distinct rows; the split needs 10"),
        ("a,target\n" + "1,1\n" * 20 + "2,2\n", "2 distinct rows"),
    ],
)
def test_a_table_nobody_can_train_on_is_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "data.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=words):
        loading.load(str(path), target="target")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("data.txt", b"a,target\n1,2\n", "ends neither in .csv nor in .parquet"),
        ("data.parquet", b"no such thing", "cannot be read as PARQUET"),
        ("data.csv", b"a,target\n\x00\x01,1\n", "cannot be read as CSV"),
    ],
)
def test_a_file_that_is_something_else_is_refused(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=words):
        loading.load(str(tmp_path / name), target="target")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("nowhere.csv", "There is no file 'nowhere.csv'"),
        ("nowhere.parquet", "There is no file"),
        ("sklearn:iris", "'sklearn:iris' is not an embedded table"),
        ("https://example.org/data", "is an address"),
    ],
)
def test_a_source_that_does_not_exist_is_named(data: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        loading.load(data, target="target")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "data.csv").mkdir()
    with pytest.raises(InputError, match="cannot be read as CSV"):
        loading.load(str(tmp_path / "data.csv"), target="target")


@pytest.mark.parametrize(
    "column",
    [[[1, 2]] * 12, [b"x"] * 12, [{"x": 1}] * 12],
    ids=["lists", "bytes", "objects"],
)
def test_values_that_no_model_reads_are_refused(tmp_path: Path, column: list[object]) -> None:
    path = tmp_path / "data.parquet"
    pd.DataFrame({"odd": column, "target": range(12)}).to_parquet(path)
    with pytest.raises(InputError, match="lists, bytes or values of several types in 'odd'"):
        loading.load(str(path), target="target")


def test_a_mistyped_target_gets_the_nearest_column(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text(GOOD, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        loading.load(str(path), target="tarjet")
    assert caught.value.remedy == "--target target"


@pytest.mark.parametrize(
    ("names", "wanted", "near"),
    [
        (["fixed acidity", "Quality"], "quality", "Quality"),
        (["a", "QUALITY"], "qualty", "QUALITY"),
        (["a", "b"], "quality", None),
    ],
)
def test_the_nearest_column_is_named_whatever_its_case(
    tmp_path: Path, names: list[str], wanted: str, near: str | None
) -> None:
    path = tmp_path / "data.csv"
    path.write_text(GOOD.replace("a,target", ",".join(names)), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        loading.load(str(path), target=wanted)
    assert caught.value.what.endswith(f"Did you mean '{near}'?") is bool(near)
    assert caught.value.remedy == f"--target {near or 'COLUMN'}"


@pytest.mark.parametrize(
    ("wanted", "near"),
    [
        ("hoses.csv", "houses.csv"),
        ("HOUSES.CSV", "houses.csv"),
        ("houses.parquet", "houses.csv"),
        ("flat.csv", "flats.csv.gz"),
        ("car.csv", "cars.csv"),
        ("car.parquet", "cars.parquet"),
        ("rivers.csv", None),
    ],
)
def test_the_nearest_file_of_the_folder_is_named(tmp_path: Path, wanted: str, near: str | None) -> None:
    for name in ("cars.csv", "cars.tsv", "cars.parquet", "houses.csv", "flats.csv.gz", "rivers.txt"):
        (tmp_path / name).touch()
    with pytest.raises(InputError) as caught:
        loading.load(str(tmp_path / wanted), target="target")
    assert f"There is no file '{tmp_path / wanted}'." in caught.value.what
    assert caught.value.remedy == (f"--data {tmp_path / near}" if near else "")


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no folder '.*dta'"):
        loading.load(str(tmp_path / "dta" / "houses.csv"), target="target")


def test_a_file_that_dvc_has_not_fetched_is_named(tmp_path: Path) -> None:
    (tmp_path / "data.csv.dvc").write_text(dvc_file("0" * 32), encoding="utf-8")
    with pytest.raises(InputError, match="DVC has not fetched it") as caught:
        loading.load(str(tmp_path / "data.csv"), target="target")
    assert caught.value.remedy == "dvc pull"


@pytest.mark.parametrize(
    "address", ["https://user:hunter2@example.org/data.csv", "HTTP://example.org/data.csv", "s3://bucket/data.parquet"]
)
def test_an_address_is_refused_plainly(address: str) -> None:
    with pytest.raises(InputError, match="is an address") as caught:
        loading.load(address, target="target")
    assert caught.value.remedy.startswith("download it first")
    assert "hunter2" not in str(caught.value)


def test_a_parquet_files_labels_and_names_are_tidied(tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    pd.DataFrame({"Unnamed: 0": range(12), " a": range(12), "target": range(12)}).to_parquet(path)
    loaded = loading.load(str(path), target="target")
    assert list(loaded.table) == ["a", "target"]
    assert len(loaded.notices) == 2


def test_a_parquet_files_repeated_names_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    parquet.write_table(pa.table([pa.array(range(12))] * 3, names=["a", "a", "target"]), path)
    with pytest.raises(InputError, match="more than one column called 'a'"):
        loading.load(str(path), target="target")


def test_the_embedded_table_is_the_same_everywhere() -> None:
    loaded = loading.load("sklearn:diabetes", target="target")
    assert loaded.table.shape == (442, 11)
    # As measured: an age in years.
    assert loaded.table["age"].between(19, 79).all()
    assert loaded.origin.sha256 == "d0b14a7a6a4015e4291e82705a7dd34906afb0b87bf5f67037bf1ec2f51e663f"


@pytest.mark.parametrize("write", [pd.DataFrame.to_csv, pd.DataFrame.to_parquet], ids=["csv", "parquet"])
def test_the_report_counts_what_is_there(tmp_path: Path, write: Callable[..., None]) -> None:
    path = tmp_path / ("data.csv" if write is pd.DataFrame.to_csv else "data.parquet")
    table = pd.DataFrame(
        {
            "number": [None, *range(11)],
            "text": ["x", None, *"abcdefghij"],
            "yes": [True, False] * 6,
            "target": [float(row) for row in range(12)],
        }
    )
    write(pd.concat([table, table.head(1)]), path, index=False)
    loaded = loading.load(str(path), target="target")
    report = loading.describe(loaded, target="target", table_sha256="0")
    assert (report.rows, report.duplicates, report.missing_values) == (13, 1, 3)
    assert [(column.name, column.kind, column.missing) for column in report.columns] == [
        ("number", "number", 2),
        ("text", "text", 1),
        ("yes", "boolean", 0),
        ("target", "number", 0),
    ]
    assert report.origin == tables.Origin(
        name=path.name, sha256=hashlib.sha256(path.read_bytes()).hexdigest(), dvc_md5=None
    )


def test_a_parquet_files_categories_and_index_become_plain_columns(tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    table = pd.DataFrame({"city": pd.Categorical(["Rome", "Oslo", None] * 4), "target": range(12)})
    table.set_index(pd.Index(range(100, 112), name="reference")).to_parquet(path)
    loaded = loading.load(str(path), target="target")
    assert list(loaded.table) == ["reference", "city", "target"]
    assert [kind_of(loaded.table[name]) for name in loaded.table] == ["number", "text", "number"]


def dvc_file(md5: str, *, version_3: bool = True) -> str:
    return f"outs:\n- md5: {md5}\n" + ("  hash: md5\n" if version_3 else "") + "  path: data.csv\n"


@pytest.mark.parametrize("version_3", [True, False])
def test_the_md5_of_dvc_is_taken_over_where_it_is_true(tmp_path: Path, version_3: bool) -> None:
    path = tmp_path / "data.csv"
    # Before version 3 DVC counted a text's line ends as \n.
    path.write_bytes(GOOD.replace("\n", "\n" if version_3 else "\r\n").encode())
    md5 = hashlib.md5(GOOD.encode(), usedforsecurity=False).hexdigest()
    (tmp_path / "data.csv.dvc").write_text(dvc_file(md5, version_3=version_3), encoding="utf-8")
    loaded = loading.load(str(path), target="target")
    assert (loaded.origin.dvc_md5, loaded.warnings) == (md5, ())


@pytest.mark.parametrize(
    ("recorded", "words"),
    [
        (dvc_file("0" * 32), "is not the data that"),
        ("outs: []\n", "records no md5"),
        ("outs: [{path: data.csv}]\n", "records no md5"),
        ("[", "records no md5"),
        ("", "records no md5"),
    ],
)
def test_a_dvc_file_that_says_something_else_is_a_warning(tmp_path: Path, recorded: str, words: str) -> None:
    path = tmp_path / "data.csv"
    path.write_text(GOOD, encoding="utf-8")
    (tmp_path / "data.csv.dvc").write_text(recorded, encoding="utf-8")
    loaded = loading.load(str(path), target="target")
    assert loaded.origin.dvc_md5 is None
    assert [words in warning for warning in loaded.warnings] == [True]


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "out" / "data.parquet"
    tables.write_table(path, pd.DataFrame({"a": [1]}))
    before = path.read_bytes()
    with pytest.raises(ValueError, match="Could not convert"):
        tables.write_table(path, pd.DataFrame({"a": [object()]}))
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["data.parquet"]


def test_an_output_that_cannot_be_written_is_an_input_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"data\.parquet cannot be written"):
        tables.write_table(tmp_path / "file" / "data.parquet", pd.DataFrame({"a": [1]}))


def test_a_table_that_changed_after_it_was_written_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    digest = tables.write_table(path, pd.DataFrame({"a": [1]}))
    assert tables.read_table(path, sha256=digest, made_by="load_data.py")["a"].tolist() == [1]
    pd.DataFrame({"a": [2]}).to_parquet(path)
    with pytest.raises(InputError, match=r"changed after load_data\.py wrote it"):
        tables.read_table(path, sha256=digest, made_by="load_data.py")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"rows": 3}', '{"origin": 1, "columns": []}'])
def test_a_report_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "report.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"is not a report of load_data\.py"):
        tables.read_report(path, loading.LoadReport.parse, made_by="load_data.py")
