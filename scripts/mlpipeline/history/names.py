"""Make names of metrics, params, tags and artifacts fit for MLflow and for every checkout; pure.

MLflow refuses a name while it reads a run, and fails the whole experiment with it. The rule is that of
`mlflow/utils/validation.py` 3.17, `validate_param_and_metric_name`. What Git, Windows or macOS take for special is
escaped (`core.filenames`).
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from mlpipeline.core.edits import Content
from mlpipeline.core.filenames import LONGEST_INNER, escaped, fault

_NAMED = ("metrics/", "params/", "tags/", "request_metadata/")
"""The folders of a record in which the names of files are names that MLflow checks."""

_RENAMED = (*_NAMED, "artifacts/")
"""The folders in which a file can have another name; elsewhere names are ids, which a description repeats."""

_PLACEHOLDERS = ("params/.keep", "metrics/.keep")
"""Paths that a history has for itself, to keep empty folders alive."""

_REFUSED = re.compile(r"[^/\w.\- :]")

_ALLOWED = "letters, digits and _-./: and spaces"
"""What MLflow takes, for messages."""

_SPECIAL = "Git, Windows, macOS or the history itself take the name for another"


@dataclass(frozen=True, kw_only=True)
class Names:
    """How the names of one record can be stored.

    Attributes:
        renamed: the path to store a file at, by the path that does not fit.
        refused: why a path cannot be stored, as the rest of a sentence that begins with the path.
    """

    renamed: Mapping[str, str]
    refused: Mapping[str, str]

    def applied(self, files: Mapping[str, Content]) -> dict[str, Content]:
        """Give files under their new names, without the refused ones."""
        return {self.renamed.get(path, path): each for path, each in files.items() if path not in self.refused}


def fit(paths: Iterable[str]) -> Names:
    """Replace what MLflow refuses in names by `_` and escape what is special, unless that is another's name."""
    there = list(paths)
    fitting = {path: _fitting(path) for path in there}
    refused = {path: reason for path, name in fitting.items() if (reason := _fault(path, name))}
    changed = {path: name for path, name in fitting.items() if name != path and path not in refused}
    files = Counter([*(path for path in there if path not in changed and path not in refused), *changed.values()])
    folders = {parent for path in files for parent in _parents(path)}
    for path, name in changed.items():
        if files[name] != 1 or name in folders or any(parent in files for parent in _parents(name)):
            refused[path] = f"was left out: {why(path)}, and {name!r}, as it would be stored, is another's name."
    return Names(
        renamed={path: name for path, name in changed.items() if path not in refused},
        refused=refused,
    )


def why(path: str) -> str:
    """Say why a path is stored under another name."""
    return f"MLflow takes {_ALLOWED} alone" if _taken_by_mlflow(path) != path else _SPECIAL


def _fitting(path: str) -> str:
    if path in _PLACEHOLDERS:
        return path.replace(".", f"_x{ord('.'):04X}_")
    named = _taken_by_mlflow(path)
    return escaped(named) if path.startswith(_RENAMED) else named


def _taken_by_mlflow(path: str) -> str:
    return _REFUSED.sub("_", path) if path.startswith(_NAMED) else path


def _fault(path: str, name: str) -> str:
    """Find out why a path cannot be stored under a name."""
    if reason := fault(_taken_by_mlflow(path), longest=LONGEST_INNER) or fault(name, longest=LONGEST_INNER):
        return f"{reason}, and was left out."
    is_special = not path.startswith(_RENAMED) and escaped(path) != path
    return f"was left out: {_SPECIAL}." if is_special else ""


def _parents(path: str) -> Iterator[str]:
    return (path[: match.start()] for match in re.finditer("/", path))
