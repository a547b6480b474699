"""What is said of a command that was mistyped."""

import pytest

from mlpipeline.cli import persist
from mlpipeline.cli.history import main as history


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--metrc", "accuracy"], "unrecognized arguments: --metrc accuracy Did you mean '--metric'?"),
        (["--experimnet=a"], "Did you mean '--experiment'?"),
        (["--mode", "maxx"], "argument --mode: 'maxx' is none of min, max. Did you mean 'max'?"),
        (["--mode", "highest"], "argument --mode: 'highest' is none of min, max."),
        (["--attempts", "0"], "'0' is not a whole number of at least 1"),
        (["stray"], "unrecognized arguments: stray"),
    ],
)
def test_persist(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        persist.main(arguments)
    assert caught.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["lst"], "'lst' is none of list, show, ui, restore, adopt. Did you mean 'list'?"),
        (["list", "--limt", "3"], "Did you mean '--limit'?"),
        (["list", "--order", "tme"], "'tme' is none of rank, time. Did you mean 'time'?"),
    ],
)
def test_history(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        history.main(arguments)
    assert said in capsys.readouterr().err
