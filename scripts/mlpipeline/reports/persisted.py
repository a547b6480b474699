"""How publishing ended, as a person reads it: text, Markdown and annotations; pure."""

from collections.abc import Callable

from mlpipeline.core.errors import InputError, PipelineError, PublishError
from mlpipeline.core.harmless import code_block, markdown, one_line
from mlpipeline.core.outcome import Outcome
from mlpipeline.core.ranking import Choice
from mlpipeline.reports.report import Notice, Report
from mlpipeline.reports.tables import Table

_TOLD_ELSEWHERE = ("choice", "recovery", "messages")
"""Fields of an outcome that are no outputs: the report shows them in its own words."""

SHOWN = 10
"""Rows of the leaderboard that are shown."""


def report(outcome: Outcome, *, strict: bool) -> Report:
    """Report how publishing ended.

    Args:
        outcome: how it ended.
        strict: whether an error that was reported is to be the exit code as well.
    """
    in_error = any(level == "error" for level, _ in outcome.messages)
    return Report(
        outputs={name: value for name, value in vars(outcome).items() if name not in _TOLD_ELSEWHERE},
        text=_text(outcome),
        summary=_summary(outcome),
        notices=[
            Notice(level=level, title=f"MLflow persistence: {outcome.status}", message=message)
            for level, message in outcome.messages
        ],
        exit_code=_exit_code(outcome) if strict and in_error else 0,
    )


def failure(error: PipelineError, *, metric: str | None) -> Report:
    """Report an error under the same names as an outcome, so that whoever reads the outputs finds them as always."""
    return report(
        Outcome(status="failed", reason=error.what, metric=metric, messages=(("error", str(error)),)), strict=False
    )


def _exit_code(outcome: Outcome) -> int:
    # What was stored in spite of an error was asked for wrongly, or came with something that cannot be stored.
    return PublishError.exit_code if outcome.status == "failed" else InputError.exit_code


def _text(outcome: Outcome) -> str:
    facts = "\n".join(f"{name:<10} {one_line(value)}" for name, value in _facts(outcome).items())
    return "\n\n".join(part for part in (_leaderboard(outcome.choice, Table.text), facts) if part)


def _summary(outcome: Outcome) -> str:
    has_failed = outcome.status == "failed"
    facts = Table(header=("", ""), rows=[(name, value) for name, value in _facts(outcome).items()]).markdown()
    messages = "\n".join(f"- **{level}**: {markdown(message)}" for level, message in outcome.messages)
    parts = (
        f"### MLflow persistence{' failed' if has_failed else ''}",
        # The cause and the command come first: the rest of a long summary is folded away.
        markdown(outcome.reason) if has_failed else "",
        _recovery(outcome) if outcome.recovery else "",
        facts,
        messages,
        _leaderboard(outcome.choice, Table.markdown),
    )
    return "\n\n".join(part for part in parts if part)


def _recovery(outcome: Outcome) -> str:
    return (
        f"{code_block(outcome.recovery, language='bash')}\n\n"
        "This pushes the commit that was built, from the bundle that this step left. The runner takes it along when "
        "it goes: keep it by actions/upload-artifact with the output `bundle-path`."
    )


def _facts(outcome: Outcome) -> dict[str, str]:
    best = outcome.choice.best if outcome.choice else None
    facts = {"status": outcome.status, "reason": outcome.reason}
    if best:
        change = "new" if outcome.improved else "as before"
        facts["promoted"] = f"{best.algorithm}, {outcome.metric} {best.value:.6g}, run {best.run_id} ({change})"
    elif outcome.run_id:
        facts["promoted"] = f"run {outcome.run_id}, {outcome.metric} {outcome.value:.6g} (stays)"
    if outcome.model_path:
        facts["model"] = outcome.model_path
    if outcome.commit_sha:
        facts["commit"] = outcome.commit_sha
    if outcome.bundle_path:
        facts["bundle"] = outcome.bundle_path
    return facts


def _leaderboard(choice: Choice | None, shape: Callable[[Table], str]) -> str:
    if choice is None or not choice.ranking:
        return ""
    metric = choice.rule.metric
    rows = [
        (str(rank), run.algorithm, f"{run.value:.6g}", run.run_name, run.experiment, run.run_id)
        for rank, run in enumerate(choice.ranking[:SHOWN], start=1)
    ]
    header = ("rank", "algorithm", metric, "run", "experiment", "run id")
    more = len(choice.ranking) - len(rows)
    table = shape(Table(header=header, rows=rows, numeric=frozenset({"rank", metric})))
    return f"{table}\n\n{more} more in mlflow_persistence_info.json or MLflow" if more else table
