"""What README shows works."""

import re
from pathlib import Path

import keras
import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


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


def test_files_it_points_to_are_there():
    links = re.findall(r"\]\((?!http)([^)#]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
