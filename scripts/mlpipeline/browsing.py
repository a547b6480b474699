"""Looks at the history in a folder: which runs there are, how they rank, all about one. Reads files, writes none."""

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mlpipeline import layout, selection
from mlpipeline.errors import InputError
from mlpipeline.model import Candidate, Content, Kind, Rule
from mlpipeline.stores import history

_RUN = re.compile(rf"{layout.METADATA}/(?:\.trash/)?\d+/([^/]+)/meta\.yaml")
_LINKED = re.compile(rf"^({layout.METADATA}/(?:\.trash/)?\d+/[^/]+)/{re.escape(layout.METRICS_LINK)}/")
"""What was logged through the link that stands for an empty `metrics/`."""

_OUTPUT = re.compile(r"outputs/([^/]+)/meta\.yaml")
MODEL_STATUS = {1: "PENDING", 2: "READY", 3: "FAILED"}
"""mlflow/entities/logged_model_status.py"""

SHOWN = 5
"""Names listed in a message."""


def root_folder(repository: Path, root: str) -> Path:
    """The folder that holds `mlruns/`.

    Args:
        repository: a folder of a checkout; of a history without Git, the folder itself.
        root: relative to the checkout's top.

    Raises:
        InputError: there is no such folder, or it is outside of the checkout.
    """
    if not repository.is_dir():
        raise InputError(f"No such folder: '{repository}'.", remedy="name one with --repository.")
    start = repository.resolve()
    top = next((folder for folder in (start, *start.parents) if (folder / ".git").exists()), start)
    found = (top / root).resolve()
    if not (found.is_dir() and found.is_relative_to(top)):
        raise InputError(
            f"--root '{root}' is no folder inside '{top}'.",
            remedy="give it relative to the repository's top, such as --root backend.",
        )
    return found


def refuse_none(root: Path) -> None:
    """Make sure that there is a history.

    Raises:
        InputError: there is none.
    """
    if not (root / layout.METADATA).is_dir():
        raise InputError(
            f"No history: there is no folder '{layout.METADATA}' in '{root}'.",
            remedy="run this in a clone whose branch has one, or name the folder that holds it with --root.",
        )


class _Ids(Mapping[str, str]):
    """Git's object id by path, computed when it is asked for."""

    def __init__(self, paths: Mapping[str, str]) -> None:
        self._paths = paths

    def __getitem__(self, path: str) -> str:
        return _blob_id(Path(self._paths[path]))

    def __contains__(self, path: object) -> bool:
        return path in self._paths

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)


@dataclass(frozen=True, kw_only=True)
class FolderTree:
    """A history in a folder on disk, as a `model.Tree`; links are no files.

    Attributes:
        paths: the file on disk by path relative to the history's root.
    """

    paths: Mapping[str, str]

    @classmethod
    def scan(cls, root: Path) -> "FolderTree":
        """All of `mlruns/` and `mlflow-artifacts/` in a folder.

        Raises:
            InputError: there is no history.
        """
        refuse_none(root)
        paths: dict[str, str] = {}
        for top in (layout.METADATA, layout.ARTIFACTS):
            if (root / top).is_dir():
                found = _below(f"{root}{os.sep}{top}", top)
                paths.update((_LINKED.sub(r"\1/metrics/", path), file) for path, file in found)
        return cls(paths=paths)

    def as_stored(self) -> "FolderTree":
        """The same files under the paths at which persisting would put them.

        A run of an experiment that the history does not know yet has its artifacts inside its own folder.
        """
        return FolderTree(paths={_stored_path(path): file for path, file in self.paths.items()})

    def part(self, wanted: Callable[[str], bool]) -> "FolderTree":
        """The files whose paths are wanted."""
        return FolderTree(paths={path: file for path, file in self.paths.items() if wanted(path)})

    @property
    def files(self) -> Mapping[str, str]:
        """Git's object id by path."""
        return _Ids(self.paths)

    def read(self, paths: Iterable[str]) -> Mapping[str, bytes]:
        """The bytes of those of `paths` that exist."""
        found: dict[str, bytes] = {}
        for path in paths:
            if path in self.paths:
                with open(self.paths[path], "rb") as file:  # noqa: PTH123 - half the time of a Path, for 50 000 files
                    found[path] = file.read()
        return found

    def blob_id(self, content: Content) -> str:
        """The object id that Git would give to `content`, in a repository of SHA-1."""
        return _blob_id(content)

    def size(self, path: str) -> int:
        """Bytes of a file."""
        return Path(self.paths[path]).stat().st_size


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A run in a list.

    Attributes:
        run: the run.
        rank: its place among the runs that can be promoted, from 1; `None` if it cannot be.
        excluded: the reason why it cannot be, one of `selection.EXCLUSIONS`.
    """

    run: Candidate
    rank: int | None
    excluded: str | None


@dataclass(frozen=True, kw_only=True)
class ShownModel:
    """A logged model of a run; `size` is that of its artifacts, in bytes."""

    id: str
    name: str
    status: str
    folder: str
    size: int


@dataclass(frozen=True, kw_only=True)
class Shown:
    """All about one run.

    Attributes:
        run: what choosing knows of it.
        excluded: why it cannot be promoted; `None` if it can.
        meta: its `meta.yaml`.
        data: what it logged.
        models: its logged models.
        artifacts: its own artifacts, size in bytes by path inside them.
    """

    run: Candidate
    excluded: str | None
    meta: Mapping[str, object]
    data: history.RunData
    models: tuple[ShownModel, ...]
    artifacts: Mapping[str, int]


def listing(root: Path, rule: Rule) -> list[Listed]:
    """The runs of a history: by rank, then those that cannot be promoted, the newest first.

    Runs of experiments in which the rule takes no interest are left out.

    Raises:
        InputError: there is no history.
    """
    candidates = history.candidates(FolderTree.scan(root).as_stored(), rule)
    choice = selection.choose(candidates, rule)
    reasons = {run: reason for reason, runs in choice.excluded.items() for run in runs}
    ranked = [Listed(run=run, rank=rank, excluded=None) for rank, run in enumerate(choice.ranking, start=1)]
    others = [run for run in candidates if reasons.get(run.run_id, "other-experiment") != "other-experiment"]
    others.sort(key=newest_first)
    return ranked + [Listed(run=run, rank=None, excluded=reasons[run.run_id]) for run in others]


def newest_first(run: Candidate) -> tuple[float, str]:
    """Orders runs by their end, or start while they run, the latest first."""
    return -(run.end_time or run.start_time or 0), run.run_id


def show(root: Path, run: str, rule: Rule) -> Shown:
    """All about the run whose id is `run` or begins with it.

    Raises:
        InputError: there is no history, no such run, or more than one.
    """
    whole = FolderTree.scan(root).as_stored()
    folder = _folder_of(whole, run)
    run_id = folder.rpartition("/")[2]
    models = [match[1] for path in whole.paths if (match := _OUTPUT.fullmatch(path.removeprefix(f"{folder}/")))]
    records = {run_id, *models}
    tree = whole.part(lambda path: layout.record_of(path)[0] in records or path.count("/") <= 3)  # noqa: PLR2004 - descriptions of experiments
    (candidate,) = (each for each in history.candidates(tree, rule) if each.run_id == run_id)
    description = f"{folder}/meta.yaml"
    return Shown(
        run=candidate,
        excluded=selection.exclusion(candidate, rule),
        meta=layout.load_yaml(tree.read([description])[description]),
        data=history.run_data(tree, candidate),
        models=tuple(_model(tree, model) for model in models),
        artifacts=_sizes(tree, layout.artifact_folder(Kind.RUN, run_id)),
    )


def _folder_of(tree: FolderTree, run: str) -> str:
    found = {
        match[1]: path.removesuffix("/meta.yaml")
        for path in tree.paths
        if (match := _RUN.fullmatch(path)) and match[1].startswith(run) and match[1] not in layout.RESERVED
    }
    if run in found:
        return found[run]
    if not found or not run:
        raise InputError(f"No run of the history has an id that begins with '{run}'.", remedy="see `history.py list`.")
    if len(found) > 1:
        named = sorted(found)
        more = f", and {len(named) - SHOWN} more" if len(named) > SHOWN else ""
        raise InputError(
            f"The ids of {len(found)} runs begin with '{run}': {', '.join(named[:SHOWN])}{more}.",
            remedy="give more of the id.",
        )
    (folder,) = found.values()
    return folder


def _model(tree: FolderTree, model: str) -> ShownModel:
    ending = f"/models/{model}/meta.yaml"
    path = next((path for path in tree.paths if path.startswith(f"{layout.METADATA}/") and path.endswith(ending)), "")
    data = tree.read([path]).get(path)
    meta = layout.load_yaml(data) if data else {}
    folder = layout.artifact_folder(Kind.LOGGED_MODEL, model)
    status = meta.get("status")
    return ShownModel(
        id=model,
        name=str(meta.get("name") or ""),
        status=MODEL_STATUS.get(status, "UNKNOWN") if isinstance(status, int) else "MISSING",
        folder=folder,
        size=sum(_sizes(tree, folder).values()),
    )


def _sizes(tree: FolderTree, folder: str) -> dict[str, int]:
    begin = f"{folder}/"
    return {path.removeprefix(begin): tree.size(path) for path in sorted(tree.paths) if path.startswith(begin)}


def _stored_path(path: str) -> str:
    record, folder = layout.record_of(path)
    if record is None or folder is None or not path.startswith(f"{folder}/artifacts/") or path.endswith("/.gitkeep"):
        return path
    inner = folder.split("/")[-2]
    kind = {"models": Kind.LOGGED_MODEL, "traces": Kind.TRACE}.get(inner, Kind.RUN)
    return layout.artifact_folder(kind, record) + path.removeprefix(f"{folder}/artifacts")


def _below(folder: str, name: str) -> Iterator[tuple[str, str]]:
    """The regular files below a folder: path under `name`, and on disk."""
    pending = [(folder, name)]
    while pending:
        at, path = pending.pop()
        with os.scandir(at) as inside:
            for each in inside:
                if each.is_dir(follow_symlinks=False):
                    pending.append((each.path, f"{path}/{each.name}"))
                elif each.is_file(follow_symlinks=False):
                    yield f"{path}/{each.name}", each.path


def _blob_id(content: Content) -> str:
    data = content if isinstance(content, bytes) else content.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
