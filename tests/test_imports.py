"""Imports go one way: a room imports only what lies below it."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "tfpix2pix"

# From the top down; a room imports itself and what stands after it.
ROOMS = [
    "cli",
    "serving",
    "demo",
    "ablation",
    "report",
    "export",
    "inference",
    "training",
    "evaluation",
    "losses",
    "models",
    "data",
    "config",
    "progress",
    "files",
    "places",
    "errors",
]
# The package's own front door and `python -m` may import any room.
FRONT_DOORS = {"__init__", "__main__"}


def imported_modules(source: str) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return found


def room_of(module: str) -> str | None:
    parts = module.split(".")
    return parts[1] if parts[0] == "tfpix2pix" and len(parts) > 1 else None


def upward_imports(room: str, source: str) -> list[str]:
    above = ROOMS[: ROOMS.index(room)]
    return [module for module in imported_modules(source) if room_of(module) in above]


def test_every_module_belongs_to_a_room():
    found = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in sources()}
    assert found - FRONT_DOORS == set(ROOMS)


def sources() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", sources(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_go_only_downwards(path):
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if room not in FRONT_DOORS:
        assert upward_imports(room, path.read_text()) == []


def test_an_upward_import_is_noticed():
    assert upward_imports("data", "from tfpix2pix.models import blocks") == [
        "tfpix2pix.models.blocks"
    ]
    assert upward_imports("models", "import tfpix2pix.data.images") == []


def test_export_imports_neither_the_loop_nor_the_pipeline():
    modules = [
        module
        for path in (PACKAGE / "export").glob("*.py")
        for module in imported_modules(path.read_text())
    ]
    forbidden = ("tfpix2pix.training.loop", "tfpix2pix.training.run", "tfpix2pix.data.pipeline")
    assert [m for m in modules if f"{m}.".startswith(tuple(f"{f}." for f in forbidden))] == []


@pytest.mark.parametrize("document", ["CONTRIBUTING.md", "docs/architecture.md"])
def test_documents_name_the_rooms_from_the_top_down(document):
    text = (ROOT / document).read_text().split("| room |")[1].split("\n\n")[0]
    first_cells = "".join(re.findall(r"^\|([^|]*)\|", text, re.MULTILINE))
    assert re.findall(r"`(\w+)`", first_cells) == ROOMS


def test_the_picture_shows_the_rooms_from_the_top_down():
    picture = (ROOT / "docs" / "images" / "architecture.svg").read_text()
    shown = re.findall(r">(\w+)</text>", picture)
    assert [word for word in shown if word in ROOMS] == ROOMS
