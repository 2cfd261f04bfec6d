"""What README shows works; in all documents, code is code, and what they point to is there.

The commands in them are looked at in `tests/test_shown_commands.py`.
"""

import ast
import configparser
import json
import re

import keras
import numpy as np
import pytest
import yaml

import tfpix2pix
from tests.shown import DOCUMENTS, ROOT, blocks, name_of
from tests.shown_runs import made_small
from tfpix2pix.ablation.recipes import load_recipes
from tfpix2pix.config.loading import SECTIONS, resolve

README = (ROOT / "README.md").read_text()
LANGUAGES = {"", "text", "python", "yaml", "json", "html", "dockerfile", "{eval-rst}"}
LINK = re.compile(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)")


@pytest.fixture
def script(pairs_folder):
    """The training script, at a size for tests."""
    (script,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    script = made_small(script).replace('"PATH"', repr(str(pairs_folder)))
    assert "PATH" not in script
    assert not {"256", "286", "80_000"} & set(re.findall(r"\w+", script))
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


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_what_a_document_points_to_is_there(document):
    assert list(broken_links(document)) == []


def test_documents_point_to_each_other():
    linked = [path for path in DOCUMENTS if LINK.search(path.read_text())]
    assert {"README.md", "serving.md", "training.md"} <= {path.name for path in linked}


def test_a_broken_link_is_noticed(tmp_path):
    document = tmp_path / "a.md"
    document.write_text("# A b!\n[1](gone.md) [2](#a-b) [3](#c) [4](a.md#a-b) [5](https://x.y)")
    assert list(broken_links(document)) == ["gone.md#", "#c"]


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_extras_that_are_named_are_there(document):
    setup = configparser.ConfigParser(interpolation=None)
    setup.read(ROOT / "setup.cfg")
    named = re.findall(r"tfpix2pix\[(\w+)\]", document.read_text())
    assert set(named) <= set(setup["options.extras_require"])


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_blocks_are_what_their_language_says(document, tmp_path):
    for block in blocks(document):
        assert block.language in LANGUAGES
        if block.language == "python":
            ast.parse(block.text)
            names = re.findall(r"\b(?:p2p|tfpix2pix)\.(\w+)\(", block.text)
            assert set(names) <= set(tfpix2pix.__all__)
        elif block.language == "json":
            json.loads(block.text)
        elif block.language == "yaml":
            check_settings(block.text, tmp_path)


def check_settings(text, folder):
    tree = yaml.safe_load(text)
    if set(tree) <= set(SECTIONS):
        resolve(layers={"the block": tree})
    else:
        file = folder / "recipes.yaml"
        file.write_text(text)
        assert load_recipes(file, {}).recipes


def test_the_api_page_has_every_public_name_once():
    page = (ROOT / "docs" / "api.md").read_text()
    assert sorted(re.findall(r"^\.\. auto\w+:: tfpix2pix\.(\w+)$", page, re.M)) == tfpix2pix.__all__
