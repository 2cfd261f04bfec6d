"""Notebooks run from the first cell to the last, on small settings."""

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
# Where the badge opens them from and the install cell installs from are one.
REPOSITORY = "tfpix2pix/tfpix2pix"
ON_COLAB = f"https://colab.research.google.com/github/{REPOSITORY}/blob/main/notebooks"
# Networks are the package's: cells import them.
DEFINES_MODEL = re.compile(r"keras\.(layers|Layer|Model|Sequential)\b|^\s*class \w", re.MULTILINE)

# What replaces a notebook's cell tagged "parameters".
SMALL = {
    "own_data.ipynb": """
data, preset, run_dir = "my_pairs", "demo", "run"
steps, more_steps, drawn_pairs = 1, 2, 24
changes = {"load_size": 32, "crop_size": 32, "base_filters": 2, "n_layers": 1}
""",
    "inside_pix2pix.ipynb": """
steps, folder = 2, "runs"
settings_flags = {"load_size": 32, "crop_size": 32, "depth": 3, "base_filters": 2, "n_layers": 1}
""",
    "quickstart.ipynb": """
steps = 2
run_dir = "run"
settings_flags = {"load_size": 32, "crop_size": 32, "base_filters": 2, "n_layers": 2}
""",
    "serving.ipynb": """
steps, run_dir = 1, "run"
changes = {"load_size": 32, "crop_size": 32, "base_filters": 2, "n_layers": 1}
""",
}

# What stands in the text that a notebook then shows.
SHOWS = {
    "own_data.ipynb": [
        "my_pairs: 24 pairs (train ",
        "no problems",
        "problem: target/house001.png: it is cut short",
        "error: 2 of the pairs in ",
        "step 1 of 1",
        "resuming at step 1",
        "step 2 of 2",
        "SSIM, mean training picture",
        "<iframe srcdoc=",
        "2 written to pictures",
    ],
    "inside_pix2pix.ipynb": [
        "n_layers 1: a logit sees 16 of 256 columns",
        "n_layers 2: a logit sees 34 of 256 columns",
        "n_layers 3: a logit sees 70 of 256 columns",
        "per image     alone or in a batch: changes by 0.0;",
        "moving        alone or in a batch: changes by 0.0;",
    ],
    "quickstart.ipynb": ["byte for byte: True"],
    "serving.ipynb": [
        "answered by: stand-in",
        "REST answers as the run does, byte for byte: True",
        "gRPC answers as the run does, byte for byte: True",
        "400 these bytes are no JPEG, PNG or BMP image",
        "SavedModel, gRPC: at most 0 gray levels off",
        "LiteRT, float16: at most ",
        "ONNX: at most ",
        "input_image tensor(float) ",
        "page.js",
    ],
}

# How many pictures it shows.
PICTURES = {
    "inside_pix2pix.ipynb": 0,
    "own_data.ipynb": 6,
    "quickstart.ipynb": 4,
    "serving.ipynb": 3,
}


@pytest.fixture(scope="module")
def prepared_sets(tmp_path_factory):
    """Where the drawn facades are drawn, once for all notebooks."""
    return tmp_path_factory.mktemp("tfds")


def cells_of(name, kind):
    notebook = nbformat.read(NOTEBOOKS / name, as_version=4)
    return [cell for cell in notebook.cells if cell.cell_type == kind]


def shown_by(notebook):
    """The text of all outputs, and the number of pictures."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    data = [output.get("data", {}) for output in outputs]
    texts = [output.get("text", "") for output in outputs]
    texts += [text for one in data for kind, text in one.items() if kind.startswith("text/")]
    pictures = sum("image/png" in one or "image/jpeg" in one for one in data)
    return "\n".join(texts), pictures


def test_every_notebook_is_run():
    assert {path.name for path in NOTEBOOKS.glob("*.ipynb")} == set(SMALL)
    assert set(SHOWS) == set(PICTURES) == set(SMALL)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SMALL))
def test_notebook_runs_to_its_end(name, prepared_sets, tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(prepared_sets))
    notebook = nbformat.read(NOTEBOOKS / name, as_version=4)
    (parameters,) = [c for c in notebook.cells if "parameters" in c.metadata.get("tags", ())]
    parameters.source = SMALL[name]
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": tmp_path}}).execute()
    text, pictures = shown_by(notebook)
    assert [words for words in SHOWS[name] if words not in text] == []
    assert pictures == PICTURES[name]


@pytest.mark.parametrize("name", sorted(SMALL))
def test_notebooks_are_kept_without_outputs(name):
    for cell in cells_of(name, "code"):
        assert not cell.outputs
        assert cell.execution_count is None


@pytest.mark.parametrize("name", sorted(SMALL))
def test_notebooks_open_on_colab_and_install_what_is_missing(name):
    assert f"]({ON_COLAB}/{name})" in cells_of(name, "markdown")[0].source
    install = cells_of(name, "code")[0].source
    assert 'if importlib.util.find_spec("tfpix2pix") is None:\n    %pip install' in install
    assert f"git+https://github.com/{REPOSITORY}" in install


def test_the_page_of_the_notebooks_lists_all():
    page = (NOTEBOOKS.parent / "docs" / "notebooks.md").read_text()
    assert set(re.findall(r"\(\.\./notebooks/(.*?)\)", page)) == set(SMALL)
    assert set(re.findall(rf"\({ON_COLAB}/(.*?)\)", page)) == set(SMALL)


@pytest.mark.parametrize("name", sorted(SMALL))
def test_notebooks_define_no_networks(name):
    for cell in cells_of(name, "code"):
        assert not DEFINES_MODEL.search(cell.source), cell.source


def test_a_network_in_a_cell_is_noticed():
    for source in (
        "x = keras.layers.Dense(3)",
        "class Mine(keras.Model):",
        "keras.Sequential()",
    ):
        assert DEFINES_MODEL.search(source)


@pytest.mark.parametrize("name", sorted(SMALL))
def test_what_a_notebook_points_to_is_there(name):
    for cell in cells_of(name, "markdown"):
        for path in re.findall(r"\]\((?!https?:)([^)#]+)", cell.source):
            assert (NOTEBOOKS / path).exists(), path
