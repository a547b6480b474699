"""Writes runs the way MLflow 3.17's file store does, without MLflow."""

import itertools
import uuid
from collections.abc import Mapping
from pathlib import Path

import yaml

_clock = itertools.count(1_750_000_000_000, 1000)

Points = list[tuple[int, float | str, int]]
"""Time in milliseconds, value, step."""


def write_yaml(path: Path, values: Mapping[str, object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(dict(values)), encoding="utf-8")


def write_experiment(store: Path, name: str, experiment_id: str) -> Path:
    folder = store / experiment_id
    if not (folder / "meta.yaml").exists():
        now = next(_clock)
        write_yaml(
            folder / "meta.yaml",
            {
                "artifact_location": folder.as_uri(),
                "creation_time": now,
                "experiment_id": experiment_id,
                "last_update_time": now,
                "lifecycle_stage": "active",
                "name": name,
            },
        )
    return folder


def write_run(
    store: Path,
    *,
    run_id: str = "",
    experiment: str = "demo",
    experiment_id: str = "123456789012345678",
    value: float | str | Points | None = 1.0,
    metric: str = "val_rmse",
    model: bytes | None = b"model",
    model_type: str | None = "ridge",
    status: int = 3,
    lifecycle: str = "active",
    start: int | None = None,
    end: int | None = None,
    params: Mapping[str, str] | None = None,
    tags: Mapping[str, str] | None = None,
    artifacts: Mapping[str, bytes] | None = None,
) -> str:
    """Write one run, with a logged model that holds `model` as its `model.pkl`; returns the run's id."""
    store = store.absolute()
    run_id = run_id or uuid.uuid4().hex
    folder = write_experiment(store, experiment, experiment_id) / run_id
    start = next(_clock) if start is None else start
    running = status in (1, 2)
    write_yaml(
        folder / "meta.yaml",
        {
            "artifact_uri": (folder / "artifacts").as_uri(),
            "end_time": None if running else (next(_clock) if end is None else end),
            "experiment_id": experiment_id,
            "lifecycle_stage": lifecycle,
            "run_id": run_id,
            "run_name": f"run-{run_id[:4]}",
            "start_time": start,
            "status": status,
            "user_id": "somebody",
        },
    )
    for name in ("metrics", "params", "tags", "artifacts"):
        (folder / name).mkdir(exist_ok=True)
    if value is not None:
        points = value if isinstance(value, list) else [(start, value, 0)]
        write_metric(folder / "metrics" / metric, points)
    for name, text in (params or {}).items():
        put(folder / "params" / name, text.encode())
    described = {} if model_type is None else {"model_type": model_type}
    for name, text in {**described, **(tags or {})}.items():
        put(folder / "tags" / name, text.encode())
    for name, data in (artifacts or {}).items():
        put(folder / "artifacts" / name, data)
    if model is not None:
        write_model(store, run_id=run_id, experiment_id=experiment_id, model=model, created=start)
    return run_id


def delete_run(store: Path, run_id: str) -> None:
    """Mark a run as deleted, which is all that MLflow does."""
    (meta,) = store.glob(f"*/{run_id}/meta.yaml")
    write_yaml(meta, {**yaml.safe_load(meta.read_text(encoding="utf-8")), "lifecycle_stage": "deleted"})


def write_model(store: Path, *, run_id: str, experiment_id: str, model: bytes, created: int) -> str:
    """Write a logged model of a run; returns its id."""
    model_id = f"m-{uuid.uuid5(uuid.NAMESPACE_OID, run_id).hex}"
    folder = store / experiment_id / "models" / model_id
    location = (folder / "artifacts").as_uri()
    write_yaml(
        folder / "meta.yaml",
        {
            "artifact_location": location,
            "creation_timestamp": created,
            "experiment_id": experiment_id,
            "last_updated_timestamp": created,
            "model_id": model_id,
            "model_type": None,
            "name": "model",
            "source_run_id": run_id,
            "status": 2,
            "status_message": None,
        },
    )
    write_yaml(
        folder / "artifacts" / "MLmodel",
        {
            "artifact_path": location,
            "flavors": {"sklearn": {"pickled_model": "model.pkl"}},
            "model_id": model_id,
            "run_id": run_id,
        },
    )
    put(folder / "artifacts" / "model.pkl", model)
    write_yaml(
        store / experiment_id / run_id / "outputs" / model_id / "meta.yaml",
        {
            "destination_id": model_id,
            "destination_type": "MODEL_OUTPUT",
            "source_id": model_id,
            "source_type": "RUN_OUTPUT",
            "step": 0,
            "tags": {},
        },
    )
    return model_id


def write_metric(path: Path, points: Points) -> None:
    put(path, "".join(f"{time} {value} {step}\n" for time, value, step in points).encode())


def put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
