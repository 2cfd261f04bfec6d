"""Images as stored become what a set asks for where nothing is lost."""

import numpy as np
import pytest
import tensorflow as tf

from tests.data.image_files import HEIGHT, WIDTH, noise
from tfpix2pix.data.reading import StoredImage, conform
from tfpix2pix.errors import UserError


def test_what_conforms_stays_as_it_is():
    for channels in (1, 2, 3, 4, 9):
        pixels = noise(HEIGHT, WIDTH, channels, dtype="float32")
        np.testing.assert_array_equal(
            conform(StoredImage(pixels), channels, "float32"), pixels, strict=True
        )
    gray_alpha = StoredImage(noise(HEIGHT, WIDTH, 2), has_alpha=True)
    np.testing.assert_array_equal(conform(gray_alpha, 2, "uint8"), gray_alpha.pixels)


@pytest.mark.parametrize("has_alpha", [False, True])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_rgb_becomes_gray_as_in_tensorflow(dtype, has_alpha):
    pixels = noise(HEIGHT, WIDTH, 3 + has_alpha, dtype=dtype)
    gray = conform(StoredImage(pixels, has_alpha), 1, dtype, reduce=True)
    assert gray.dtype == dtype
    expected = tf.image.rgb_to_grayscale(pixels[..., :3]).numpy()
    assert gray.shape == expected.shape
    if dtype != "uint8":  # TensorFlow's weights sum to 0.9999
        expected = expected / 0.9999
    tolerance = {"uint8": 1, "uint16": 2, "float32": 1e-3}[dtype]
    np.testing.assert_allclose(gray.astype(float), expected.astype(float), atol=tolerance)


def test_gray_is_rounded():
    pixels = np.array([[[255, 255, 255], [0, 0, 0], [0, 0, 5], [10, 0, 5], [1, 0, 0]]], np.uint8)
    expected = np.array([[[255], [0], [1], [4], [0]]])
    np.testing.assert_array_equal(conform(StoredImage(pixels), 1, "uint8", reduce=True), expected)


@pytest.mark.parametrize(("dtype", "white"), [("uint8", 255), ("uint16", 65535), ("float32", 1)])
def test_white_becomes_white(dtype, white):
    gray = conform(StoredImage(np.full((1, 1, 3), white, dtype)), 1, dtype, reduce=True)
    assert gray.item() == pytest.approx(white, abs=1e-6)


def test_reducing_changes_nothing_that_fits():
    pixels = noise(HEIGHT, WIDTH, 3)
    np.testing.assert_array_equal(conform(StoredImage(pixels), 3, "uint8", reduce=True), pixels)


def test_eight_bits_become_sixteen():
    pixels = np.array([[[0], [1], [128], [255]]], np.uint8)
    expected = np.array([[[0], [257], [128 * 257], [65535]]], np.uint16)
    np.testing.assert_array_equal(conform(StoredImage(pixels), 1, "uint16"), expected, strict=True)


@pytest.mark.parametrize(
    ("have", "dtype", "has_alpha", "channels", "wanted", "reason"),
    [
        (1, "uint16", False, 1, "uint8", "16-bit among 8-bit images"),
        (1, "float32", False, 1, "uint8", "floating-point among 8-bit images"),
        (1, "float32", False, 1, "uint16", "floating-point among 16-bit images"),
        (1, "uint8", False, 1, "float32", "8-bit among floating-point images"),
        (3, "uint8", False, 1, "uint8", "it has 3 channels, expected 1 (gray)"),
        (4, "uint8", False, 3, "uint8", "it has 4 channels, expected 3 (RGB)"),
        (2, "uint8", False, 1, "uint8", "it has 2 channels, expected 1 (gray)"),
        (2, "uint8", False, 3, "uint8", "it has 2 channels, expected 3 (RGB)"),
        (4, "uint8", True, 2, "uint8", "it has 4 channels, expected 2"),
        (1, "uint8", False, 2, "uint8", "it has 1 channel, expected 2"),
        (5, "float32", False, 9, "float32", "it has 5 channels, expected 9"),
        (3, "float32", False, 4, "float32", "it has 3 channels, expected 4"),
    ],
)
def test_what_does_not_conform_is_refused(have, dtype, has_alpha, channels, wanted, reason):
    image = StoredImage(noise(2, 2, have, dtype=dtype), has_alpha)
    with pytest.raises(UserError) as caught:
        conform(image, channels, wanted)
    assert str(caught.value) == reason
