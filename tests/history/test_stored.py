"""The stored form of records: locations, placeholders."""

import pytest
import yaml

from mlpipeline.core.edits import Link, Write
from mlpipeline.core.records import Kind, Record
from mlpipeline.history.stored import placeholders, record_files, relocated

RUN = Record(kind=Kind.RUN, id="abc", experiment="demo", meta={"run_id": "abc", "extra": "kept"}, files={})
MODEL = Record(kind=Kind.LOGGED_MODEL, id="m-1", experiment="demo", meta={"model_id": "m-1"}, files={})


def test_locations_are_relative_and_unknown_keys_stay() -> None:
    stored = record_files(RUN, "7")

    assert yaml.safe_load(stored["mlruns/7/abc/meta.yaml"]) == {  # type: ignore[arg-type]
        "run_id": "abc",
        "extra": "kept",
        "experiment_id": "7",
        "artifact_uri": "file:./mlflow-artifacts/abc/artifacts",
    }
    meta = yaml.safe_load(record_files(MODEL, "7")["mlruns/7/models/m-1/meta.yaml"])  # type: ignore[arg-type]
    assert meta["artifact_location"] == "file:./mlflow-artifacts/models/m-1/artifacts"


@pytest.mark.parametrize(
    "line",
    [
        "artifact_path: file:///home/me/mlruns/1/models/m-1/artifacts",
        "artifact_path: /home/me/mlruns/1/models/m-1/artifacts",
        "artifact_path: C:\\Users\\me\\mlruns\\artifacts",
        "artifact_path: 'file:///home/me/a: b'",
        "artifact_path: file:///home/me/with\n  spaces/in it",
    ],
)
def test_an_mlmodel_file_does_not_name_the_machine(line: str) -> None:
    data = f"{line}\nflavors:\n  sklearn: {{}}\n".encode()

    assert yaml.safe_load(relocated(data, "mlflow-artifacts/models/m-1/artifacts")) == {  # type: ignore[arg-type]
        "artifact_path": "file:./mlflow-artifacts/models/m-1/artifacts",
        "flavors": {"sklearn": {}},
    }


def test_an_mlmodel_file_of_mlflow_2_stays_as_it_is() -> None:
    data = b"artifact_path: model\nflavors: {}\n"

    assert relocated(data, "anywhere") == data


def test_empty_folders_are_kept_by_what_mlflow_does_not_see() -> None:
    gitkeep = Write(path="mlruns/7/abc/artifacts/.gitkeep", content=b"")

    assert list(placeholders("mlruns/7/abc", metrics=True, params=True).values()) == [gitkeep]
    assert list(placeholders("mlruns/7/abc", metrics=False, params=False).values()) == [
        gitkeep,
        Link(path="mlruns/7/abc/metrics", target=".metrics"),
        Link(path="mlruns/7/abc/.metrics/.keep", target="../artifacts"),
        Link(path="mlruns/7/abc/params/.keep", target="../artifacts"),
    ]
