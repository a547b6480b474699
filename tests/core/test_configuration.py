"""`mlflow-git.yaml`: what it may say, and what is said of what it may not."""

import json
from pathlib import Path

import jsonschema
import pytest

from mlpipeline.core.configuration import KEYS, Configuration, parse
from mlpipeline.core.documents import load_yaml
from mlpipeline.core.errors import InputError
from mlpipeline.core.ranking import Mode, RuleOptions

SCHEMA = json.loads((Path(__file__).parents[2] / "docs/mlflow-git.schema.json").read_text())

WHOLE = b"""\
metric: accuracy
mode: max
experiments: [houses, 'two words']
root: backend
remote: upstream
branch: ml-history
allow_secrets: [params/token]
"""


def test_every_key() -> None:
    assert parse(WHOLE) == Configuration(
        rule=RuleOptions(metric="accuracy", mode=Mode.MAX, experiments=("houses", "two words")),
        root="backend",
        remote="upstream",
        branch="ml-history",
        allow_secrets=("params/token",),
    )


@pytest.mark.parametrize("data", [b"", b"\n", b"# metric: accuracy\n\n", b"metric:\nmode: null\n"])
def test_what_is_not_said_is_left_open(data: bytes) -> None:
    assert parse(data) == Configuration()


def test_one_experiment_needs_no_list_and_an_empty_list_is_all() -> None:
    assert parse(b"experiments: houses").rule.experiments == ("houses",)
    assert parse(b"experiments: []").rule.experiments == ()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"metrik: accuracy", "there is no key 'metrik'.\nTo do: the keys are metric, mode"),
        (b"metrik: accuracy", "Did you mean 'metric'?"),
        (b"experiment: a", "Did you mean 'experiments'?"),
        (b"mode: maximum", "'maximum' is no mode.\nTo do: write min or max. Did you mean 'max'?"),
        (b"metric: no", "metric: False is not a text"),
        (b"metric: [a]", "metric: ['a'] is not a text"),
        (b"metric: ''", "metric: '' is not a text"),
        (b"experiments: [1]", "experiments: [1] is no list of names"),
        (b"allow_secrets: [1]", "allow_secrets: [1] is no list of names"),
        (b"experiments: {a: b}", "experiments: {'a': 'b'} is no list of names"),
        (b"- metric", "it is not a YAML mapping"),
        (b"a: [", "it is not valid YAML"),
        (b"metric: \xff", "it is not valid YAML"),
    ],
)
def test_what_cannot_be_used_is_named(data: bytes, said: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(data)
    assert said in str(caught.value)
    assert str(caught.value).startswith("mlflow-git.yaml: ")


def test_the_schema_has_the_same_keys_and_takes_the_same_files() -> None:
    assert tuple(SCHEMA["properties"]) == KEYS
    for good in (WHOLE, b"experiments: houses", b"experiments: []", b"metric: null"):
        jsonschema.validate(load_yaml(good), SCHEMA)
    for bad in (b"metrik: a", b"mode: maximum", b"metric: no", b"metric: ''", b"experiments: [1]", b"root: [a]"):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(load_yaml(bad), SCHEMA)
