"""The three commands as a person or a job meets them: flags, outputs, errors, and how light they are."""

import json
import re
import subprocess
import sys

import pandas as pd
import pytest

from mlpipeline.core.errors import InputError, MissingDependencyError
from mlpipeline.training.candidates import MODELS
from training.checkouts import SCRIPTS, Checkout, Trained

COMMANDS = ["load_data", "preprocess", "train"]


@pytest.mark.parametrize("command", COMMANDS)
def test_importing_a_command_is_light(command: str) -> None:
    code = f"import sys, mlpipeline.cli.{command}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=SCRIPTS, capture_output=True, text=True, check=True, timeout=60
    )
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert not loaded & {"mlflow", "sklearn", "pandas", "numpy", "matplotlib", "pyarrow", "xgboost", "yaml"}
    assert "mlpipeline.training" not in done.stdout.split()


def test_help_tells_what_is_read_what_is_written_and_what_comes_next(checkout: Checkout) -> None:
    for command, following in zip(COMMANDS, ["preprocess.py", "train.py", "persist.py"], strict=True):
        done = checkout.start(command, "--help")
        assert done.code == 0
        for words in (
            "\nreads ",
            "\nwrites ",
            f"\nnext     python scripts/{following}",
            "\nexamples:",
            f"{command}.py",
        ):
            assert words in done.out


def test_help_names_every_model(checkout: Checkout) -> None:
    words = re.findall(r"\w+", checkout.start("train", "--help").out)
    assert set(MODELS) <= set(words)


def test_outputs_are_those_of_the_contract(mixed: Trained) -> None:
    assert list(mixed.load.outputs) == [
        *("data_path", "report_path", "target", "rows", "columns"),
        *("duplicates", "missing_values", "data_sha256", "dvc_md5"),
    ]
    assert (mixed.load.outputs["rows"], mixed.load.outputs["columns"], mixed.load.outputs["duplicates"]) == (207, 8, 7)
    assert mixed.load.outputs["data_path"] == "data/raw/data.parquet"
    assert (mixed.folder / mixed.load.outputs["report_path"]).is_file()
    assert list(mixed.preprocess.outputs) == [
        *("processed_path", "train_rows", "validation_rows", "test_rows", "duplicates_dropped"),
    ]
    assert list(mixed.train.outputs) == [
        *("tracking_uri", "experiment", "best_run_id", "best_algorithm", "val_rmse", "runs", "failed_runs"),
    ]
    assert mixed.train.outputs["experiment"] == "houses-regression"


def test_a_command_that_runs_too_early_names_the_one_before(checkout: Checkout) -> None:
    for command, before in (("preprocess", "load_data.py"), ("train", "preprocess.py")):
        done = checkout.run(command)
        assert done.code == InputError.exit_code
        assert f"{before} has not run" in done.err
        assert f"To do: python scripts/{before}" in done.err


def test_an_error_reaches_the_outputs_and_the_annotations(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    outputs = checkout.folder / "outputs"
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_OUTPUT", str(outputs))
    done = checkout.run("load_data", "--data", "nowhere.csv", "--json")
    assert done.code == InputError.exit_code
    assert done.err.startswith("::error title=load_data.py failed::There is no file 'nowhere.csv'")
    assert json.loads(done.out) == {"status": "failed", "reason": "There is no file 'nowhere.csv'."}
    assert "There is no file" in outputs.read_text()


def test_a_failed_load_leaves_the_last_one_as_it_was(checkout: Checkout) -> None:
    assert checkout.run("load_data").code == 0
    written = {file: file.read_bytes() for file in (checkout.folder / "data/raw").iterdir()}
    checkout.write("bad.csv", "a,target\n1,x\n")
    assert checkout.run("load_data", "--data", "bad.csv").code == InputError.exit_code
    assert {file: file.read_bytes() for file in (checkout.folder / "data/raw").iterdir()} == written


def test_parts_that_were_edited_are_refused(checkout: Checkout) -> None:
    assert (checkout.run("load_data").code, checkout.run("preprocess").code) == (0, 0)
    parts = checkout.folder / "data/processed"
    (parts / "test.parquet").write_bytes((parts / "train.parquet").read_bytes())
    done = checkout.run("train")
    assert done.code == InputError.exit_code
    assert "changed after preprocess.py wrote it" in done.err


def test_a_warning_about_dvc_is_shown(checkout: Checkout) -> None:
    checkout.write("data.csv", "a,target\n" + "".join(f"{row},{row}\n" for row in range(20)))
    checkout.write("data.csv.dvc", "outs: [{md5: d41d8cd98f00b204e9800998ecf8427e, hash: md5, path: data.csv}]")
    done = checkout.run("load_data", "--data", "data.csv")
    assert done.code == 0
    assert "warning: data.csv is not the data that data.csv.dvc records" in done.err


def test_what_is_recognised_or_left_out_is_told_and_reported(checkout: Checkout) -> None:
    lines = (f"{row};{row},5;{row % 3 or '?'};{'ab'[row % 2]};2011-01-{row:02};{row};" for row in range(1, 29))
    checkout.write("data.csv", "\n".join([";power;1;kind;day;target;", *lines]) + "\n;;;;;;\n")
    loaded = checkout.run("load_data", "--data", "data.csv")
    assert loaded.code == 0, loaded.err
    assert "format          utf-8, separated by ';', decimal ','" in loaded.out
    told = [line.removeprefix("notice: ") for line in loaded.err.splitlines()]
    report = json.loads((checkout.folder / "data/raw/report.json").read_text())
    assert report["format"] == {"encoding": "utf-8", "separator": ";", "decimal": ","}
    assert report["notices"] == told
    assert [notice.partition(":")[0] for notice in told] == [
        *("Read as numbers", "Read as missing", "Left out, for they hold no value"),
        *("Left out, for they have neither a name nor a value", "Left out, for they only number or name the rows"),
    ]
    kinds = [(column["name"], column["kind"]) for column in report["columns"]]
    assert kinds == [("power", "number"), ("1", "number"), ("kind", "text"), ("day", "time"), ("target", "number")]
    split = checkout.run("preprocess")
    assert split.code == 0
    assert "notice: 'day' is left out: a date, time or duration" in split.err
    assert "notice: Encoded by category, for they hold text: 'kind' (2 distinct texts)." in split.err


def test_flags_say_how_a_table_is_to_be_read(checkout: Checkout) -> None:
    lines = (f"{row}^{row},234^{'low' if row % 5 else 'high'}^{row}" for row in range(1, 29))
    (checkout.folder / "data.csv").write_bytes("\n".join(["größe^a^b^target", *lines, "1^-1^low^3"]).encode("cp850"))
    read = ("--separator", "^", "--decimal", ".", "--encoding", "cp850")
    loaded = checkout.run("load_data", "--data", "data.csv", *read, "--missing=-1\nhigh", "--missing", "?", "--json")
    assert loaded.code == 0, loaded.err
    table = pd.read_parquet(checkout.folder / loaded.outputs["data_path"])
    assert list(table) == ["größe", "a", "b", "target"]
    assert (table["a"].min(), table["a"].isna().sum(), table["b"].isna().sum()) == (1234, 1, 5)


def test_a_missing_package_is_named_with_the_command_that_installs_it(checkout: Checkout) -> None:
    code = "import sys; sys.modules['pandas'] = None; from mlpipeline.cli.load_data import main; sys.exit(main([]))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=checkout.folder,
        env={"PYTHONPATH": str(SCRIPTS)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == MissingDependencyError.exit_code
    assert "'pandas' is not installed" in done.stderr
    assert "scripts/install.py train && .venv/bin/python " in done.stderr
