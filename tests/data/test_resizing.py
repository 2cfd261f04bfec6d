"""What is done to pairs before the networks: every mode of `resize`, every type of image."""

import numpy as np
import pytest
import tensorflow as tf

from tfpix2pix.config import resolve
from tfpix2pix.data import images
from tfpix2pix.data.formats import ImageFormat, PairFormat
from tfpix2pix.data.pairs import Pairs
from tfpix2pix.data.pipeline import Resizing, evaluation_batches, fetcher, training_batches
from tfpix2pix.errors import UserError
from tfpix2pix.training.datasets import (
    evaluation_resizing,
    training_resizing,
    with_network_size,
)

GRAY16 = ImageFormat(1, "uint16", (0.0, 65535.0))
FLOATS = ImageFormat(5, "float32", (-1.0, 1.0))
PALETTE = ((0, 0, 0), (255, 0, 0), (0, 255, 0))


def noise(height, width, image_format, seed=0):
    rng = np.random.default_rng(seed)
    shape = (height, width, image_format.channels)
    if image_format.dtype == "float32":
        return rng.uniform(-1, 1, shape).astype(np.float32)
    return rng.integers(0, np.iinfo(image_format.dtype).max, shape, image_format.dtype)


def in_memory(inputs, targets, formats):
    """Pairs of arrays, which may be of many sizes."""

    def load(index):
        types = (formats.input.dtype, formats.target.dtype)
        pair = tf.numpy_function(lambda i: (inputs[i], targets[i]), [index], types)
        return tuple(
            tf.ensure_shape(image, [None, None, f.channels])
            for image, f in zip(pair, (formats.input, formats.target), strict=True)
        )

    return Pairs(tuple(f"{i}.png" for i in range(len(inputs))), load, "memory", formats)


def several(sizes, formats=None):
    formats = formats or PairFormat(GRAY16, FLOATS)
    inputs = [noise(*size, formats.input, i) for i, size in enumerate(sizes)]
    targets = [noise(*size, formats.target, 100 + i) for i, size in enumerate(sizes)]
    return in_memory(inputs, targets, formats), inputs, targets


def data_settings(**flags):
    return resolve(flags={"data": "memory", **flags}, networks=False).data


@pytest.mark.parametrize("cache_gib", [0, 1])
def test_types_are_kept_cached_or_not(cache_gib):
    pairs, inputs, targets = several([(20, 24)] * 3)
    fetch = fetcher(pairs, Resizing((10, 12)), cache_gib)
    for index in range(3):
        input_image, target_image = fetch(tf.constant(index, tf.int64))
        assert (input_image.dtype, target_image.dtype) == (tf.uint16, tf.float32)
        for found, stored in ((input_image, inputs[index]), (target_image, targets[index])):
            np.testing.assert_array_equal(found, images.resize(stored, (10, 12), "bicubic"))


def test_keep_leaves_pairs_as_they_are():
    pairs, inputs, targets = several([(20, 24)] * 2)
    fetch = fetcher(pairs, Resizing((20, 24), fit="keep"))
    np.testing.assert_array_equal(fetch(tf.constant(1, tf.int64))[0], inputs[1])
    np.testing.assert_array_equal(fetch(tf.constant(1, tf.int64))[1], targets[1])


@pytest.mark.parametrize(
    ("fit", "sizes"), [("keep", [(20, 24), (20, 26)]), ("width", [(20, 24), (30, 24)])]
)
@pytest.mark.parametrize("cache_gib", [0, 1])
def test_a_pair_that_comes_out_at_another_size_is_named(fit, sizes, cache_gib):
    pairs, _, _ = several(sizes)
    resizing = Resizing((20, 24), fit=fit, width=24)
    with pytest.raises((UserError, tf.errors.InvalidArgumentError)):
        list(evaluation_batches(fetcher(pairs, resizing, cache_gib), len(pairs)))
    error = pairs.find_broken([0, 1], fetcher(pairs, resizing, cache_gib=0))
    assert "memory/1.png: it does not come out at 20x24 as the others" in str(error)


def test_scaling_to_a_width_keeps_the_shape():
    pairs, inputs, _ = several([(20, 40)])
    fetch = fetcher(pairs, Resizing((15, 30), fit="width", width=30))
    expected = images.resize(inputs[0], (15, 30), "bicubic")
    np.testing.assert_array_equal(fetch(tf.constant(0, tf.int64))[0], expected)


@pytest.mark.parametrize(
    ("target_size", "fits"),
    [((40, 80), True), ((10, 20), True), ((41, 80), True), ((40, 60), False), ((20, 20), False)],
)
def test_targets_may_be_larger_but_not_of_another_shape(target_size, fits):
    formats = PairFormat(GRAY16, GRAY16)
    pairs = in_memory([noise(20, 40, GRAY16)], [noise(*target_size, GRAY16)], formats)
    error = pairs.find_broken([0], fetcher(pairs, Resizing((16, 32)), cache_gib=0))
    assert (error is None) == fits
    assert fits or "input and target differ in shape" in str(error)


def test_keep_refuses_targets_of_another_size():
    pairs = in_memory([noise(20, 40, GRAY16)], [noise(40, 80, GRAY16)], PairFormat(GRAY16, GRAY16))
    error = pairs.find_broken([0], fetcher(pairs, Resizing(None, fit="keep"), cache_gib=0))
    assert "input and target differ in size" in str(error)


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("fit", ["stretch", "keep"])
def test_label_maps_become_class_numbers_by_the_nearest_colour(fit, side):
    labels = ImageFormat(palette=PALETTE)
    formats = PairFormat(labels, GRAY16) if side == 0 else PairFormat(GRAY16, labels)
    classes = np.random.default_rng(0).integers(0, 3, (8, 8))
    colours = np.array(PALETTE, np.int64)[classes] + np.random.default_rng(1).integers(
        -60, 60, (8, 8, 3)
    )
    stored = np.clip(colours, 0, 255).astype(np.uint8)
    other = noise(8, 8, GRAY16)
    pair = ([stored], [other]) if side == 0 else ([other], [stored])
    pairs = in_memory(*pair, formats)
    size = (8, 8) if fit == "keep" else (16, 16)
    image = fetcher(pairs, Resizing(size, fit=fit))(tf.constant(0, tf.int64))[side]
    expected = classes if fit == "keep" else classes.repeat(2, 0).repeat(2, 1)
    assert image.dtype == tf.uint8
    np.testing.assert_array_equal(image[..., 0], expected)
    one_hot = images.to_network_range(image, labels)
    np.testing.assert_array_equal(one_hot, np.eye(3, dtype=np.float32)[expected])


# Crops of pairs of many sizes


SIZES = [(12, 20), (16, 16), (30, 10), (10, 10)]


def crops(first_step=0, steps=6, seed=3, batch_size=2):
    pairs, inputs, targets = several(SIZES)
    fetch = fetcher(pairs, Resizing(None, fit="keep"))
    batches = training_batches(
        fetch, len(pairs), batch_size=batch_size, seed=seed, first_step=first_step, steps=steps,
        crop_size=(8, 8),
    )  # fmt: skip
    return list(batches.as_numpy_iterator()), inputs, targets


def find(crop, image):
    """Where the crop was taken from."""
    windows = np.lib.stride_tricks.sliding_window_view(image[..., 0], (8, 8))
    return [tuple(place) for place in np.argwhere((windows == crop[..., 0]).all(axis=(2, 3)))]


def test_crops_are_of_one_place_in_both_images_and_of_many_places():
    batches, inputs, targets = crops(steps=20)
    places = set()
    for input_crops, target_crops in batches:
        assert input_crops.shape == (2, 8, 8, 1)
        for input_crop, target_crop in zip(input_crops, target_crops, strict=True):
            [(pair, place)] = [
                (i, place) for i, image in enumerate(inputs) for place in find(input_crop, image)
            ]
            assert place in find(target_crop, targets[pair])
            places.add((pair, place))
    assert len(places) > 15


@pytest.mark.parametrize("first_step", [1, 3, 5])
def test_a_resumed_run_crops_at_the_same_places(first_step):
    whole, rest = crops()[0], crops(first_step)[0]
    for one, other in zip(whole[first_step:], rest, strict=True):
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1], other[1])


def test_other_seeds_crop_elsewhere():
    assert any((a[0] != b[0]).any() for a, b in zip(crops()[0], crops(seed=4)[0], strict=True))


def test_evaluation_crops_the_middle():
    pairs, inputs, _ = several(SIZES)
    settings = data_settings(resize="crop", crop_size=16)
    resizing = evaluation_resizing(settings)
    fetch = fetcher(pairs, resizing, cache_gib=0)
    np.testing.assert_array_equal(fetch(tf.constant(1, tf.int64))[0], inputs[1])
    error = pairs.find_broken([3], fetch)
    assert "10x10, smaller than crop_size 16x16" in str(error)


# From the settings


def test_each_mode_says_what_is_done():
    def modes(resize):
        settings = data_settings(resize=resize, load_size="32x40", crop_size=24)
        return training_resizing(settings), evaluation_resizing(settings)

    train, evaluate = modes("resize_and_crop")
    assert (train.fit, train.size, evaluate.size) == ("stretch", (32, 40), (24, 24))
    train, evaluate = modes("scale_width_and_crop")
    assert (train.fit, train.width, train.size) == ("width", 40, None)
    assert (evaluate.fit, evaluate.size, evaluate.crop) == ("width", (24, 24), (24, 24))
    train, evaluate = modes("crop")
    assert (train.fit, train.size) == ("keep", None)
    assert (evaluate.fit, evaluate.crop) == ("keep", (24, 24))
    assert modes("none")[0].fit == "keep"
    assert modes("scale_width")[0].fit == "width"


@pytest.mark.parametrize(
    ("resize", "size"), [("none", (20, 40)), ("scale_width", (16, 32)), ("crop", (24, 24))]
)
def test_pairs_decide_the_size_of_the_networks_where_the_settings_do_not(resize, size):
    pairs, _, _ = several([(20, 40)])
    settings = data_settings(resize=resize, load_size=32, crop_size=24)
    assert with_network_size(settings, pairs).crop_size == size
