"""Keep the files of a history as they are: no filter of the repository's `.gitattributes`, such as Git LFS, is theirs.

What is pushed are a run's bytes. Where a filter were to make something else of them, `git status` would call them
modified in every clone, for good. So the attributes are taken off them: by one line for all that runs logged, and file
by file for what is derived, for a team's files beside it keep their own. Files that are pointers of Git LFS stay
pointers.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from mlpipeline.core.edits import Write
from mlpipeline.core.errors import RepositoryError
from mlpipeline.history.overlay import Overlay
from mlpipeline.history.paths import ARTIFACTS, INFO, METADATA, MODELS
from mlpipeline.lifecycle.promotion import derived_files
from mlpipeline.publishing.plan import Plan
from mlpipeline.repo.tree import GitTree

_FILE = ".gitattributes"

_HOMES = (METADATA, ARTIFACTS, MODELS, "deployment/models")
"""Folders whose `.gitattributes` says how the files below them are treated."""

_OFF = "-text !filter !diff !merge !ident !working-tree-encoding"

_WORDS = re.compile(rb"filter|ident|working-tree-encoding|[\s]text(?:\s|$)")
"""What a `.gitattributes` must hold to make something else of a file's bytes; macros are made of the same words."""


def kept_as_they_are(planned: Plan, tip: GitTree) -> Plan:
    """Add to a plan what takes filters off its files.

    Raises:
        RepositoryError: what is to be stored would have to be encrypted.
    """
    final = Overlay(planned.tree, planned.derived(""))
    files = _Attributes(tip=tip, contents=_attribute_files(tip, final))
    if not any(_WORDS.search(content) for content in files.contents.values()):
        return planned
    filtered = _filtered(files, final)
    if not filtered:
        return planned
    if crypt := sorted(path for path, name in filtered.items() if "crypt" in name):
        raise RepositoryError(
            f"The repository's .gitattributes wants '{tip.root}{crypt[0]}' encrypted (filter={filtered[crypt[0]]}), "
            "and what is stored here is not.",
            untouched="the branch, the checkout and the runs.",
            remedy="take the history's folders out of that rule, or publish on a branch of its own with --branch.",
        )
    pointers = tip.pointers(final.files[path] for path in filtered)
    plain = [path for path in filtered if final.files[path] not in pointers]
    edits = list(_switched_off(plain, files, has_pointers={_home(path) for path in filtered.keys() - set(plain)}))
    if not edits:
        return planned
    return replace(planned, edits=(*planned.edits, *edits), tree=Overlay(planned.tree, edits))


@dataclass(frozen=True, kw_only=True)
class _Attributes:
    """The `.gitattributes` files that reach a history's files.

    Attributes:
        tip: the history before.
        contents: their contents, by path from the repository's top.
    """

    tip: GitTree
    contents: Mapping[str, bytes]


def _attribute_files(tip: GitTree, final: Overlay) -> dict[str, bytes]:
    """The contents of the `.gitattributes` that may reach a history's files, by path from the repository's top."""
    above = [path for path in tip.other_files if _is_attributes(path) and _reaches(path, tip.root)]
    own = [path for path in final.files if _is_attributes(path)]
    return {**tip.read_others(above), **{tip.root + path: data for path, data in final.read(own).items()}}


def _is_attributes(path: str) -> bool:
    return path == _FILE or path.endswith(f"/{_FILE}")


def _reaches(path: str, root: str) -> bool:
    """Whether a `.gitattributes` lies above a root, or in it."""
    folder = path.removesuffix(_FILE)
    return root.startswith(folder) or folder == f"{root}deployment/"


def _filtered(files: _Attributes, final: Overlay) -> dict[str, str]:
    """The files of a history that git would not keep as they are, with the filter's name."""
    root = files.tip.root
    asked = [root + path for path in _own_files(final)]
    found: dict[str, str] = {}
    for path, attributes in files.tip.attributes(asked, files.contents, _ASKED).items():
        name = attributes["filter"]
        is_text = attributes["text"] == "set" and path != root + INFO
        is_changed = attributes["ident"] == "set" or attributes["working-tree-encoding"] not in _NONE
        if name not in _NONE or is_changed or is_text:
            found[path.removeprefix(root)] = name
    return found


def _own_files(final: Overlay) -> Iterator[str]:
    """The files that this project writes; beside those that it derives, a team may keep its own."""
    derived = {INFO, f"{MODELS}/{_FILE}", f"deployment/models/{_FILE}", *derived_files(final)}
    yield from (path for path in final.files if path.startswith((f"{METADATA}/", f"{ARTIFACTS}/")) or path in derived)


_ASKED = ("filter", "text", "ident", "working-tree-encoding")

_NONE = ("unspecified", "unset")


def _switched_off(paths: Iterable[str], files: _Attributes, *, has_pointers: set[str]) -> Iterator[Write]:
    """The `.gitattributes` that take filters off files."""
    lines: dict[str, list[str]] = defaultdict(list)
    for path in sorted(paths):
        home = _home(path)
        if home in (METADATA, ARTIFACTS) and home not in has_pointers:
            lines[home] = [f"* {_OFF}"]
        else:
            folder = _nearest(path, home, files)
            lines[folder].append(f"{_pattern(path.removeprefix(f'{folder}/') if folder else path)} {_OFF}")
    for folder, added in lines.items():
        path = f"{folder}/{_FILE}" if folder else _FILE
        before = files.contents.get(files.tip.root + path, b"")
        gap = b"\n" if before and not before.endswith(b"\n") else b""
        yield Write(path=path, content=before + gap + "".join(f"{line}\n" for line in added).encode())


def _home(path: str) -> str:
    """The folder whose `.gitattributes` is for a file; empty for the root."""
    return next((home for home in _HOMES if path.startswith(f"{home}/")), "")


def _nearest(path: str, home: str, files: _Attributes) -> str:
    """The folder nearest to a derived file that has a `.gitattributes`, which is heard last; else its home."""
    folders = path.split("/")[:-1]
    for depth in range(len(folders), home.count("/") + 1, -1):
        folder = "/".join(folders[:depth])
        if home not in (METADATA, ARTIFACTS) and f"{files.tip.root}{folder}/{_FILE}" in files.contents:
            return folder
    return home


def _pattern(path: str) -> str:
    """Write a path as a pattern that matches it alone."""
    escaped = "/" + re.sub(r"([\\*?\[])", r"\\\1", path)
    if re.fullmatch(r"[!-~]+", escaped) and '"' not in escaped:
        return escaped
    quoted = escaped.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{quoted}"'
