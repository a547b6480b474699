"""One remedy a cause: what is said of each way in which a push can end."""

import subprocess
from pathlib import Path
from typing import get_args

import pytest

from mlpipeline.core.records import Refusal
from mlpipeline.publishing import wording
from mlpipeline.publishing.wording import Failure
from mlpipeline.repo.remote import Cause, Declined, Raced, Unreachable, Vanished, refused_by

CAUSES: tuple[Cause, ...] = get_args(Cause)
EVERY: tuple[Failure, ...] = (
    Raced(),
    Vanished(),
    Unreachable(reason=""),
    *(Declined(reason="", cause=cause) for cause in CAUSES),
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


def test_no_two_causes_share_a_remedy() -> None:
    assert len({wording.remedy(failure) for failure in EVERY}) == len(EVERY)


SAID = {
    "[remote rejected] (pre-receive hook declined)": "policy",
    "remote: error: denying non-standard name 'x' by update hook": "policy",
    "[remote rejected] (protected branch hook declined)": "protected",
    "remote: error: GH006: Protected branch update failed. You're not permitted to push.": "protected",
    "remote: error: GH013: Repository rule violations found for refs/heads/main. Cannot update this protected ref.": (
        "protected"
    ),
    "remote: GitLab: You are not allowed to push code to protected branches on this project.": "protected",
    "remote: error: GH013: Repository rule violations found. - Commits must have verified signatures.": "signature",
    "remote: GitLab: Commit must be signed with a GPG signature": "signature",
    "remote: error: GH013: Repository rule violations. - Changes must be made through a pull request.": "pull-request",
    "remote: error: GH013: Repository rule violations found. - Push cannot contain secrets": "secret",
    "remote: error: GH001: Large files detected. File a is 123 MB; this exceeds GitHub's file size limit": "size",
    "error: RPC failed; HTTP 413 curl 22 The requested URL returned error: 413": "size",
    "remote: fatal: pack exceeds maximum allowed size (2.00 GiB)": "size",
    "remote: error: unable to write file: No space left on device": "space",
    "remote: fatal: write error: Disk quota exceeded": "space",
    "error: remote unpack failed: unable to create temporary object directory": "storing",
    "[remote rejected] (unpacker error)": "storing",
    "[remote rejected] (branch is currently checked out)": "checked-out",
    "[remote rejected] (shallow update not allowed)": "shallow",
    "remote: Write access to repository not granted.": "rights",
    "remote: Permission to a/b.git denied to github-actions[bot].": "rights",
    "fatal: unable to access 'https://h/r/': The requested URL returned error: 403": "rights",
    "remote: GitLab: You are not allowed to push code to this project.": "rights",
    "ERROR: Permission to a/b.git denied to deploy key": "read-only-key",
    "ERROR: The key you are authenticating with has been marked as read only.": "read-only-key",
    "remote: This repository was archived so it is read-only. error: 403": "archived",
    "remote: The 'acme' organization has enabled or enforced SAML SSO. error: 403": "sso",
    "fatal: could not read Username for 'https://github.com': terminal prompts disabled": "no-credentials",
    "fatal: could not read Password for 'https://x@github.com': terminal prompts disabled": "no-credentials",
    "git@github.com: Permission denied (publickey).": "no-credentials",
    "remote: Invalid username or token. Password authentication is not supported for Git operations.": (
        "bad-credentials"
    ),
    "fatal: Authentication failed for 'https://github.com/a/b/'": "bad-credentials",
    "remote: HTTP Basic: Access denied": "bad-credentials",
    "Host key verification failed.": "host-key",
    "fatal: unable to access 'https://h/': SSL certificate problem: self-signed certificate": "certificate",
    "remote: Repository not found.": "not-found",
    "fatal: repository 'https://github.com/a/b/' not found": "not-found",
}


@pytest.mark.parametrize("said", SAID)
def test_a_refusal_is_told_by_its_cause(said: str) -> None:
    assert refused_by(said).cause == SAID[said]


def test_every_cause_is_told_by_some_words() -> None:
    assert set(SAID.values()) == set(CAUSES)


def test_colours_and_traces_are_not_part_of_what_a_remote_says() -> None:
    said = "12:30:00.123456 git.c:460               trace: built-in: git push\n\x1b[31mremote: no\x1b[m"

    assert refused_by(said).reason == "remote: no"


@pytest.mark.parametrize(
    ("cause", "means", "command"),
    [
        ("policy", "push", "git push origin FETCH_HEAD:refs/heads/main"),
        ("no-credentials", "in a clone that may push, push", "git push origin FETCH_HEAD:refs/heads/main"),
        ("protected", "push to another branch", "git push origin FETCH_HEAD:refs/heads/mlflow-abc"),
        ("signature", "sign and push", "git commit-tree -S"),
    ],
)
def test_the_command_that_recovers_a_push_can_succeed_where_the_push_did_not(
    cause: Cause, means: str, command: str
) -> None:
    failure = Declined(reason="", cause=cause)

    told = wording.recovery(failure, bundle="/b/abc.bundle", remote="origin", branch="main", name="refs/heads/x")

    assert told[0] == means
    assert told[1].startswith("git fetch /b/abc.bundle refs/heads/x && git push origin ")
    assert command in told[1]


HOSTILE = "a'b;$(touch${IFS}x)`id`&"


@pytest.mark.parametrize("cause", ["policy", "signature", "protected"])
def test_a_name_is_one_word_of_the_command_that_recovers(cause: Cause, tmp_path: Path) -> None:
    failure = Declined(reason="", cause=cause)

    _, command = wording.recovery(
        failure, bundle=f"/b c/{HOSTILE}.bundle", remote=HOSTILE, branch=HOSTILE, name="refs/heads/x"
    )

    shown = f"git() {{ printf '<%s>' \"$@\"; }}; {command}"
    done = subprocess.run(["sh", "-c", shown], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert f"<fetch></b c/{HOSTILE}.bundle><refs/heads/x><push><{HOSTILE}>" in done.stdout
    assert not list(tmp_path.iterdir())
    if cause == "policy":
        assert done.stdout.endswith(f"<FETCH_HEAD:refs/heads/{HOSTILE}>")


def test_what_is_refused_for_one_reason_is_told_once() -> None:
    secret = [
        Refusal(where=f"run {number}", reason="params/token is a secret.", remedy="Revoke it.")
        for number in range(1002)
    ]

    told = [str(refusal) for refusal in wording.grouped([*secret, Refusal(where="run x", reason="is broken.")])]

    shown = ", ".join(f"run {number}" for number in range(1000))
    assert told == [f"{shown}, and 2 more: params/token is a secret. Revoke it.", "run x: is broken."]
