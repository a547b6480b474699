"""`history.py list` and `show`."""

import json
from pathlib import Path
from typing import Any

import pytest

from mlpipeline.cli.history import main as history
from support import mlstore
from support.histories import HistoryCommand, Persisted


def ids(outputs: dict[str, Any]) -> list[str]:
    return [run["run_id"] for run in outputs["runs"]]


def test_runs_are_listed_by_rank(three_runs: Path, history_command: HistoryCommand) -> None:
    told = history_command("list", "--repository", str(three_runs))

    assert ids(told) == ["1" * 32, "2" * 32, "0" * 32]
    assert (told["total"], told["excluded"]) == (3, {})


def test_the_best_may_be_the_highest(three_runs: Path, history_command: HistoryCommand) -> None:
    told = history_command("list", "--repository", str(three_runs), "--mode", "max", "--limit", "2")

    assert ids(told) == ["0" * 32, "2" * 32]


def test_the_promoted_run_is_marked(three_runs: Path, history_command: HistoryCommand) -> None:
    told = history_command("list", "--repository", str(three_runs), "--mode", "max")

    assert [run["promoted"] for run in told["runs"]] == [False, False, True]


def test_the_configuration_names_the_rule_and_a_flag_comes_before_it(
    three_runs: Path, history_command: HistoryCommand
) -> None:
    (three_runs / "mlflow-git.yaml").write_text("metric: val_rmse\nmode: max\n")

    assert ids(history_command("list", "--repository", str(three_runs)))[0] == "0" * 32
    assert ids(history_command("list", "--repository", str(three_runs), "--mode", "min"))[0] == "1" * 32


def test_a_mistake_in_the_configuration_is_named(three_runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (three_runs / "mlflow-git.yaml").write_text("metrik: val_rmse\n")

    assert history.main(["list", "--repository", str(three_runs)]) == 2
    assert "Did you mean 'metric'?" in capsys.readouterr().err


def test_a_metric_that_no_run_has_is_named_with_those_that_are_there(
    three_runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert history.main(["list", "--repository", str(three_runs), "--metric", "val_rsme"]) == 0
    assert "metrics in this history: val_rmse. Did you mean 'val_rmse'?" in capsys.readouterr().err


def test_by_time_the_newest_comes_first(three_runs: Path, history_command: HistoryCommand) -> None:
    assert ids(history_command("list", "--repository", str(three_runs), "--order", "time")) == [
        "2" * 32,
        "1" * 32,
        "0" * 32,
    ]


def test_what_cannot_be_promoted_is_counted_and_with_all_named(
    store: Path, persisted: Persisted, capsys: pytest.CaptureFixture[str]
) -> None:
    mlstore.write_run(store, run_id="a" * 32)
    mlstore.write_run(store, run_id="b" * 32, value="nan")
    mlstore.write_run(store, run_id="c" * 32, status=4)
    clone = persisted(store)
    capsys.readouterr()

    assert history.main(["list", "--repository", str(clone)]) == 0
    short = capsys.readouterr().out
    assert history.main(["list", "--repository", str(clone), "--all"]) == 0
    full = capsys.readouterr().out

    assert "a" * 32 in short
    assert "b" * 32 not in short
    assert "1  not-finite: with a latest value that is NaN or infinite" in short
    assert "1  not-finished: not FINISHED" in short
    rows = {line.split()[-2]: line.split()[-1] for line in full.splitlines() if line.startswith("   -")}
    assert rows == {"b" * 32: "not-finite", "c" * 32: "not-finished"}


def test_one_experiment(store: Path, persisted: Persisted, history_command: HistoryCommand) -> None:
    mlstore.write_run(store, run_id="a" * 32, experiment="one", experiment_id="1")
    mlstore.write_run(store, run_id="b" * 32, experiment="two", experiment_id="2")
    clone = persisted(store)

    told = history_command("list", "--repository", str(clone), "--experiment", "two", "--all")

    assert (ids(told), told["total"]) == (["b" * 32], 1)


def test_a_run_that_was_not_persisted_yet_counts_too(three_runs: Path, history_command: HistoryCommand) -> None:
    """Its model still lies in its own folder."""
    mlstore.write_run(three_runs / "mlruns", run_id="9" * 32, value=0.5, experiment="new", experiment_id="77")

    assert ids(history_command("list", "--repository", str(three_runs)))[0] == "9" * 32


def test_a_subfolder_and_a_monorepo(three_runs: Path, history_command: HistoryCommand) -> None:
    (three_runs / "backend").mkdir()
    (three_runs / "mlruns").rename(three_runs / "backend" / "mlruns")

    told = history_command("list", "--repository", str(three_runs / "backend"), "--root", "backend", "--all")

    assert told["total"] == 3


@pytest.mark.parametrize("root", ["missing", "..", "/"])
def test_a_root_outside_of_the_repository_is_refused(
    three_runs: Path, history_command: HistoryCommand, root: str
) -> None:
    told = history_command("list", "--repository", str(three_runs), "--root", root, code=2)

    assert "is no folder inside" in str(told["reason"])


def test_no_history_is_said_plainly(tmp_path: Path, history_command: HistoryCommand) -> None:
    assert "there is no folder 'mlruns'" in str(
        history_command("list", "--repository", str(tmp_path), code=2)["reason"]
    )


def test_show_tells_everything(store: Path, persisted: Persisted, history_command: HistoryCommand) -> None:
    run = mlstore.write_run(
        store,
        run_id="ab" * 16,
        value=[(1, 9.0, 0), (2, 4.0, 1)],
        params={"alpha": "0.5"},
        tags={"note": "x"},
        artifacts={"plot.png": b"12345"},
        model=b"weights",
    )
    mlstore.write_metric(store / "123456789012345678" / run / "metrics" / "loss", [(1, "inf", 0)])
    mlstore.write_run(store, run_id="cd" * 16)
    clone = persisted(store)

    told = history_command("show", "aba", "--repository", str(clone))

    assert told["metrics"] == {"val_rmse": 4.0, "loss": "inf"}
    assert told["params"] == {"alpha": "0.5"}
    assert told["tags"] == {"model_type": "ridge", "note": "x"}
    assert told["artifacts"] == [{"path": "plot.png", "bytes": 5}]
    (model,) = told["models"]
    assert (model["status"], model["name"]) == ("READY", "model")
    assert model["size"] == sum(path.stat().st_size for path in (clone / model["folder"]).iterdir())
    described = told["run"]
    assert isinstance(described, dict)
    assert (described["run_id"], described["excluded"], described["model_path"]) == (run, None, model["folder"])
    meta = told["meta"]
    assert isinstance(meta, dict)
    assert meta["user_id"] == "somebody"


def test_show_wants_one_run(three_runs: Path, history_command: HistoryCommand) -> None:
    mlstore.write_run(three_runs / "mlruns", run_id="0" * 31 + "1")

    assert "begin with '000'" in str(history_command("show", "000", "--repository", str(three_runs), code=2)["reason"])
    assert "No run" in str(history_command("show", "f", "--repository", str(three_runs), code=2)["reason"])


def test_a_terminal_does_not_obey_a_run(store: Path, persisted: Persisted, capsys: pytest.CaptureFixture[str]) -> None:
    mlstore.write_run(store, run_id="a" * 32, tags={"note": "\x1b[2Jgone"})
    clone = persisted(store)
    capsys.readouterr()

    assert history.main(["show", "a", "--repository", str(clone)]) == 0

    told = capsys.readouterr().out
    assert "[2Jgone" in told
    assert "\x1b" not in told


@pytest.mark.parametrize("command", [command.name for command in history.SUBCOMMANDS])
def test_each_command_has_a_help_with_examples(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        history.main([command, "--help"])

    told = capsys.readouterr().out
    assert ended.value.code == 0
    assert f"python scripts/history.py {command}" in told.partition("examples:")[2]
    assert "exit codes:" in told


def test_json_may_stand_before_the_command(three_runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()

    assert history.main(["--json", "list", "--repository", str(three_runs)]) == 0

    assert json.loads(capsys.readouterr().out)["status"] == "listed"
