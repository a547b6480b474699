"""Secrets are found in every shape, and nothing else is taken for one."""

import time

import pytest
import yaml

from mlpipeline.core.secrets import MASK, masked, masked_value
from support.harmless import harmless
from support.planted import Planted, shapes

SHAPES = shapes()
HARMLESS = harmless()


@pytest.mark.parametrize("planted", SHAPES, ids=[planted.shape for planted in SHAPES])
def test_every_shape_is_masked_and_masking_twice_changes_nothing(planted: Planted) -> None:
    stored = masked_value(planted.name, planted.text)

    assert planted.secret in planted.text
    assert planted.secret not in stored
    assert MASK in stored
    assert masked_value(planted.name, stored) == stored


@pytest.mark.parametrize("seed", range(100, 110))
def test_other_secrets_of_the_same_shapes_are_masked_too(seed: int) -> None:
    missed = [each.shape for each in shapes(seed) if each.secret in masked_value(each.name, each.text)]
    assert missed == []


def test_names_and_values_that_runs_have_are_no_secrets() -> None:
    assert len({word for each in HARMLESS for word in (each.name, each.value)}) > 16_000
    assert [each for each in HARMLESS if masked_value(each.name, each.value) != each.value] == []
    assert [each for each in HARMLESS if masked(each.name) != each.name] == []


@pytest.mark.parametrize("shape", ["{name}={value}", "{name}: {value}", '"{name}": "{value}"', "--{name} {value}"])
def test_nor_are_they_inside_a_text(shape: str) -> None:
    texts = [f"a text, {shape.format(name=each.name, value=each.value)}, and more" for each in HARMLESS if each.value]
    assert [text for text in texts if masked(text) != text] == []


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("https://u:hunter2@host/x", "https://***@host/x"),
        ("https://u:hun@ter2@host/x", "https://***@host/x"),
        ("https://host/x?token=abc123def&page=2", "https://host/x?token=***&page=2"),
        ("a https://u:p1@host and b", "a https://***@host and b"),
        ("run with hf_" + "a" * 34 + " today", "run with *** today"),
        ('{"password": "hunter2", "user": "me"}', '{"password": "***", "user": "me"}'),
        ("password: hunter2\nuser: me\n", "password: (***)\nuser: me\n"),
        ("Authorization: Bearer abcdef0123456789", "Authorization: Bearer ***"),
        ("\u0130\u0130 password=hunter2 \u0130", "\u0130\u0130 password=*** \u0130"),
    ],
)
def test_nothing_but_the_secret_is_masked(text: str, stored: str) -> None:
    assert masked(text) == stored


def test_a_long_secret_is_masked_to_its_end() -> None:
    long = "a1B2" * 2000
    assert masked(f'token="{long}" and more') == 'token="***" and more'
    assert masked(f"token={long} and more") == "token=*** and more"


HOSTILE = [
    *("://", "://a:", "://a@", "@", "?", "?a=", "&token=", "password=", "password='", 'password="', "password=\\"),
    *("token=x", "key=", "sk-", "eyJ", "eyJaaaaaaaa.", "ghp_", "-----BEGIN PRIVATE KEY-----", "bearer ", "cookie="),
    *("authorization: ", "curl -u ", "login a ", "username", "LS0tLS1CRUdJTi", "A1b/", "--api-key ", "<password>", " "),
    *("\\", '"', "'", "M.a", "1:AA", "0" * 32 + "-us", "Q~aaa8Q~", "oracle:thin:a/", "\u0130", "password:\n", "_"),
]


@pytest.mark.parametrize("piece", HOSTILE)
def test_time_grows_with_the_length_alone(piece: str) -> None:
    """Twice the text takes twice the time, and not four times: tried at lengths at which more would show."""

    def seconds(length: int) -> float:
        text = (piece * (length // len(piece) + 1))[:length]
        begin = time.process_time()
        masked(text)
        return time.process_time() - begin

    assert seconds(64_000) < max(8 * min(seconds(16_000) for _ in range(2)), 0.5)


@pytest.mark.parametrize(
    "text",
    [
        "password: hunter2\n",
        "- hf_{0}\n- b",
        "a: [hf_{0}, hf_{0}]",
        "name: hf_{0} of mine",
        "hf_{0}: 1",
        "a:\n  hf_{0}",
        "hf_{0}",
        "{{a: hf_{0}}}",
        "? hf_{0}\n: 1",
        "a: 'hf_{0}'",
        "uri: https://me:hunter2@example.org",
    ],
)
def test_yaml_stays_yaml(text: str) -> None:
    stored = masked(text.format("a1" * 17))

    assert stored != text
    assert masked(stored) == stored
    assert stored == MASK or yaml.safe_load(stored)
