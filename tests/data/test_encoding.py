"""What is encoded is read back value by value; what is shown is uint8 RGB."""

import io

import numpy as np
import pytest
import tensorflow as tf
import tifffile
from PIL import Image

from tfpix2pix.data.encoding import encode_image, image_suffix, to_display
from tfpix2pix.data.reading import read_image


def noise(*shape, dtype="uint8"):
    generator = np.random.default_rng(0)
    if np.dtype(dtype).kind == "f":
        return (1000 * generator.standard_normal(shape)).astype(dtype)
    return generator.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


SIZES = [(12, 20), (1, 20), (20, 1), (1, 1), (1000, 1), (3, 3), (70, 50)]


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("channels", [*range(1, 10), 16])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_what_is_encoded_is_read_back(tmp_path, size, channels, dtype):
    pixels = noise(*size, channels, dtype=dtype)
    content, suffix = encode_image(pixels)
    assert suffix == image_suffix(channels, dtype)
    path = tmp_path / f"image{suffix}"
    path.write_bytes(content)
    np.testing.assert_array_equal(read_image(path).pixels, pixels, strict=True)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_tensorflow_decodes_the_png(channels, dtype):
    pixels = noise(12, 20, channels, dtype=dtype)
    content, _ = encode_image(pixels)
    decoded = tf.io.decode_png(content, dtype=tf.as_dtype(dtype)).numpy()
    np.testing.assert_array_equal(decoded, pixels, strict=True)


@pytest.mark.parametrize("channels", [1, 3])
def test_pillow_opens_the_png(channels):
    pixels = noise(12, 20, channels)
    opened = np.asarray(Image.open(io.BytesIO(encode_image(pixels)[0])))
    np.testing.assert_array_equal(opened.reshape(pixels.shape), pixels)


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
def test_other_readers_find_the_channels_of_the_tiff_last(channels):
    pixels = noise(12, 20, channels, dtype="float32")
    content = encode_image(pixels)[0]
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        page = file.pages[0]
        assert len(file.pages) == 1
        assert (page.imagelength, page.imagewidth, page.samplesperpixel) == pixels.shape
        assert page.photometric.name == ("RGB" if channels == 3 else "MINISBLACK")
        assert page.compression.name == "ADOBE_DEFLATE"
    if channels == 1:
        np.testing.assert_array_equal(Image.open(io.BytesIO(content)), pixels[..., 0])


def test_what_is_not_finite_survives(tmp_path):
    pixels = np.array([[[np.nan], [np.inf], [-np.inf], [-0.0], [1e-45]]], np.float32)
    path = tmp_path / "image.tif"
    path.write_bytes(encode_image(pixels)[0])
    np.testing.assert_array_equal(read_image(path).pixels, pixels)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("channels", [1, 3, 6])
def test_equal_pixels_give_equal_bytes(dtype, channels):
    pixels = noise(12, 40, channels, dtype=dtype)
    strided = np.repeat(pixels, 2, axis=1)[:, ::2]
    swapped = pixels.astype(pixels.dtype.newbyteorder(">"))
    assert not strided.flags.c_contiguous
    assert encode_image(pixels) == encode_image(strided) == encode_image(swapped)


def test_compression_pays():
    flat = np.zeros((256, 256, 7), np.float32)
    assert len(encode_image(flat)[0]) < flat.nbytes / 50
    assert len(encode_image(flat[..., :3].astype(np.uint16))[0]) < flat.nbytes / 50


@pytest.mark.parametrize(
    "pixels", [noise(4, 4), noise(4, 4, 0), noise(0, 4, 3), noise(4, 4, 1, dtype="float64")]
)
def test_what_cannot_be_encoded_is_refused(pixels):
    with pytest.raises(ValueError, match=r"^expected .*, got "):
        encode_image(pixels)


@pytest.mark.parametrize(
    ("channels", "dtype", "suffix"),
    [
        (1, "uint8", ".png"),
        (4, "uint16", ".png"),
        (5, "uint8", ".tif"),
        (5, "uint16", ".tif"),
        (1, "float32", ".tif"),
    ],
)
def test_suffix(channels, dtype, suffix):
    assert image_suffix(channels, dtype) == suffix


@pytest.mark.parametrize(("channels", "dtype"), [(0, "uint8"), (3, "float64"), (3, "int16")])
def test_no_suffix_for_what_is_not_encoded(channels, dtype):
    with pytest.raises(ValueError, match="1 or more channels of uint8, uint16, float32"):
        image_suffix(channels, dtype)


# To look at


@pytest.mark.parametrize(
    ("channels", "shown"),
    [(1, [0, 0, 0]), (2, [0, 0, 0]), (3, [0, 1, 2]), (4, [0, 1, 2]), (9, [0, 1, 2])],
)
def test_display_has_three_channels(channels, shown):
    pixels = noise(12, 20, channels)
    np.testing.assert_array_equal(to_display(pixels), pixels[..., shown], strict=True)


def test_display_does_not_share_its_pixels():
    pixels = noise(12, 20, 3)
    to_display(pixels)[:] = 0
    assert pixels.any()


def test_display_rounds_sixteen_bits():
    pixels = np.array([[[0], [128], [129], [257], [65406], [65407], [65535]]], np.uint16)
    np.testing.assert_array_equal(to_display(pixels)[0, :, 1], [0, 0, 1, 1, 254, 255, 255])


def test_every_eight_bit_value_survives_sixteen_bits():
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    np.testing.assert_array_equal(to_display(pixels * np.uint16(257)), to_display(pixels))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("values", "value_range", "shown"),
    [
        ([-2.0, 0.0, 2.0, 1.0], None, [0, 128, 255, 191]),
        ([-2.0, 0.0, 2.0, 1.0], (0, 1), [0, 0, 255, 255]),
        ([np.nan, -np.inf, np.inf, 4.0, 5.0], None, [0, 0, 255, 0, 255]),
        ([np.nan, -np.inf, np.inf, 0.2], (0, 1), [0, 0, 255, 51]),
        ([np.nan, np.nan], None, [0, 0]),
        ([7.0, 7.0, np.nan], None, [0, 0, 0]),
        ([7.0, np.inf], None, [0, 0]),
        ([-3.4e38, 3.4e38], None, [0, 255]),
    ],
)
def test_display_scales_floats(values, value_range, shown):
    pixels = np.float32(values).reshape(1, -1, 1)
    displayed = to_display(pixels, value_range)
    assert displayed.shape == (1, len(values), 3)
    np.testing.assert_array_equal(displayed[0, :, 2], np.uint8(shown), strict=True)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_display_scales_integers_by_a_given_range(dtype):
    pixels = np.array([[[0], [100], [150], [200], [250]]], dtype)
    np.testing.assert_array_equal(to_display(pixels, (100, 200))[0, :, 0], [0, 0, 128, 255, 255])


def test_display_ignores_channels_that_are_not_shown():
    pixels = np.float32([[[0, 1, 2, 900]]])
    np.testing.assert_array_equal(to_display(pixels), [[[0, 128, 255]]])
