"""Make names of metrics, params and tags fit for MLflow; pure.

MLflow refuses a name while it reads a run, and fails the whole experiment with it. The rule is that of
`mlflow/utils/validation.py` 3.17, `validate_param_and_metric_name`.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from mlpipeline.core.edits import Content

_NAMED = ("metrics/", "params/", "tags/", "request_metadata/")
"""The folders of a record in which the names of files are names that MLflow checks."""

_REFUSED = re.compile(r"[^/\w.\- :]")

ALLOWED = "letters, digits and _-./: and spaces"
"""What MLflow takes, for messages."""


@dataclass(frozen=True, kw_only=True)
class Names:
    """How the names of one record can be stored.

    Attributes:
        renamed: the path to store a file at, by the path that MLflow refuses.
        ambiguous: paths that MLflow refuses and whose new name another file has as well.
    """

    renamed: Mapping[str, str]
    ambiguous: tuple[str, ...]

    def applied(self, files: Mapping[str, Content]) -> dict[str, Content]:
        """Give files under their new names, without the ambiguous ones."""
        return {self.renamed.get(path, path): each for path, each in files.items() if path not in self.ambiguous}


def fit(paths: Iterable[str]) -> Names:
    """Replace what MLflow refuses in names by `_`, unless that is another's name."""
    there = list(paths)
    refused = {path: _REFUSED.sub("_", path) for path in there if path.startswith(_NAMED) and _REFUSED.search(path)}
    files = Counter([*(path for path in there if path not in refused), *refused.values()])
    folders = {parent for path in files for parent in _parents(path)}
    renamed = {
        path: name
        for path, name in refused.items()
        if files[name] == 1 and name not in folders and not any(parent in files for parent in _parents(name))
    }
    return Names(renamed=renamed, ambiguous=tuple(path for path in refused if path not in renamed))


def _parents(path: str) -> Iterator[str]:
    return (path[: match.start()] for match in re.finditer("/", path))
