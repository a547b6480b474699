"""YAML and JSON in the one form in which this project reads and writes them; pure.

What is read may be anybody's. It is bounded in bytes, depth and number of values, and becomes plain values alone: text,
finite numbers of 64 bits, booleans, nothing, lists, and mappings whose keys are text.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NoReturn

import yaml

LARGEST = 4 * 1024 * 1024
"""Bytes of a document; the largest that MLflow writes is an `MLmodel` with thousands of columns."""

DEEPEST = 64
"""Collections inside each other."""

MOST = 100_000
"""Values of a YAML document, those that aliases repeat counted each time."""


def dump_yaml(values: Mapping[str, object]) -> bytes:
    """YAML as MLflow's file store writes it: block style, sorted keys, Unicode as it is."""
    return yaml.safe_dump(dict(values), default_flow_style=False, allow_unicode=True).encode()


def load_yaml(data: bytes) -> dict[str, object]:
    """Read the mapping that a `meta.yaml` holds.

    Numbers that do not fit into 64 bits or are not finite, and what YAML 1.1 takes for dates or for numbers of another
    base than ten, stay text.

    Raises:
        ValueError: it is no YAML, no mapping, beyond a limit, or has tags of types.
    """
    _refuse_large(data)
    # libyaml compares each of these directives with all before it.
    if _TAG_DIRECTIVE.search(data):
        raise ValueError("not plain YAML: it declares tags")
    try:
        loaded = _document(data)
        _refuse_surrogates(loaded, data)
    except (yaml.YAMLError, UnicodeError) as error:
        raise ValueError(f"not valid YAML: {_problem(error)}") from error
    if not isinstance(loaded, dict):
        raise ValueError("not a YAML mapping")  # noqa: TRY004 - the file's content is wrong, not a caller's type
    return loaded


def readable_yaml(data: bytes) -> dict[str, object]:
    """The mapping that a file holds; empty where it holds none that can be read."""
    try:
        return load_yaml(data)
    except ValueError:
        return {}


def load_json(data: str | bytes, *, largest: int = LARGEST) -> object:
    """Read a JSON document.

    Args:
        data: the document.
        largest: how long it may be.

    Raises:
        ValueError: it is no JSON, beyond a limit, or has a number or a text that cannot be written again.
    """
    _refuse_large(data, largest)
    try:
        loaded = json.loads(data, parse_constant=_no_number, parse_float=_finite, parse_int=_whole)
        _refuse_surrogates(loaded, data if isinstance(data, bytes) else data.encode(errors="replace"))
    except RecursionError:
        raise ValueError(f"not plain JSON: more than {DEEPEST} levels") from None
    except UnicodeError as error:
        raise ValueError("not plain JSON: it holds what is no text") from error
    if _is_deep(loaded):
        raise ValueError(f"not plain JSON: more than {DEEPEST} levels")
    return loaded


def json_bytes(values: Mapping[str, object]) -> bytes:
    """JSON as this project writes it to files: two spaces, Unicode as it is, no NaN, a line break at the end."""
    text = json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False)
    return f"{text}\n".encode(errors="replace")


def finite(value: float) -> float | str:
    """A number that JSON can hold; NaN and infinities become their names."""
    return value if abs(value) < float("inf") else str(value)


def iso(milliseconds: int | None) -> str | None:
    """A time of MLflow's as ISO 8601 in UTC; `None` for one that no calendar holds."""
    if milliseconds is None:
        return None
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")
    except (OverflowError, OSError, ValueError):
        return None


_TAG_DIRECTIVE = re.compile(rb"(?m)^%TAG")

_SURROGATE = re.compile(rb"\\[uU](?:0000)?[dD][89a-fA-F]")

_MERGED = object()
"""The key `<<` without quotes."""


def _refuse_large(data: str | bytes, largest: int = LARGEST) -> None:
    if len(data) > largest:
        raise ValueError(f"larger than {largest / 1024 / 1024:.0f} MiB")


def _refuse_surrogates(loaded: object, data: bytes) -> None:
    """Raise UnicodeEncodeError where a text holds half of a surrogate pair, which no file can hold."""
    if _SURROGATE.search(data):
        json.dumps(loaded, ensure_ascii=False).encode()


def _problem(error: Exception) -> str:
    """Say what a parser complains of, without a text of the document."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        return f"{error.problem} in line {error.problem_mark.line + 1}"[:100]
    return "it holds what is no text"


@dataclass(slots=True)
class _Collection:
    """A list or a mapping that has begun; of a mapping, keys and values take turns in `items`."""

    is_mapping: bool
    anchor: str | None = None
    begins: int = 0
    items: list[object] = field(default_factory=list)

    @property
    def wants_key(self) -> bool:
        return self.is_mapping and len(self.items) % 2 == 0

    def value(self) -> object:
        """Give the whole list or mapping; what `<<` names in a mapping stands behind its own keys."""
        if not self.is_mapping:
            return self.items
        own = dict(zip(self.items[::2], self.items[1::2], strict=True))
        if _MERGED not in own:
            return own
        named = own.pop(_MERGED)
        merged: dict[object, object] = {}
        for mapping in reversed(named if isinstance(named, list) else [named]):
            merged |= mapping if isinstance(mapping, dict) else {}
        return merged | own


def _document(data: bytes) -> object:
    """Build the one document of a file from the parser's events; `None` if there is none.

    However deep it is, nothing calls itself. One loop, for it is passed for every line of every description.
    """
    outer: list[_Collection] = []
    current = _Collection(is_mapping=False)
    anchors: dict[str, tuple[object, int]] = {}
    count = 0
    for event in _events(data):
        kind = type(event)
        if kind is yaml.ScalarEvent:
            if event.tag is not None:
                _refuse(event, "the tag of a type")
            value = _scalar(event.value, is_plain=event.implicit[0], is_key=current.wants_key)
            size, anchor = 1, event.anchor
        elif kind in _BEGINNINGS:
            _refuse_beginning(event, current, len(outer))
            outer.append(current)
            current = _Collection(is_mapping=kind is yaml.MappingStartEvent, anchor=event.anchor, begins=count)
            continue
        elif kind in _ENDS:
            value, size, anchor = current.value(), count - current.begins + 1, current.anchor
            count, current = current.begins, outer.pop()
        elif kind is yaml.AliasEvent:
            (value, size), anchor = _aliased(event, current, anchors), None
        else:
            if kind is yaml.DocumentStartEvent and current.items:
                _refuse(event, "a second document")
            continue
        count += size
        if count > MOST:
            _refuse(event, f"more than {MOST} values")
        current.items.append(value)
        if anchor:
            anchors[anchor] = value, size
    return next(iter(current.items), None)


_BEGINNINGS = frozenset({yaml.MappingStartEvent, yaml.SequenceStartEvent})

_ENDS = frozenset({yaml.MappingEndEvent, yaml.SequenceEndEvent})


def _events(data: bytes) -> Iterator[Any]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(data)
    try:
        while (event := loader.get_event()) is not None:
            yield event
    finally:
        loader.dispose()


def _refuse_beginning(event: Any, outer: _Collection, depth: int) -> None:
    if event.tag is not None:
        _refuse(event, "the tag of a type")
    if outer.wants_key:
        _refuse(event, "a key that is no text")
    if depth >= DEEPEST:
        _refuse(event, f"more than {DEEPEST} levels")


def _aliased(event: Any, outer: _Collection, anchors: Mapping[str, tuple[object, int]]) -> tuple[object, int]:
    """Give what an alias names, and how many values that is."""
    value, size = anchors.get(event.anchor, (None, 0))
    if not size or (outer.wants_key and not isinstance(value, str)):
        _refuse(event, "an alias of nothing")
    return value, size


def _refuse(event: Any, what: str) -> NoReturn:
    raise ValueError(f"not plain YAML: {what} in line {event.start_mark.line + 1}")


_WORDS = (
    dict.fromkeys(("", "~", "null", "Null", "NULL"))
    | dict.fromkeys(("yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True)
    | dict.fromkeys(("no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False)
)
"""What an unquoted text of YAML 1.1 says; as PyYAML has it."""

_WHOLE = re.compile(r"[-+]?(?:0|[1-9][0-9_]{0,30})")

_FRACTION = re.compile(r"[-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+][0-9]+)?")

_LARGEST_NUMBER = 2**63 - 1

_MOST_DIGITS = 20


def _scalar(text: str, *, is_plain: bool, is_key: bool) -> object:
    if not is_plain:
        return text
    if is_key:
        return _MERGED if text == "<<" else text
    return _plain(text)


def _plain(text: str) -> object:
    """Give what an unquoted text of YAML stands for."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-.0123456789":
        return text
    if _WHOLE.fullmatch(text):
        number = int(text.replace("_", ""))
        return number if abs(number) <= _LARGEST_NUMBER else text
    if _FRACTION.fullmatch(text):
        fraction = float(text.replace("_", ""))
        return fraction if math.isfinite(fraction) else text
    return text


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _no_number(text)


def _whole(text: str) -> int:
    number = int(text) if len(text) <= _MOST_DIGITS else _LARGEST_NUMBER + 1
    return number if abs(number) <= _LARGEST_NUMBER else _no_number(text)


def _no_number(_text: str) -> NoReturn:
    raise ValueError("not plain JSON: it holds a number that 64 bits do not hold")


def _is_deep(value: object) -> bool:
    level = [value]
    for _ in range(DEEPEST + 1):
        level = [
            inner
            for each in level
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return False
    return True
