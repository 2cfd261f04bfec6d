"""Pairs come from folders and prepared sets; what is broken is named with what was expected."""

import io
import os

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfpix2pix.config import resolve
from tfpix2pix.data.builders.drawn_facades import DrawnFacades
from tfpix2pix.data.pairs import open_pairs, open_splits
from tfpix2pix.data.pipeline import Resizing, evaluation_batches, fetcher
from tfpix2pix.data.sources import usable_listing
from tfpix2pix.errors import UserError

EXPECTED = "Mend it or take it out, or leave out all that cannot be used with --on-bad skip"


def make_pair(number, height=16, width=24):
    """A smooth side-by-side pair, another for each number, so that JPEG keeps it nearly."""
    rows, columns = np.mgrid[:height, : 2 * width]
    ramps = [rows * 5 + number * 20, columns * 3, 250 - columns * 2]
    return np.stack(ramps, axis=-1).astype(np.uint8)


def encode(image, file_format):
    file = io.BytesIO()
    Image.fromarray(image).save(file, file_format)
    return file.getvalue()


def write(root, name, content, split="train"):
    (root / split).mkdir(exist_ok=True)
    (root / split / name).write_bytes(content)


def load_all(pairs):
    return [
        [image.numpy() for image in pairs.load(tf.constant(i, tf.int64))] for i in range(len(pairs))
    ]


# Folders


def test_pairs_are_the_folders_images_in_the_order_of_their_names(tmp_path):
    for number, name in enumerate(["b.png", "a.PNG", "10.bmp", "9.BMP", "é ü.Png"]):
        write(tmp_path, name, encode(make_pair(number), name[-3:].upper()))
    for other in ["notes.txt", "c.png.txt", "png", ".DS_Store", "d.gif", ".e.png"]:
        write(tmp_path, other, b"not an image")
    pairs = open_pairs(str(tmp_path), "train")
    assert pairs.names == ("10.bmp", "9.BMP", "a.PNG", "b.png", "é ü.Png")
    assert len(pairs) == 5
    for (left, right), number in zip(load_all(pairs), [2, 3, 1, 0, 4], strict=True):
        np.testing.assert_array_equal(np.concatenate([left, right], axis=1), make_pair(number))


@pytest.mark.parametrize("suffix", ["jpg", "jpeg", "JPG", "JPEG"])
def test_jpegs_are_found(tmp_path, suffix):
    write(tmp_path, f"a.{suffix}", encode(make_pair(0), "JPEG"))
    write(tmp_path, "b.png", encode(make_pair(0), "PNG"))
    jpeg, png = load_all(open_pairs(str(tmp_path), "train"))
    np.testing.assert_allclose(np.float32(jpeg), np.float32(png), atol=12)
    assert np.abs(np.float32(jpeg) - np.float32(png)).mean() < 3


@pytest.mark.parametrize(("direction", "first"), [("AtoB", 0), ("BtoA", 1)])
def test_direction_says_which_image_is_the_input(tmp_path, direction, first):
    write(tmp_path, "a.png", encode(make_pair(0), "PNG"))
    halves = np.split(make_pair(0), 2, axis=1)
    [(input_image, target_image)] = load_all(
        open_pairs(str(tmp_path), "train", direction=direction)
    )
    assert input_image.dtype == np.uint8
    np.testing.assert_array_equal(input_image, halves[first])
    np.testing.assert_array_equal(target_image, halves[1 - first])


def test_images_may_differ_in_size_and_colours(tmp_path):
    write(tmp_path, "a.png", encode(make_pair(0), "PNG"))
    write(tmp_path, "b.png", encode(make_pair(1, 10, 30)[..., 0], "PNG"))
    _, (left, right) = load_all(open_pairs(str(tmp_path), "train"))
    assert left.shape == right.shape == (10, 30, 3)
    np.testing.assert_array_equal(left, make_pair(1, 10, 30)[:, :30, :1].repeat(3, axis=-1))


def test_splits_are_apart(pairs_folder):
    settings = resolve(flags={"data": str(pairs_folder)}).data
    assert list(open_splits(settings, usable_listing(settings))) == ["train", "val"]
    assert len(open_pairs(str(pairs_folder), "train")) == 6
    assert open_pairs(str(pairs_folder), "val").names == ("6.png", "7.png", "8.png")


def test_fingerprint_changes_with_the_names_alone(tmp_path):
    def fingerprint():
        return open_pairs(str(tmp_path), "train").fingerprint()

    write(tmp_path, "a.png", encode(make_pair(0), "PNG"))
    write(tmp_path, "b.png", encode(make_pair(1), "PNG"))
    two = fingerprint()
    write(tmp_path, "b.png", encode(make_pair(2), "PNG"))
    assert fingerprint() == two
    (tmp_path / "train" / "b.png").rename(tmp_path / "train" / "c.png")
    renamed = fingerprint()
    write(tmp_path, "d.png", encode(make_pair(1), "PNG"))
    assert len({two, renamed, fingerprint()}) == 3


# What is wrong with a folder


def test_missing_folder_is_named_with_the_prepared_sets(tmp_path):
    missing = tmp_path / "nowhere"
    with pytest.raises(UserError, match=rf"no folder {missing}, nor a set .*drawn_facades"):
        open_pairs(str(missing), "train")


@pytest.mark.parametrize(("others", "found"), [(["val"], "val/"), (["val", "test"], "val/, test/")])
def test_missing_split_says_which_there_are(tmp_path, others, found):
    for other in others:
        write(tmp_path, "a.png", encode(make_pair(0), "PNG"), split=other)
    with pytest.raises(UserError, match=rf"{tmp_path} has no train/ pairs: .*found {found}$"):
        open_pairs(str(tmp_path), "train")


def test_folder_without_images_says_what_was_expected(tmp_path):
    write(tmp_path, "notes.txt", b"text")
    with pytest.raises(UserError, match=rf"{tmp_path} holds no pairs: expected .*\.jpg, "):
        open_pairs(str(tmp_path), "train")


BROKEN = {
    "cut_short.jpg": (encode(make_pair(0, 64, 64), "JPEG")[:-200], "Invalid JPEG data"),
    "cut_short.png": (encode(make_pair(0, 64, 64), "PNG")[:-50], "Invalid PNG data"),
    "cut_short.bmp": (encode(make_pair(0, 64, 64), "BMP")[:-50], "broken or cut short"),
    "text.png": (b"this is not an image", "Unknown image file format"),
    "empty.jpg": (b"", "Input is empty"),
    "odd.png": (encode(make_pair(0)[:, :-1], "PNG"), "must have an even width"),
}


@pytest.fixture(params=BROKEN)
def broken(request, tmp_path):
    """Pairs of which the second is broken; the pattern of the message that should say so."""
    content, reason = BROKEN[request.param]
    write(tmp_path, "a.png", encode(make_pair(0), "PNG"))
    write(tmp_path, f"b_{request.param}", content)
    write(tmp_path, "c.png", encode(make_pair(1), "PNG"))
    message = rf"^cannot use {tmp_path}/train/b_{request.param}: .*{reason}.*{EXPECTED}"
    return open_pairs(str(tmp_path), "train"), message


def test_broken_image_is_named_when_all_are_read_ahead(broken):
    pairs, message = broken
    with pytest.raises(UserError, match=message) as caught:
        fetcher(pairs, Resizing((8, 12)))
    assert "\n" not in str(caught.value)
    assert "{{" not in str(caught.value)


def test_broken_image_is_found_when_read_one_by_one(broken):
    pairs, message = broken
    fetch = fetcher(pairs, Resizing((8, 8)), cache_gib=0)
    with pytest.raises(tf.errors.OpError):
        list(evaluation_batches(fetch, len(pairs)))
    error = pairs.find_broken([0, 1, 2])
    assert isinstance(error, UserError)
    with pytest.raises(UserError, match=message):
        raise error


def test_sound_pairs_are_not_called_broken(broken):
    pairs, _ = broken
    assert pairs.find_broken([0, 2]) is None


# Prepared sets


@pytest.fixture
def small_drawn_facades(monkeypatch):
    monkeypatch.setattr(DrawnFacades, "SPLIT_SIZES", {"train": 3, "val": 1, "test": 1})


@pytest.mark.usefixtures("small_drawn_facades")
def test_prepared_set_is_drawn_once_and_read_in_order(tmp_path, monkeypatch):
    from tfpix2pix.data.builders import drawn_facades

    pairs = open_pairs("drawn_facades", "train", data_dir=str(tmp_path))
    assert list(pairs.names) == ["train_0001", "train_0002", "train_0003"]
    expected = [drawn_facades.draw_pair(seed) for seed in range(3)]

    monkeypatch.setattr(drawn_facades, "draw_pair", None)  # it is not drawn again
    turned = open_pairs("drawn_facades", "train", direction="BtoA", data_dir=str(tmp_path))
    for pair, turned_pair, drawn in zip(load_all(pairs), load_all(turned), expected, strict=True):
        np.testing.assert_array_equal(pair, drawn)
        np.testing.assert_array_equal(turned_pair, drawn[::-1])
    assert open_pairs("drawn_facades", "val", data_dir=str(tmp_path)).names[:] == ["val_0001"]
    settings = resolve(flags={"data": "drawn_facades", "data_dir": str(tmp_path)}).data
    assert list(open_splits(settings, None)) == ["train", "val", "test"]


@pytest.mark.usefixtures("small_drawn_facades")
def test_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    place = tmp_path / "file" / "sets"
    with pytest.raises(UserError, match=f"cannot write {place}: .*Choose a folder"):
        open_pairs("drawn_facades", "train", data_dir=str(place))


def test_names_that_are_not_utf8_are_read(pairs_folder):
    file = sorted((pairs_folder / "train").iterdir())[0]
    file.rename(os.fsdecode(os.fsencode(file.parent) + b"/\xff.png"))
    pairs = open_pairs(str(pairs_folder), "train")
    for index in range(len(pairs)):
        pairs.load(tf.constant(index, tf.int64))
    assert len(pairs.fingerprint()) == 16


def test_a_damaged_prepared_set_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(DrawnFacades, "SPLIT_SIZES", {"train": 2, "val": 1, "test": 1})
    open_pairs("drawn_facades", "train", data_dir=str(tmp_path))
    for file in (tmp_path / "drawn_facades").rglob("*train.array_record*"):
        file.unlink()
    with pytest.raises(UserError, match=r"drawn_facades is damaged: delete that folder"):
        open_pairs("drawn_facades", "train", data_dir=str(tmp_path))
