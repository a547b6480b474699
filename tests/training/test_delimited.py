"""Text tables as people have them: what is recognised, what is asked for, and that each of it is told."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from mlpipeline.core.errors import InputError
from mlpipeline.training import delimited, loading
from mlpipeline.training.columns import kind_of
from mlpipeline.training.loading import Loaded

Load = Callable[..., Loaded]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Write a file and load it; the flags are those of a dialect."""

    def write_and_load(
        content: str | bytes, *, name: str = "data.csv", target: str = "target", **flags: object
    ) -> Loaded:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return loading.load(str(path), target=target, dialect=delimited.Dialect(**flags))  # type: ignore[arg-type]

    return write_and_load


def rows(line: str, header: str, count: int = 20) -> str:
    """A table whose lines hold their number wherever the line given has `#`, and the next number for `@`."""
    lines = (line.replace("#", str(number)).replace("@", str(number + 1)) for number in range(count))
    return "\n".join([header, *lines]) + "\n"


def values(loaded: Loaded, name: str, count: int = 2) -> list[object]:
    return list(loaded.table[name].head(count))


@pytest.mark.parametrize(
    ("line", "header", "separator"),
    [
        ("#;x, y;#.5", '"a";"b";"target"', ";"),
        ("#\tx, y;z\t#.5", "a\tb\ttarget", "\t"),
        ("#|x, y;z|#.5", "a|b|target", "|"),
        ('#,"x, y;z",#.5', "a,b,target", ","),
        ("  #   x  #.5", " a   b   target", " "),
        # Each of these would be a table under another separator, too.
        ("#,5;x;#,5", "a;b (x, y);target", ";"),
        ("#,5;#,5", "weight, kg;target", ";"),
        ("x;y,#.5", "genres (a;b),target", ","),
        ("#;#,5;1|2", "a;target;b|c", ";"),
        ("#,x|y,#.5", "a,b|c,target", ","),
    ],
)
def test_the_separator_is_recognised(load: Load, line: str, header: str, separator: str) -> None:
    loaded = load(rows(line, header))
    assert loaded.format is not None
    assert loaded.format.separator == separator
    assert values(loaded, "target") == [0.5, 1.5]
    assert len(loaded.table.columns) == len(header.split(separator if separator != " " else None))


def test_the_line_that_excel_writes_names_the_separator(load: Load) -> None:
    assert list(load("sep=|\r\n" + rows("#,5|#", "a,b|target")).table) == ["a,b", "target"]


@pytest.mark.parametrize("end", ["\r\n", "\r", "\n"])
def test_the_ends_of_lines_do_not_matter(load: Load, end: str) -> None:
    assert values(load(rows('"x;#";#', "a;target").replace("\n", end)), "target") == [0, 1]


@pytest.mark.parametrize(
    ("asked", "sign"), [(";", ";"), ("semicolon", ";"), ("tab", "\t"), ("\\t", "\t"), ("\t", "\t"), ("^", "^")]
)
def test_a_separator_is_taken_from_the_flag(load: Load, asked: str, sign: str) -> None:
    loaded = load(rows(f"#,5{sign}#", f"a,b{sign}target"), separator=asked)
    assert list(loaded.table) == ["a,b", "target"]


@pytest.mark.parametrize(
    ("content", "asked", "words", "remedy"),
    [
        (rows("#;#", "a;target"), ",", r"is not separated by ','.* It looks separated by ';'", "--separator ';'"),
        (rows("#\t#", "a\ttarget"), ";", r"is not separated by ';'.* It looks separated by tabs", "--separator tab"),
        (rows("#,#;1", "a,b;target"), ",", "no column 'target'; it has 'a', 'b;target'. It looks", "--separator ';'"),
        (rows("#^#", "a^target"), None, r"no column 'target'; it has 'a\^target'. It looks", r"--separator '\^'"),
        (rows("#;#", "a;target"), "::", "'::' separates no fields", "--separator ';' or"),
    ],
)
def test_a_wrong_separator_is_named(load: Load, content: str, asked: str | None, words: str, remedy: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        load(content, separator=asked)
    assert caught.match(remedy)


@pytest.mark.parametrize(
    ("line", "header", "expected"),
    [
        ("@,5;#", "a;target", [1.5, 2.5]),
        ("-@,5;#", "a;target", [-1.5, -2.5]),
        ("@,5e3;#", "a;target", [1500, 2500]),
        ("@.234,5;#", "a;target", [1234.5, 2234.5]),
        ("@.234.567;#", "a;target", [1234567, 2234567]),
        ("@ 234,5;#", "a;target", [1234.5, 2234.5]),
        ("@\u00a0234;#,5", "a;target", [1234, 2234]),
        ("@'234.5;#", "a;target", [1234.5, 2234.5]),
        ('"@,234.5",#', "a,target", [1234.5, 2234.5]),
        ('"@,234,567",#', "a,target", [1234567, 2234567]),
        ('"@,5",#', "a,target", [1.5, 2.5]),
        ("\u2212@,#", "a,target", [-1, -2]),
        # The other column's decimal sign tells what the comma or the point is.
        ("@.234;#,5", "a;target", [1234, 2234]),
        ('"@,234",#.5', "a,target", [1234, 2234]),
        ("@,234;#.5", "a;target", [1234, 2234]),
    ],
)
def test_numbers_are_read_in_the_notation_they_have(load: Load, line: str, header: str, expected: list[float]) -> None:
    loaded = load(rows(line, header))
    assert values(loaded, "a") == expected
    assert loaded.warnings == ()
    assert [f"in 'a' is {expected[0]:.15g}" in notice for notice in loaded.notices] == [True]


@pytest.mark.parametrize(
    ("text", "expected", "sign", "otherwise"),
    [
        (rows('"@,234",#', "a,target"), 1234, ",", 1.234),
        (rows("@,234;#", "a;target"), 1.234, ".", 1234),
        (rows("@.234;#", "a;target"), 1.234, ",", 1234),
    ],
)
def test_a_number_that_may_be_two_is_warned_of(
    load: Load, text: str, expected: float, sign: str, otherwise: float
) -> None:
    loaded = load(text)
    assert values(loaded, "a", 1) == [expected]
    assert [f"If it means {otherwise}: --decimal '{sign}'" in warning for warning in loaded.warnings] == [True]
    asked = load(text, decimal=sign)
    assert values(asked, "a", 1) == [otherwise]
    assert asked.warnings == ()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("#.5,1,#", [0.5, 1.5]),
        ("0.123,1,#", [0.123, 0.123]),
        ("1e#,1,#", [1.0, 10.0]),
        ('#,"1,2,3",#', [0, 1]),
    ],
)
def test_plain_numbers_are_pandas_own(load: Load, line: str, expected: list[float]) -> None:
    loaded = load(rows(line, "a,b,target"))
    assert values(loaded, "a") == expected
    assert (loaded.notices, loaded.warnings) == ((), ())


def test_codes_with_commas_are_no_numbers(load: Load) -> None:
    loaded = load(rows('"1,2,#",#', "a,target"))
    assert kind_of(loaded.table["a"]) == "text"


@pytest.mark.parametrize("flags", [{}, {"decimal": "."}])
def test_numbers_under_two_signs_stay_text_and_are_told(load: Load, flags: dict[str, str]) -> None:
    text = rows("#.5;#", "a;target").replace("3.5", "3,5")
    loaded = load(text, **flags)
    assert kind_of(loaded.table["a"]) == "text"
    assert [warning.startswith("'a' is read as text: no one decimal sign fits") for warning in loaded.warnings] == [
        True
    ]


@pytest.mark.parametrize(
    ("encoding", "flags", "read_as"),
    [
        ("utf-8", {}, "utf-8"),
        ("utf-8-sig", {}, "utf-8-sig"),
        ("utf-16", {}, "utf-16"),
        ("utf-32", {}, "utf-32"),
        ("cp1252", {}, "cp1252"),
        ("latin-1", {}, "cp1252"),
        ("mac-roman", {"encoding": "mac-roman"}, "mac-roman"),
        ("utf-16-le", {"encoding": "utf-16-le"}, "utf-16-le"),
    ],
)
def test_a_text_is_read_in_its_encoding(load: Load, encoding: str, flags: dict[str, str], read_as: str) -> None:
    loaded = load(rows("#;Köln;#", "größe;b;target").encode(encoding), **flags)
    assert list(loaded.table) == ["größe", "b", "target"]
    assert values(loaded, "b", 1) == ["Köln"]
    assert loaded.format is not None
    assert loaded.format.encoding == read_as
    # A guess is told.
    assert [notice for notice in loaded.notices if "is not UTF-8 and is read as" in notice] == [
        notice for notice in loaded.notices if read_as == "cp1252"
    ]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark_is_recognised(load: Load, encoding: str) -> None:
    assert values(load(rows("#;x;#", "a;b;target").encode(encoding)), "target") == [0, 1]


@pytest.mark.parametrize(
    ("encoding", "words"),
    [
        ("utf-8", "cannot be read as utf-8"),
        ("utf-99", "is no encoding of text"),
        ("undefined", "is no encoding of text"),
    ],
)
def test_a_wrong_encoding_is_refused(load: Load, encoding: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        load(rows("#;Köln;#", "a;b;target").encode("cp1252"), encoding=encoding)


def test_any_byte_is_a_letter_in_the_end(load: Load) -> None:
    assert values(load(rows("#;x;#", "a;b;target").encode() + b"7;\x81;7\n"), "target") == [0, 1]


def test_a_field_may_be_long(load: Load) -> None:
    assert values(load(rows("#;x;#", "a;b;target").replace("x", "x" * 200_000)), "target") == [0, 1]


def test_a_compressed_table_is_unpacked(load: Load) -> None:
    packed = gzip.compress(rows("#,#", "a,target").encode())
    assert values(load(packed, name="data.csv.gz"), "target") == [0, 1]
    assert values(load(rows("#\t#", "a\ttarget"), name="data.tsv"), "target") == [0, 1]
    with pytest.raises(InputError, match=r"data\.csv\.gz cannot be unpacked"):
        load(packed[:30], name="data.csv.gz")


@pytest.mark.parametrize(
    ("content", "words", "remedy"),
    [
        (b"PK\x03\x04\x14\x00", "it is a ZIP archive or a spreadsheet", "save the spreadsheet as CSV"),
        (b"PAR1\x15\x04", "it is a Parquet file", "end in .parquet"),
        (gzip.compress(b"a,target\n", mtime=0), "it is compressed by gzip", "end in .csv.gz"),
        (b"\n<!DOCTYPE html><html>", "it is a web page", "download the table itself"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "is a pointer of Git LFS", "git lfs pull"),
    ],
)
def test_a_file_that_is_no_text_table_is_named(load: Load, content: bytes, words: str, remedy: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        load(content)
    assert caught.match(remedy)


@pytest.mark.parametrize(
    "word", ["?", " ? ", "NA", "n/a", "-", "--", ".", "unknown", "Missing", "#N/A", "#DIV/0!", "NaT"]
)
@pytest.mark.parametrize(
    ("line", "kind"), [("@.5", "number"), ('"@,5"', "number"), ("2011-01-1#", "time"), ("True", "boolean")]
)
def test_words_for_missing_are_recognised_among_other_values(load: Load, word: str, line: str, kind: str) -> None:
    text = rows(f"{line};#", "a;target", 9) + "".join(f"{word};{row}\n" for row in range(20, 23))
    loaded = load(text)
    assert kind_of(loaded.table["a"]) == kind
    assert loaded.table["a"].isna().sum() == 3
    assert f"Read as missing: '{word.strip()}' in 'a' (3 of 12 rows)." in loaded.notices


def test_a_word_among_texts_is_a_text_like_any_other(load: Load) -> None:
    loaded = load(rows("x,#", "a,target") + "?,20\nunknown,21\n")
    assert loaded.table["a"].isna().sum() == 0
    assert loaded.notices == ()


def test_what_pandas_itself_takes_for_missing_is_told_as_well(load: Load) -> None:
    loaded = load(rows("x,#", "garage,target") + "NA,20\nNA,21\n")
    assert loaded.notices == ("Read as missing: 'NA' in 'garage' (2 of 22 rows).",)


def test_words_for_missing_can_be_asked_for(load: Load) -> None:
    text = rows("#;x;#", "a;b;target") + "-999;none given;20\n-999,0;none given;21\n"
    loaded = load(text, missing=("-999", "none given"))
    assert loaded.table["a"].isna().sum() == loaded.table["b"].isna().sum() == 2


def test_a_column_that_is_mostly_numbers_is_warned_of(load: Load) -> None:
    text = rows("#,#", "power,target") + "low,20\nhigh,21\nlow,22\n"
    loaded = load(text)
    assert kind_of(loaded.table["power"]) == "text"
    (warning,) = loaded.warnings
    assert warning.startswith("'power' is read as text: 20 of 23 values are numbers, the others are 'low', 'high'.")
    assert warning.endswith("--missing 'low'.")
    assert kind_of(load(text, missing=("low", "high")).table["power"]) == "number"


def test_a_target_with_a_word_is_refused_with_the_word(load: Load) -> None:
    with pytest.raises(InputError, match=r"'target' of .* is not numeric: it holds 'high' in 1 of 21 rows"):
        load(rows("#,#", "a,target") + "1,high\n")
    with pytest.raises(InputError, match=r"'target' of .* is missing in 1 of 21 rows, first in row 21"):
        load(rows("#,#", "a,target") + "1,?\n")


@pytest.mark.parametrize(
    ("header", "line"), [("a;target;;", "#;@;;"), ("a;target", "#;@;"), ("a;target;", "#;@"), ("a;target;;", "#;@")]
)
def test_empty_fields_at_the_ends_of_lines_are_left_out(load: Load, header: str, line: str) -> None:
    loaded = load(rows(line, header) + ";;;\n;;;\n\n")
    assert list(loaded.table) == ["a", "target"]
    assert len(loaded.table) == 20
    assert "Left out, for they hold no value: 2 of 22 rows." in loaded.notices
    assert any("neither a name nor a value: column 3" in notice for notice in loaded.notices)


def test_rows_of_another_length_are_told_or_refused(load: Load) -> None:
    text = rows("#,#,#", "a,target,b")
    assert load(text + "1,2\n").warnings == (
        "1 of 21 rows have fewer fields than the header, first row 21: what they lack is read as missing.",
    )
    with pytest.raises(InputError, match=r"1 of 21 rows have more fields than the header's 3.* the first is row 21"):
        load(text + "1,2,3,4\n")


@pytest.mark.parametrize("flag", [{"separator": ";"}, {"decimal": ","}, {"encoding": "utf-8"}, {"missing": ("?",)}])
def test_flags_for_texts_are_refused_for_other_tables(flag: dict[str, object]) -> None:
    with pytest.raises(InputError, match="sklearn:diabetes is no text table"):
        loading.load("sklearn:diabetes", target="target", dialect=delimited.Dialect(**flag))  # type: ignore[arg-type]


def test_the_report_says_how_the_table_was_read(load: Load) -> None:
    loaded = load(rows("#,5;?;#", "a;b;target").replace("3,5;?", "3,5;7"))
    report = loading.describe(loaded, target="target", table_sha256="0")
    assert report.format == delimited.Format(encoding="utf-8", separator=";", decimal=",")
    assert report.notices == loaded.notices
    assert len(report.notices) == 2
