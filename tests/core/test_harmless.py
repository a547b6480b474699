"""Text that a reader would obey is shown instead; everything else stays as it is."""

import json
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlpipeline.core import harmless

HOSTILE = {
    "a\x1b[31mred\x1b[0m": r"a\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07": r"\x1b]0;title\x07",
    "\x9b31m\x85": r"\x9b31m\x85",
    "100\b\b\b99": r"100\x08\x08\x0899",
    "nul \0": r"nul \x00",
    "\udc80\ud800": r"\udc80\ud800",
    "gpj.\u202egnp\u2066\u200f": r"gpj.\u202egnp\u2066\u200f",
    "pay\u200bpal\ufeff\u2060\xad": r"pay\u200bpal\ufeff\u2060\xad",
    "\u2028\u2029\v\f": r"\u2028\u2029\x0b\x0c",
    "\U000e0041\U000e0042": r"\U000e0041\U000e0042",
    "a\u200db\ufe0f": r"a\u200db\ufe0f",
    "half\rover": r"half\rover",
}

ORDINARY = [
    "Zoë Müller, naïve café",
    "e\u0301",
    "模型 🚀 モデル 모델",
    "👨\u200d👩\u200d👧 ❤\ufe0f 1\ufe0f\u20e3 👍🏽 🇳🇴",
    "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 \u0915\u094d\u200d\u0937",
    "\u05e9\u05dc\u05d5\u05dd",
    "葛\U000e0100飾",
    r"C:\models\new",
    "two\nlines\tand a tab",
    "std::vector, a::b",
    "issue ## [x], ##x",
]


@pytest.mark.parametrize(("text", "shown"), HOSTILE.items(), ids=ascii)
def test_what_is_invisible_or_obeyed_is_escaped(text: str, shown: str) -> None:
    assert harmless.visible(text) == shown


@pytest.mark.parametrize("text", ORDINARY, ids=ascii)
def test_ordinary_text_stays(text: str) -> None:
    assert harmless.log(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("::error::x", r"\x3a:error::x"),
        ("a\n  ::stop-commands::x", "a\n  \\x3a:stop-commands::x"),
        ("a\r\n\t::add-mask::x", "a\n\t\\x3a:add-mask::x"),
        ("a\r::set-output name=x::y", r"a\r::set-output name=x::y"),
        ("a\u2028::error::x", r"a\u2028::error::x"),
        ("\u3000\xa0::error::x", "\u3000\xa0\\x3a:error::x"),
        ("\u200b::error::x", r"\u200b::error::x"),
        ("\ufe0f::error::x", r"\ufe0f::error::x"),
        ("see ##[error]x", r"see \x23#[error]x"),
        ("###[group]", r"#\x23#[group]"),
        ("##vso[task.setvariable variable=x]y", r"\x23#vso[task.setvariable variable=x]y"),
        ("#\ufe0f#[error]x", r"#\ufe0f#[error]x"),
    ],
    ids=ascii,
)
def test_no_line_of_a_log_is_a_command(text: str, shown: str) -> None:
    assert harmless.log(text) == shown


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a|b", "a&#124;b"),
        ("<img src=x onerror=y>", "&#60;img src=x onerror=y&#62;"),
        ("[a](https://x.org) ![b](c)", "&#91;a&#93;(https&#58;//x.org) !&#91;b&#93;(c)"),
        ("`code` *b* ~c~ $d$ &lt; \\", "&#96;code&#96; &#42;b&#42; &#126;c&#126; &#36;d&#36; &#38;lt; &#92;"),
        ("_a_ val_rmse __b", "&#95;a&#95; val_rmse &#95;&#95;b"),
        ("@octocat @acme/team me@x.org", "@&#8203;octocat @&#8203;acme/team me@&#8203;x.org"),
        ("#1 o/r#2 GH-3 #", "#&#8203;1 o/r#&#8203;2 GH-&#8203;3 #"),
        ("www.x.org HTTP://x.org", "&#119;ww.x.org HTTP&#58;//x.org"),
        ("# a", "&#35; a"),
        ("- a", "&#45; a"),
        ("12. a", "12&#46; a"),
        ("1.5 - 2", "1.5 - 2"),
        ("a\n\n# b", "a # b"),
        ("\x1b[1m", "&#92;x1b&#91;1m"),
    ],
    ids=ascii,
)
def test_markdown_is_read_as_the_text_was_written(text: str, written: str) -> None:
    assert harmless.markdown(text) == written


def test_nothing_in_a_block_of_code_ends_it() -> None:
    assert harmless.code_block("a\n```\n<b>\x1b") == "````text\na\n```\n<b>\\x1b\n````"


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("ridge, alpha = [1]", "ridge, alpha = [1]"),
        ("/Users/me@example.org/houses", "/Users/me@example.org/houses"),
        ("x\nPromoted-run: y", "x Promoted-run: y"),
        ("x\r\n\r\nCo-authored-by: a <a@b.c>", "x Co-authored-by: a <a@b.c>"),
        ("a\0b\u202e", r"a\x00b\u202e"),
        ("[skip ci]", r"\x5bskip ci]"),
        ("[CI Skip] [no ci] [skip actions]", r"\x5bCI Skip] \x5bno ci] \x5bskip actions]"),
        ("***NO_CI***", r"\x2a**NO_CI***"),
        ("fixes #1, closes GH-2, o/r#3", r"fixes \x231, closes GH\x2d2, o/r\x233"),
        ("closes https://github.com/o/r/issues/1", r"closes https\x3a//github.com/o/r/issues/1"),
        ("@octocat", r"\x40octocat"),
        ("x" * 300, "x" * 197 + "..."),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_a_name_in_a_commit_message_does_nothing(name: str, written: str) -> None:
    assert harmless.commit_name(name) == written


TEXTS = st.text(
    st.sampled_from("a1:#[]@|<>`_*- \n\r\t\x0b\x1b\x85\x7f\0\u2028\u202e\u200b\u200d\ufe0f\u3000é👍\udc80")
    | st.characters()
)
RUNNER = re.compile(r"^\s*::|##\w*\[", re.MULTILINE)
"""What the runner, act, Azure and TeamCity take for the beginning of a command, and more."""


@given(TEXTS)
def test_any_text_is_harmless_in_a_log_and_stays_so(text: str) -> None:
    shown = harmless.log(text)
    controls = {sign for sign in shown if unicodedata.category(sign) in ("Cc", "Cs", "Zl", "Zp")}
    assert controls <= {"\n", "\t"}
    assert not RUNNER.search(shown)
    assert harmless.log(shown) == shown
    assert harmless.log(harmless.one_line(text)).count("\n") == 0


@given(TEXTS)
def test_any_json_is_harmless_in_a_log_and_means_the_same(text: str) -> None:
    written = harmless.json_text({"a": [text, {text: 1}]})
    assert harmless.log(written) == written
    assert json.loads(written) == {"a": [text, {text: 1}]}


@given(TEXTS)
def test_any_text_is_one_line_of_a_table_without_markup(text: str) -> None:
    written = re.sub(r"&#\d+;", "", harmless.markdown(text))
    assert not set(written) & set("\n\r|<>`[]*&\\")
    assert not re.search(r"[@#]\w|://", re.sub(r"&#\d+;", " ", harmless.markdown(text)))
