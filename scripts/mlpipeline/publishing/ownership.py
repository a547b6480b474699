"""Refuse to write over what others own: decided from a plan and the tip before anything is written."""

import shlex
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from mlpipeline.core.documents import LARGEST
from mlpipeline.core.edits import Copy, Delete, Edit, Link, Write
from mlpipeline.core.errors import RepositoryError
from mlpipeline.core.files import read_regular
from mlpipeline.history.paths import ARTIFACTS, INFO, METADATA, MODELS, PROMOTED
from mlpipeline.lifecycle.promotion import derived_files
from mlpipeline.publishing import dvc
from mlpipeline.publishing.plan import Plan
from mlpipeline.repo.tree import GitTree

_UNTOUCHED = "the branch, the checkout and the runs."

_ELSEWHERE = (
    "publish into a folder of its own with --root, such as --root mlflow (name the runs with --source then), or on a "
    "branch of its own with --branch"
)

_LINK, _SUBMODULE, _FOLDER = "120000", "160000", "040000"
"""Modes of Git's trees."""


def refuse_foreign(planned: Plan, tip: GitTree, checkout: Path | None) -> None:
    """Raise where a plan would write over what it did not write before.

    Args:
        planned: what is to be written.
        tip: what it is to be written on.
        checkout: the top of the user's checkout, if the branch is checked out there.

    Raises:
        RepositoryError: something of others stands at, above or below what is to be written.
    """
    edits = [edit for edit in (*planned.edits, *planned.derived("")) if not isinstance(edit, Delete)]
    written = [edit.path for edit in edits]
    _refuse_in_the_way(written, tip, checkout)
    _refuse_replacing(edits, planned, tip)
    _refuse_dvcs([tip.root + path for path in written], tip, checkout)


def _refuse_in_the_way(written: Iterable[str], tip: GitTree, checkout: Path | None) -> None:
    """Links, submodules and files where folders are to be, and folders where files are to be."""
    folders = {tip.root + folder for path in written for folder in _folders(path)}
    folders |= {tip.root[:at] for at, character in enumerate(tip.root) if character == "/"}
    files = {tip.root + path for path in written if not path.startswith((f"{METADATA}/", f"{ARTIFACTS}/"))}
    for path, mode in sorted(tip.modes(folders | files).items()):
        what = {_LINK: "a symbolic link", _SUBMODULE: "a submodule", _FOLDER: "a folder"}.get(mode, "a file")
        if mode in (_LINK, _SUBMODULE) or (mode == _FOLDER) != (path in folders):
            within = " (or inside the submodule, with --repository)" if mode == _SUBMODULE else ""
            raise RepositoryError(
                f"'{path}' is {what} on the branch, so nothing can be stored there.",
                untouched=_UNTOUCHED,
                remedy=f"{_ELSEWHERE}{within}; or move '{path}' away.",
            )
    for path in sorted(folders) if checkout else ():
        if checkout and (checkout / path / ".git").exists():
            raise RepositoryError(
                f"'{path}' is a repository of its own in the checkout, so nothing can be stored there.",
                untouched=_UNTOUCHED,
                remedy=f"{_ELSEWHERE}; or move '{path}' away.",
            )


def _folders(path: str) -> Iterator[str]:
    """The folders above a file that may be of others: all but those of records, which a history's own links lie in."""
    parts = path.split("/")[:-1]
    deepest = 2 if path.startswith((f"{METADATA}/", f"{ARTIFACTS}/")) else len(parts)
    yield from ("/".join(parts[: number + 1]) for number in range(min(deepest, len(parts))))


def _refuse_replacing(edits: Iterable[Edit], planned: Plan, tip: GitTree) -> None:
    """Files at the places of promoted models that no promotion wrote."""
    contents = {edit.path: _identifier(edit, planned) for edit in edits if edit.path.startswith(_PROMOTED_PLACES)}
    changed = {path for path, identifier in contents.items() if tip.files.get(path, identifier) != identifier}
    if foreign := sorted(changed - derived_files(tip)):
        raise RepositoryError(
            f"'{tip.root}{foreign[0]}' is on the branch and was not put there by a promotion"
            f"{f', nor were {len(foreign) - 1} more' if foreign[1:] else ''}.",
            untouched=_UNTOUCHED,
            remedy=f"{_ELSEWHERE}; or move it away: git mv {shlex.quote(tip.root + foreign[0])} NEW, commit, push, run "
            "this again.",
        )


_PROMOTED_PLACES = (f"{MODELS}/", f"{PROMOTED}/")


def _identifier(edit: Edit, planned: Plan) -> str:
    """The object id of the file that an edit writes."""
    match edit:
        case Write(content=content):
            return planned.tree.blob_id(content)
        case Link(target=target):
            return planned.tree.blob_id(target.encode())
        case Copy(source=source):
            return planned.tree.files[source]
    raise AssertionError(edit)


def _refuse_dvcs(written: Iterable[str], tip: GitTree, checkout: Path | None) -> None:
    """Outputs of DVC, on the branch or in the checkout that is to follow it."""
    found = _outputs(tip, checkout)
    if not found:
        return
    for path in written:
        for owned in (path, *(path[:at] for at, character in enumerate(path) if character == "/"), "."):
            if owned in found:
                raise RepositoryError(
                    f"'{owned}' belongs to DVC, as '{found[owned]}' says, so nothing can be stored there: DVC would "
                    "fail in every clone, because Git tracks what it owns.",
                    untouched=_UNTOUCHED,
                    remedy=f"{_ELSEWHERE}; or give DVC another folder than '{owned}'.",
                )


def _outputs(tip: GitTree, checkout: Path | None) -> Mapping[str, str]:
    """What DVC owns, with the file that says so."""
    named = [path for path in tip.other_files if dvc.is_dvcs(path)]
    files = {**tip.read_others(named), **(_beside(checkout, tip.root) if checkout else {})}
    found = dvc.outputs(files)
    if any(path.endswith(dvc.CONFIGURATION) for path in tip.other_files):
        found = {**_ignored(tip), **found}
    return found


def _beside(checkout: Path, root: str) -> dict[str, bytes]:
    """DVC's files of a checkout in the folders in which those of a history may lie."""
    places = {Path(root + path).parent for path in (METADATA, MODELS, PROMOTED, f"{PROMOTED}/x")}
    above = {parent for place in places for parent in (place, *place.parents)}
    found: dict[str, bytes] = {}
    for folder in sorted(above):
        for file in sorted((checkout / folder).glob("*")):
            if dvc.is_dvcs(file.name):
                with suppress(OSError):
                    found[file.relative_to(checkout).as_posix()] = read_regular(file, largest=LARGEST)
    return found


def _ignored(tip: GitTree) -> dict[str, str]:
    """Folders that DVC, as it does with its outputs, keeps out of Git: a line `/name` of the .gitignore beside them.

    People write such lines as well, but of `mlruns/`: that is not looked for.
    """
    folders = [tip.root + folder for folder in (MODELS, "deployment", "deployment/models", PROMOTED, INFO)]
    beside = {folder: f"{folder.rpartition('/')[0]}/.gitignore".removeprefix("/") for folder in folders}
    rules = tip.read_others({path for path in beside.values() if path in tip.other_files})
    return {
        folder: path
        for folder, path in beside.items()
        if f"/{folder.rpartition('/')[2]}" in rules.get(path, b"").decode(errors="replace").splitlines()
    }
