"""Pushing beside other jobs, to remotes that say no and to remotes that do not answer."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from mlpipeline.core.errors import PublishError, RepositoryError
from mlpipeline.core.outcome import Outcome
from mlpipeline.core.settings import UNREACHABLE_ATTEMPTS
from mlpipeline.history.paths import INFO, experiment_id
from support.gitrepo import clone, files, git, hook, show
from support.jobs import Job, before_next_push
from support.mlstore import write_run
from support.processes import SCRIPTS, json_object, python
from support.servers import serving

PERSIST = SCRIPTS / "persist.py"


def run_count(origin: Path) -> int:
    return int(json_object(show(origin, INFO))["counts"]["runs"])


def run_persist(job: Job, *flags: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return python(job.checkout, PERSIST, *flags, check=False, environ={**os.environ, **variables})


class TestRaces:
    def test_jobs_that_push_at_the_same_time_all_land(self, origin: Path, new_job: Callable[..., Job]) -> None:
        jobs = [new_job(f"job{number}") for number in range(5)]
        for number, job in enumerate(jobs):
            write_run(job.store, value=5.0 - number, model_type=f"kind{number}", experiment_id=str(100 + number))

        with ThreadPoolExecutor() as pool:
            done = list(pool.map(lambda job: run_persist(job, "--json"), jobs))

        assert [json.loads(each.stdout)["status"] for each in done] == ["persisted"] * 5
        assert run_count(origin) == 5
        assert json.loads(show(origin, INFO))["best"]["value"] == 1.0
        assert git(origin, "rev-list", "--count", "main") == "6"
        git(origin, "fsck", "--strict")

    def test_a_lost_race_is_built_again_on_the_new_tip(
        self, origin: Path, new_job: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        slow, fast = new_job("slow"), new_job("fast")
        mine = write_run(slow.store, value=2.0)
        theirs = write_run(fast.store, value=1.0)
        before_next_push(monkeypatch, fast.persist)

        outcome = slow.persist()

        assert (outcome.status, outcome.run_id, len(slow.sleeps)) == ("persisted", theirs, 1)
        assert {f"mlruns/{experiment_id('demo')}/{run}/meta.yaml" for run in (mine, theirs)} <= set(files(origin))
        assert git(origin, "rev-list", "--merges", "--count", "main") == "0"

    def test_a_ref_that_cannot_be_locked_is_a_race(self, origin: Path, job: Job) -> None:
        lock = origin / "refs/heads/main.lock"
        lock.touch()
        job.while_waiting = lambda: lock.unlink(missing_ok=True)
        write_run(job.store)

        outcome = job.persist()

        assert (outcome.status, len(job.sleeps)) == ("persisted", 1)

    def test_losing_too_often_keeps_the_commit(self, origin: Path, job: Job) -> None:
        lock = origin / "refs/heads/main.lock"
        lock.touch()
        write_run(job.store)

        outcome = job.persist(attempts=3)

        assert (outcome.status, outcome.pushed, len(job.sleeps)) == ("failed", False, 3)
        assert "3 times in a row" in outcome.reason
        assert outcome.bundle_path is not None
        assert all(0 <= seconds <= 2.0**number for number, seconds in enumerate(job.sleeps))

    def test_someone_elses_push_on_top_still_counts_as_landed(self, origin: Path, new_job: Callable[..., Job]) -> None:
        job, other = new_job("job"), new_job("other")
        write_run(job.store)
        # The remote's own hook adds a commit the moment ours has landed.
        hook(
            origin,
            "post-receive",
            "[ -e done ] && exit 0; touch done\n"
            "tree=$(git rev-parse main^{tree}); export GIT_AUTHOR_NAME=o GIT_AUTHOR_EMAIL=o GIT_COMMITTER_NAME=o "
            "GIT_COMMITTER_EMAIL=o\ngit update-ref refs/heads/main $(git commit-tree $tree -p main -m other)",
        )

        outcome = job.persist()

        assert (outcome.status, outcome.pushed) == ("persisted", True)
        assert git(origin, "log", "-1", "--format=%s", "main") == "other"
        assert outcome.commit_sha == git(origin, "rev-parse", "main~1")
        assert git(other.checkout, "pull", "--quiet") == ""


class TestDeclined:
    def test_a_hook_that_declines_stops_at_once_and_loses_nothing(self, origin: Path, job: Job) -> None:
        declining = hook(origin, "pre-receive", "echo 'policy: no models on Fridays' >&2; exit 1")
        run = write_run(job.store)
        before = git(origin, "rev-parse", "main"), git(job.checkout, "rev-parse", "HEAD")

        outcome = job.persist()

        assert (outcome.status, outcome.pushed, job.sleeps) == ("failed", False, [])
        assert "no models on Fridays" in outcome.reason
        assert (git(origin, "rev-parse", "main"), git(job.checkout, "rev-parse", "HEAD")) == before
        assert git(job.checkout, "status", "--porcelain") == "?? mlruns/"
        (level, message), *_ = [each for each in outcome.messages if "bundle" in each[1]]
        assert level == "error"
        assert "Untouched: the checkout" in message

        declining.unlink()
        command = message.split("was built: ")[1].splitlines()[0]
        subprocess.run(["sh", "-c", command], cwd=job.checkout, check=True, capture_output=True)
        assert f"mlruns/{experiment_id('demo')}/{run}/meta.yaml" in files(origin)

    def test_a_push_that_vanishes_is_not_called_pushed(self, origin: Path, job: Job) -> None:
        hook(origin, "post-receive", "git update-ref refs/heads/main $(git rev-list --max-parents=0 main)")
        write_run(job.store)

        outcome = job.persist()

        assert (outcome.status, outcome.pushed) == ("failed", False)
        assert "does not hold the commit" in outcome.reason


def recover(job: Job, message: str) -> None:
    command = message.split("was built: ")[1].splitlines()[0]
    subprocess.run(["sh", "-c", command], cwd=job.checkout, check=True, capture_output=True)


def last_error(outcome: Outcome) -> str:
    return [message for level, message in outcome.messages if level == "error"][-1]


class TestRemedies:
    def test_a_commit_that_must_be_signed_can_be_signed(self, origin: Path, job: Job, tmp_path: Path) -> None:
        if shutil.which("ssh-keygen") is None:
            pytest.skip("ssh-keygen is not installed")
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"], check=True)
        for name, value in {"gpg.format": "ssh", "user.signingKey": str(tmp_path / "key.pub")}.items():
            git(job.checkout, "config", name, value)
        git(job.checkout, "config", "commit.gpgSign", "true")
        hook(
            origin,
            "pre-receive",
            "read old new ref; git cat-file commit $new | grep -q ^gpgsig && exit 0\n"
            "echo 'error: GH013: Repository rule violations found for refs/heads/main.' >&2\n"
            "echo '- Commits must have verified signatures.' >&2; exit 1",
        )
        run = write_run(job.store)
        head = git(job.checkout, "rev-parse", "HEAD")

        message = last_error(job.persist())

        assert "verified signatures" in message
        assert "commit.gpgsign" in message
        assert "contents: write" not in message
        recover(job, message)
        assert f"mlruns/{experiment_id('demo')}/{run}/meta.yaml" in files(origin)
        assert git(origin, "log", "-1", "--format=%s", "main").startswith("MLflow: add 1 run")
        assert git(job.checkout, "rev-parse", "HEAD") == head

    def test_a_commit_that_is_not_signed_is_told(self, job: Job) -> None:
        write_run(job.store)
        assert not any("not signed" in message for _, message in job.persist().messages)
        git(job.checkout, "config", "commit.gpgSign", "true")
        write_run(job.store)

        assert ("notice", "The commit is not signed") in [
            (level, message[:24]) for level, message in job.persist().messages
        ]

    def test_what_a_protected_branch_refuses_goes_to_another(self, origin: Path, job: Job) -> None:
        hook(
            origin,
            "update",
            '[ "$1" = refs/heads/main ] || exit 0\n'
            "echo 'error: GH006: Protected branch update failed for refs/heads/main.' >&2; exit 1",
        )
        run = write_run(job.store)

        outcome = job.persist()
        message = last_error(outcome)

        assert "--branch" in message
        recover(job, message)
        assert outcome.bundle_path is not None
        branch = f"mlflow-{Path(outcome.bundle_path).stem}"
        assert f"mlruns/{experiment_id('demo')}/{run}/meta.yaml" in files(origin, branch)

    def test_a_branch_that_is_checked_out_on_the_remote(self, origin: Path, job: Job, tmp_path: Path) -> None:
        desk = clone(origin, tmp_path / "desk")
        git(job.checkout, "remote", "set-url", "origin", desk.as_uri())
        write_run(job.store)

        message = last_error(job.persist())

        assert "make the remote a bare repository" in message

    def test_missing_credentials_are_not_missing_rights(self, origin: Path, job: Job) -> None:
        with git_server(origin, token="", free="git-upload-pack") as url:
            git(job.checkout, "remote", "set-url", "origin", url)
            write_run(job.store)

            outcome = job.persist()

        assert outcome.status == "failed"
        assert "persist-credentials: true" in last_error(outcome)
        assert "contents: write" not in last_error(outcome)
        assert job.sleeps == []


class TestGitHub:
    """The branch that a workflow runs for, as GitHub's variables tell it."""

    def test_a_tags_workflow_publishes_on_the_branch_that_it_names(self, origin: Path, job: Job) -> None:
        write_run(job.store)
        tag = {"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "push", "GITHUB_REF_TYPE": "tag"}

        unnamed = run_persist(job, "--json", **tag)
        named = run_persist(job, "--json", "--branch", "main", **tag)

        assert json.loads(unnamed.stdout)["status"] == "skipped"
        assert "::warning title=MLflow persistence%3A skipped::Nothing was pushed: this workflow" in unnamed.stderr
        assert "the input 'branch'" in unnamed.stderr
        assert (json.loads(named.stdout)["status"], run_count(origin)) == ("persisted", 1)

    @pytest.mark.parametrize(
        ("branch", "environ"),
        [
            ("feature", {"GITHUB_EVENT_NAME": "pull_request", "GITHUB_HEAD_REF": "feature"}),
            ("main", {"GITHUB_EVENT_NAME": "push", "GITHUB_REF_TYPE": "branch", "GITHUB_REF_NAME": "main"}),
        ],
        ids=["a pull request", "the commit of a push"],
    )
    def test_a_detached_head_is_published_on_the_branch_it_came_from(
        self, origin: Path, job: Job, branch: str, environ: dict[str, str]
    ) -> None:
        git(job.checkout, "push", "--quiet", "origin", "HEAD:refs/heads/feature")
        git(job.checkout, "checkout", "--quiet", "--detach")
        run = write_run(job.store)

        done = run_persist(job, "--json", GITHUB_ACTIONS="true", **environ)

        assert json.loads(done.stdout)["pushed"] is True, done.stderr
        assert f"mlruns/{experiment_id('demo')}/{run}/meta.yaml" in files(origin, branch)

    def test_a_branch_may_be_given_by_its_full_name(self, origin: Path, job: Job) -> None:
        write_run(job.store)

        assert job.persist(branch="refs/heads/main").pushed

        assert git(origin, "for-each-ref", "--format=%(refname)") == "refs/heads/main"

    @pytest.mark.parametrize("name", ["refs/tags/v1", "refs/pull/7/merge", "a b", "-x", "a..b"])
    def test_what_is_no_branch_is_refused(self, job: Job, name: str) -> None:
        write_run(job.store)

        with pytest.raises(RepositoryError, match="is not the name of a branch"):
            job.persist(branch=name)


class TestUnreachable:
    def test_a_dead_remote_keeps_the_commit(self, origin: Path, job: Job) -> None:
        run = write_run(job.store)
        away = origin.rename(origin.with_name("away.git"))

        outcome = job.persist()

        assert (outcome.status, outcome.pushed) == ("failed", False)
        assert len(job.sleeps) == UNREACHABLE_ATTEMPTS - 1
        assert outcome.bundle_path is not None
        away.rename(origin)
        git(job.checkout, "fetch", "--quiet", outcome.bundle_path, "refs/heads/mlflow-history")
        git(job.checkout, "push", "--quiet", "origin", "FETCH_HEAD:refs/heads/main")
        assert f"mlruns/{experiment_id('demo')}/{run}/meta.yaml" in files(origin)
        assert job.persist().status == "nothing-new"
        assert git(job.checkout, "status", "--porcelain") == ""

    def test_a_remote_that_comes_back_is_used(self, origin: Path, job: Job) -> None:
        write_run(job.store)
        away = origin.rename(origin.with_name("away.git"))

        def come_back() -> None:
            if away.exists():
                away.rename(origin)

        job.while_waiting = come_back

        assert job.persist().status == "persisted"

    def test_a_dry_run_of_a_dead_remote_is_an_error(self, origin: Path, job: Job) -> None:
        write_run(job.store)
        origin.rename(origin.with_name("away.git"))

        with pytest.raises(PublishError, match="Cannot read origin/main"):
            job.persist(dry_run=True)

    def test_a_connection_that_breaks_after_landing_is_no_failure(self, origin: Path, job: Job) -> None:
        # receive-pack dies after the ref was written and before it could answer.
        hook(origin, "post-update", "kill -9 $PPID")
        write_run(job.store)

        outcome = job.persist()

        assert (outcome.status, outcome.pushed) == ("persisted", True)
        assert git(origin, "rev-list", "--count", "main") == "2"


class TestDryRun:
    def test_shows_the_choice_and_changes_nothing(self, origin: Path, job: Job) -> None:
        run = write_run(job.store)
        before = git(origin, "rev-parse", "main")

        outcome = job.persist(dry_run=True)

        assert (outcome.status, outcome.run_id, outcome.pushed) == ("skipped", run, False)
        assert outcome.reason == "dry run: 1 run would be pushed"
        assert git(origin, "rev-parse", "main") == before
        assert git(job.checkout, "status", "--porcelain") == "?? mlruns/"


class TestCommand:
    def test_json_names_the_outputs_of_the_action(self, job: Job) -> None:
        run = write_run(job.store)

        done = run_persist(job, "--json")

        outputs = json.loads(done.stdout)
        assert set(outputs) == {
            "status", "reason", "run_id", "metric", "value", "improved", "model_path", "commit_sha", "pushed",
            "runs_added", "runs_updated", "runs_excluded", "runs_refused", "bundle_path",
        }  # fmt: skip
        assert (outputs["run_id"], outputs["status"], done.returncode) == (run, "persisted", 0)

    def test_failures_are_graceful_unless_strict(self, origin: Path, job: Job) -> None:
        hook(origin, "pre-receive", "exit 1")
        write_run(job.store)

        graceful, strict = run_persist(job), run_persist(job, "--fail-on-error")

        assert (graceful.returncode, strict.returncode) == (0, 6)
        assert "error: 1 run could not be pushed to origin/main" in graceful.stderr
        assert "To do: " in graceful.stderr

    def test_errors_are_graceful_unless_strict(self, job: Job) -> None:
        graceful, strict = run_persist(job, "--json"), run_persist(job, "--fail-on-error")

        assert (graceful.returncode, strict.returncode) == (0, 2)
        assert json.loads(graceful.stdout)["status"] == "failed"
        assert "does not exist" in graceful.stderr
        assert "Traceback" not in graceful.stderr

    def test_reports_to_github(self, job: Job, tmp_path: Path) -> None:
        run = write_run(job.store)
        write_run(job.store, status=4)
        environ = {
            "GITHUB_ACTIONS": "true",
            "GITHUB_OUTPUT": str(tmp_path / "output"),
            "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
            "GITHUB_WORKFLOW": "train",
            "GITHUB_RUN_NUMBER": "7",
        }

        done = run_persist(job, **environ)

        assert done.returncode == 0, done.stderr
        outputs = (tmp_path / "output").read_text(encoding="utf-8")
        assert f"\n{run}\n" in outputs
        assert "\ntrue\n" in outputs
        summary = (tmp_path / "summary").read_text(encoding="utf-8")
        assert f"| 1 | ridge | 1 | run-{run[:4]} | demo | {run} |" in summary
        assert "add 2 runs from train, run 7" in git(job.checkout, "log", "-1", "--format=%s")

    def test_a_rehearsal_under_act_pushes_nothing(self, origin: Path, job: Job) -> None:
        write_run(job.store)
        before = git(origin, "rev-parse", "main")

        done = run_persist(job, "--json", ACT="true")

        assert json.loads(done.stdout)["reason"].startswith("dry run")
        assert git(origin, "rev-parse", "main") == before
        assert json.loads(run_persist(job, "--json", "--no-dry-run", ACT="true").stdout)["pushed"] is True

    def test_a_reader_that_has_seen_enough_is_no_error(self, job: Job) -> None:
        for number in range(200):
            write_run(job.store, value=float(number), tags={"model_type": f"kind{number}"}, model=None)
        command = f"'{sys.executable}' '{PERSIST}' --dry-run --json | true"

        done = subprocess.run(["sh", "-c", command], cwd=job.checkout, capture_output=True, text=True, check=False)

        assert "Traceback" not in done.stderr
        assert "BrokenPipe" not in done.stderr

    def test_needs_gitpython_and_yaml_alone(self, job: Job) -> None:
        write_run(job.store)
        program = (
            "import sys\n"
            "class Refuse:\n"
            "    def find_spec(self, name, path=None, target=None):\n"
            "        if name.split('.')[0] in ('mlflow', 'numpy', 'pandas', 'sklearn', 'joblib'):\n"
            "            raise AssertionError(name)\n"
            "sys.meta_path.insert(0, Refuse())\n"
            f"sys.path.insert(0, {str(PERSIST.parent)!r})\n"
            "from mlpipeline.cli.persist import main\n"
            "sys.exit(main(['--fail-on-error']))\n"
        )

        done = python(job.checkout, "-c", program)

        assert "status     persisted" in done.stdout

    def test_a_missing_package_names_the_command_that_installs_it(self, job: Job) -> None:
        program = (
            f"import sys; sys.modules['git'] = None; sys.path.insert(0, {str(PERSIST.parent)!r})\n"
            "from mlpipeline.cli.persist import main\n"
            "sys.exit(main(['--fail-on-error']))\n"
        )

        done = python(job.checkout, "-c", program, check=False)

        assert done.returncode == 3
        assert "'git' is not installed" in done.stderr
        assert "scripts/install.py persist && .venv/bin/python " in done.stderr


class TestSecrets:
    def test_a_password_in_a_url_is_never_shown(self, job: Job) -> None:
        git(job.checkout, "remote", "set-url", "origin", "http://someone:hunter2@127.0.0.1:9/repo.git")
        write_run(job.store)

        done = run_persist(job, "--attempts=1")

        assert "could not be pushed" in done.stderr
        assert "hunter2" not in done.stderr + done.stdout

    def test_credentials_of_the_checkout_reach_the_remote_and_nothing_else(
        self, origin: Path, job: Job, tmp_path: Path
    ) -> None:
        with git_server(origin, token="c2VjcmV0") as url:  # noqa: S106 - what the test's own server asks for
            git(job.checkout, "remote", "set-url", "origin", url)
            # As actions/checkout leaves it.
            git(job.checkout, "config", "--local", f"http.{url}.extraheader", "AUTHORIZATION: basic c2VjcmV0")
            run = write_run(job.store)

            done = run_persist(job, "--json", GIT_TRACE=str(tmp_path / "trace"))

            assert json.loads(done.stdout)["status"] == "persisted", done.stderr
            assert f"mlruns/{experiment_id('demo')}/{run}/meta.yaml" in files(origin)
            assert "c2VjcmV0" not in done.stdout + done.stderr
            assert "c2VjcmV0" not in (tmp_path / "trace").read_text(encoding="utf-8")

            git(job.checkout, "config", "--local", f"http.{url}.extraheader", "AUTHORIZATION: basic d3Jvbmc=")
            write_run(job.store)
            refused = run_persist(job, "--json")
            assert json.loads(refused.stdout)["status"] == "failed"
            assert "contents: write" in refused.stderr
            assert "d3Jvbmc=" not in refused.stdout + refused.stderr


@contextmanager
def git_server(origin: Path, *, token: str, free: str = "nothing") -> Iterator[str]:
    """Serve a repository by `git http-backend` on the loopback, to those who know the token.

    The service `free` needs none; where no token opens it, the server asks for a name.
    """
    git(origin, "config", "http.receivepack", "true")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(b"")

        def do_POST(self) -> None:
            self._answer(self._body())

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))
            chunks = []
            while size := int(self.rfile.readline(), 16):
                chunks.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(chunks)

        def _answer(self, body: bytes) -> None:
            if free not in self.path and self.headers.get("Authorization") != f"basic {token}":
                self.send_response(403 if token else 401)
                self.send_header("WWW-Authenticate", 'Basic realm="test"')
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            path, _, query = self.path.partition("?")
            environ = {
                **os.environ,
                "GIT_PROJECT_ROOT": str(origin.parent),
                "GIT_HTTP_EXPORT_ALL": "1",
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "REQUEST_METHOD": self.command,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "CONTENT_LENGTH": str(len(body)),
                "REMOTE_USER": "tester",
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            }
            done = subprocess.run(["git", "http-backend"], input=body, env=environ, capture_output=True, check=True)
            head, _, content = done.stdout.partition(b"\r\n\r\n")
            fields = dict(line.split(": ", 1) for line in head.decode().splitlines())
            self.send_response(int(fields.pop("Status", "200").split()[0]))
            for name, value in fields.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Keep the test's output quiet."""

    with serving(Handler) as address:
        yield f"{address}/{origin.name}"
