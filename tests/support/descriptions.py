"""Hostile values, and descriptions that have each of them in each of their fields."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from support import mlstore

GOOD, EXPERIMENT = "a" * 32, "123456789012345678"

VALUES = (
    "[1]", "{a: [b]}", "[]", "!!bool x", "!!int ''", "!!timestamp x", "!!binary aGk=", "!!set {x}", "!!python/name:os",
    "&a [*a]", "*b", "[" * 70, "9" * 5000, "9223372036854775808", "-9223372036854775807", "9223372036854775807",
    "0x" + "f" * 99, "1:30", ".nan", "-.inf", "1.0e+999", "1.5", "true", "~", "''", '"\\0"', '"\\ud800"',
    '"a\\nb\\e[31m"', "2020-13-45", "text", "deleted", "../../x", "'::error::x'",
)  # fmt: skip

META = {
    "run": (
        "artifact_uri", "deleted_time", "end_time", "experiment_id", "lifecycle_stage", "run_id", "run_name",
        "start_time", "status", "tags", "user_id", "source_run_id",
    ),
    "model": (
        "artifact_location", "creation_timestamp", "experiment_id", "last_updated_timestamp", "lifecycle_stage",
        "model_id", "model_type", "name", "source_run_id", "status", "status_message",
    ),
    "trace": (
        "client_request_id", "execution_duration_ms", "request_preview", "request_time", "state", "tags", "trace_id",
        "trace_location", "trace_metadata",
    ),
    "experiment": (
        "artifact_location", "creation_time", "experiment_id", "last_update_time", "lifecycle_stage", "name",
    ),
    "registered": ("aliases", "creation_timestamp", "description", "last_updated_timestamp", "name"),
    "version": (
        "creation_timestamp", "current_stage", "description", "last_updated_timestamp", "model_id", "name", "run_id",
        "source", "status", "storage_location", "user_id", "version",
    ),
}  # fmt: skip

PLACES = {
    "run": "mlruns/" + EXPERIMENT + "/{id}/meta.yaml",
    "model": "mlruns/" + EXPERIMENT + "/models/m-{id}/meta.yaml",
    "trace": "mlruns/" + EXPERIMENT + "/traces/tr-{id}/trace_info.yaml",
    "experiment": "mlruns/{number}/meta.yaml",
    "registered": "mlruns/models/m{number}/meta.yaml",
    "version": "mlruns/models/wine/version-{count}/meta.yaml",
}

DEFAULTS = {
    "run": {"run_id": "{id}", "experiment_id": f"'{EXPERIMENT}'", "status": "3", "start_time": "1", "end_time": "2"},
    "model": {"model_id": "m-{id}", "experiment_id": f"'{EXPERIMENT}'", "name": "model", "status": "2"},
    "trace": {"trace_id": "tr-{id}", "state": "OK"},
    "experiment": {"experiment_id": "'{number}'", "name": "e{number}"},
    "registered": {"name": "m{number}"},
    "version": {"name": "wine", "version": "{count}", "creation_timestamp": "{count}"},
}


def descriptions() -> Iterator[tuple[str, str]]:
    """Yield each hostile description: its path below the root, and its text."""
    count = 0
    for kind, fields in META.items():
        for field in fields:
            for value in VALUES:
                count += 1
                digest = hashlib.sha256(f"{kind} {field} {value}".encode()).hexdigest()
                named = {"id": digest[:32], "number": int(digest[:14], 16), "count": count}
                lines = {key: text.format(**named) for key, text in DEFAULTS[kind].items()} | {field: value}
                yield PLACES[kind].format(**named), "".join(f"{key}: {text}\n" for key, text in lines.items())


def plant(root: Path) -> None:
    """Write a good run and all the hostile descriptions."""
    mlstore.write_run(root / "mlruns", run_id=GOOD, experiment_id=EXPERIMENT)
    mlstore.put(root / "mlruns/models/wine/meta.yaml", b"name: wine\n")
    for path, text in descriptions():
        mlstore.put(root / path, text.encode())
    for path in [
        path for path, _ in descriptions() if path.startswith(f"mlruns/{EXPERIMENT}/") and path.count("/") == 3
    ]:
        mlstore.put(root / Path(path).with_name("metrics") / "val_rmse", b"1 0.5 0\n")
