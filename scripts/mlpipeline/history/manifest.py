"""Write `mlflow_persistence_info.json`, the summary of a history; pure.

It is a function of the merged history and the rule alone, so that two jobs in any order write the same bytes.
Its JSON Schema is `docs/mlflow_persistence_info.schema.json`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mlpipeline.core.documents import iso, json_bytes, load_json
from mlpipeline.core.edits import Tree
from mlpipeline.core.ranking import Choice, Mode, Rule, RunSummary
from mlpipeline.history import reader
from mlpipeline.history.algorithms import algorithm_name
from mlpipeline.history.paths import INFO, PROMOTED

SCHEMA_VERSION = 1
LEADERBOARD = 20
"""How many runs the leaderboard holds."""

_PROVENANCE = {
    "git_commit": ("git.commit", "mlflow.source.git.commit"),
    "data_sha256": ("data.sha256",),
    "data_dvc_md5": ("data.dvc_md5",),
    "workflow_run": ("ci.run_url",),
    "seed": ("seed",),
}


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """The file's content, but for the id of the history that it was computed from."""

    selection: Mapping[str, object]
    best: Mapping[str, object] | None
    best_per_algorithm: Mapping[str, object]
    leaderboard: Sequence[Mapping[str, object]]
    counts: Mapping[str, int]
    excluded: Mapping[str, int]
    provenance: Mapping[str, object] | None

    def content(self, history_id: str) -> bytes:
        """Write the file.

        Args:
            history_id: Git's id of the merged `mlruns/`, which names the state this was computed from.
        """
        return json_bytes(
            {
                "schema_version": SCHEMA_VERSION,
                "selection": self.selection,
                "best": self.best,
                "best_per_algorithm": self.best_per_algorithm,
                "leaderboard": self.leaderboard,
                "counts": self.counts,
                "excluded": self.excluded,
                "provenance": {"history_tree": history_id, "best": self.provenance},
            }
        )


def summarize(tree: Tree, choice: Choice, *, kept: Mapping[str, Mapping[str, object]]) -> Manifest:
    """Summarize a merged history.

    Args:
        tree: the merged history.
        choice: what the rule makes of it.
        kept: what an earlier file says of champions that stay, by algorithms of which the rule ranks no run.
    """
    best = choice.best
    counted = reader.counts(tree)
    return Manifest(
        selection={
            "metric": choice.rule.metric,
            "mode": str(choice.rule.mode),
            "experiments": list(choice.rule.experiments),
            "ties": "earliest end, then run id",
        },
        best={**_entry(best), "model_path": PROMOTED} if best else None,
        best_per_algorithm=dict(
            sorted({**kept, **{name: _entry(run) for name, run in choice.champions.items()}}.items())
        ),
        leaderboard=[{"rank": rank, **_entry(run)} for rank, run in enumerate(choice.ranking[:LEADERBOARD], start=1)],
        counts={**counted, "eligible": len(choice.ranking), "excluded": counted["runs"] - len(choice.ranking)},
        excluded={reason: len(runs) for reason, runs in choice.excluded.items()},
        provenance=_provenance(tree, best) if best else None,
    )


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """What an earlier `mlflow_persistence_info.json` says; the file can be anybody's, so all of it may be missing.

    Attributes:
        rule: the rule by which the runs were ranked.
        run_id: the promoted run.
        value: that run's value of the rule's metric.
        champions: what was written of the best run of each algorithm, by the algorithm's name.
    """

    rule: Rule | None = None
    run_id: str | None = None
    value: float | None = None
    champions: Mapping[str, Mapping[str, object]] = field(default_factory=dict)


def recorded(tree: Tree) -> Recorded:
    """Read what a tree's `mlflow_persistence_info.json` says; nothing where there is none that can be read."""
    try:
        info = _mapping(load_json(tree.read([INFO])[INFO]))
    except (KeyError, ValueError):
        return Recorded()
    best = _mapping(info.get("best"))
    run_id, value = best.get("run_id"), best.get("value")
    return Recorded(
        rule=_rule(_mapping(info.get("selection"))),
        run_id=run_id if isinstance(run_id, str) else None,
        value=value if isinstance(value, float | int) and not isinstance(value, bool) else None,
        # A name that is not as we write names is not ours, and not a path.
        champions={
            name: _mapping(entry)
            for name, entry in _mapping(info.get("best_per_algorithm")).items()
            if algorithm_name(name) == name
        },
    )


def _rule(selection: Mapping[str, object]) -> Rule | None:
    metric, mode, names = (selection.get(key) for key in ("metric", "mode", "experiments"))
    if not isinstance(metric, str) or not metric or mode not in list(Mode) or not isinstance(names, list):
        return None
    return Rule(metric=metric, mode=Mode(str(mode)), experiments=tuple(name for name in names if isinstance(name, str)))


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _entry(run: RunSummary) -> dict[str, object]:
    return {
        "run_id": run.run_id,
        "run_name": run.run_name,
        "experiment": run.experiment,
        "experiment_id": run.experiment_id,
        "algorithm": run.algorithm,
        "value": run.value,
        "end_time": iso(run.end_time),
    }


def _provenance(tree: Tree, run: RunSummary) -> dict[str, str | None]:
    tags = reader.run_data(tree, run).tags
    return {
        name: next((tags[tag] for tag in candidates if tag in tags), None) for name, candidates in _PROVENANCE.items()
    }
