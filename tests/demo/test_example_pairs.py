"""Examples of a set: which split, which pairs, and without loss."""

import dataclasses

import numpy as np
import pytest

from tests.conftest import complement, draw_shapes
from tfpix2pix.config import resolve
from tfpix2pix.data.formats import RGB, RGB_PAIRS, ImageFormat, PairFormat
from tfpix2pix.data.reading import read_image
from tfpix2pix.demo.examples import examples_of_files, examples_of_pairs
from tfpix2pix.errors import UserError


def settings_for(data, **flags):
    return resolve(flags={"data": str(data)} | flags, networks=False).data


def test_examples_are_of_the_best_split_there_is_with_their_targets(pairs_folder, tmp_path):
    examples, origin = examples_of_pairs(settings_for(pairs_folder), RGB_PAIRS, tmp_path)
    assert origin == "val split"
    assert [example.name for example in examples] == ["6", "7", "8"]
    for number, example in zip((6, 7, 8), examples, strict=True):
        assert (read_image(example.file).pixels == draw_shapes(number)).all()
        assert (example.target == complement(draw_shapes(number))).all()
    (pairs_folder / "val").rename(pairs_folder / "test")
    assert examples_of_pairs(settings_for(pairs_folder), RGB_PAIRS, tmp_path)[1] == "test split"


def test_examples_follow_the_direction(pairs_folder, tmp_path):
    settings = settings_for(pairs_folder, direction="BtoA")
    (first, *_), _ = examples_of_pairs(settings, RGB_PAIRS, tmp_path)
    assert (first.target == draw_shapes(6)).all()


def test_few_examples_are_spread_over_all(pairs_folder, tmp_path):
    settings = settings_for(pairs_folder)
    names = [e.name for e in examples_of_pairs(settings, RGB_PAIRS, tmp_path, most=2)[0]]
    assert names == ["6", "8"]
    assert len(examples_of_pairs(settings, RGB_PAIRS, tmp_path, most=1)[0]) == 1


def test_pairs_that_cannot_be_read_are_left_out(pairs_folder, tmp_path):
    (pairs_folder / "val" / "7.png").write_bytes(b"no picture")
    examples, _ = examples_of_pairs(settings_for(pairs_folder), RGB_PAIRS, tmp_path)
    assert [example.name for example in examples] == ["6", "8"]


def test_other_images_than_the_networks_are_refused(pairs_folder, tmp_path):
    formats = PairFormat(ImageFormat(5), RGB)
    with pytest.raises(UserError, match="can be read as 5 channels uint8 to RGB uint8"):
        examples_of_pairs(settings_for(pairs_folder), formats, tmp_path)


def test_nothing_is_downloaded(tmp_path):
    settings = dataclasses.replace(
        settings_for("tfds:pix2pix/facades"), data_dir=str(tmp_path / "sets")
    )
    with pytest.raises(UserError, match="is not downloaded for a page"):
        examples_of_pairs(settings, RGB_PAIRS, tmp_path)
    assert not (tmp_path / "sets").exists()


def test_inputs_that_a_run_kept_are_examples_without_targets(tmp_path):
    for number in range(3):
        np.save(tmp_path / f"{number}.npy", np.zeros((2, 2, 3), np.uint8))
    examples = examples_of_files(tmp_path, most=2)
    assert [(e.name, e.target) for e in examples] == [("0", None), ("1", None)]
    assert examples_of_files(tmp_path / "gone") == []
