"""What an export is checked with: held-out inputs where they are at hand, else noise."""

import numpy as np
import pytest

from tests.tiny_runs import write_settings
from tfpix2pix.data.builders import loading
from tfpix2pix.errors import UserError
from tfpix2pix.export import samples
from tfpix2pix.export.checking import measure_difference
from tfpix2pix.export.samples import Samples, find_check_data


def run_on(data, folder, **flags):
    """A run folder that says that it was trained on these pairs."""
    return write_settings(folder, train_pairs=6, data=str(data), **flags)


def test_held_out_inputs_where_they_are_at_hand(pairs_folder, tmp_path):
    run = run_on(pairs_folder, tmp_path / "run")
    found = find_check_data(run, run.settings(), must=False)
    assert found.samples.origin == "3 validation inputs"
    assert found.samples.images.shape == (3, 16, 16, 3)
    assert found.no_data is None


def test_a_pair_that_cannot_be_read_makes_it_noise_or_is_an_error(
    pairs_folder, tmp_path, monkeypatch
):
    run = run_on(pairs_folder, tmp_path / "run")
    opened = samples.open_run_data

    def then_broken(settings):
        """As where so many pairs are there that not all of them are looked at."""
        data = opened(settings)
        for path in (pairs_folder / "val").iterdir():
            path.write_bytes(path.read_bytes()[:100])
        return data

    monkeypatch.setattr(samples, "open_run_data", then_broken)
    contents = {path: path.read_bytes() for path in (pairs_folder / "val").iterdir()}
    found = find_check_data(run, run.settings(), must=False)
    assert found.samples.origin == "8 images of noise"
    assert f"a pair in {pairs_folder}/val cannot be read: " in found.no_data
    for path, content in contents.items():
        path.write_bytes(content)
    with pytest.raises(UserError, match=r"a pair in .*/val cannot be read: "):
        find_check_data(run, run.settings(), must=True)


def test_nothing_is_downloaded_or_prepared_for_a_check(tmp_path, monkeypatch):
    def never(*args):
        raise AssertionError("a set was prepared")

    monkeypatch.setattr(loading, "_prepare", never)
    place = {"data_dir": str(tmp_path / "sets")}
    run = run_on("tfds:pix2pix/facades", tmp_path / "run", **place)
    found = find_check_data(run, run.settings(), must=False)
    assert found.no_data == "tfds:pix2pix/facades is not prepared on this machine"
    assert found.samples.origin == "8 images of noise"


def test_of_large_images_fewer_are_compared(tmp_path):
    run = run_on(tmp_path / "gone", tmp_path / "run", load_size=1024, crop_size=1024)
    found = find_check_data(run, run.settings(), must=False)
    assert found.samples.images.shape == (2, 1024, 1024, 3)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_run_that_answers_no_numbers_is_told_so(value):
    noise = Samples(np.zeros((2, 4, 4, 3), np.float32), "noise")
    with pytest.raises(UserError, match="Export an earlier --checkpoint"):
        measure_difference(lambda x: x, lambda x: x + value, noise)
