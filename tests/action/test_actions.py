"""Each action.yml against the command it calls: the same names, the same defaults, every input handed on."""

import argparse
import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import yaml

from mlpipeline.cli import entry, load_data, persist, preprocess, train
from mlpipeline.core.outcome import Outcome

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, kw_only=True)
class Call:
    """A step of an action that calls a command.

    Attributes:
        step: the step's id.
        command: the script's name.
        main: the command's entry point.
        settled: the flags that the action settles itself or leaves to the command.
    """

    step: str
    command: str
    main: Callable[[list[str]], int]
    settled: frozenset[str] = frozenset()


def call(main: Callable[[list[str]], int], name: str, step: str, settled: str = "") -> Call:
    return Call(step=step, command=f"{name}.py", main=main, settled=frozenset(settled.split()))


ACTIONS = {
    "actions/data-loading": [call(load_data.main, "load_data", "load")],
    "actions/preprocessing": [call(preprocess.main, "preprocess", "preprocess")],
    "actions/training": [call(train.main, "train", "train")],
    "actions/mlflow-persistence": [call(persist.main, "persist", "persist")],
    # One folder outside the checkout holds what passes from step to step, and the job's own runs.
    ".": [
        call(load_data.main, "load_data", "load", "output"),
        call(preprocess.main, "preprocess", "preprocess", "input output"),
        call(train.main, "train", "train", "input tracking-uri"),
        call(persist.main, "persist", "persist", "source experiment"),
    ],
}


def read(folder: str) -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / folder / "action.yml").read_text()))


def step(action: dict[str, Any], name: str) -> dict[str, Any]:
    return dict(next(found for found in action["runs"]["steps"] if found["id"] == name))


def variable(name: str) -> str:
    return f"INPUT_{name.upper().replace('-', '_')}"


@pytest.fixture
def flags_of(monkeypatch: pytest.MonkeyPatch) -> Callable[[Call], dict[str, argparse.Action]]:
    """The flags that a command's parser takes, by name, without `--help` and `--json`."""

    def find(asked: Call) -> dict[str, argparse.Action]:
        run = Mock(return_value=0)
        monkeypatch.setattr(entry, "run", run)
        asked.main([])
        parser: argparse.ArgumentParser = run.call_args.args[0]
        flags = {flag.option_strings[0].removeprefix("--"): flag for flag in parser._actions if flag.option_strings}
        return {name: flag for name, flag in flags.items() if name not in ("-h", "json")}

    return find


Flags = Callable[[Call], dict[str, argparse.Action]]
EVERY_ACTION = pytest.mark.parametrize("folder", ACTIONS)


@EVERY_ACTION
def test_the_inputs_are_the_flags(folder: str, flags_of: Flags) -> None:
    flags = {name for asked in ACTIONS[folder] for name in flags_of(asked).keys() - asked.settled}
    assert set(read(folder)["inputs"]) == flags


@EVERY_ACTION
def test_a_default_is_the_flags_default(folder: str, flags_of: Flags) -> None:
    inputs = read(folder)["inputs"]
    for asked in ACTIONS[folder]:
        for name, flag in flags_of(asked).items():
            if name not in asked.settled:
                assert inputs[name]["default"] == as_input(flag.default), name


def as_input(default: object) -> str:
    if default is None or default == []:
        return ""
    return str(default).lower() if isinstance(default, bool) else str(default)


@EVERY_ACTION
def test_every_input_is_handed_to_its_flag(folder: str, flags_of: Flags) -> None:
    action = read(folder)
    for asked in ACTIONS[folder]:
        called = step(action, asked.step)
        flags = flags_of(asked)
        assert f"/scripts/{asked.command}" in called["run"]
        for name in flags.keys() - asked.settled:
            assert f"inputs.{name} " in called["env"][variable(name)]
        handed = re.findall(r"(?<= )\S*INPUT_\S*", called["run"].partition(asked.command)[2])
        assert handed == [argument(name, flag) for name, flag in flags.items() if name not in asked.settled]


def argument(name: str, flag: argparse.Action) -> str:
    """How a value reaches a flag: whole, whatever it holds, and not at all where it is empty."""
    if flag.nargs == 0:
        return f'${{{variable(name)}:+"${variable(name)}"}}'
    return f'${{{variable(name)}:+--{name}="${variable(name)}"}}'


@EVERY_ACTION
def test_a_switch_takes_true_and_false_alone(folder: str, flags_of: Flags) -> None:
    action = read(folder)
    for asked in ACTIONS[folder]:
        for name, flag in flags_of(asked).items():
            if flag.nargs == 0:
                expression = " ".join(step(action, asked.step)["env"][variable(name)].split())
                assert expression == f"${{{{ {switch(f'inputs.{name}', name, flag)} }}}}"


def switch(value: str, name: str, flag: argparse.Action) -> str:
    """The expression that turns `true` and `false` into flags and lets any other word through, to be refused."""
    if isinstance(flag, argparse.BooleanOptionalAction):
        return f"{value} == 'true' && '--{name}' || {value} == 'false' && '--no-{name}' || {value}"
    return f"{value} == 'true' && '--{name}' || {value} != 'false' && {value} || ''"


@EVERY_ACTION
def test_every_input_and_output_is_described(folder: str) -> None:
    action = read(folder)
    assert action["name"]
    assert len(action["description"]) <= 125  # the Marketplace shows no more
    for name, about in [*action["inputs"].items(), *action["outputs"].items()]:
        assert about["description"].endswith("."), name


@EVERY_ACTION
def test_an_action_is_a_composite_of_bash_steps_with_identities(folder: str) -> None:
    runs = read(folder)["runs"]
    assert runs["using"] == "composite"
    for found in runs["steps"]:
        assert found["id"]
        assert found["name"][0].isupper()
        assert "uses" in found or found["shell"] == "bash"


@EVERY_ACTION
def test_python_is_set_up_without_touching_the_jobs_own(folder: str) -> None:
    action = read(folder)
    assert step(action, "python")["with"]["update-environment"] is False
    for found in action["runs"]["steps"]:
        if "run" in found:
            assert found["env"]["PYTHONSAFEPATH"] == ""  # the scripts import the package beside them
            assert found["run"].partition('"$PYTHON" "$GITHUB_ACTION_PATH/')[1]


@pytest.mark.parametrize("folder", [folder for folder in ACTIONS if folder != "."])
def test_only_what_the_command_needs_is_installed(folder: str) -> None:
    lock = "persist" if folder == "actions/mlflow-persistence" else "train"
    assert f' {lock} --venv "$RUNNER_TEMP/mlpipeline-{lock}"' in step(read(folder), "install")["run"]


def test_the_root_action_has_the_outputs_of_all_four() -> None:
    outputs = {name for folder in ACTIONS if folder != "." for name in read(folder)["outputs"]}
    assert set(read(".")["outputs"]) == outputs


JSON = {
    "actions/data-loading": "data_path report_path target rows columns duplicates missing_values data_sha256 dvc_md5",
    "actions/preprocessing": "processed_path train_rows validation_rows test_rows duplicates_dropped",
    "actions/training": "tracking_uri experiment best_run_id best_algorithm val_rmse runs failed_runs",
    "actions/mlflow-persistence": " ".join(
        field.name for field in fields(Outcome) if field.name not in ("choice", "recovery", "messages")
    ),
}
"""The names that each action's command prints with `--json`; the commands' own tests hold them to it."""


@pytest.mark.parametrize("folder", JSON)
def test_inputs_and_outputs_are_in_kebab_case_and_the_json_in_snake_case(folder: str) -> None:
    action = read(folder)
    assert list(action["outputs"]) == [name.replace("_", "-") for name in JSON[folder].split()]
    names = [*action["inputs"], *action["outputs"]]
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name) for name in names)


def test_the_readme_names_every_flag_and_output_of_persisting() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    action = read("actions/mlflow-persistence")
    for name in [*(f"--{name}" for name in action["inputs"]), *action["outputs"]]:
        assert f"`{name}`" in readme, name
