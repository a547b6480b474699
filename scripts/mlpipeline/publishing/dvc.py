"""What DVC owns in a repository, as its files tell; pure.

Formats: https://dvc.org/doc/user-guide/project-structure. DVC refuses to work once Git tracks a file of an output.
"""

import posixpath
from collections.abc import Iterator, Mapping

from mlpipeline.core.documents import readable_yaml

CONFIGURATION = ".dvc/config"
"""The file that makes a folder a DVC project."""


def is_dvcs(path: str) -> bool:
    """Tell whether a file lists what DVC owns."""
    name = path.rpartition("/")[2]
    return name in ("dvc.yaml", "dvc.lock", "Dvcfile") or (name.endswith(".dvc") and name != ".dvc")


def outputs(files: Mapping[str, bytes]) -> dict[str, str]:
    """List what DVC owns: the file that says so by path.

    Args:
        files: content by path, of those that `is_dvcs` names.
    """
    parsed = {path: readable_yaml(data) for path, data in files.items()}
    found: dict[str, str] = {}
    # Locks last: people know the pipeline.
    for path, document in sorted(parsed.items(), key=lambda item: item[0].endswith(".lock")):
        folder, _, name = path.rpartition("/")
        if name == "dvc.lock":
            # Only the pipeline says where a stage runs; only the lock has the names that templates make.
            pipeline = _stages(parsed.get(posixpath.join(folder, "dvc.yaml"), {}))
            stages = {
                stage: (_text(pipeline.get(stage.partition("@")[0], {}).get("wdir")), entry)
                for stage, entry in _stages(document).items()
            }
        elif name == "dvc.yaml":
            stages = {stage: (_text(entry.get("wdir")), entry) for stage, entry in _stages(document).items()}
        else:
            stages = {"": (_text(document.get("wdir")), document)}
        for where, entry in stages.values():
            for out in _outs(entry):
                if "${" not in out and "://" not in out:
                    found.setdefault(posixpath.normpath(posixpath.join(folder, where, out)), path)
    return found


def _stages(document: Mapping[str, object]) -> dict[str, Mapping[str, object]]:
    """The stages of a `dvc.yaml` or a `dvc.lock`, whose first form had them at the top."""
    stages = document.get("stages", document)
    found: dict[str, Mapping[str, object]] = {}
    for name, stage in stages.items() if isinstance(stages, dict) else ():
        if isinstance(stage, dict):
            inner = stage.get("do")
            found[str(name)] = inner if isinstance(inner, dict) else stage
    return found


def _outs(entry: Mapping[str, object]) -> Iterator[str]:
    """The paths that a stage or a `.dvc` file lists, in any of the forms that DVC takes."""
    for key in ("outs", "metrics", "plots"):
        listed = entry.get(key)
        for out in listed if isinstance(listed, list) else ():
            if isinstance(out, str):
                yield out
            elif isinstance(out, dict):
                yield str(out["path"]) if "path" in out else str(next(iter(out), ""))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
