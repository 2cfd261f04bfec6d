"""What README shows works, and what all documents point to is there."""

import re
from pathlib import Path

import keras
import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("deploy/**/*.md")]
LINK = re.compile(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)")


@pytest.fixture
def script(pairs_folder):
    """The training script, at a size for tests."""
    (script,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    small = {
        '"PATH"': repr(str(pairs_folder)),
        "286, 286": "34, 34",
        "256, 256": "32, 32",
        "image_size=256": "image_size=32, base_filters=2",
        "80_000": "2",
    }
    for shown, tiny in small.items():
        assert shown in script
        script = script.replace(shown, tiny)
    return script


def test_the_training_script_runs(script, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    variables = {}
    exec(script, variables)
    assert variables["step"] == 1
    assert np.isfinite(variables["losses"]["generator_loss"])
    assert keras.models.load_model(tmp_path / "generator.keras").output_shape == (None, 32, 32, 3)


def headings(document):
    """The places in a document that links may name, as GitHub makes them."""
    titles = re.findall(r"^#+ (.*)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def broken_links(document):
    for path, place in LINK.findall(document.read_text()):
        target = document.parent / path if path else document
        if not target.exists() or (place and place not in headings(target)):
            yield f"{path}#{place}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_a_document_points_to_is_there(document):
    assert list(broken_links(document)) == []


def test_documents_point_to_each_other():
    linked = [path for path in DOCUMENTS if LINK.search(path.read_text())]
    assert {"README.md", "serving.md", "training.md"} <= {path.name for path in linked}


def test_a_broken_link_is_noticed(tmp_path):
    document = tmp_path / "a.md"
    document.write_text("# A b!\n[1](gone.md) [2](#a-b) [3](#c) [4](a.md#a-b) [5](https://x.y)")
    assert list(broken_links(document)) == ["gone.md#", "#c"]
