"""Name the algorithm of a run, as it stands in the names of files; pure."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Collection, Mapping

from mlpipeline.core.documents import readable_yaml
from mlpipeline.core.filenames import escaped

STATED = ("tags/model_type", "params/model_type", "tags/algorithm", "params/algorithm")
"""Where a run says itself what it trained, in a record's files; the first one counts."""

ESTIMATOR = ("tags/estimator_name", "tags/estimator_class")
"""Where MLflow's autologging says it (mlflow/sklearn/utils.py)."""

UNKNOWN = "model"
"""The algorithm of runs of which nothing is known."""

_CLASS_KEYS = ("model_class", "pipeline_model_type", "model_type", "estimator_class")
"""Where the flavors of an `MLmodel` name a class: XGBoost, LightGBM, CatBoost, Spark, Transformers."""

_GENERATED = re.compile(r"[a-z]+-[a-z]+-\d{1,4}")
"""A run's name that MLflow made up (mlflow/utils/name_utils.py)."""

_LONGEST, _SUFFIX = 64, 6


def algorithm_name(algorithm: str) -> str:
    """Turn an algorithm into the beginning of a file's name: anything else becomes a dash, nothing `model`."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", algorithm)[:_LONGEST].strip("-.") or UNKNOWN
    # `con.x_best_model.pkl` would be a device on Windows.
    return name if escaped(name) == name else name.replace(".", "-")


def class_name(qualified: str) -> str:
    """Take the class of a name with its module: `Ridge` of `sklearn.linear_model._ridge.Ridge`."""
    return qualified.strip().rpartition(".")[2]


def of_mlmodel(data: bytes) -> str:
    """Read the class of the model that an `MLmodel` describes; empty where no flavor tells."""
    flavors = readable_yaml(data).get("flavors")
    flavors = [flavor for flavor in flavors.values() if isinstance(flavor, dict)] if isinstance(flavors, dict) else []
    stated = (flavor.get(key) for key in _CLASS_KEYS for flavor in flavors)
    return next((class_name(text) for text in stated if isinstance(text, str) and class_name(text)), "")


def of_names(*names: str) -> str:
    """Pick the first name that somebody gave: not `model`, as tutorials have it, and none that MLflow made up."""
    return next((name for name in names if name not in ("", UNKNOWN) and not _GENERATED.fullmatch(name)), UNKNOWN)


def file_names(algorithms: Collection[str]) -> Mapping[str, str]:
    """Give each algorithm the beginning of a file's name, never the same to two.

    Where two would have one name, on file systems that ignore case too, the one that is such a name itself keeps it,
    and the others end with a part of their SHA-256.
    """
    alike: dict[str, list[str]] = defaultdict(list)
    for algorithm in sorted(set(algorithms)):
        alike[algorithm_name(algorithm).lower()].append(algorithm)
    named: dict[str, str] = {}
    for group in alike.values():
        first, *others = sorted(group, key=lambda algorithm: (algorithm_name(algorithm) != algorithm, algorithm))
        named[first] = algorithm_name(first)
        for other in others:
            digest = hashlib.sha256(other.encode(errors="surrogatepass")).hexdigest()[:_SUFFIX]
            named[other] = f"{algorithm_name(other)[: _LONGEST - _SUFFIX - 1]}-{digest}"
    return named
