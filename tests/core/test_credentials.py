"""What may be a login is hidden wherever it stands, and nothing else."""

import time

import pytest

from mlpipeline.core.credentials import without_credentials

SHOWN = {
    "https://u:hunter2@host/x": "https://***@host/x",
    "https://u:hun@ter2@host/x": "https://***@host/x",
    "postgresql://me:p@ss/w:d@host/db": "postgresql://***@host/db",
    "https://u:p%40ss%2Fw@host/x": "https://***@host/x",
    "https://x-access-token:ghs_abc@github.com/o/r.git": "https://***@github.com/o/r.git",
    "https://ghp_abcdef@github.com/o/r.git": "https://***@github.com/o/r.git",
    "https://user@host/x": "https://***@host/x",
    "postgresql+psycopg2://u:p@h/db?password=s3cret&sslmode=require": "postgresql+psycopg2://***@h/db?***",
    "http://host:5000/x?token=abc": "http://host:5000/x?***",
    "GET https://bucket/key?X-Amz-Signature=abc failed": "GET https://bucket/key?*** failed",
    "Max retries exceeded with url: /api?token=abc (x)": "Max retries exceeded with url: /api?*** (x)",
    "http://[::1]?key=abc": "http://[::1]?***",
    "fatal: unable to access 'https://u:p@host/r.git/': 403": "fatal: unable to access 'https://***@host/r.git/': 403",
    "fatal: Authentication failed for 'https://t0ken@host/r'": "fatal: Authentication failed for 'https://***@host/r'",
    "> Authorization: Basic dXNlcjpwYXNz": "> Authorization: ***",
    "proxy-authorization: bearer abc.def": "proxy-authorization: ***",
    "http.extraheader=AUTHORIZATION: basic eHg=": "http.extraheader=AUTHORIZATION: ***",
    "from https://a:b@one/x to https://c:d@two/y": "from https://***@one/x to https://***@two/y",
    "ssh://me:secret@host/r.git": "ssh://***@host/r.git",
    "wasbs://me:secret@account.blob.core.windows.net/x": "wasbs://***@account.blob.core.windows.net/x",
    "wasbs://box@account.blob.core.windows.net/x?sig=a": "wasbs://box@account.blob.core.windows.net/x?***",
    "fatal: unable to access 'https://u:it's@h/r/'": "fatal: unable to access 'https://***@h/r/'",
    "{'Authorization': 'Bearer abc.def', 'Accept': '*/*'}": "{'Authorization': '***', 'Accept': '*/*'}",
    '"authorization": "Basic eHg="': '"authorization": "***"',
    "cannot log in with hf_" + "a" * 34: "cannot log in with ***",
    "host=db password=hunter2 refused": "host=db password=*** refused",
    "http://host/a-?token=abc": "http://host/a-?***",
    "http://host/x?sv&sig=abc": "http://host/x?***",
    "http://host/x?abc123": "http://host/x?***",
    "HTTPConnectionPool(host='h'): Max retries exceeded with url: /x-?sig=a": "HTTPConnectionPool(host='h'): "
    "Max retries exceeded with url: /x-?***",
}

LEFT = [
    "wasbs://container@account.blob.core.windows.net/exp/1",
    "abfss://files@account.dfs.core.windows.net/exp/1",
    "hdfs://spark@namenode:8020/exp/1",
    "ssh://git@github.com/o/r.git",
    "git@github.com:o/r.git",
    "https://host:5000/a/b",
    "sqlite:///mlflow.db",
    "file:///home/a%20b/mlruns",
    r"C:\runs\mlruns",
    "/srv/git@home/runs",
    "what is this? nothing",
    "is it so?yes",
    '{"uri":"https://host","mail":"me@example.org"}',
    "'https://host/a' of me@example.org",
    "see https://docs.example.org/page? It helps.",
    "mail me@example.org",
    "the author of it is unknown",
]


@pytest.mark.parametrize(("text", "shown"), SHOWN.items(), ids=SHOWN)
def test_logins_are_hidden(text: str, shown: str) -> None:
    assert without_credentials(text) == shown
    assert without_credentials(shown) == shown


@pytest.mark.parametrize("text", LEFT)
def test_everything_else_is_shown(text: str) -> None:
    assert without_credentials(text) == text


@pytest.mark.parametrize("piece", ["://", "://a:", "?", "a?a", "authorization: ", "://a@", "?token="])
def test_a_long_text_takes_no_long_time(piece: str) -> None:
    begin = time.process_time()
    without_credentials(piece * (100_000 // len(piece)))
    assert time.process_time() - begin < 3
