"""The stored form: ids, locations, metric lines, placeholders."""

import pytest
import yaml

from mlpipeline.core.documents import load_yaml
from mlpipeline.core.edits import Link, Write
from mlpipeline.core.records import Kind, Record
from mlpipeline.history import reader
from mlpipeline.history.metrics import metric_lines, metric_points
from mlpipeline.history.paths import experiment_id, is_id, record_of
from mlpipeline.history.stored import placeholders, record_files, relocated

RUN = Record(kind=Kind.RUN, id="abc", experiment="demo", meta={"run_id": "abc", "extra": "kept"}, files={})
MODEL = Record(kind=Kind.LOGGED_MODEL, id="m-1", experiment="demo", meta={"model_id": "m-1"}, files={})


@pytest.mark.parametrize("name", ["demo", "Ünïcode", "a/b c", "x" * 500])
def test_an_experiment_id_is_18_digits_and_depends_on_the_name_alone(name: str) -> None:
    identifier = experiment_id(name)

    assert len(identifier) == 18
    assert identifier.isdigit()
    assert identifier == experiment_id(name)
    assert identifier != experiment_id(name + "!")
    assert int(identifier) < 2**63


def test_the_default_experiment_is_always_0() -> None:
    assert experiment_id("Default") == "0"


@pytest.mark.parametrize(
    ("text", "good"), [("a" * 32, True), ("m-1", True), ("..", False), ("a/b", False), ("", False), (".git", False)]
)
def test_ids_are_what_mlflow_makes(text: str, good: bool) -> None:
    assert is_id(text) is good


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


def test_metric_lines_are_united_in_the_order_of_time() -> None:
    assert metric_lines(b"2 0.4 1\r\n1 0.5 0\n1 0.5 0\n\n", b"10 0.3 2\n1  0.5 0") == b"1 0.5 0\n2 0.4 1\n10 0.3 2\n"


@pytest.mark.parametrize(
    ("data", "latest"),
    [
        (b"1 5.0 0\n2 4.0 1\n", 4.0),
        (b"2 4.0 1\n1 5.0 0\n", 4.0),  # the last line is not the latest
        (b"9 5.0 0\n1 4.0 1\n", 4.0),  # the step counts before the time
        (b"1 5.0\n2 4.0\n", 4.0),  # MLflow 1 wrote no step
        (b"1 4.0 3 data 1a2b\n2 5.0 1 data 1a2b\n", 4.0),
        (b"1 4.0 0\n1 5.0 0\n", 5.0),  # equal step and time: the greater value, as in MLflow
        (b"", None),
        (b"1 2 3 4\n", None),
        (b"x 2 3\n", None),
    ],
)
def test_the_latest_value_is_that_of_mlflow(data: bytes, latest: float | None) -> None:
    assert reader.latest_value(data) == latest


def test_a_logged_models_metric_lines_name_their_run() -> None:
    assert metric_points(b"5 0.5 2 abc\n", of=Kind.LOGGED_MODEL) == [(2, 5, 0.5)]
    with pytest.raises(ValueError, match="5 0"):
        metric_points(b"5 0.5\n", of=Kind.LOGGED_MODEL)


def test_empty_folders_are_kept_by_what_mlflow_does_not_see() -> None:
    gitkeep = Write(path="mlruns/7/abc/artifacts/.gitkeep", content=b"")

    assert list(placeholders("mlruns/7/abc", metrics=True, params=True).values()) == [gitkeep]
    assert list(placeholders("mlruns/7/abc", metrics=False, params=False).values()) == [
        gitkeep,
        Link(path="mlruns/7/abc/metrics", target=".metrics"),
        Link(path="mlruns/7/abc/.metrics/.keep", target="../artifacts"),
        Link(path="mlruns/7/abc/params/.keep", target="../artifacts"),
    ]


@pytest.mark.parametrize(
    ("path", "record"),
    [
        ("mlruns/1/abc/meta.yaml", ("abc", "mlruns/1/abc")),
        ("mlruns/1/abc/params/a/b", ("abc", "mlruns/1/abc")),
        ("mlruns/1/models/m-1/meta.yaml", ("m-1", "mlruns/1/models/m-1")),
        ("mlflow-artifacts/abc/artifacts/x", ("abc", None)),
        ("mlflow-artifacts/models/m-1/artifacts/x", ("m-1", None)),
        ("mlruns/1/meta.yaml", (None, None)),
        ("mlruns/1/tags/x", (None, None)),
        ("mlruns/1/datasets/d/meta.yaml", (None, None)),
        ("README.md", (None, None)),
    ],
)
def test_a_path_names_its_record(path: str, record: tuple[str | None, str | None]) -> None:
    assert record_of(path) == record


@pytest.mark.parametrize("data", [b"- a\n", b"{", b"", b"\xff\xfe", b"!!python/object/apply:os.system ['true']"])
def test_what_is_no_plain_mapping_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"not (valid YAML|a YAML mapping)"):
        load_yaml(data)


@pytest.mark.parametrize(
    ("model_type", "name"),
    [
        ("ridge", "ridge"),
        ("Gradient Boosting", "Gradient-Boosting"),
        ("../x", "x"),
        ("", "model"),
        ("é", "model"),
        (".git", "git"),
    ],
)
def test_an_algorithm_is_a_file_name(model_type: str, name: str) -> None:
    assert reader.algorithm_name(model_type) == name
