"""Measures what is taken for a secret: planted secrets that are missed, and harmless names and values that are not.

    python benchmarks/secrets.py
    python benchmarks/secrets.py --peer /path/to/a/python/that/has/detect-secrets

Prints a table: of the corpus in `tests/support`, told as params of a run (a name and a value) and as lines of a text.
Nothing is asserted: this is for reading. A peer runs in an environment of its own, because the project needs none.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[0] = str(ROOT / "scripts")  # instead of this folder, whose `secrets.py` would hide the standard library's
sys.path.append(str(ROOT / "tests"))

from mlpipeline.core.secrets import masked, masked_value
from mlpipeline.reports.tables import Table
from support.harmless import harmless
from support.planted import shapes

PEER = """
import json, os, sys, tempfile
from detect_secrets.core import scan
from detect_secrets.settings import default_settings
found = []
with default_settings(), tempfile.TemporaryDirectory() as folder:
    for name, text in json.load(sys.stdin):
        path = os.path.join(folder, "values.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write("\\n".join(f"{name}: {line}" for line in text.split("\\n")))
        found.append(any(True for _ in scan.scan_file(path)))
json.dump(found, sys.stdout)
"""

Detector = Callable[[Sequence[tuple[str, str]]], list[bool]]
"""Tells of each name and text whether it holds a secret."""


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """Names and texts.

    Attributes:
        title: what they are.
        pairs: a name and a text each.
        secret: whether they hold secrets.
    """

    title: str
    pairs: Sequence[tuple[str, str]]
    secret: bool


def ours(pairs: Sequence[tuple[str, str]]) -> list[bool]:
    """Ask this project's detector."""
    return [masked_value(name, text) != text or masked(name) != name for name, text in pairs]


def peer(python: str) -> Detector:
    """Ask detect-secrets with its default plugins and filters, in another Python."""

    def ask(pairs: Sequence[tuple[str, str]]) -> list[bool]:
        done = subprocess.run([python, "-c", PEER], input=json.dumps(pairs), capture_output=True, text=True, check=True)
        return [bool(each) for each in json.loads(done.stdout)]

    return ask


def corpora() -> list[Corpus]:
    """List what is measured on."""
    planted = [(each.name, each.text) for each in shapes()]
    values = [(each.name, each.value) for each in harmless() if each.value]
    names = [(each.name, "1") for each in harmless() if not each.value]
    return [
        Corpus(title="planted", pairs=planted, secret=True),
        Corpus(title="harmless values", pairs=values, secret=False),
        Corpus(title="harmless names", pairs=names, secret=False),
        Corpus(title="names as values", pairs=[("model", name) for name, _ in names], secret=False),
    ]


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", metavar="PYTHON", help="a Python that has detect-secrets, to compare with")
    flags = parser.parse_args()
    detectors: dict[str, Detector] = {"mlpipeline": ours}
    if flags.peer:
        detectors["detect-secrets"] = peer(flags.peer)
    rows: list[tuple[str, ...]] = []
    for name, ask in detectors.items():
        for corpus in corpora():
            begin = time.perf_counter()
            found = sum(ask(corpus.pairs))
            seconds = time.perf_counter() - begin
            wrong = len(corpus.pairs) - found if corpus.secret else found
            kind = "missed" if corpus.secret else "false alarms"
            rows.append((name, corpus.title, str(len(corpus.pairs)), kind, str(wrong), f"{seconds:.2f}"))
    header = ("detector", "corpus", "texts", "errors", "count", "seconds")
    print(Table(header=header, rows=rows, numeric=frozenset({"texts", "count", "seconds"})).text())


if __name__ == "__main__":
    main()
