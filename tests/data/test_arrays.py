"""NumPy does what TensorFlow does: decodes, resizes and scales to the same bits, or to a level."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfpix2pix.data import arrays, images
from tfpix2pix.data.formats import RGB, ImageFormat
from tfpix2pix.data.reading import read_image
from tfpix2pix.errors import UserError

PALETTE = ((0, 0, 0), (255, 0, 0), (0, 255, 0), (40, 50, 60))
FORMATS = {
    "RGB": RGB,
    "gray of 16 bits": ImageFormat(1, "uint16", (0.0, 65535.0)),
    "16 bits, a part of the range": ImageFormat(3, "uint16", (100.0, 4000.0)),
    "five float channels": ImageFormat(5, "float32", (-1.5, 2.0)),
    "BGR": ImageFormat(reversed_channels=True),
    "labels": ImageFormat(palette=PALETTE),
}


def noise(height, width, image_format=RGB, seed=0):
    rng = np.random.default_rng(seed)
    shape = (height, width, image_format.channels)
    if image_format.dtype == "float32":
        return rng.uniform(-2, 3, shape).astype(np.float32)
    return rng.integers(0, np.iinfo(image_format.dtype).max, shape, image_format.dtype, True)


@pytest.mark.parametrize("image_format", FORMATS.values(), ids=FORMATS)
def test_networks_see_the_same_to_the_bit(image_format):
    stored = noise(9, 14, image_format)
    expected = images.to_network_range(
        images.as_fetched(tf.constant(stored), image_format), image_format
    )
    found = arrays.to_network_range(stored, image_format)
    np.testing.assert_array_equal(found, expected.numpy(), strict=True)


@pytest.mark.parametrize("image_format", FORMATS.values(), ids=FORMATS)
def test_answers_are_stored_the_same_to_the_bit(image_format):
    shape = (2, 9, 14, image_format.network_channels)
    generated = np.random.default_rng(1).uniform(-1.1, 1.1, shape).astype(np.float32)
    expected = images.as_in_files(
        images.from_network_range(tf.constant(generated), image_format), image_format
    )
    found = arrays.from_network_range(generated, image_format)
    np.testing.assert_array_equal(found, expected.numpy(), strict=True)


def test_of_two_equal_classes_the_lower_is_the_answer():
    equal = np.full((1, 1, 4), 0.25, np.float32)
    assert arrays.from_network_range(equal, FORMATS["labels"]).tolist() == [[[0, 0, 0]]]


def test_a_colour_between_two_classes_is_the_nearer_one():
    colours = np.uint8([[[200, 0, 0], [90, 0, 0], [40, 50, 61]]])
    assert arrays.label_numbers(colours, PALETTE).ravel().tolist() == [1, 0, 3]


SIZES = [(24, 32), (12, 16), (15, 19), (29, 37), (48, 64), (24, 16), (50, 20), (1, 1), (256, 256)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["RGB", "gray of 16 bits"])
def test_nearest_takes_the_pixels_that_tensorflow_takes(name, size):
    image = noise(24, 32, FORMATS[name])
    found = arrays.resize(image, size, "nearest")
    expected = images.resize(tf.constant(image), size, "nearest")
    np.testing.assert_array_equal(found, expected.numpy(), strict=True)


# How many of all values may be off: float32 holds 16 bits and 8 binary digits after them.
ODD = {"RGB": 0.001, "gray of 16 bits": 0.03}


@pytest.mark.parametrize("method", ["bicubic", "area"])
@pytest.mark.parametrize("name", ODD)
def test_few_resized_values_are_a_level_off_tensorflows(name, method):
    """Where the two round a value that lies half way."""
    odd = []
    for size in SIZES:
        image = noise(24, 32, FORMATS[name])
        found = arrays.resize(image, size, method)
        expected = images.resize(tf.constant(image), size, method).numpy()
        assert found.dtype == expected.dtype
        odd.append(np.abs(found.astype(int) - expected).ravel())
        assert odd[-1].max() <= 1
    assert np.concatenate(odd).mean() <= ODD[name]


def saved(folder, mode, suffix):
    """An image file of noise, smoothed, as photos are."""
    coarse = np.random.default_rng(0).integers(0, 256, (6, 8, 4), np.uint8)
    image = Image.fromarray(coarse).resize((32, 24), Image.Resampling.BICUBIC)
    path = folder / f"image{suffix}"
    if mode == "I;16":
        gray = np.asarray(image.convert("L")).astype(np.uint16) * 257 + 3
        image = Image.fromarray(gray)
    else:
        image = image.convert(mode)
    image.save(path)
    return path


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "LA", "P", "1", "I;16"])
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_lossless_files_become_what_tensorflow_makes_of_them(tmp_path, mode, channels, dtype):
    path = saved(tmp_path, mode, ".png")
    wanted = ImageFormat(channels, dtype, (0.0, float(np.iinfo(dtype).max)))
    expected = images.decode_image(tf.constant(path.read_bytes()), wanted).numpy()
    found = arrays.as_wanted(read_image(path), wanted)
    if (mode, channels) == ("1", 4):
        # TensorFlow makes 1 of 255 of the opaque channel that it adds to images of one bit.
        assert (found[..., 3] == np.iinfo(dtype).max).all()
        found, expected = found[..., :3], expected[..., :3]
    # Luma is rounded here, and cut off there.
    levels = {"uint8": 1, "uint16": 257}[dtype] if channels == 1 else 0
    np.testing.assert_allclose(found.astype(int), expected, atol=levels)


@pytest.mark.parametrize(("mode", "channels"), [("RGB", 3), ("L", 1), ("L", 3), ("CMYK", 3)])
def test_jpeg_is_decoded_as_tensorflow_does_when_told_to_be_accurate(tmp_path, mode, channels):
    content = saved(tmp_path, mode, ".jpg").read_bytes()
    found = arrays.as_wanted(read_image(tmp_path / "image.jpg"), ImageFormat(channels)).astype(int)
    accurate = tf.io.decode_jpeg(content, channels=channels, dct_method="INTEGER_ACCURATE")
    np.testing.assert_allclose(found, accurate, atol=1 if mode == "CMYK" else 0)
    fast = images.decode_image(tf.constant(content), ImageFormat(channels))
    np.testing.assert_allclose(found, fast, atol=4)


def test_floats_among_integers_are_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((4, 4, 3), np.float32))
    with pytest.raises(UserError, match="floating-point among 8-bit images"):
        arrays.as_wanted(read_image(tmp_path / "a.npy"), RGB)


def test_floats_that_are_no_numbers_are_refused(tmp_path):
    values = np.zeros((2, 3, 5), np.float32)
    values[1, 2, 3], values[0, 0, 0] = np.nan, np.inf
    np.save(tmp_path / "gaps.npy", values)
    with pytest.raises(UserError, match="2 of its 30 values are NaN or infinite"):
        arrays.as_wanted(read_image(tmp_path / "gaps.npy"), ImageFormat(5, "float32", (0.0, 1.0)))
