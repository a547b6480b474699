"""How publishing ended, as a summary shows it."""

from mlpipeline.core.errors import RepositoryError
from mlpipeline.core.outcome import Outcome
from mlpipeline.reports import persisted

FAILED = Outcome(
    status="failed",
    reason="remote: no <models>\non Fridays",
    metric="val_rmse",
    bundle_path="/repo/.git/mlflow-persistence/abc.bundle",
    recovery="git fetch '/b' refs/heads/x && git push origin FETCH_HEAD:refs/heads/main",
    messages=(("error", "1 run could not be pushed.\nTo do: ..."),),
)


def test_a_failed_push_says_so_first_then_why_then_the_command() -> None:
    heading, cause, command, *_ = persisted.report(FAILED, strict=False).summary.split("\n\n")

    assert heading == "### MLflow persistence failed"
    assert cause == "remote: no &#60;models&#62; on Fridays"
    assert command == f"```bash\n{FAILED.recovery}\n```"


def test_an_error_before_the_push_says_so_first() -> None:
    error = RepositoryError("HEAD is detached.", remedy="name the branch with --branch.")

    heading, cause, *_ = persisted.failure(error, metric="val_rmse").summary.split("\n\n")

    assert (heading, cause) == ("### MLflow persistence failed", "HEAD is detached.")


def test_what_did_not_fail_has_a_plain_heading() -> None:
    outcome = Outcome(status="persisted", reason="1 run added", metric="val_rmse", pushed=True)

    assert persisted.report(outcome, strict=False).summary.startswith("### MLflow persistence\n\n")


def test_the_command_that_recovers_is_no_output() -> None:
    assert "recovery" not in persisted.report(FAILED, strict=False).outputs
