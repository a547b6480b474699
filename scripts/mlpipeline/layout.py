"""Where the history keeps what, and in which form; pure.

The layout is the one MLflow itself writes in an experiment whose `artifact_location` is `file:./mlflow-artifacts`:
metadata in `mlruns/`, artifacts beside it, every location relative to the folder that holds both.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

import yaml

from mlpipeline.model import Content, Kind, Link, Record, Tree, Write

METADATA = "mlruns"
ARTIFACTS = "mlflow-artifacts"
MODELS = "models"
PROMOTED = "deployment/models/best_model"
INFO = "mlflow_persistence_info.json"

RESERVED = frozenset({"tags", "datasets", "traces", "models"})
"""Folders of an experiment that are no runs (FileStore.RESERVED_EXPERIMENT_FOLDERS)."""

RUN_STATUS = {1: "RUNNING", 2: "SCHEDULED", 3: "FINISHED", 4: "FAILED", 5: "KILLED"}
MODEL_READY = 2

_ID = re.compile(r"[A-Za-z0-9][\w-]{0,255}")
"""MLflow's own pattern for run ids (mlflow/utils/validation.py, _RUN_ID_REGEX)."""


_HOST_PATH = re.compile(rb"(?m)^artifact_path: ['\"]?(?=file:|/|[A-Za-z]:[\\/]).*(?:\n +.*)*$")
"""An absolute `artifact_path`, with the lines that YAML folds it over where the path holds spaces."""


def is_id(text: str) -> bool:
    """Whether `text` can be a run's, a logged model's or a dataset's id, and so a folder's name."""
    return _ID.fullmatch(text) is not None


LONGEST_PATH, LONGEST_NAME = 1024, 255
"""Characters of a path, and bytes of one name in it, that every file system takes."""


def is_gits(name: str) -> bool:
    """Whether Git, on one system or another, would take a file of this name for its own folder."""
    return name.rstrip(". ").lower() in (".git", "git~1")


def is_unsafe(path: str) -> bool:
    """Whether a path that a source gave could leave its folder, or be no file of a Git repository."""
    parts = path.split("/")
    return (
        len(path) > LONGEST_PATH
        or bool(re.search(r"[\\\0]|^[A-Za-z]:", path))
        or any(part in ("", ".", "..") or len(part.encode()) > LONGEST_NAME or is_gits(part) for part in parts)
    )


def experiment_id(name: str) -> str:
    """The id of an experiment in a history: 18 digits computed from the name, `0` for Default.

    Two jobs that create an experiment of one name agree on it without knowing each other. MLflow's SQL schema holds
    ids as integers and its file store makes them 18 digits long.
    """
    if name == "Default":
        return "0"
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8])
    return str(10**17 + number % (9 * 10**17))


FOLDERS = {Kind.RUN: "", Kind.LOGGED_MODEL: "models/", Kind.TRACE: "traces/"}
"""Where records of a kind lie inside their experiment, and their artifacts inside the artifacts."""

LOCATIONS = {Kind.RUN: "artifact_uri", Kind.LOGGED_MODEL: "artifact_location"}
"""The key of `meta.yaml` that says where a record's artifacts lie; a trace has the tag `ARTIFACT_TAG` instead."""

ARTIFACT_TAG = "mlflow.artifactLocation"

DESCRIPTIONS = {Kind.RUN: "meta.yaml", Kind.LOGGED_MODEL: "meta.yaml", Kind.TRACE: "trace_info.yaml"}
"""The file that describes a record."""


def metadata_folder(record: Record, place: str) -> str:
    """The folder of a record's metadata, in the experiment at `place` below `mlruns/`: its id, or `.trash/<id>`."""
    return f"{METADATA}/{place}/{FOLDERS[record.kind]}{record.id}"


def artifact_folder(kind: Kind, record_id: str) -> str:
    """The folder of a record's artifacts."""
    return f"{ARTIFACTS}/{FOLDERS[kind]}{record_id}/artifacts"


_LOCATED = ("artifact_uri", "artifact_location", "storage_location", "source")


def is_portable(meta: Mapping[str, object]) -> bool:
    """Whether a description names no place of one machine or server, as far as its locations tell."""
    return all(
        str(meta[key]).startswith(("file:./", "models:/", "runs:/"))
        for key in _LOCATED
        if meta.get(key) not in (None, "")
    )


def is_deleted(meta: Mapping[str, object]) -> bool:
    """Whether a description says that what it describes was deleted."""
    return meta.get("lifecycle_stage", "active") != "active"


def differs(tree: Tree, path: str, content: Content) -> bool:
    """Whether a tree does not hold just this content at a path."""
    return tree.files.get(path) != tree.blob_id(content)


def record_of(path: str) -> tuple[str | None, str | None]:
    """The record to which a file of a history belongs, and the folder of its metadata if the file lies in it.

    Args:
        path: relative to the history's root.

    Returns:
        The run's or logged model's id, `None` for other files; and the folder, `None` for artifacts.
    """
    parts = path.replace(f"{METADATA}/.trash/", f"{METADATA}/").split("/")
    in_trash = path.startswith(f"{METADATA}/.trash/")
    match parts:
        case [top, "models" | "traces", record, "artifacts", *_] if top == ARTIFACTS:
            return record, None
        case [top, record, "artifacts", *_] if top == ARTIFACTS:
            return record, None
        case [top, experiment, "models" | "traces" as inner, record, _, *_] if top == METADATA:
            return record, "/".join((top, *(".trash",) * in_trash, experiment, inner, record))
        case [top, experiment, record, _, *_] if top == METADATA and record not in RESERVED:
            return record, "/".join((top, *(".trash",) * in_trash, experiment, record))
    return None, None


LOAD_MARK = "registered_model_meta"
"""A file that MLflow leaves in a model's folder whenever `models:/` loads it; no part of the model."""


def git_files() -> dict[str, bytes]:
    """What tells Git how to treat a history, by path.

    It must not convert line ends in what was logged, need not show it in diffs or count it in the repository's
    languages, and overlooks the marks that MLflow leaves behind when it loads a model.
    """
    patterns = {METADATA: ["*"], ARTIFACTS: ["*"], "deployment/models": ["*"]}
    patterns[MODELS] = ["*_best_model.*", "*_metadata.json"]
    return {
        f"{folder}/.gitattributes": "".join(f"{pattern} -text linguist-generated\n" for pattern in found).encode()
        for folder, found in patterns.items()
    } | {f"{ARTIFACTS}/.gitignore": f"{LOAD_MARK}\n".encode()}


def record_files(record: Record, place: str) -> dict[str, Content]:
    """A record's files as the history stores them, by path below the root; its description comes first."""
    folder, artifacts = metadata_folder(record, place), artifact_folder(record.kind, record.id)
    location = f"file:./{artifacts}"
    stored: dict[str, Content] = {
        f"{folder}/{DESCRIPTIONS[record.kind]}": dump_yaml(_placed(record, place.rpartition("/")[2]))
    }
    for path, content in record.files.items():
        top, _, rest = path.partition("/")
        if top == "artifacts":
            stored[f"{artifacts}/{rest}"] = relocated(content, artifacts) if _is_mlmodel(path) else content
        elif top == "metrics" and isinstance(content, bytes):
            stored[f"{folder}/{path}"] = metric_lines(content)
        else:
            stored[f"{folder}/{path}"] = content
    if record.kind is Kind.TRACE:
        stored[f"{folder}/tags/{ARTIFACT_TAG}"] = location.encode()
    return stored


def _placed(record: Record, experiment: str) -> dict[str, object]:
    """A record's description, with the experiment's id and the artifacts' place in the history."""
    if record.kind is Kind.TRACE:
        where = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment}}
        return {**record.meta, "trace_location": where}
    location = f"file:./{artifact_folder(record.kind, record.id)}"
    return {**record.meta, "experiment_id": experiment, LOCATIONS[record.kind]: location}


METRICS_LINK = ".metrics"
"""What the link that stands for the empty `metrics/` of a run points to."""


def placeholders(folder: str, *, metrics: bool, params: bool) -> dict[str, Link | Write]:
    """What keeps alive the folders of a run that MLflow insists on, and Git would drop because they are empty.

    MLflow takes every file in `metrics/` and `params/` for a metric or a param, but does not descend into links. Where
    Git makes a file of a link, as it does on Windows, `params/.keep` becomes a param, which does no harm; a file in
    `metrics/` would make MLflow fail the whole experiment, so there the folder itself is the link. MLflow does not
    look into the run's own `artifacts/` at all, because `artifact_uri` points elsewhere. No link leads back to where it
    lies: tools that follow links, such as `shutil.copytree`, would not come to an end.

    Args:
        folder: of the run's metadata.
        metrics: whether the run has any.
        params: whether the run has any.

    Returns:
        Edits by path.
    """
    kept: list[Link | Write] = [Write(path=f"{folder}/artifacts/.gitkeep", content=b"")]
    if not metrics:
        kept.append(Link(path=f"{folder}/metrics", target=METRICS_LINK))
        kept.append(Link(path=f"{folder}/{METRICS_LINK}/.keep", target="../artifacts"))
    if not params:
        kept.append(Link(path=f"{folder}/params/.keep", target="../artifacts"))
    return {edit.path: edit for edit in kept}


def metric_lines(*files: bytes) -> bytes:
    """The lines of one metric, united: each once, in the order of time, step and text.

    MLflow 3 repeats a run's step-0 lines when it logs a model, and `mlflow migrate-filestore` fails on the copies.
    """
    lines = {b" ".join(line.split()) for file in files for line in file.splitlines() if line.strip()}
    return b"".join(line + b"\n" for line in sorted(lines, key=_line_order))


@dataclass(frozen=True, kw_only=True)
class Repaired:
    """A metric's file as it can be stored; `lost` says what could not be kept, `data` is empty if nothing could."""

    data: bytes
    lost: str = ""


def sound_metric(data: bytes, *, of: Kind) -> Repaired:
    """A metric's file that MLflow can read.

    MLflow writes the name of a dataset behind the step even if the name holds spaces, and then cannot read its own
    line. Time, value and step are certain in such a line and are kept; an empty file held no value.

    Raises:
        ValueError: a line holds no time and value; the message quotes it.
    """
    own = 4 if of is Kind.LOGGED_MODEL else 3
    kept: list[bytes] = []
    cut = False
    for line in data.splitlines():
        fields = line.split()
        whole = len(fields) in (own, own + 2) or (of is Kind.RUN and len(fields) == 2)  # noqa: PLR2004 - MLflow 1
        cut |= bool(fields) and not whole
        kept += [b" ".join(fields if whole else fields[:own])] if fields else []
    sound = b"".join(line + b"\n" for line in kept)
    if not kept:
        return Repaired(data=b"", lost="an empty metric was dropped")
    metric_points(sound, of=of)
    return Repaired(data=sound, lost="the dataset's name was cut off lines that MLflow cannot read" if cut else "")


Point = tuple[int, int, float]
"""Step, time in milliseconds since the epoch, value: greatest is latest, as MLflow compares them."""


def metric_points(data: bytes, *, of: Kind = Kind.RUN) -> list[Point]:
    """The points of a metric's file: lines of `time value`, `time value step` or those three and a dataset's two.

    A logged model's lines have the run's id after the step.

    Raises:
        ValueError: a line is none of these; the message quotes it.
    """
    points: list[Point] = []
    for line in data.splitlines():
        fields = line.split()
        try:
            if of is Kind.LOGGED_MODEL:
                del fields[3]
            if len(fields) not in (2, 3, 5):
                raise ValueError(len(fields))  # noqa: TRY301 - joins the errors of int() and float()
            points.append((int(fields[2]) if fields[2:] else 0, int(fields[0]), float(fields[1])))
        except (ValueError, IndexError) as error:
            raise ValueError(f"the line {line[:80].decode(errors='replace')!r}") from error
    return points


def relocated(mlmodel: Content, folder: str) -> Content:
    """An `MLmodel` file whose `artifact_path` no longer names the machine that wrote it."""
    data = mlmodel if isinstance(mlmodel, bytes) else mlmodel.read_bytes()
    return _HOST_PATH.sub(f"artifact_path: file:./{folder}".encode(), data)


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


def _is_mlmodel(path: str) -> bool:
    return path.rpartition("/")[2] == "MLmodel"


def _line_order(line: bytes) -> tuple[int, int, bytes]:
    fields = line.split()
    numbers = [int(field) if field.lstrip(b"-").isdigit() else 0 for field in (fields[0], *fields[2:3])]
    return numbers[0], numbers[1] if len(numbers) > 1 else 0, line
