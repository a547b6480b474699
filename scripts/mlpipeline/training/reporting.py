"""What a person reads at the end of a stage, for a terminal and for a job summary: pure text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlpipeline.core.harmless import one_line
from mlpipeline.reports.tables import Table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    # For its type alone: the commands that do not train need not import MLflow.
    from mlpipeline.training.trainer import CandidateResult

_METRICS = ("val_rmse", "val_mae", "val_r2", "test_rmse", "test_mae", "test_r2")


def facts_text(facts: Mapping[str, object]) -> str:
    """One line a fact, aligned."""
    width = max(len(name) for name in facts)
    return "\n".join(f"{name.ljust(width)}  {one_line(str(value))}" for name, value in facts.items())


def facts_markdown(facts: Mapping[str, object]) -> str:
    """The same as a Markdown table."""
    return Table(header=("", ""), rows=[(name, str(value)) for name, value in facts.items()]).markdown()


def listed(names: Sequence[str], limit: int = 20) -> str:
    """Names in a sentence, in quotes; beyond the limit their number alone."""
    rest = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(f"'{name}'" for name in names[:limit]) + rest


def leaderboard(outcomes: Sequence[CandidateResult]) -> Table:
    """One row a candidate, in the order given."""
    return Table(
        header=("", "candidate", "model", *_METRICS, "run"),
        rows=[
            (
                "failed" if outcome.failure else str(place),
                outcome.candidate.name,
                outcome.candidate.model,
                *(f"{outcome.metrics[name]:.4f}" if name in outcome.metrics else "-" for name in _METRICS),
                outcome.run_id,
            )
            for place, outcome in enumerate(outcomes, 1)
        ],
        numeric=frozenset(_METRICS),
    )
