"""The house stands: imports point down, and what only one floor may do, only that floor does."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"
PACKAGE = SCRIPTS / "mlpipeline"

FLOORS = {
    "errors": 0, "model": 0, "settings": 0, "layout": 0, "tabular": 0,
    "stores": 1, "selection": 1,
    "experiments": 2, "registry": 2, "merge": 2, "storable": 2, "health": 2, "promotion": 2, "metadata": 2,
    "repo": 3,
    "publishing": 4, "persist": 4, "adopt": 4, "browsing": 4, "restore": 4,
    "github": 5, "cli": 5,
}  # fmt: skip
WINGS = {"training": 1, "plugin": 1, "browse": 2}
"""Wings, and the highest floor they import from; only a door's own module imports them, inside its work."""

LATE = {"mlpipeline.stores.server"}
"""Modules that may import what is heavy, because others import them inside a function alone."""

HEAVY = ("mlflow", "sklearn", "numpy", "pandas", "matplotlib", "xgboost", "joblib")

MODULES = sorted(PACKAGE.rglob("*.py"))


def part(module: Path) -> str:
    return module.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(tree: ast.AST) -> Iterator[str]:
    """Dotted names of the modules that a piece of code imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def parsed(module: Path) -> ast.Module:
    return ast.parse(module.read_text(encoding="utf-8"))


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(module: Path) -> None:
    here = part(module)
    if here == "__init__":
        return
    floor = FLOORS.get(here, WINGS.get(here))
    assert floor is not None, f"'{here}' stands on no floor: add it to FLOORS or WINGS"
    for name in imports(parsed(module)):
        top, _, rest = name.partition(".")
        target = rest.split(".")[0]
        if top != "mlpipeline" or not rest or target == here:
            continue
        if target in WINGS:
            assert here == "cli", f"{module.name} imports the wing {target}"
        else:
            assert FLOORS[target] <= floor, f"{module.name} (floor {floor}) imports {name} (floor {FLOORS[target]})"


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_what_only_one_part_may_do(module: Path) -> None:
    here, tree = part(module), parsed(module)
    names = set(imports(tree))
    attributes = {
        f"{n.value.id}.{n.attr}"
        for n in ast.walk(tree)
        if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name)
    }
    if here != "repo":
        assert not names & {"git", "git.exc"}, "only repo.py runs git"
    if here not in ("cli", "github"):
        assert not attributes & {"os.environ", "os.getenv", "sys.argv"}, "only the command line reads the environment"
    assert not attributes & {"sys.exit", "os._exit"}, "only a door ends the process"
    if here not in WINGS:
        assert not names & {"pickle", "cloudpickle", "joblib"}, "nothing of a run is ever unpickled"
        direct = {name for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom) for name in imports(node)}
        assert not direct & LATE
        if f"mlpipeline.{'.'.join(module.relative_to(PACKAGE).with_suffix('').parts)}" not in LATE:
            assert not {name.split(".")[0] for name in names} & set(HEAVY)


@pytest.mark.parametrize("door", sorted(SCRIPTS.glob("*.py")), ids=lambda path: path.name)
def test_a_door_is_a_docstring_and_two_statements(door: Path) -> None:
    docstring, *statements = parsed(door).body
    assert isinstance(docstring, ast.Expr)
    assert [type(statement) for statement in statements] == [ast.ImportFrom, ast.Raise]
    assert door.stem not in sys.stdlib_module_names


@pytest.mark.parametrize("door", sorted(SCRIPTS.glob("*.py")), ids=lambda path: path.name)
def test_help_needs_nothing_but_python(door: Path) -> None:
    # -S: without site-packages, as on a machine where nothing is installed.
    done = subprocess.run(
        [sys.executable, "-S", "-E", str(door), "--help"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert "exit codes:" in done.stdout
    assert len(done.stdout.splitlines()) > 15
