"""The tables of MLflow's SQL store that a history fills, as mlflow/store/*/dbmodels of MLflow 3.17 define them."""

from dataclasses import dataclass

from mlpipeline.ui_cache.entries import EntryKind


@dataclass(frozen=True, kw_only=True)
class CacheTable:
    """A table, or the part of one that entries of one sort fill.

    Attributes:
        name: its name.
        columns: the columns that are filled, in the order in which rows give them.
        owned: the SQL condition for the rows of the entry with the id `?1`.
    """

    name: str
    columns: tuple[str, ...]
    owned: str


def _table(name: str, columns: str, owner: str) -> CacheTable:
    return CacheTable(name=name, columns=tuple(columns.split()), owned=f"{owner} = ?1")


_VALUE = "key value timestamp step is_nan run_uuid"
_INPUTS = "input_uuid source_type source_id destination_type destination_id step"
_OF_RUN = (
    "((source_type IN ('RUN_INPUT', 'RUN_OUTPUT') AND source_id = ?1)"
    " OR (destination_type = 'RUN' AND destination_id = ?1))"
)
_TOKENS = "input_tokens output_tokens total_tokens"
_COSTS = "input_cost output_cost total_cost"

TABLES = {
    EntryKind.EXPERIMENT: (
        _table(
            "experiments",
            "experiment_id name artifact_location lifecycle_stage creation_time last_update_time",
            "experiment_id",
        ),
        _table("experiment_tags", "key value experiment_id", "experiment_id"),
        _table(
            "datasets",
            "dataset_uuid experiment_id name digest dataset_source_type dataset_source dataset_schema dataset_profile",
            "experiment_id",
        ),
    ),
    EntryKind.RUN: (
        _table(
            "runs",
            "run_uuid name user_id status start_time end_time deleted_time lifecycle_stage artifact_uri experiment_id",
            "run_uuid",
        ),
        _table("params", "key value run_uuid", "run_uuid"),
        _table("tags", "key value run_uuid", "run_uuid"),
        _table("metrics", _VALUE, "run_uuid"),
        _table("latest_metrics", _VALUE, "run_uuid"),
        # Before the inputs, by which they are found.
        CacheTable(
            name="input_tags",
            columns=("input_uuid", "name", "value"),
            owned=f"input_uuid IN (SELECT input_uuid FROM inputs WHERE {_OF_RUN})",  # noqa: S608 - of constants
        ),
        CacheTable(name="inputs", columns=tuple(_INPUTS.split()), owned=_OF_RUN),
    ),
    EntryKind.LOGGED_MODEL: (
        _table(
            "logged_models",
            "model_id experiment_id name artifact_location creation_timestamp_ms last_updated_timestamp_ms status"
            " lifecycle_stage model_type source_run_id status_message",
            "model_id",
        ),
        _table("logged_model_params", "model_id experiment_id param_key param_value", "model_id"),
        _table("logged_model_tags", "model_id experiment_id tag_key tag_value", "model_id"),
        _table(
            "logged_model_metrics",
            "model_id metric_name metric_timestamp_ms metric_step metric_value experiment_id run_id dataset_name"
            " dataset_digest",
            "model_id",
        ),
    ),
    EntryKind.TRACE: (
        _table(
            "trace_info",
            "request_id experiment_id timestamp_ms execution_time_ms status client_request_id request_preview"
            f" response_preview trace_name session_id {_TOKENS} {_COSTS}",
            "request_id",
        ),
        _table("trace_tags", "key value request_id", "request_id"),
        _table("trace_request_metadata", "key value request_id", "request_id"),
        _table(
            "assessments",
            "assessment_id trace_id experiment_id trace_timestamp_ms name assessment_type value error"
            " created_timestamp last_updated_timestamp source_type source_id run_id span_id rationale overrides valid"
            " assessment_metadata aggregate_value is_numeric_value",
            "trace_id",
        ),
    ),
    EntryKind.REGISTERED_MODEL: (
        _table("registered_models", "name creation_time last_updated_time description", "name"),
        _table("registered_model_tags", "key value name", "name"),
        _table("registered_model_aliases", "alias version name", "name"),
        _table(
            "model_versions",
            "name version creation_time last_updated_time description user_id current_stage source storage_location"
            " run_id run_link status status_message",
            "name",
        ),
        _table("model_version_tags", "key value name version", "name"),
    ),
}
"""The tables that entries of each sort fill."""
