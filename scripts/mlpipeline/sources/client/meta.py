"""Turn what MLflow's client returns into what its file store would have written; pure.

Shapes as in `mlflow/store/tracking/file_store.py` and `mlflow/store/model_registry/file_store.py` of MLflow 3.17.
"""

import re
from collections.abc import Mapping
from typing import Any

import yaml

from mlpipeline.core.documents import dump_yaml
from mlpipeline.core.records import Kind, Record
from mlpipeline.sources import shapes

Entity = Any
"""An object of MLflow's client; MLflow is imported late, so its types are not at hand."""

SPANS_TAG = "mlflow.trace.spansLocation"
"""The tag of a trace that says who holds its spans."""


def run_meta(info: Entity) -> dict[str, object]:
    """Describe a run as `meta.yaml` does."""
    return shapes.run_meta(
        run_id=info.run_id,
        run_name=info.run_name,
        experiment_id=info.experiment_id,
        artifact_uri=info.artifact_uri,
        status=info.status,
        lifecycle_stage=info.lifecycle_stage,
        start_time=info.start_time,
        end_time=info.end_time,
        user_id=info.user_id,
    )


def logged_model_meta(model: Entity) -> dict[str, object]:
    """Describe a logged model as `meta.yaml` does."""
    meta = {key: value for key, value in model.to_dictionary().items() if key not in ("tags", "params", "metrics")}
    return without_blanks(meta, "status_message", "model_type", "source_run_id")


def trace_meta(info: Entity) -> dict[str, object]:
    """Describe a trace as `trace_info.yaml` does."""
    return {key: value for key, value in info.to_dict().items() if key not in ("tags", "trace_metadata", "assessments")}


def trace_files(info: Entity) -> tuple[dict[str, bytes], list[str]]:
    """Give a trace's tags, metadata and assessments.

    Returns:
        Files by path; and the names of assessments whose value has no form that a file store can hold.
    """
    # To a file store spans are an artifact; the tag would have MLflow look for them in a database.
    files = tag_files({key: value for key, value in info.tags.items() if key != SPANS_TAG})
    files |= {f"request_metadata/{key}": encoded(value) for key, value in info.trace_metadata.items()}
    refused: list[str] = []
    for assessment in info.assessments or ():
        try:
            document = dump_yaml({"valid": True, **assessment.to_dictionary()})
        except yaml.YAMLError:
            refused.append(assessment.name)
        else:
            files[f"assessments/{assessment.assessment_id}.yaml"] = document
    return files, refused


def registered_model_meta(model: Entity) -> dict[str, object]:
    """Describe a registered model as `meta.yaml` does."""
    return shapes.registered_model_meta(
        name=model.name,
        aliases=model.aliases,
        description=model.description or None,
        creation_timestamp=model.creation_timestamp,
        last_updated_timestamp=model.last_updated_timestamp,
        workspace=getattr(model, "workspace", "default"),
    )


def version_meta(version: Entity, *, storage_location: str) -> dict[str, object]:
    """A model version's `meta.yaml`."""
    return {
        "creation_timestamp": version.creation_timestamp,
        "current_stage": version.current_stage,
        "deployment_job_state": None,
        "description": version.description or None,
        "last_updated_timestamp": version.last_updated_timestamp,
        "model_id": model_id_of(version) or None,
        "name": version.name,
        "run_id": version.run_id or None,
        "run_link": version.run_link or None,
        "source": version.source,
        "status": version.status,
        "status_message": version.status_message or None,
        "storage_location": storage_location,
        "user_id": version.user_id or None,
        "version": int(version.version),
        "workspace": getattr(version, "workspace", "default"),
    }


def metric_line(metric: Entity, *, run_id: str = "") -> bytes:
    """A line of `metrics/<name>`: of a run, or with `run_id` of a logged model."""
    fields = [metric.timestamp, shapes.metric_value(metric.value), metric.step, run_id]
    if metric.dataset_name and metric.dataset_digest:
        fields += [metric.dataset_name, metric.dataset_digest]
    return " ".join(str(field) for field in fields if field != "").encode() + b"\n"


def record_id_of(kind: Kind, entity: Entity) -> str:
    """Give the id of a run, a logged model or a trace."""
    if kind is Kind.LOGGED_MODEL:
        return str(entity.model_id)
    return str(entity.info.run_id if kind is Kind.RUN else entity.info.trace_id)


def model_id_of(version: Entity) -> str:
    """The logged model that a version was made of; databases keep it in the source alone."""
    source = re.fullmatch(r"models:/(m-\w+)", version.source or "")
    return str(getattr(version, "model_id", None) or (source[1] if source else ""))


def tag_files(tags: Mapping[str, object]) -> dict[str, bytes]:
    """Give the files that hold some tags."""
    return {f"tags/{key}": encoded(value) for key, value in tags.items()}


def encoded(value: object) -> bytes:
    """Encode a value of a param or tag as a file holds it."""
    return ("" if value is None else str(value)).encode()


def is_plain(value: object) -> bool:
    """Whether YAML holds a value as it is."""
    return value is None or isinstance(value, (str, int, float))


def without_blanks(values: Mapping[str, object], *keys: str) -> dict[str, object]:
    """`values` with `None` for an empty text: between client and server the two are the same."""
    return {key: (value or None) if key in keys else value for key, value in values.items()}


def listed_record(kind: Kind, entity: Entity, experiment: str) -> Record:
    """Give what a listing tells of a record: its description and its tags, of a trace all but its spans."""
    match kind:
        case Kind.RUN:
            meta, files = run_meta(entity.info), tag_files(entity.data.tags)
        case Kind.LOGGED_MODEL:
            meta, files = logged_model_meta(entity), tag_files(entity.tags)
        case Kind.TRACE:
            meta, files = trace_meta(entity.info), trace_files(entity.info)[0]
    return Record(kind=kind, id=record_id_of(kind, entity), experiment=experiment, meta=meta, files=files)
