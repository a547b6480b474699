"""The grammar of a history's paths, both ways, and its ids."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlpipeline.core.records import Kind
from mlpipeline.history.paths import (
    RESERVED,
    ArtifactFile,
    ExperimentFile,
    HistoryFile,
    RecordFile,
    RegisteredModelFile,
    experiment_id,
    is_experiment_id,
    is_id,
    parse,
    version_folder,
    version_number,
    with_underscore,
)

RUN, MODEL, TRACE = Kind.RUN, Kind.LOGGED_MODEL, Kind.TRACE

FILES: dict[str, HistoryFile] = {
    "mlruns/1/meta.yaml": ExperimentFile(experiment="1"),
    "mlruns/1/tags/owner": ExperimentFile(experiment="1", inner="tags/owner"),
    "mlruns/1/datasets/d1/meta.yaml": ExperimentFile(experiment="1", inner="datasets/d1/meta.yaml"),
    "mlruns/1/tags": ExperimentFile(experiment="1", inner="tags"),
    "mlruns/.trash/1/meta.yaml": ExperimentFile(experiment="1", deleted=True),
    "mlruns/by-hand/meta.yaml": ExperimentFile(experiment="by-hand"),
    "mlruns/1/abc/meta.yaml": RecordFile(kind=RUN, id="abc", experiment="1", inner="meta.yaml"),
    "mlruns/1/abc/params/a/b": RecordFile(kind=RUN, id="abc", experiment="1", inner="params/a/b"),
    "mlruns/1/abc/metrics": RecordFile(kind=RUN, id="abc", experiment="1", inner="metrics"),
    "mlruns/1/abc/.metrics/loss": RecordFile(kind=RUN, id="abc", experiment="1", inner=".metrics/loss"),
    "mlruns/1/abc/artifacts/.gitkeep": RecordFile(kind=RUN, id="abc", experiment="1", inner="artifacts/.gitkeep"),
    "mlruns/1/abc/outputs/m-1/meta.yaml": RecordFile(kind=RUN, id="abc", experiment="1", inner="outputs/m-1/meta.yaml"),
    "mlruns/1/abc/models/x": RecordFile(kind=RUN, id="abc", experiment="1", inner="models/x"),
    "mlruns/.trash/1/abc/tags/x": RecordFile(kind=RUN, id="abc", experiment="1", deleted=True, inner="tags/x"),
    "mlruns/1/models/m-1/meta.yaml": RecordFile(kind=MODEL, id="m-1", experiment="1", inner="meta.yaml"),
    "mlruns/1/models/m-1/metrics/acc": RecordFile(kind=MODEL, id="m-1", experiment="1", inner="metrics/acc"),
    "mlruns/.trash/1/models/m-1/tags/x": RecordFile(kind=MODEL, id="m-1", experiment="1", deleted=True, inner="tags/x"),
    "mlruns/1/traces/tr-1/trace_info.yaml": RecordFile(kind=TRACE, id="tr-1", experiment="1", inner="trace_info.yaml"),
    "mlruns/1/traces/tr-1/assessments/a.yaml": RecordFile(
        kind=TRACE, id="tr-1", experiment="1", inner="assessments/a.yaml"
    ),
    "mlruns/models/wine/meta.yaml": RegisteredModelFile(name="wine"),
    "mlruns/models/wine/tags/team": RegisteredModelFile(name="wine", inner="tags/team"),
    "mlruns/models/wine/aliases/champion": RegisteredModelFile(name="wine", inner="aliases/champion"),
    "mlruns/models/wine/version-12/meta.yaml": RegisteredModelFile(name="wine", version=12),
    "mlruns/models/wine/version-12/tags/a/b": RegisteredModelFile(name="wine", version=12, inner="tags/a/b"),
    "mlruns/models/wine/version-x/meta.yaml": RegisteredModelFile(name="wine", inner="version-x/meta.yaml"),
    "mlruns/models/wine/version-01/meta.yaml": RegisteredModelFile(name="wine", inner="version-01/meta.yaml"),
    "mlruns/models/version-1/meta.yaml": RegisteredModelFile(name="version-1"),
    "mlflow-artifacts/abc/artifacts/x": ArtifactFile(kind=RUN, id="abc", inner="x"),
    "mlflow-artifacts/abc/artifacts/model/MLmodel": ArtifactFile(kind=RUN, id="abc", inner="model/MLmodel"),
    "mlflow-artifacts/models/m-1/artifacts/MLmodel": ArtifactFile(kind=MODEL, id="m-1", inner="MLmodel"),
    "mlflow-artifacts/traces/tr-1/artifacts/traces.json": ArtifactFile(kind=TRACE, id="tr-1", inner="traces.json"),
}


@pytest.mark.parametrize("path", FILES)
def test_a_path_is_parsed_and_formatted_again(path: str) -> None:
    assert parse(path) == FILES[path]
    assert FILES[path].path == path


@pytest.mark.parametrize(
    "path",
    [
        "",
        "README.md",
        "mlruns",
        "mlruns/",
        "mlruns/.gitattributes",
        "mlruns/1",
        "mlruns/.trash",
        "mlruns/.trash/1",
        "mlruns/.trash/.trash/meta.yaml",
        "mlruns/.trash/models/wine/meta.yaml",
        "mlruns/models/wine",
        "mlruns/models/meta.yaml",
        "mlruns/1/models/m-1",
        "mlruns/1/traces/stray.txt",
        "mlruns/1//meta.yaml",
        "mlruns//1/meta.yaml",
        "/mlruns/1/meta.yaml",
        "backend/mlruns/1/meta.yaml",
        "mlflow-artifacts/.gitignore",
        "mlflow-artifacts/abc/x",
        "mlflow-artifacts/abc/other/x",
        "mlflow-artifacts/abc/artifacts",
        "mlflow-artifacts/abc/artifacts/",
        "mlflow-artifacts/1/abc/artifacts/x",
        "mlflow-artifacts/models/artifacts/x",
        "mlflow-artifacts/traces/artifacts/x",
        "models/ridge_best_model.pkl",
        "deployment/models/best_model/MLmodel",
        "mlflow_persistence_info.json",
    ],
)
def test_what_is_no_file_of_a_history(path: str) -> None:
    assert parse(path) is None


names = st.text(st.characters(exclude_characters="/", exclude_categories=["Cs"]), min_size=1, max_size=8)
inner = st.one_of(
    st.lists(
        names | st.sampled_from(["tags", "models", "artifacts", "meta.yaml", ".trash"]), min_size=1, max_size=3
    ).map("/".join),
    st.sampled_from(["meta.yaml", "metrics/loss", ".metrics/.keep"]),
)
experiments = names.filter(lambda name: name not in ("models", ".trash"))
runs = names.filter(lambda name: name not in RESERVED)
trees = st.booleans()
files = st.one_of(
    st.builds(
        ExperimentFile,
        experiment=experiments,
        deleted=trees,
        inner=st.one_of(names.filter(lambda name: name not in ("models", "traces")), inner.map("tags/{}".format)),
    ),
    st.builds(RecordFile, kind=st.just(RUN), id=runs, experiment=experiments, deleted=trees, inner=inner),
    st.builds(
        RecordFile, kind=st.sampled_from([MODEL, TRACE]), id=names, experiment=experiments, deleted=trees, inner=inner
    ),
    st.builds(RegisteredModelFile, name=names, version=st.integers(0, 999_999_999), inner=inner),
    st.builds(RegisteredModelFile, name=names, inner=inner.filter(lambda path: not path.startswith("version-"))),
    st.builds(ArtifactFile, kind=st.just(RUN), id=runs, inner=inner),
    st.builds(ArtifactFile, kind=st.sampled_from([MODEL, TRACE]), id=names, inner=inner),
)


@given(files)
def test_every_file_is_what_its_path_is_parsed_to(file: HistoryFile) -> None:
    assert parse(file.path) == file


@given(
    st.lists(
        names | st.sampled_from(["mlruns", ".trash", "mlflow-artifacts", "models", "artifacts", "1", "version-1"]),
        max_size=7,
    ).map("/".join)
)
def test_every_path_that_can_be_parsed_is_formatted_as_it_was(path: str) -> None:
    file = parse(path)

    assert file is None or file.path == path


def test_a_record_knows_its_folder_and_its_description() -> None:
    model = RecordFile(kind=MODEL, id="m-1", experiment="1", deleted=True, inner="meta.yaml")
    trace = RecordFile(kind=TRACE, id="tr-1", experiment="1", inner="trace_info.yaml")

    assert (model.place, model.folder) == (".trash/1", "mlruns/.trash/1/models/m-1")
    assert model.is_description
    assert trace.is_description
    assert not RecordFile(kind=TRACE, id="tr-1", experiment="1", inner="meta.yaml").is_description
    assert ExperimentFile(experiment="1").is_description
    assert not ExperimentFile(experiment="1", inner="datasets/d/meta.yaml").is_description


@pytest.mark.parametrize(
    ("inner", "model"),
    [
        ("outputs/m-1/meta.yaml", "m-1"),
        ("outputs/m-1/other", None),
        ("outputs/meta.yaml", None),
        ("outputs/m-1/deeper/meta.yaml", None),
        ("inputs/m-1/meta.yaml", None),
        ("meta.yaml", None),
    ],
)
def test_a_run_names_the_model_that_it_put_out(inner: str, model: str | None) -> None:
    assert RecordFile(kind=RUN, id="abc", experiment="1", inner=inner).output == model


@pytest.mark.parametrize(
    ("folder", "number"),
    [
        ("version-1", 1),
        ("version-0", 0),
        ("version-10", 10),
        ("version-01", None),
        ("version-", None),
        ("version--1", None),
        ("version-²", None),
        ("version-٣", None),
        ("version-" + "9" * 5000, None),
        ("Version-1", None),
        ("versions-1", None),
        ("version-x", None),
        ("tags", None),
        ("1", None),
    ],
)
def test_a_versions_folder_is_named_by_its_number(folder: str, number: int | None) -> None:
    assert version_number(folder) == number
    assert number is None or version_folder(number) == folder


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("0", True),
        ("123456789012345678", True),
        ("", False),
        ("-1", False),
        ("demo", False),
        ("٣", False),
        (".trash", False),
    ],
)
def test_experiment_ids_are_digits(text: str, good: bool) -> None:
    assert is_experiment_id(text) is good


@pytest.mark.parametrize("name", ["demo", "Ünïcode", "a/b c", "x" * 500])
def test_an_experiment_id_is_18_digits_and_depends_on_the_name_alone(name: str) -> None:
    identifier = experiment_id(name)

    assert re.fullmatch("[0-9]{17}_[0-9]", identifier)
    assert not identifier.isdigit()
    assert is_experiment_id(identifier)
    assert identifier == experiment_id(name)
    assert identifier != experiment_id(name + "!")
    assert 10**17 <= int(identifier) < 2**63


def test_the_default_experiment_is_always_0() -> None:
    assert experiment_id("Default") == "0_0"
    assert int("0_0") == 0


@pytest.mark.parametrize(("digits", "identifier"), [("0", "0_0"), ("7", "0_7"), ("12", "1_2"), ("1_2", "1_2")])
def test_an_underscore_leaves_the_number_as_it_is(digits: str, identifier: str) -> None:
    assert with_underscore(digits) == identifier
    assert int(identifier) == int(digits)


@pytest.mark.parametrize(
    ("text", "good"), [("a" * 32, True), ("m-1", True), ("..", False), ("a/b", False), ("", False), (".git", False)]
)
def test_ids_are_what_mlflow_makes(text: str, good: bool) -> None:
    assert is_id(text) is good
