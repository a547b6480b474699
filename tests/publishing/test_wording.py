"""One remedy a cause: what is said of each way in which a push can end."""

import pytest

from mlpipeline.publishing import wording
from mlpipeline.publishing.wording import Failure
from mlpipeline.repo.remote import Declined, Raced, Unreachable, Vanished, refused_by

EVERY: tuple[Failure, ...] = (
    Raced(),
    Vanished(),
    Unreachable(reason=""),
    Declined(reason="", cause="rights"),
    Declined(reason="", cause="policy"),
)


@pytest.mark.parametrize(
    ("failure", "reason", "remedy"),
    [
        (Raced(), "other jobs pushed first 3 times in a row", "--attempts"),
        (Vanished(), "does not hold the commit", "what moved the branch back"),
        (Unreachable(reason="no route to host"), "no route to host", "the network"),
        (Declined(reason="403", cause="rights"), "403", "permissions: contents: write"),
        (Declined(reason="hook declined", cause="policy"), "hook declined", "read what the remote said"),
    ],
    ids=["raced", "vanished", "unreachable", "rights", "policy"],
)
def test_each_end_has_its_own_reason_and_remedy(failure: Failure, reason: str, remedy: str) -> None:
    assert reason in wording.reason(failure, attempts=3)
    assert remedy in wording.remedy(failure)
    assert [remedy in wording.remedy(other) for other in EVERY].count(True) == 1


@pytest.mark.parametrize(
    ("summary", "cause"),
    [
        ("[remote rejected] (pre-receive hook declined)", "policy"),
        ("[remote rejected] (protected branch hook declined)", "policy"),
        ("remote: error: GH006: Protected branch update failed. You're not permitted to push.", "policy"),
        ("remote: Write access to repository not granted.", "rights"),
        ("remote: Permission to a/b.git denied to bot.", "rights"),
    ],
)
def test_a_refusal_is_told_by_its_cause(summary: str, cause: str) -> None:
    assert refused_by(summary).cause == cause
