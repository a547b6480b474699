"""YAML and JSON in the one form in which this project reads and writes them; pure."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime

import yaml


def dump_yaml(values: Mapping[str, object]) -> bytes:
    """YAML as MLflow's file store writes it: block style, sorted keys, Unicode as it is."""
    return yaml.safe_dump(dict(values), default_flow_style=False, allow_unicode=True).encode()


def load_yaml(data: bytes) -> dict[str, object]:
    """The mapping that a `meta.yaml` holds.

    Raises:
        ValueError: it is not YAML, or no mapping.
    """
    try:
        loaded = yaml.load(data, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"not valid YAML: {str(error).splitlines()[0]}") from error
    if not isinstance(loaded, dict):
        raise ValueError("not a YAML mapping")  # noqa: TRY004 - the file's content is wrong, not a caller's type
    return {str(key): value for key, value in loaded.items()}


def readable_yaml(data: bytes) -> dict[str, object]:
    """The mapping that a file holds; empty where it holds none that can be read."""
    try:
        return load_yaml(data)
    except ValueError:
        return {}


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
