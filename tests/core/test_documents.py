"""YAML and JSON as they are read and written."""

import json
from contextlib import suppress

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mlpipeline.core import documents
from mlpipeline.core.documents import DEEPEST, LARGEST, MOST, dump_yaml, load_json, load_yaml, readable_yaml

LAUGHS = b"a0: &a0 [x]\n" + b"".join(
    b"a%d: &a%d [%s]\n" % (level, level, b",".join([b"*a%d" % (level - 1)] * 10)) for level in range(1, 12)
)

REFUSED = {
    "a list": (b"- a\n", "not a YAML mapping"),
    "nothing": (b"", "not a YAML mapping"),
    "no YAML": (b"{", "not valid YAML: .* in line [12]$"),
    "no text": (b"\xff\xfe", "not valid YAML|not a YAML mapping"),
    "raw NUL": (b"a: \0", "not valid YAML"),
    "half a character": (rb'a: "\ud800"', "not valid YAML"),
    "a Python object": (b"!!python/object/apply:os.system ['true']", "tag of a type in line 1"),
    "bool": (b"a: 1\nb: !!bool x", "tag of a type in line 2"),
    "int": (b"a: !!int ''", "tag of a type"),
    "timestamp": (b"a: !!timestamp x", "tag of a type"),
    "binary": (b"a: !!binary aGk=", "tag of a type"),
    "set": (b"a: !!set {x}", "tag of a type"),
    "own tag": (b"a: !x {x: 1}", "tag of a type"),
    "no tag": (b"a: ! x", "tag of a type"),
    "declared tags": (b"%TAG ! x\n" * 9 + b"---\na: 1", "declares tags"),
    "a key that is a list": (b"? [a]\n: b", "key that is no text"),
    "a key that is a list's alias": (b"a: &a [1]\n*a : 2", "alias of nothing"),
    "an alias of itself": (b"a: &a [*a]", "alias of nothing"),
    "an alias of nothing": (b"a: *b", "alias of nothing"),
    "aliases of aliases": (LAUGHS, "more than 100000 values"),
    "deep flow": (b"a: " + b"[" * LARGEST, "larger than 4 MiB"),
    "deep list": (b"a: " + b"[" * 100_000, "more than 64 levels"),
    "deep mapping": (b"a: " + b"{a: " * 100_000, "more than 64 levels"),
    "deep block": (b"- " * 100_000, "more than 64 levels"),
    "deep folded block": (b"".join(b" " * level + b"a:\n" for level in range(1400)), "more than 64 levels"),
    "many": (b"a: [" + b"1," * MOST + b"]", "more than 100000 values"),
    "large": (b"a" * (LARGEST + 1), "larger than 4 MiB"),
    "two": (b"a: 1\n---\nb: 1", "second document in line 2"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_plain_mapping_is_refused(name: str) -> None:
    data, reason = REFUSED[name]

    with pytest.raises(ValueError, match=reason) as error:
        load_yaml(data)

    assert len(str(error.value)) < 150
    assert str(error.value).isprintable()
    assert readable_yaml(data) == {}


@pytest.mark.parametrize("name", sorted(REFUSED.keys() - {"half a character", "many"}))
def test_it_is_also_without_libyaml(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(yaml, "CSafeLoader")

    with pytest.raises(ValueError, match=r"^(not (valid|plain) YAML|not a YAML mapping|larger)"):
        load_yaml(REFUSED[name][0])


def test_half_a_character_is_refused_without_libyaml(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(yaml, "CSafeLoader")

    with pytest.raises(ValueError, match="no text"):
        load_yaml(rb'a: "\ud800"')


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3), ("-3", -3), ("1_000", 1000), ("1.5", 1.5), ("1.5e+3", 1500.0), (".5", 0.5), ("~", None), ("", None),
        ("null", None), ("true", True), ("No", False), ("'3'", "3"), ("[]", []), ("{a: 1}", {"a": 1}), ("&x [1]", [1]),
        ("{1: 2}", {"1": 2}), ("{~: 2}", {"~": 2}),
        # What YAML 1.1 takes for a number or a time and no JSON, database or calendar holds.
        (".nan", ".nan"), ("-.inf", "-.inf"), ("1.0e+999", "1.0e+999"), ("9" * 5000, "9" * 5000),
        ("9223372036854775808", "9223372036854775808"), ("0x" + "f" * 999, "0x" + "f" * 999), ("0777", "0777"),
        ("1:30", "1:30"), ("2020-99-99", "2020-99-99"), ("2020-01-01", "2020-01-01"), ("=", "="), ("<<", "<<"),
    ],
)  # fmt: skip
def test_values_are_plain(text: str, value: object) -> None:
    assert load_yaml(f"a: {text}".encode()) == {"a": value}
    assert load_yaml(dump_yaml({"a": value})) == {"a": value}


@pytest.mark.parametrize("libyaml", [True, False])
def test_aliases_and_merges_are_followed_as_far_as_they_end(libyaml: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not libyaml:
        monkeypatch.delattr(yaml, "CSafeLoader")
    data = b"x: &x {outs: [a], cmd: x}\ny: &y {cmd: y, z: 1}\none: {<<: *x, cmd: z}\ntwo: {<<: [*x, *y]}\nthree: *x\n"

    assert load_yaml(data + b"<<: 5") == yaml.safe_load(data)
    assert load_yaml(b"'<<': {a: 1}") == {"<<": {"a": 1}}


names = st.text(st.characters(min_codepoint=32, max_codepoint=126))
texts = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=20)
numbers = st.integers(-(2**63) + 1, 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(names, values, max_size=4))
def test_what_is_written_is_read(written: dict[str, object]) -> None:
    assert load_yaml(dump_yaml(written)) == written
    assert load_json(json.dumps(written)) == written


@given(st.binary(max_size=200) | st.text("{}[]:,&*!|>'\"-?%#@`\n ab1.~<\\u", max_size=60).map(str.encode))
def test_nothing_else_is_raised(data: bytes) -> None:
    for load in (load_yaml, load_json):
        with suppress(ValueError):
            load(data)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"[" * 100_000, "more than 64 levels"),
        (b'{"a":' * 100_000, "more than 64 levels"),
        (b"[" * (DEEPEST + 2) + b"]" * (DEEPEST + 2), "more than 64 levels"),
        (b"[NaN]", "64 bits"),
        (b"[-Infinity]", "64 bits"),
        (b"1e999", "64 bits"),
        (b"9" * 5000, "64 bits"),
        (rb'{"\ud800": 1}', "no text"),
        (b"\xff", "no text"),
        (b"1" * (LARGEST + 1), "larger than 4 MiB"),
        (b"{", "line 1"),
    ],
)
def test_json_beyond_its_limits_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        load_json(data)


def test_json_is_plain() -> None:
    assert load_json(rb'{"a": [1, 1.5, null, true, "\ud83d\ude00"]}') == {"a": [1, 1.5, None, True, "\U0001f600"]}


@pytest.mark.parametrize("milliseconds", [10**30, -(10**30), 2**63])
def test_a_time_that_no_calendar_holds_is_none(milliseconds: int) -> None:
    assert documents.iso(milliseconds) is None
