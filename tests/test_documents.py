"""What the documents name is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "scripts" / "mlpipeline"
DOCUMENTS = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "tests/README.md")]
DOCUMENTS += sorted((ROOT / "docs").rglob("*.md"))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)\s#]+)", text)
    for link in links:
        if not link.startswith(("http://", "https://")):
            assert (document.parent / link).exists(), link


def test_the_modules_of_the_architecture_exist() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = [name for name in re.findall(r"`((?:\w+/)+\w+\.py)`", text) if not name.startswith(("scripts/", "tests/"))]
    assert len(named) > 15
    for name in named:
        assert (PACKAGE / name).is_file(), name


def test_the_table_of_layers_is_the_packages_folders() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    layers = re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)
    extras = ["training", "ui_cache", "mlflow_plugin"]
    folders = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()}
    assert {*layers, *extras} == folders
    assert all(f"`{extra}`" in text for extra in extras)
