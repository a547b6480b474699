"""Look at the history in a folder: list its runs by rank, or show one."""

from collections.abc import Container, Mapping
from dataclasses import dataclass
from pathlib import Path

from mlpipeline.core.documents import readable_yaml
from mlpipeline.core.errors import InputError
from mlpipeline.core.ranking import Rule, RuleOptions, RunSummary
from mlpipeline.core.records import Kind
from mlpipeline.history import manifest, reader, rules, selection
from mlpipeline.history.folder import FolderTree
from mlpipeline.history.manifest import Recorded
from mlpipeline.history.paths import (
    INFO,
    ArtifactFile,
    ExperimentFile,
    HistoryFile,
    RecordFile,
    artifact_folder,
    is_experiment_id,
    parse,
)
from mlpipeline.publishing.wording import passed_over, unmatched

MODEL_STATUS = {1: "PENDING", 2: "READY", 3: "FAILED"}
"""mlflow/entities/logged_model_status.py"""

SHOWN = 5
"""Names listed in a message."""


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A run in a list.

    Attributes:
        run: the run.
        rank: its place among the runs that can be promoted, from 1; `None` if it cannot be.
        excluded: the reason why it cannot be, one of `selection.EXCLUSIONS`.
        promoted: whether its model is the promoted one.
    """

    run: RunSummary
    rank: int | None
    excluded: str | None
    promoted: bool


@dataclass(frozen=True, kw_only=True)
class Listing:
    """The runs of a history.

    Attributes:
        rule: the rule by which they are ranked.
        runs: by rank, then those that cannot be promoted, the newest first; runs of experiments in which the rule
            takes no interest are left out.
        passed_over: what of the history has a description that cannot be read, a sentence each.
        unmatched: which name of the rule nothing in the history has, as a sentence; empty if all are there.
    """

    rule: Rule
    runs: tuple[Listed, ...]
    passed_over: tuple[str, ...]
    unmatched: str


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
        promoted: whether its model is the promoted one.
        meta: its `meta.yaml`.
        data: what it logged.
        models: its logged models.
        artifacts: its own artifacts, size in bytes by path inside them.
    """

    run: RunSummary
    excluded: str | None
    promoted: bool
    meta: Mapping[str, object]
    data: reader.RunData
    models: tuple[ShownModel, ...]
    artifacts: Mapping[str, int]


def listing(root: Path, asked: RuleOptions) -> Listing:
    """List the runs of a history by the rule that is asked for, else by the one that the history records.

    Raises:
        InputError: there is no history.
    """
    tree = FolderTree.scan(root).as_stored()
    recorded = recorded_in(root)
    rule = rules.resolve(asked, recorded.rule).rule
    candidates = reader.run_summaries(tree, rule)
    choice = selection.choose(candidates, rule)
    reasons = {run: reason for reason, runs in choice.excluded.items() for run in runs}
    others = [run for run in candidates if reasons.get(run.run_id, "other-experiment") != "other-experiment"]
    others.sort(key=newest_first)
    ranks = {run.run_id: rank for rank, run in enumerate(choice.ranking, start=1)}
    return Listing(
        rule=rule,
        runs=tuple(
            Listed(
                run=run,
                rank=ranks.get(run.run_id),
                excluded=reasons.get(run.run_id),
                promoted=run.run_id == recorded.run_id,
            )
            for run in (*choice.ranking, *others)
        ),
        passed_over=tuple(passed_over(choice, tree)),
        unmatched=unmatched(choice, tree) if candidates else "",
    )


def recorded_in(root: Path) -> Recorded:
    """Read what the history in a folder records of the choice."""
    file = root / INFO
    return manifest.recorded(FolderTree(paths={INFO: str(file)} if file.is_file() and not file.is_symlink() else {}))


def newest_first(run: RunSummary) -> tuple[float, str]:
    """Order runs by their end, or start while they run, the latest first."""
    return -(run.end_time or run.start_time or 0), run.run_id


def show(root: Path, run: str, asked: RuleOptions) -> Shown:
    """Show the run whose id is `run` or begins with it.

    Raises:
        InputError: there is no history, no such run, or more than one.
    """
    whole = FolderTree.scan(root).as_stored()
    folder = _folder_of(whole, run)
    run_id = folder.rpartition("/")[2]
    files = {path: parse(path) for path in whole.paths}
    own = (file for file in files.values() if isinstance(file, RecordFile) and file.folder == folder)
    models = [model for file in own if (model := file.output)]
    records = {run_id, *models}
    tree = whole.part(lambda path: _belongs(files[path], records))
    recorded = recorded_in(root)
    rule = rules.resolve(asked, recorded.rule).rule
    (candidate,) = (each for each in reader.run_summaries(tree, rule) if each.run_id == run_id)
    description = f"{folder}/meta.yaml"
    return Shown(
        run=candidate,
        excluded=selection.exclusion(candidate, rule),
        promoted=run_id == recorded.run_id,
        meta=readable_yaml(tree.read([description]).get(description, b"")),
        data=reader.run_data(tree, candidate),
        models=tuple(_model(tree, model) for model in models),
        artifacts=_sizes(tree, artifact_folder(Kind.RUN, run_id)),
    )


def _belongs(file: HistoryFile | None, records: Container[str]) -> bool:
    """Tell whether a file is of one of some records, or describes an experiment."""
    match file:
        case RecordFile() | ArtifactFile():
            return file.id in records
        case ExperimentFile():
            return file.is_description
    return False


def _folder_of(tree: FolderTree, run: str) -> str:
    found = {
        file.id: file.folder
        for path in tree.paths
        if isinstance(file := parse(path), RecordFile)
        and file.kind is Kind.RUN
        and file.is_description
        and is_experiment_id(file.experiment)
        and file.id.startswith(run)
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
    described = (
        path
        for path in tree.paths
        if isinstance(file := parse(path), RecordFile)
        and file.kind is Kind.LOGGED_MODEL
        and file.id == model
        and file.is_description
    )
    path = next(described, None)
    meta = readable_yaml(tree.read([path]).get(path, b"")) if path else {}
    folder = artifact_folder(Kind.LOGGED_MODEL, model)
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
