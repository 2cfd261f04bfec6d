"""Runs that several tests of exports share: trained once in each way for a module."""

import functools
import shutil

import pytest

from tfpix2pix.config import resolve
from tfpix2pix.training.run import train
from tfpix2pix.training.run_folder import RunFolder

# Large steps, so that a few of them make a difference that can be seen.
TINY = {
    "load_size": 36,
    "crop_size": 32,
    "base_filters": 4,
    "depth": 4,
    "n_layers": 1,
    "steps": 4,
    "learning_rate": 0.02,
    "sample_pairs": 1,
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory, module_pairs_folder):
    """A function that trains a run once with each settings."""

    @functools.cache
    def run(**flags):
        folder = tmp_path_factory.mktemp("runs") / "run"
        train(resolve(flags=TINY | {"data": str(module_pairs_folder)} | flags), folder)
        return folder

    return run


@pytest.fixture
def moved_run(trained, tmp_path):
    """A run whose data are no longer where they were."""
    folder = tmp_path / "moved"
    shutil.copytree(trained(), folder)
    config = RunFolder(folder).config
    lines = config.read_text().splitlines()
    gone = [f"  data: {tmp_path}/gone" if line.startswith("  data: ") else line for line in lines]
    config.write_text("\n".join(gone))
    return folder
