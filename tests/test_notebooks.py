"""Notebooks run from the first cell to the last, on small settings."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"

# What replaces a notebook's cell tagged "parameters".
SMALL = {
    "inside_pix2pix.ipynb": """
steps, folder = 2, "runs"
settings_flags = {"load_size": 32, "crop_size": 32, "depth": 3, "base_filters": 2, "n_layers": 1}
""",
    "quickstart.ipynb": """
steps = 2
run_dir = "run"
settings_flags = {"load_size": 32, "crop_size": 32, "base_filters": 2, "n_layers": 2}
""",
}

# What stands in the text that a notebook then shows.
SHOWS = {
    "inside_pix2pix.ipynb": [
        "n_layers 1: a logit sees 16 of 256 columns",
        "n_layers 2: a logit sees 34 of 256 columns",
        "n_layers 3: a logit sees 70 of 256 columns",
        "per image     alone or in a batch: changes by 0.0;",
        "moving        alone or in a batch: changes by 0.0;",
    ],
    "quickstart.ipynb": ["byte for byte: True"],
}


def test_every_notebook_is_run():
    assert {path.name for path in NOTEBOOKS.glob("*.ipynb")} == set(SMALL)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SMALL))
def test_notebook_runs_to_its_end(name, tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    notebook = nbformat.read(NOTEBOOKS / name, as_version=4)
    (parameters,) = [c for c in notebook.cells if "parameters" in c.metadata.get("tags", ())]
    parameters.source = SMALL[name]
    NotebookClient(notebook, timeout=900, resources={"metadata": {"path": tmp_path}}).execute()
    shown = str([output for cell in notebook.cells for output in cell.get("outputs", ())])
    assert [words for words in SHOWS[name] if words not in shown] == []
    assert "image/png" in shown


@pytest.mark.parametrize("name", sorted(SMALL))
def test_notebooks_are_kept_without_outputs(name):
    notebook = nbformat.read(NOTEBOOKS / name, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells)
