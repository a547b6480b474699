"""Checkouts to work in, and a table with every kind of column."""

import contextlib
import importlib
import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from support.isolation import forget_stores

SCRIPTS = Path(__file__).parents[2] / "scripts"


@dataclass(frozen=True)
class Called:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def outputs(self) -> dict[str, Any]:
        """Of a call with --json."""
        found: dict[str, Any] = json.loads(self.out)
        return found


@dataclass(frozen=True)
class Checkout:
    """A folder to work in, as a person or a job does."""

    folder: Path

    def run(self, command: str, *argv: str) -> Called:
        """Call a command in this process."""
        main = importlib.import_module(f"mlpipeline.cli.{command}").main
        out, err = io.StringIO(), io.StringIO()
        forget_stores()
        with contextlib.chdir(self.folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(argv)
        return Called(code=code, out=out.getvalue(), err=err.getvalue())

    def start(self, command: str, *argv: str) -> Called:
        """Call a command's script, as a person does, in an environment that holds next to nothing."""
        done = subprocess.run(
            [sys.executable, SCRIPTS / f"{command}.py", *argv],
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "HOME": str(self.folder.parent), "MLFLOW_DISABLE_TELEMETRY": "true"},
            capture_output=True,
            text=True,
            check=False,
        )
        return Called(code=done.returncode, out=done.stdout, err=done.stderr)

    def write(self, name: str, text: str) -> str:
        """Write a file and return its name."""
        (self.folder / name).write_text(text, encoding="utf-8")
        return name


@dataclass(frozen=True)
class Trained(Checkout):
    """A checkout after training, with what each command said."""

    load: Called
    preprocess: Called
    train: Called


def houses() -> pd.DataFrame:
    """200 rows of every kind of column, each kind with gaps, and seven rows twice; the target is `price`."""
    random = np.random.default_rng(0)
    count = 200
    rooms = random.integers(1, 7, count)
    area = random.normal(80, 20, count).round(1)
    city = random.choice(["Oslo", "Rome", "$Lima$"], count)
    garden = random.choice([True, False], count)
    gaps = [random.random(count) < 0.05 for _ in range(4)]
    table = pd.DataFrame(
        {
            "reference": [f"id-{row}" for row in range(count)],
            "rooms": pd.Series(rooms, dtype="Int64").mask(gaps[0]),
            "area": pd.Series(area).mask(gaps[1]),
            "city": pd.Series(city, dtype=object).mask(gaps[2]),
            "garden": pd.Series(garden, dtype=object).mask(gaps[3]),
            "sold": pd.date_range("2024-01-01", periods=count),
            "country": "everywhere",
            "price": (rooms * 10 + area * 2 + (city == "Rome") * 30 + garden * 15 + random.normal(0, 5, count)).round(
                2
            ),
        }
    )
    return pd.concat([table, table.head(7)], ignore_index=True)
