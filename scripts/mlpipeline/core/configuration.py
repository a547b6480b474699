"""Parse `mlflow-git.yaml`, the one configuration file of a repository; pure.

Its JSON Schema is `docs/mlflow-git.schema.json`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mlpipeline.core.documents import load_yaml
from mlpipeline.core.errors import InputError
from mlpipeline.core.nearest import did_you_mean
from mlpipeline.core.ranking import Mode, RuleOptions

CONFIGURATION = "mlflow-git.yaml"
"""The file's name, at the top of the repository."""

KEYS = ("metric", "mode", "experiments", "root", "remote", "branch", "allow_secrets")


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """What the file asks for; `None` for what it leaves open.

    Attributes:
        rule: how the best run is chosen.
        root: the folder in the repository that holds `mlruns/`.
        remote: where to publish.
        branch: the branch to publish to.
        allow_secrets: names, as a refusal gives them, of what is no secret though it looks like one.
    """

    rule: RuleOptions = field(default_factory=RuleOptions)
    root: str | None = None
    remote: str | None = None
    branch: str | None = None
    allow_secrets: tuple[str, ...] = ()


def parse(data: bytes) -> Configuration:
    """Parse the file's content.

    Raises:
        InputError: it is no YAML mapping, has a key that does not exist, or a value that cannot be used.
    """
    try:
        values = {} if _says_nothing(data) else load_yaml(data)
    except ValueError as error:
        raise _error(f"it is {error}", "write one 'key: value' a line, such as 'metric: accuracy'.") from error
    for key in values:
        if key not in KEYS:
            raise _error(f"there is no key '{key}'", f"the keys are {', '.join(KEYS)}.{did_you_mean(key, KEYS)}")
    mode = _text(values, "mode")
    if mode is not None and mode not in list(Mode):
        raise _error(f"mode: '{mode}' is no mode", f"write min or max.{did_you_mean(mode, Mode)}")
    return Configuration(
        rule=RuleOptions(
            metric=_text(values, "metric"), mode=Mode(mode) if mode else None, experiments=_names(values, "experiments")
        ),
        root=_text(values, "root"),
        remote=_text(values, "remote"),
        branch=_text(values, "branch"),
        allow_secrets=_names(values, "allow_secrets") or (),
    )


def _says_nothing(data: bytes) -> bool:
    return all(line.strip().startswith(b"#") or not line.strip() for line in data.splitlines())


def _text(values: Mapping[str, object], key: str) -> str | None:
    value = values.get(key)
    if value is None:
        return None
    if not isinstance(value, str) or not value.strip():
        raise _error(f"{key}: {value!r} is not a text", f"write it in quotes, such as {key}: 'name'.")
    return value.strip()


def _names(values: Mapping[str, object], key: str) -> tuple[str, ...] | None:
    value = values.get(key)
    if value is None:
        return None
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(name, str) and name.strip() for name in names):
        raise _error(f"{key}: {value!r} is no list of names", f"write {key}: ['one', 'another'].")
    return tuple(name.strip() for name in names)


def _error(what: str, remedy: str) -> InputError:
    return InputError(f"{CONFIGURATION}: {what}.", remedy=remedy)
