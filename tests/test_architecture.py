"""The architecture holds: imports point down, and what one layer alone may do, only that layer does."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[1] / "scripts"
PACKAGE = SCRIPTS / "mlpipeline"

LAYERS = ("cli", "reports", "operations", "publishing", "repo", "sources", "lifecycle", "history", "core")
"""From top to bottom; each imports itself and those below it."""

EXTRAS = ("training", "ui_cache", "mlflow_plugin")
"""They import the layers below `cli`, and only `cli` imports them, late."""

LATE = ("mlpipeline.sources.client",)
"""What may import heavy packages, because others import it inside a function alone."""

HEAVY = ("mlflow", "sklearn", "numpy", "pandas", "matplotlib", "xgboost", "joblib")

LONGEST_MODULE = 700
"""Lines; a longer module has two purposes."""

MODULES = sorted(PACKAGE.rglob("*.py"))
COMMANDS = sorted(SCRIPTS.glob("*.py"))


def folder(module: Path) -> str:
    """The layer or extra of a module; empty for the package's own."""
    return module.relative_to(PACKAGE).parts[0] if module.parent != PACKAGE else ""


def dotted(module: Path) -> str:
    return ".".join(module.relative_to(SCRIPTS).with_suffix("").parts).removesuffix(".__init__")


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


@pytest.mark.parametrize("module", MODULES, ids=dotted)
def test_imports_point_down(module: Path) -> None:
    here = folder(module)
    if not here:
        return
    assert here in (*LAYERS, *EXTRAS), f"'{here}' is no layer: add it to LAYERS or EXTRAS"
    below = LAYERS[LAYERS.index(here) :] if here in LAYERS else LAYERS[1:]
    for name in imports(parsed(module)):
        top, _, rest = name.partition(".")
        target = rest.split(".")[0]
        if top != "mlpipeline" or not rest or target == here:
            continue
        if target in EXTRAS:
            assert here == "cli", f"{module.name} imports the extra {target}"
        else:
            assert target in below, f"{module.name} ({here}) imports {name}, which is above it"


@pytest.mark.parametrize("module", MODULES, ids=dotted)
def test_what_only_one_layer_may_do(module: Path) -> None:
    here, tree = folder(module), parsed(module)
    names = set(imports(tree))
    attributes = {
        f"{n.value.id}.{n.attr}"
        for n in ast.walk(tree)
        if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name)
    }
    if here != "repo":
        assert not names & {"git", "git.exc"}, "only repo/ runs git"
    if here != "cli":
        assert not attributes & {"os.environ", "os.getenv", "sys.argv"}, "only cli/ reads the environment"
    assert not attributes & {"sys.exit", "os._exit"}, "only a command's script ends the process"
    if here not in EXTRAS:
        assert not names & {"pickle", "cloudpickle", "joblib"}, "nothing of a run is ever unpickled"
        direct = {name for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom) for name in imports(node)}
        if not dotted(module).startswith(LATE):
            assert not any(name.startswith(LATE) for name in direct)
            assert not {name.split(".")[0] for name in names} & set(HEAVY)


@pytest.mark.parametrize("module", MODULES, ids=dotted)
def test_one_module_writes_to_the_streams(module: Path) -> None:
    if module == PACKAGE / "cli" / "streams.py":
        return
    tree = parsed(module)
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert not names & {"print", "input", "pprint"}, "streams.py prints"
    attributes = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    streams = ("sys.stdout.", "sys.stderr.", "sys.__stdout__", "sys.__stderr__", "os.write", "traceback.print")
    assert not [name for name in attributes if name.startswith(streams)], "streams.py writes"


@pytest.mark.parametrize("module", MODULES, ids=dotted)
def test_a_module_has_one_purpose(module: Path) -> None:
    assert len(module.read_text(encoding="utf-8").splitlines()) <= LONGEST_MODULE


@pytest.mark.parametrize("script", COMMANDS, ids=lambda path: path.name)
def test_a_script_is_a_docstring_and_two_statements(script: Path) -> None:
    docstring, *statements = parsed(script).body
    assert isinstance(docstring, ast.Expr)
    assert [type(statement) for statement in statements] == [ast.ImportFrom, ast.Raise]
    assert script.stem not in sys.stdlib_module_names


@pytest.mark.parametrize("script", COMMANDS, ids=lambda path: path.name)
def test_help_needs_nothing_but_python(script: Path) -> None:
    # -S: without site-packages, as on a machine where nothing is installed.
    done = subprocess.run(
        [sys.executable, "-S", "-E", str(script), "--help"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert "exit codes:" in done.stdout
    assert len(done.stdout.splitlines()) > 15
