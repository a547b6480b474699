"""What runs hold and is no secret: names and values that detectors of secrets are often wrong about.

`harmless_names.txt` has names of parameters, classes and constants of MLflow, scikit-learn, XGBoost, pandas, SciPy,
NumPy, Matplotlib and joblib; `harmless_values.txt` has the defaults of their parameters and constants, `name=value`,
and at its end what people log besides. Ids, hashes, times and numbers are drawn here.
"""

import base64
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HEX = "0123456789abcdef"
DRAWN = 250


@dataclass(frozen=True, kw_only=True)
class Harmless:
    """A param, a tag or a metric; `value` is empty where the name alone is meant."""

    name: str
    value: str


def harmless() -> list[Harmless]:
    """List all of it, the same every time."""
    values = [line.split("=", 1) for line in _lines("harmless_values.txt")]
    return [
        *(Harmless(name=name, value="") for name in _lines("harmless_names.txt")),
        *(Harmless(name=name, value=value) for name, value in values),
        *_drawn(random.Random(5)),  # noqa: S311 - ids that nobody uses
    ]


def _lines(name: str) -> list[str]:
    return (Path(__file__).parent / name).read_text(encoding="utf-8").splitlines()


def _drawn(chance: random.Random) -> Iterator[Harmless]:
    def digits(count: int, alphabet: str = HEX) -> str:
        return "".join(chance.choices(alphabet, k=count))

    for _ in range(DRAWN):
        uuid = "-".join(map(digits, (8, 4, 4, 4, 12)))
        day = f"20{chance.randint(10, 29)}-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}"
        drawn = {
            "mlflow.source.git.commit": digits(40),
            "git.sha": digits(7),
            "dataset.digest": digits(8),
            "data.md5": digits(32),
            "data.sha256": digits(64),
            "mlflow.parentRunId": digits(32),
            "model_id": f"m-{digits(32)}",
            "model_uri": f"models:/m-{digits(32)}",
            "session.id": uuid,
            "request_id": f"tr-{digits(32)}",
            "artifact_uri": f"file:///srv/ml/mlruns/{digits(18, '0123456789')}/{digits(32)}/artifacts",
            "image": base64.b64encode(chance.randbytes(24)).decode(),
            "etag": base64.b64encode(chance.randbytes(16)).decode(),
            "started": f"{day}T{chance.randint(0, 23):02}:15:30.123456+00:00",
            "run_name": f"{day}-xgb-depth{chance.randint(2, 12)}-{digits(6)}",
            "loss": repr(chance.random() * 10.0 ** chance.randint(-9, 3)),
            "rows": str(chance.randint(0, 10**9)),
            "checkpoint": f"/data/{digits(8)}/epoch={chance.randint(1, 99)}-step={chance.randint(1, 9999)}.ckpt",
        }
        yield from (Harmless(name=name, value=value) for name, value in drawn.items())
