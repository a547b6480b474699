"""A repository's `.gitattributes` make nothing else of what is stored, and a team's files keep theirs."""

from pathlib import Path

import pytest

from mlpipeline.core.errors import RepositoryError
from mlpipeline.publishing.attributes import _pattern
from support.gitrepo import clone, files, git, show
from support.jobs import Job
from support.mlstore import put, write_run

LFS = "filter=lfs diff=lfs merge=lfs -text"
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:{:064}\nsize 5\n"


@pytest.fixture(autouse=True)
def git_lfs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a filter that does what Git LFS does when it cleans: pointers stay, all else becomes one."""
    program = tmp_path / "clean.sh"
    program.write_text(
        'cat > "$0.$$"; if head -c 50 "$0.$$" | grep -q "^version https://git-lfs"; then cat "$0.$$"; '
        "else printf 'version https://git-lfs.github.com/spec/v1\\noid sha256:%s\\nsize %s\\n' "
        '"$(sha256sum < "$0.$$" | cut -c1-64)" "$(wc -c < "$0.$$")"; fi; rm "$0.$$"\n',
        encoding="utf-8",
    )
    configuration = tmp_path / "configuration"
    configuration.write_text(
        f'[user]\n name = t\n email = t@example.org\n[filter "lfs"]\n clean = sh {program}\n smudge = cat\n'
        " required = true\n",
        encoding="utf-8",
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(configuration))


def push(job: Job, contents: dict[str, str]) -> None:
    for path, text in contents.items():
        put(job.checkout / path, text.encode())
    git(job.checkout, "add", "--all", *contents)
    git(job.checkout, "commit", "--quiet", "--message", "project")
    git(job.checkout, "push", "--quiet", "origin", "HEAD:main")


def is_clean_everywhere(job: Job, origin: Path, number: int = 0) -> bool:
    """Whether the checkout has followed, and it and a new clone are clean."""
    new = clone(origin, job.checkout.with_name(f"clone{number}"))
    dirty = [git(folder, "status", "--porcelain") for folder in (job.checkout, new)]
    assert dirty == ["", ""]
    return git(job.checkout, "rev-parse", "HEAD") == git(origin, "rev-parse", "main")


@pytest.mark.parametrize("root", [".", "back end"])
@pytest.mark.parametrize(
    "rules",
    [
        f"*.pkl {LFS}",
        f"* {LFS}\n.gitattributes !filter\nREADME.md !filter",
        f"**/models/** {LFS}\n**/mlruns/** {LFS}",
        f"*.json {LFS}\nMLmodel {LFS}",
        "[attr]big filter=lfs\n*.pkl big",
        "* text\n",
        "* ident",
        "*.txt working-tree-encoding=UTF-16",
    ],
)
def test_what_is_stored_is_plain_and_clean(origin: Path, job: Job, rules: str, root: str) -> None:
    push(job, {".gitattributes": f"{rules}\n"})
    prefix = "" if root == "." else f"{root}/"
    for number in (2, 1):
        store = job.checkout / prefix / "mlruns"
        write_run(store, value=number, model=b"model $Id$\r\n%d" % number, artifacts={"a b[1].txt": b"a\n"})
        outcome = job.persist(root=root)
        assert outcome.pushed
        assert is_clean_everywhere(job, origin, number)

    assert show(origin, f"{prefix}models/ridge_best_model.pkl") == b"model $Id$\r\n1"
    assert show(origin, ".gitattributes").decode().startswith(f"{rules}\n")
    assert not any(b"git-lfs" in show(origin, path) for path in files(origin) if path != ".gitattributes")


def test_without_filters_nothing_is_added(origin: Path, job: Job) -> None:
    push(job, {".gitattributes": "*.py diff=python\n"})
    write_run(job.store)

    job.persist()

    assert b"!filter" not in b"".join(show(origin, path) for path in files(origin) if path.endswith("attributes"))


def test_a_teams_files_keep_their_filter(origin: Path, job: Job) -> None:
    own = {
        "models/big.pkl": POINTER.format(1),
        "models/theirs_best_model.pkl": POINTER.format(2),
        "deployment/models/best_model/weights.pkl": POINTER.format(3),
        "deployment/models/other/model.pkl": POINTER.format(4),
    }
    rules = {"models/.gitattributes": f"*.pkl {LFS}", "deployment/.gitattributes": f"*.pkl {LFS}\n"}
    push(job, rules)
    push(job, own)
    write_run(job.store)

    assert job.persist().pushed

    assert is_clean_everywhere(job, origin)
    assert {path: show(origin, path).decode() for path in own} == own
    assert git(job.checkout, "check-attr", "filter", "--", *own).count(": filter: lfs") == len(own)
    assert show(origin, "models/.gitattributes").decode().splitlines()[0] == f"*.pkl {LFS}"
    assert show(origin, "models/ridge_best_model.pkl") == b"model"


@pytest.mark.parametrize("more", [True, False], ids=["with another run", "with nothing new"])
def test_a_history_that_was_there_before_the_filter_heals(origin: Path, job: Job, *, more: bool) -> None:
    write_run(job.store, value=2.0)
    job.persist()
    push(job, {".gitattributes": f"*.pkl {LFS}\n"})
    if more:
        write_run(job.store, value=1.0, model=b"better")

    outcome = job.persist()

    assert outcome.pushed
    assert is_clean_everywhere(job, origin)
    assert job.persist().status == "nothing-new"


def test_a_checkout_that_the_filter_makes_look_edited_follows(origin: Path, job: Job) -> None:
    write_run(job.store, value=2.0)
    job.persist()
    push(job, {".gitattributes": f"*.pkl {LFS}\n"})
    write_run(job.store, value=1.0, model=b"better")
    for path in job.checkout.glob("**/*.pkl"):
        path.touch()
    assert "model.pkl" in git(job.checkout, "status", "--porcelain")

    job.persist()

    assert is_clean_everywhere(job, origin)
    assert (job.checkout / "models/ridge_best_model.pkl").read_bytes() == b"better"


def test_runs_that_were_committed_as_pointers_stay_pointers(origin: Path, job: Job) -> None:
    push(job, {".gitattributes": f"*.pkl {LFS}\n"})
    old = "mlruns/1/0123/artifacts/old.pkl"
    push(job, {old: POINTER.format(1)})
    write_run(job.store, artifacts={"new.pkl": b"new"})

    assert job.persist().pushed

    assert is_clean_everywhere(job, origin)
    assert show(origin, old).decode() == POINTER.format(1)
    assert git(job.checkout, "check-attr", "filter", "--", old).endswith("filter: lfs")


def test_what_is_to_be_encrypted_is_refused(origin: Path, job: Job) -> None:
    push(job, {".gitattributes": "*.pkl filter=git-crypt diff=git-crypt\n"})
    write_run(job.store)

    with pytest.raises(RepositoryError, match="encrypted") as caught:
        job.persist()

    assert "--branch" in caught.value.remedy
    assert "mlruns" not in " ".join(files(origin))


def test_a_filter_among_the_artifacts_is_none(origin: Path, job: Job, tmp_path: Path) -> None:
    rules = f"*.bin {LFS}\n".encode()
    run = write_run(job.store, artifacts={"snapshot/.gitattributes": rules, "snapshot/w.bin": b"weights"})

    job.persist()

    folder = f"mlflow-artifacts/{run}/artifacts/snapshot"
    assert show(origin, f"{folder}/_x002E_gitattributes") == rules
    assert "unspecified" in git(clone(origin, tmp_path / "fresh"), "check-attr", "filter", f"{folder}/w.bin")


@pytest.mark.parametrize(
    "path", ["a.pkl", "a b.pkl", "[a]*?.pkl", "\\x.pkl", 'q"uote.pkl', "r\u00e9sum\u00e9.pkl", "#a", "!a"]
)
def test_a_pattern_matches_its_path_alone(job: Job, path: str) -> None:
    put(job.checkout / ".gitattributes", f"{_pattern(path)} filter=this\n".encode())

    told = git(job.checkout, "check-attr", "-z", "filter", "--", path, f"x{path}", f"d/{path}", "aa.pkl")

    values = told.split("\0")[2::3]
    assert values == ["this", *["unspecified"] * 3]
