"""Write `mlflow_persistence_info.json`, the summary of a history; pure.

It is a function of the merged history and the rule alone, so that two jobs in any order write the same bytes.
Its JSON Schema is `docs/mlflow_persistence_info.schema.json`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mlpipeline.core.documents import iso, json_bytes
from mlpipeline.core.edits import Tree
from mlpipeline.core.ranking import Choice, RunSummary
from mlpipeline.history import reader
from mlpipeline.history.paths import PROMOTED

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


def summarize(tree: Tree, choice: Choice) -> Manifest:
    """Summarize a merged history.

    Args:
        tree: the merged history.
        choice: what the rule makes of it.
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
        best_per_algorithm={name: _entry(run) for name, run in sorted(choice.champions.items())},
        leaderboard=[{"rank": rank, **_entry(run)} for rank, run in enumerate(choice.ranking[:LEADERBOARD], start=1)],
        counts={**counted, "eligible": len(choice.ranking), "excluded": counted["runs"] - len(choice.ranking)},
        excluded={reason: len(runs) for reason, runs in choice.excluded.items()},
        provenance=_provenance(tree, best) if best else None,
    )


def promoted_algorithms(previous: Mapping[str, object]) -> list[str]:
    """The algorithms that an earlier file names, for clearing what is no longer true."""
    named = previous.get("best_per_algorithm")
    # The file can be anybody's: a name that is not as we write names is not ours, and not a path.
    return [name for name in named if reader.algorithm_name(name) == name] if isinstance(named, dict) else []


def promoted_run(previous: Mapping[str, object]) -> str | None:
    """The run id that an earlier file names as the best."""
    best = previous.get("best")
    run_id = best.get("run_id") if isinstance(best, dict) else None
    return run_id if isinstance(run_id, str) else None


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
