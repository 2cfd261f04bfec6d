"""Resizing, cropping, padding, splitting and joining, against values computed otherwise."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from tfpix2pix.data import operations
from tfpix2pix.errors import UserError

DTYPES = [np.uint8, np.uint16, np.float32]


def draw(height, width, channels, dtype):
    """Random values over the whole range of an integer type, or around zero."""
    rng = np.random.default_rng(0)
    if dtype == np.float32:
        return rng.normal(0, 50, (height, width, channels)).astype(np.float32)
    return rng.integers(0, np.iinfo(dtype).max + 1, (height, width, channels), dtype)


def count_up(height, width, channels=1, dtype=np.uint8):
    return np.arange(height * width * channels, dtype=dtype).reshape(height, width, channels)


@pytest.fixture(params=DTYPES, ids=lambda dtype: dtype.__name__)
def dtype(request):
    return request.param


# Resizing


@pytest.mark.parametrize("size", [(5, 9), (31, 18), (7, 40)])
@pytest.mark.parametrize("channels", [1, 2, 3, 5])
def test_bicubic_is_pillows_in_floats(dtype, size, channels):
    image = draw(17, 22, channels, dtype)
    resized = operations.resize(image, size, "bicubic")
    assert resized.dtype == dtype
    for channel in range(channels):
        floats = Image.fromarray(image[..., channel].astype(np.float32))
        expected = np.asarray(floats.resize((size[1], size[0]), Image.Resampling.BICUBIC))
        if dtype != np.float32:
            expected = np.clip(np.round(expected), 0, np.iinfo(dtype).max)
        np.testing.assert_array_equal(resized[..., channel], expected)


def test_bicubic_is_nearly_pillows_on_8_bit_colour():
    rows, columns = np.mgrid[:40, :60]
    waves = [np.sin(columns / 9), np.cos(rows / 7), np.sin((rows + columns) / 12)]
    image = np.round(127 + 100 * np.stack(waves, axis=-1)).astype(np.uint8)
    expected = np.asarray(Image.fromarray(image).resize((25, 15), Image.Resampling.BICUBIC))
    difference = operations.resize(image, (15, 25), "bicubic").astype(int) - expected
    assert np.abs(difference).max() <= 1


def test_bicubic_shrinks_with_antialiasing():
    stripes = np.tile(np.array([0, 255], np.uint8), (32, 32))[..., np.newaxis]
    shrunk = operations.resize(stripes, (8, 16), "bicubic")
    assert np.abs(shrunk[:, 2:-2].astype(int) - 127.5).max() < 6


def test_integers_are_clipped_where_bicubic_overshoots():
    step = np.repeat(np.array([0, 65535], np.uint16), 8).reshape(1, 16, 1)
    floats = operations.resize(step.astype(np.float32), (1, 64), "bicubic")
    assert floats.min() < 0
    assert floats.max() > 65535
    integers = operations.resize(step, (1, 64), "bicubic")
    np.testing.assert_array_equal(integers, np.clip(np.round(floats), 0, 65535))


def test_area_is_the_mean_of_blocks(dtype):
    image = draw(12, 20, 3, dtype)
    means = image.astype(np.float64).reshape(4, 3, 5, 4, 3).mean(axis=(1, 3))
    resized = operations.resize(image, (4, 5), "area")
    assert resized.dtype == dtype
    np.testing.assert_allclose(resized, means, atol=1e-4 if dtype == np.float32 else 0.5001)


def test_area_weighs_pixels_by_what_is_covered():
    image = np.array([0, 10, 20, 30, 40], np.float32).reshape(1, 5, 1)
    # (0 + 10 + 20/2) / 2.5 and (20/2 + 30 + 40) / 2.5
    np.testing.assert_allclose(operations.resize(image, (1, 2), "area").ravel(), [8, 32])
    # Enlarged 5 -> 7: the second covers 5/7..10/7: 2/5 of the first pixel, 3/5 of the second.
    np.testing.assert_allclose(operations.resize(image, (1, 7), "area").ravel()[:2], [0, 6])


def test_area_of_a_mirrored_image_is_the_mirror_image(dtype):
    image = draw(11, 15, 3, dtype)
    mirrored = operations.resize(image[::-1, ::-1], (4, 6), "area")[::-1, ::-1]
    if dtype == np.float32:
        np.testing.assert_allclose(operations.resize(image, (4, 6), "area"), mirrored, atol=1e-4)
    else:
        np.testing.assert_array_equal(operations.resize(image, (4, 6), "area"), mirrored)


def test_nearest_takes_the_pixel_under_the_new_centre(dtype):
    image = draw(12, 10, 4, dtype)
    rows, columns = ((np.arange(n) + 0.5) * old // n for n, old in [(5, 12), (23, 10)])
    expected = image[rows.astype(int)][:, columns.astype(int)]
    resized = operations.resize(image, (5, 23), "nearest")
    assert resized.dtype == dtype
    np.testing.assert_array_equal(resized, expected)


@pytest.mark.parametrize("method", ["bicubic", "area", "nearest"])
def test_a_flat_image_stays_flat(dtype, method):
    white = 1e6 if dtype == np.float32 else np.iinfo(dtype).max
    image = np.full((9, 14, 2), white, dtype)
    for size in [(4, 5), (20, 31)]:
        np.testing.assert_array_equal(operations.resize(image, size, method), white)


@pytest.mark.parametrize("method", ["bicubic", "area", "nearest"])
def test_equal_size_returns_the_image_itself(dtype, method):
    image = draw(6, 8, 3, dtype)
    assert operations.resize(image, (6, 8), method) is image


def test_resizing_leaves_the_image_as_it_was(dtype):
    image = draw(6, 8, 3, dtype)
    before = image.copy()
    for method in ["bicubic", "area", "nearest"]:
        operations.resize(image, (3, 4), method)
    np.testing.assert_array_equal(image, before)


def test_a_size_of_nothing_is_refused():
    with pytest.raises(UserError, match="cannot resize to 0x4"):
        operations.resize(draw(6, 8, 3, np.uint8), (0, 4), "area")


# Cropping and padding


@pytest.mark.parametrize(
    ("size", "rows", "columns"),
    [
        ((2, 3), slice(1, 3), slice(1, 4)),
        ((5, 2), slice(0, 5), slice(2, 4)),
        ("square", slice(0, 5), slice(0, 5)),
    ],
)
def test_crop_takes_the_centre(dtype, size, rows, columns):
    image = count_up(5, 6, 2, dtype)
    cropped = operations.crop(image, size)
    assert cropped.dtype == dtype
    np.testing.assert_array_equal(cropped, image[rows, columns])


def test_cropping_and_padding_to_the_size_that_it_has_returns_the_image_itself(dtype):
    image = count_up(5, 5, 2, dtype)
    for size in ((5, 5), "square"):
        assert operations.crop(image, size) is image
        assert operations.pad(image, size) is image


def test_a_crop_larger_than_the_image_is_refused():
    with pytest.raises(UserError, match=r"crop 4x9 from an image of 5x6"):
        operations.crop(count_up(5, 6), (4, 9))


def test_pad_surrounds_with_white():
    padded = operations.pad(np.array([[[1], [2]]], np.uint8), (4, 5))
    expected = np.full((4, 5), 255)
    expected[1, 1:3] = [1, 2]
    np.testing.assert_array_equal(padded[..., 0], expected)


def test_pad_square_takes_the_longer_side(dtype):
    image = count_up(3, 7, 2, dtype)
    padded = operations.pad(image, "square", fill=9)
    assert padded.dtype == dtype
    assert padded.shape == (7, 7, 2)
    np.testing.assert_array_equal(padded[2:5], image)
    assert (padded[[0, 1, 5, 6]] == 9).all()


def test_default_fills():
    assert operations.pad(count_up(1, 1, dtype=np.uint16), (1, 2))[0, 1, 0] == 65535
    floats = np.array([[[-4.0, 1.0], [1.0, 4.0]]], np.float32)
    np.testing.assert_array_equal(operations.pad(floats, (1, 3))[0, 2], [0.5, 0.5])


def test_padding_to_a_smaller_size_is_refused():
    with pytest.raises(UserError, match=r"pad an image of 5x6 .* to 9x4"):
        operations.pad(count_up(5, 6), (9, 4))


@pytest.mark.parametrize("fill", [-1, 256, 0.5])
def test_a_fill_that_the_type_cannot_hold_is_refused(fill):
    with pytest.raises(UserError, match="from 0 to 255"):
        operations.pad(count_up(2, 2), "square", fill=fill)


def test_crop_undoes_pad(dtype):
    image = draw(5, 8, 3, dtype)
    np.testing.assert_array_equal(operations.crop(operations.pad(image, (10, 13)), (5, 8)), image)


# Pairs


def test_split_takes_halves():
    image = count_up(2, 4)
    left, right = operations.split_pair(image, "left_right")
    np.testing.assert_array_equal(left[..., 0], [[0, 1], [4, 5]])
    np.testing.assert_array_equal(right[..., 0], [[2, 3], [6, 7]])
    top, bottom = operations.split_pair(image, "top_bottom")
    np.testing.assert_array_equal(top[..., 0], [[0, 1, 2, 3]])
    np.testing.assert_array_equal(bottom[..., 0], [[4, 5, 6, 7]])


@pytest.mark.parametrize(
    ("layout", "shape", "side"), [("left_right", (4, 7), "width"), ("top_bottom", (7, 4), "height")]
)
def test_an_odd_side_cannot_be_split(layout, shape, side):
    with pytest.raises(UserError, match=f"{shape[0]}x{shape[1]} .*an even {side}"):
        operations.split_pair(count_up(*shape), layout)


@pytest.mark.parametrize("layout", ["left_right", "top_bottom"])
def test_combine_undoes_split(dtype, layout):
    image = draw(6, 8, 3, dtype)
    combined = operations.combine(*operations.split_pair(image, layout), layout)
    assert combined.dtype == dtype
    np.testing.assert_array_equal(combined, image)


def test_gray_is_repeated_beside_colour(dtype):
    gray, colour = draw(4, 5, 1, dtype), draw(4, 5, 3, dtype)
    repeated = np.stack([gray[..., 0]] * 3, axis=-1)
    np.testing.assert_array_equal(
        operations.combine(gray, colour, "left_right"), np.hstack([repeated, colour])
    )
    np.testing.assert_array_equal(
        operations.combine(colour, gray, "top_bottom"), np.vstack([colour, repeated])
    )
    assert operations.combine(gray, gray, "left_right").shape == (4, 10, 1)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (np.zeros((4, 6, 3), np.uint8), "size: 4x5 and 4x6"),
        (np.zeros((4, 5, 2), np.uint8), "channels: 3 and 2"),
        (np.zeros((4, 5, 3), np.uint16), "type: uint8 and uint16"),
    ],
)
def test_what_does_not_fit_together_is_not_combined(other, message):
    with pytest.raises(UserError, match=message):
        operations.combine(np.zeros((4, 5, 3), np.uint8), other, "left_right")


# Gray


def test_gray_is_luma_of_colour():
    colours = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [100, 50, 200]]], np.uint8)
    # .2989 * 255 = 76.2, .587 * 255 = 149.7, .114 * 255 = 29.1, 29.89 + 29.35 + 22.8 = 82.0
    np.testing.assert_array_equal(operations.grayscale(colours)[0, :, 0], [76, 150, 29, 82])


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_gray_of_other_channels_is_their_mean(dtype, channels):
    image = draw(5, 7, channels, dtype)
    gray = operations.grayscale(image)
    assert gray.dtype == dtype
    mean = image.astype(np.float64).mean(axis=-1, keepdims=True)
    np.testing.assert_allclose(gray, mean, atol=1e-4 if dtype == np.float32 else 0.5001)


def test_gray_of_gray_colour_is_the_same(dtype):
    gray = draw(5, 7, 1, dtype)
    gray[0, 0] = np.iinfo(dtype).max if dtype != np.float32 else 1e9
    np.testing.assert_allclose(operations.grayscale(np.repeat(gray, 3, 2)), gray, rtol=1e-6)


def test_tensorflow_is_not_imported():
    code = "import sys, tfpix2pix.data.derive; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
