"""Answers at any size: whole and in tiles, by hand-made networks."""

import itertools

import keras
import numpy as np
import pytest

from tfpix2pix.data.formats import RGB_PAIRS, ImageFormat, PairFormat
from tfpix2pix.inference.own_size import OwnSize, with_statistics
from tfpix2pix.inference.tiling import Tiling
from tfpix2pix.models import BatchNorm, Dropout, set_prediction_seed
from tfpix2pix.models.statistics import pooled

PALETTE = ((0, 0, 170), (0, 0, 255), (0, 85, 255))
FLOATS = ImageFormat(6, "float32", (-1000.0, 3000.0))
WORDS = ImageFormat(1, "uint16", (0.0, 65535.0))
FORMATS = {
    "rgb": RGB_PAIRS,
    "16_bits": PairFormat(WORDS, WORDS),
    "floats": PairFormat(FLOATS, FLOATS),
    "labels": PairFormat(ImageFormat(palette=PALETTE), ImageFormat(palette=PALETTE)),
}


def picture(image_format, height, width, seed=0):
    rng = np.random.default_rng(seed)
    if image_format.palette:
        return np.array(image_format.palette, np.uint8)[rng.integers(0, 3, (height, width))]
    values = rng.uniform(*image_format.value_range, (height, width, image_format.channels))
    return values.astype(image_format.dtype)


def identity(formats):
    def load(size):
        inputs = keras.Input((*size, formats.input.network_channels))
        return keras.Model(inputs, keras.layers.Identity()(inputs))

    return load


def normed(size, dropout=0.0):
    """Each pixel by itself, but for the statistics of the norm (and dropout's masks)."""
    inputs = keras.Input((*size, 3))
    x = keras.layers.Conv2D(4, 1)(inputs)
    x = BatchNorm()(x)
    if dropout:
        x = Dropout(dropout, at_prediction=True, name="dropout")(x)
    x = keras.layers.Conv2D(3, 1, activation="tanh")(x)
    model = keras.Model(inputs, x)
    rng = np.random.default_rng(0)
    for variable in model.trainable_variables:
        if variable.name == "kernel":
            variable.assign(rng.normal(0, 0.8, variable.shape))
    return model


WHOLE = Tiling(10**6, 16, 8)
TILES = Tiling(8 * 8 * 4, 16, 8)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(
    ("size", "tiling"),
    [((33, 5), WHOLE), ((40, 61), TILES), ((13, 90), Tiling(64, 24, 5))],
)
def test_the_identity_gives_the_image_back_to_the_bit(name, size, tiling):
    formats = FORMATS[name]
    image = picture(formats.input, *size)
    network = OwnSize(identity(formats), formats, 8, tiling)
    found = network.translate(image[np.newaxis], seed=0)
    assert found.dtype == image.dtype
    # Floats are rounded as they are scaled to [-1, 1] and back.
    np.testing.assert_allclose(found[0], image, rtol=0, atol=1e-3 if name == "floats" else 0)


def ramp(height, width):
    """An image whose tiles have other statistics than the whole of it."""
    rows = np.linspace(0, 200, height)[:, None, None]
    columns = np.linspace(0, 50, width)[None, :, None]
    noise = np.random.default_rng(0).integers(0, 5, (height, width, 3))
    return (rows + columns + noise).astype(np.uint8)


def test_with_the_statistics_of_the_whole_image_tiles_answer_as_the_whole_does():
    image = ramp(64, 48)[np.newaxis]
    whole = OwnSize(normed, RGB_PAIRS, 8, WHOLE).translate(image, 0).astype(int)
    fitting = Tiling(63 * 48, 16, 8)  # too small for the whole; most of its tiles are measured
    differences = {}
    for statistics in ("image", "tile"):
        tiling = Tiling(fitting.whole_up_to, 16, 8, statistics)
        tiles = OwnSize(normed, RGB_PAIRS, 8, tiling).translate(image, 0)
        differences[statistics] = np.abs(tiles - whole).mean()
    assert differences["image"] < 3  # of 9 tiles, spread over the 12
    assert differences["tile"] > 5 * differences["image"]


def test_images_of_one_batch_have_each_their_own_statistics():
    images = np.stack([ramp(32, 32), 255 - ramp(32, 32) // 2])
    for tiling in (WHOLE, Tiling(64, 16, 8)):
        network = OwnSize(normed, RGB_PAIRS, 8, tiling)
        together = network.translate(images, 0)
        alone = [network.translate(image[np.newaxis], 0)[0] for image in images]
        assert np.abs(together - np.stack(alone).astype(int)).max() <= 1


@pytest.mark.parametrize("tiling", [WHOLE, TILES])
def test_samples_at_the_own_size_are_rounded_to_the_answer(tiling):
    image = ramp(40, 61)
    generators = {}

    def load(size):
        return generators.setdefault(size, normed(size, dropout=0.5))

    network = OwnSize(load, RGB_PAIRS, 8, tiling)
    draws = [network.values(image, 3, draw) for draw in range(2)]
    answer = network.translate(image[np.newaxis], 3)[0]
    assert draws[0].dtype == np.float32
    assert np.abs(draws[0] - answer).max() <= 0.5 + 1e-3
    assert np.abs(draws[0] - draws[1]).max() > 10


def test_dropouts_masks_are_those_of_the_seed():
    size, image = (16, 16), ramp(16, 16)
    generator = normed(size, dropout=0.5)
    network = OwnSize(lambda _: generator, RGB_PAIRS, 16, WHOLE)
    found = network.translate(image[np.newaxis], 5)[0]
    set_prediction_seed(generator, 5, 0)
    output = generator((image[np.newaxis] / 127.5 - 1).astype(np.float32), training=False)[0]
    assert np.abs(found - (np.asarray(output) + 1) * 127.5).max() <= 0.5 + 1e-3


def test_fixed_statistics_take_the_flicker_out():
    """Of a film in which something bright comes into view: the rest must not change."""
    frames = [ramp(32, 32) for _ in range(4)]
    for number, frame in enumerate(frames):
        frame[:16, : 8 * number] = 255
    plain = OwnSize(normed, RGB_PAIRS, 8, WHOLE)
    fixed = OwnSize(normed, RGB_PAIRS, 8, WHOLE, plain.measured(frames[0]))
    flicker = {}
    for name, network in (("each", plain), ("fixed", fixed)):
        answers = [network.translate(frame[np.newaxis], 0)[0].astype(int) for frame in frames]
        steps = [np.abs(b - a)[16:] for a, b in itertools.pairwise(answers)]
        flicker[name] = np.mean(steps)
    assert flicker["each"] > 2
    assert flicker["fixed"] == 0


@pytest.mark.parametrize("tiling", [WHOLE, Tiling(16 * 16, 16, 8)])
def test_what_is_measured_is_given_to_whole_images_and_to_tiles(tiling):
    frames = [ramp(32, 32), 255 - ramp(32, 32) // 2]
    plain = OwnSize(normed, RGB_PAIRS, 8, tiling)
    statistics = pooled([plain.measured(frame) for frame in frames])
    found = OwnSize(normed, RGB_PAIRS, 8, tiling, statistics).translate(frames[0][np.newaxis], 0)
    generator = with_statistics(normed((32, 32)), statistics)
    output = generator((frames[0][np.newaxis] / 127.5 - 1).astype(np.float32), training=False)
    assert np.abs(found - (np.asarray(output) + 1) * 127.5).max() <= 0.5 + 1e-3


def test_what_was_built_for_a_size_is_used_again():
    built = []

    def counting(size):
        built.append(size)
        return normed(size)

    network = OwnSize(counting, RGB_PAIRS, 8, WHOLE)
    for side in range(8, 8 * 13, 8):
        for _ in range(2):
            network.measured(ramp(side, 8))
            network.translate(ramp(side, 8)[np.newaxis], 0)
    assert sorted(built) == sorted(2 * [(side, 8) for side in range(8, 8 * 13, 8)])
