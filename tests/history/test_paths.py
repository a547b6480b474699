"""The grammar of a history's paths, both ways."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlpipeline.core.records import Kind
from mlpipeline.history.paths import (
    ArtifactFile,
    ExperimentFile,
    HistoryFile,
    RecordFile,
    RegisteredModelFile,
    parse,
    version_folder,
    version_number,
)

RUN, MODEL, TRACE = Kind.RUN, Kind.LOGGED_MODEL, Kind.TRACE

PARSED: dict[str, HistoryFile | None] = {
    "mlruns/7/meta.yaml": ExperimentFile(experiment="7"),
    "mlruns/7/tags/owner": ExperimentFile(experiment="7", inner="tags/owner"),
    "mlruns/7/datasets/d1/meta.yaml": ExperimentFile(experiment="7", inner="datasets/d1/meta.yaml"),
    "mlruns/.trash/7/meta.yaml": ExperimentFile(experiment="7", deleted=True),
    "mlruns/7/abc/meta.yaml": RecordFile(kind=RUN, id="abc", experiment="7", inner="meta.yaml"),
    "mlruns/7/abc/metrics/a/b": RecordFile(kind=RUN, id="abc", experiment="7", inner="metrics/a/b"),
    "mlruns/7/abc/.metrics/.keep": RecordFile(kind=RUN, id="abc", experiment="7", inner=".metrics/.keep"),
    "mlruns/.trash/7/abc/params/p": RecordFile(kind=RUN, id="abc", experiment="7", deleted=True, inner="params/p"),
    "mlruns/7/models/m-1/meta.yaml": RecordFile(kind=MODEL, id="m-1", experiment="7", inner="meta.yaml"),
    "mlruns/7/traces/tr-1/trace_info.yaml": RecordFile(kind=TRACE, id="tr-1", experiment="7", inner="trace_info.yaml"),
    "mlruns/models/price/meta.yaml": RegisteredModelFile(name="price"),
    "mlruns/models/price/aliases/champion": RegisteredModelFile(name="price", inner="aliases/champion"),
    "mlruns/models/price/version-3/meta.yaml": RegisteredModelFile(name="price", version=3),
    "mlruns/models/price/version-3/tags/t": RegisteredModelFile(name="price", version=3, inner="tags/t"),
    "mlruns/models/price/version-03/x": RegisteredModelFile(name="price", inner="version-03/x"),
    "mlflow-artifacts/abc/artifacts/plots/a.png": ArtifactFile(kind=RUN, id="abc", inner="plots/a.png"),
    "mlflow-artifacts/models/m-1/artifacts/MLmodel": ArtifactFile(kind=MODEL, id="m-1", inner="MLmodel"),
    "mlflow-artifacts/traces/tr-1/artifacts/traces.json": ArtifactFile(kind=TRACE, id="tr-1", inner="traces.json"),
    "mlruns": None,
    "mlruns/": None,
    "mlruns/7": None,
    "mlruns/models/price": None,
    "mlruns/7/models/m-1": None,
    "mlruns/.gitattributes": None,
    "mlruns//7/meta.yaml": None,
    "mlflow-artifacts/.gitignore": None,
    "mlflow-artifacts/abc/other/x": None,
    "models/ridge_metadata.json": None,
    "deployment/models/best_model/MLmodel": None,
    "mlflow_persistence_info.json": None,
    "": None,
}


@pytest.mark.parametrize(("path", "file"), PARSED.items(), ids=PARSED)
def test_paths_are_parsed_and_formatted_alike(path: str, file: HistoryFile | None) -> None:
    assert parse(path) == file
    assert file is None or file.path == path


NAMES = st.from_regex(r"[A-Za-z0-9_.-]{1,8}", fullmatch=True).filter(
    lambda name: name not in ("models", "traces", "tags", "datasets", ".trash") and version_number(name) is None
)
INNER = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
FILES = st.one_of(
    st.builds(RecordFile, kind=st.sampled_from(Kind), id=NAMES, experiment=NAMES, deleted=st.booleans(), inner=INNER),
    st.builds(ArtifactFile, kind=st.sampled_from(Kind), id=NAMES, inner=INNER),
    st.builds(RegisteredModelFile, name=NAMES, version=st.none() | st.integers(0, 99), inner=INNER),
)


@given(FILES)
def test_what_is_formatted_is_parsed_again(file: HistoryFile) -> None:
    assert parse(file.path) == file


@pytest.mark.parametrize("number", [0, 1, 12])
def test_the_folder_of_a_version(number: int) -> None:
    assert version_number(version_folder(number)) == number


@pytest.mark.parametrize("folder", ["version-", "version-x", "version-01", "version--1", "versions-1", "tags"])
def test_no_folder_of_a_version(folder: str) -> None:
    assert version_number(folder) is None
