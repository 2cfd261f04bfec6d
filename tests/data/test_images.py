"""Image operations give the same values eagerly, in a tf.function and inside tf.data."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfpix2pix.data import images
from tfpix2pix.data.formats import ImageFormat


def eagerly(op, *arguments):
    return op(*arguments)


def in_function(op, *arguments):
    """Traced with height and width unknown, as they are after decoding."""
    signature = [
        tf.TensorSpec([None] * (len(a.shape) - 1) + list(a.shape[-1:]), a.dtype) for a in arguments
    ]
    return tf.function(op, input_signature=signature)(*arguments)


def in_dataset(op, *arguments):
    return tf.data.Dataset.from_tensors(arguments).map(op).get_single_element()


@pytest.fixture(params=[eagerly, in_function, in_dataset], ids=lambda run: run.__name__)
def run(request):
    return request.param


def noise(height, width, channels=3):
    return np.random.default_rng(0).integers(0, 256, (height, width, channels), np.uint8)


def smooth(height, width):
    rows, columns = np.mgrid[:height, :width]
    waves = [np.sin(columns / 9), np.cos(rows / 7), np.sin((rows + columns) / 12)]
    return np.round(127 + 100 * np.stack(waves, axis=-1)).astype(np.uint8)


def encode(image, file_format, mode):
    file = io.BytesIO()
    Image.fromarray(image).convert(mode).save(file, file_format)
    return file.getvalue()


# Decoding


@pytest.mark.parametrize(
    ("file_format", "mode"),
    [("PNG", "RGB"), ("PNG", "L"), ("PNG", "LA"), ("PNG", "P"), ("BMP", "RGB"), ("BMP", "L")],
)
def test_lossless_files_decode_as_pillow_decodes_them(run, file_format, mode):
    content = encode(noise(6, 10), file_format, mode)
    decoded = run(images.decode_image, tf.constant(content))
    expected = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
    assert decoded.dtype == tf.uint8
    np.testing.assert_array_equal(decoded, expected)


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_jpeg_decodes_as_pillow_decodes_it(run, mode):
    content = encode(smooth(24, 40), "JPEG", mode)
    decoded = run(images.decode_image, tf.constant(content))
    expected = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
    np.testing.assert_allclose(decoded.numpy().astype(int), expected, atol=3)


def test_transparency_is_dropped_not_blended(run):
    image = noise(6, 10, channels=4)
    content = encode(image, "PNG", "RGBA")
    np.testing.assert_array_equal(run(images.decode_image, tf.constant(content)), image[..., :3])


@pytest.mark.parametrize("content", [b"", b"no image", encode(smooth(64, 64), "JPEG", "RGB")[:-99]])
def test_broken_bytes_are_refused(run, content):
    with pytest.raises(tf.errors.InvalidArgumentError):
        run(images.decode_image, tf.constant(content))


# Splitting


def test_split_gives_left_and_right(run):
    pair = noise(5, 14)
    left, right = run(images.split_pair, tf.constant(pair))
    np.testing.assert_array_equal(left, pair[:, :7])
    np.testing.assert_array_equal(right, pair[:, 7:])


@pytest.mark.parametrize("width", [1, 13])
def test_split_refuses_an_odd_width(run, width):
    with pytest.raises(tf.errors.InvalidArgumentError, match="must have an even width"):
        run(images.split_pair, tf.constant(noise(5, width)))


# Resizing, against separable resampling by a matrix for the rows and one for the columns


def nearest_weights(source, target):
    nearest = np.floor((np.arange(target) + 0.5) * source / target).astype(int)
    return np.eye(source)[nearest]


def area_weights(source, target):
    """Row i averages the source from edge i to edge i + 1."""
    edges = np.arange(target + 1)[:, None] * source / target
    pixels = np.arange(source)
    overlap = np.minimum(edges[1:], pixels + 1) - np.maximum(edges[:-1], pixels)
    return np.maximum(overlap, 0) * target / source


def bicubic_weights(source, target):
    """Keys' kernel with a = -1/2, widened where it shrinks the image."""
    centres = (np.arange(target)[:, None] + 0.5) * source / target
    x = np.abs(np.arange(source) + 0.5 - centres) / max(source / target, 1)
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    weights = np.where(x < 1, near, np.where(x < 2, far, 0))
    return weights / weights.sum(axis=1, keepdims=True)


WEIGHTS = {"nearest": nearest_weights, "area": area_weights, "bicubic": bicubic_weights}
METHODS = list(WEIGHTS)


def resample(image, size, method):
    rows = WEIGHTS[method](image.shape[0], size[0])
    columns = WEIGHTS[method](image.shape[1], size[1])
    return np.einsum("ik,jl,klc->ijc", rows, columns, image)


@pytest.mark.parametrize("method", METHODS)
def test_resize_to_the_same_size_changes_nothing(run, method):
    image = noise(9, 14)
    same = run(lambda x: images.resize(x, (9, 14), method), tf.constant(image))
    np.testing.assert_array_equal(same, image)


@pytest.mark.parametrize("size", [(12, 16), (15, 19), (29, 37), (48, 64), (24, 16), (50, 20)])
@pytest.mark.parametrize("method", METHODS)
def test_resize_is_what_its_name_says(method, size):
    """Noise has every frequency, and overshoots at the ends of the range."""
    image = noise(24, 32)
    resized = images.resize(tf.constant(image), size, method)
    assert resized.dtype == tf.uint8
    expected = np.clip(resample(image, size, method), 0, 255)
    np.testing.assert_allclose(resized, expected, atol=0.51)


@pytest.mark.parametrize("method", METHODS)
def test_resize_is_the_same_everywhere(run, method):
    image = tf.constant(noise(24, 32))
    resized = run(lambda x: images.resize(x, (15, 40), method), image)
    assert resized.shape == (15, 40, 3)
    np.testing.assert_array_equal(resized, images.resize(image, (15, 40), method))


@pytest.mark.parametrize(("method", "filter"), [("area", "BOX"), ("bicubic", "BICUBIC")])
@pytest.mark.parametrize("size", [(24, 32), (96, 128)])
def test_resize_agrees_with_pillow_on_smooth_images(method, filter, size):
    image = smooth(48, 64)
    expected = Image.fromarray(image).resize(size[::-1], Image.Resampling[filter])
    resized = images.resize(tf.constant(image), size, method)
    np.testing.assert_allclose(resized.numpy().astype(int), np.asarray(expected), atol=1)


@pytest.mark.parametrize("size", [(7, 9), (31, 45)])
def test_nearest_makes_no_new_colours(run, size):
    image = np.random.default_rng(0).choice(np.uint8([0, 85, 170, 255]), (16, 24, 3))
    resized = run(lambda x: images.resize(x, size, "nearest"), tf.constant(image))
    colours = {tuple(colour) for colour in image.reshape(-1, 3)}
    assert {tuple(colour) for colour in resized.numpy().reshape(-1, 3)} <= colours


def test_overshoot_at_a_hard_edge_is_clipped(run):
    """Cast carelessly, the 265 beside the edge would become a black 9."""
    image = np.zeros((8, 16, 3), np.uint8)
    image[:, 8:] = 255
    raw = resample(image, (8, 64), "bicubic")
    assert raw.min() < -5
    assert raw.max() > 260
    resized = run(lambda x: images.resize(x, (8, 64), "bicubic"), tf.constant(image)).numpy()
    assert (np.diff(resized[4, :, 0].astype(int)) >= 0).all()
    assert (resized[:, 40:] == 255).all()
    assert (resized[:, :24] == 0).all()


# Ranges


def test_network_range_ends_at_one(run):
    scaled = run(images.to_network_range, tf.constant([0, 51, 255], tf.uint8))
    assert scaled.dtype == tf.float32
    np.testing.assert_allclose(scaled, [-1, -0.6, 1], rtol=0, atol=1e-7)
    np.testing.assert_array_equal(scaled.numpy()[[0, 2]], [-1, 1])


def test_every_value_survives_the_round_trip(run):
    values = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    scaled = run(images.to_network_range, tf.constant(values))
    back = run(images.from_network_range, scaled)
    assert back.dtype == tf.uint8
    np.testing.assert_array_equal(back, values)


def test_from_network_range_rounds_and_clips(run):
    scaled = tf.constant([-1.5, -1.0, -0.995, 0.2, 0.9999, 1.0, 1.01, 7.0])
    expected = [0, 0, 1, 153, 255, 255, 255, 255]
    np.testing.assert_array_equal(run(images.from_network_range, scaled), expected)


def test_a_bmp_with_a_colour_palette_is_refused_not_misread():
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8))
    file = io.BytesIO()
    image.convert("P").save(file, "BMP")
    with pytest.raises(tf.errors.InvalidArgumentError, match="palette: save it as PNG"):
        images.decode_image(tf.constant(file.getvalue()))


# Other types than 8-bit RGB

GRAY16 = ImageFormat(1, "uint16", (0.0, 65535.0))
TWELVE_BITS = ImageFormat(1, "uint16", (0.0, 4095.0))
FLOATS = ImageFormat(2, "float32", (-1000.0, 3000.0))


@pytest.mark.parametrize(
    ("image_format", "stored", "scaled"),
    [
        (GRAY16, [0, 65535], [-1, 1]),
        (TWELVE_BITS, [0, 4095], [-1, 1]),
        (FLOATS, [-1000, 0, 1000, 3000], [-1, -0.5, 0, 1]),
    ],
)
def test_the_value_range_becomes_minus_one_to_one_and_back(image_format, stored, scaled):
    image = tf.constant(stored, image_format.dtype)[:, tf.newaxis, tf.newaxis]
    in_network = images.to_network_range(image, image_format)
    np.testing.assert_allclose(in_network[:, 0, 0], scaled, atol=1e-6)
    back = images.from_network_range(in_network, image_format)
    assert back.dtype == image_format.dtype
    np.testing.assert_allclose(back, image, atol=1e-3)
    unit = images.to_unit_range(image, image_format)
    np.testing.assert_allclose(unit[:, 0, 0], (np.array(scaled) + 1) / 2, atol=1e-6)


def test_every_16_bit_value_comes_back():
    image = tf.range(65536)[:, tf.newaxis, tf.newaxis]
    there = images.to_network_range(tf.cast(image, tf.uint16), GRAY16)
    back = images.from_network_range(there, GRAY16)
    np.testing.assert_array_equal(tf.cast(back, tf.int32), image)


def test_values_outside_the_range_are_clipped():
    image = tf.constant([-5000.0, 9000.0])[:, tf.newaxis, tf.newaxis]
    np.testing.assert_array_equal(images.to_network_range(image, FLOATS)[:, 0, 0], [-1, 1])
    np.testing.assert_array_equal(images.from_network_range(image, FLOATS)[:, 0, 0], [-1000, 3000])


@pytest.mark.parametrize(
    "image_format",
    [
        ImageFormat(reversed_channels=True),
        ImageFormat(3, "uint16", (0.0, 65535.0), reversed_channels=True),
        ImageFormat(3, "float32", (-10.0, 300.0), reversed_channels=True),
    ],
)
def test_the_networks_see_bgr_and_files_keep_rgb(image_format, run):
    image = noise(4, 6).astype(image_format.dtype)
    low, high = image_format.value_range
    unit = (image - low) / (high - low)
    in_network = run(lambda x: images.to_network_range(x, image_format), tf.constant(image))
    np.testing.assert_allclose(in_network, 2 * unit[..., [2, 1, 0]] - 1, atol=1e-6)
    back = run(lambda x: images.from_network_range(x, image_format), in_network)
    np.testing.assert_allclose(back, image, atol=0 if back.dtype.is_integer else 1e-4)
    unrounded = images.unrounded_from_network_range(in_network, image_format)
    np.testing.assert_allclose(unrounded, image, atol=1e-6 * (high - low))
    compared = images.network_to_unit_range(in_network, image_format)
    np.testing.assert_allclose(compared, images.to_unit_range(image, image_format), atol=1e-6)


def test_values_are_stored_rounded_within_the_type():
    values = tf.constant([-3.0, 0.4, 11.6, 255.4, 900.0], tf.float64)
    stored = images.as_stored(values)
    assert stored.dtype == tf.uint8
    np.testing.assert_array_equal(stored, [0, 0, 12, 255, 255])
    floats = images.as_stored(values, FLOATS)
    assert floats.dtype == tf.float32
    np.testing.assert_array_equal(floats, values.numpy().astype(np.float32))


@pytest.mark.parametrize("method", ["bicubic", "area", "nearest"])
@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_resizing_keeps_the_type_and_flat_values(method, dtype):
    flat = np.full((9, 13, 2), 40000, dtype)
    resized = images.resize(flat, (5, 7), method)
    assert resized.dtype == dtype
    np.testing.assert_allclose(resized, 40000, rtol=1e-6)


def png16(image):
    return tf.io.encode_png(tf.constant(image, tf.uint16)).numpy()


def test_16_bit_pngs_keep_their_bits_and_are_not_taken_for_8_bit():
    image = noise(5, 6).astype(np.uint16)[..., :1] * 257 + 3
    decoded = images.decode_without_loss(tf.constant(png16(image)), GRAY16)
    np.testing.assert_array_equal(decoded, image)
    with pytest.raises(tf.errors.InvalidArgumentError, match="a 16-bit image in a set"):
        images.decode_without_loss(tf.constant(png16(image)))
    # A served model takes them, and drops the bits that it was not trained on.
    np.testing.assert_array_equal(
        images.decode_image(tf.constant(png16(image)))[..., :1], image >> 8
    )


def test_colours_are_not_taken_for_gray_unless_told():
    gray = ImageFormat(1)
    content = tf.io.encode_png(noise(5, 6))
    with pytest.raises(tf.errors.InvalidArgumentError, match="with colours in a set"):
        images.decode_without_loss(content, gray)
    luma = images.decode_without_loss(content, gray, reduce=True)
    weights = np.array([0.2989, 0.587, 0.114])
    np.testing.assert_allclose(luma[..., 0], noise(5, 6) @ weights, atol=1)


def test_a_pair_may_stand_top_and_bottom():
    pair = noise(10, 6)
    top, bottom = images.split_pair(tf.constant(pair), "top_bottom")
    np.testing.assert_array_equal(top, pair[:5])
    np.testing.assert_array_equal(bottom, pair[5:])
    with pytest.raises(tf.errors.InvalidArgumentError, match="an even height"):
        images.split_pair(tf.constant(pair[:9]), "top_bottom")


def test_8_bits_are_spread_over_16_from_any_file():
    gray = noise(8, 8, 1) * 0 + 255
    for encode in (tf.io.encode_png, tf.io.encode_jpeg):
        decoded = images.decode_image(encode(gray), GRAY16)
        np.testing.assert_array_equal(decoded, 65535)


# Label maps

LABELS = ImageFormat(palette=((0, 0, 0), (255, 0, 0), (0, 255, 0)))


def test_label_maps_go_to_classes_and_back():
    colours = np.array(LABELS.palette, np.uint8)[[[[0, 2], [1, 1]]]]
    numbers = images.as_fetched(tf.constant(colours), LABELS)
    np.testing.assert_array_equal(numbers[..., 0], [[[0, 2], [1, 1]]])
    one_hot = images.to_network_range(numbers, LABELS)
    np.testing.assert_array_equal(one_hot[0, 0], [[1, 0, 0], [0, 0, 1]])
    again = images.from_network_range(one_hot, LABELS)
    assert again.dtype == tf.uint8
    np.testing.assert_array_equal(again, numbers)
    np.testing.assert_array_equal(images.as_in_files(again, LABELS), colours)


def test_other_images_are_fetched_as_files_hold_them():
    image = tf.constant([[[1, 2, 3]]], tf.uint8)
    assert images.as_fetched(image) is image
    assert images.as_in_files(image) is image


def test_the_likeliest_class_is_the_answer():
    probabilities = [[[[0.2, 0.5, 0.3], [0.4, 0.2, 0.4], [0.1, 0.1, 0.8]]]]
    numbers = images.from_network_range(tf.constant(probabilities), LABELS)
    np.testing.assert_array_equal(numbers[0, 0, :, 0], [1, 0, 2])  # the first of two alike


def test_classes_have_nothing_in_between():
    with pytest.raises(ValueError, match="label maps hold classes"):
        images.unrounded_from_network_range(tf.zeros([1, 2, 2, 3]), LABELS)


@pytest.mark.parametrize("is_reversed", [False, True])
def test_unit_range_to_network_range_is_the_inverse(is_reversed):
    image_format = ImageFormat(reversed_channels=is_reversed)
    unit = tf.constant([[[0.0, 0.5, 0.75]]])
    seen = images.unit_to_network_range(unit, image_format)
    expected = [0.5, 0.0, -1.0] if is_reversed else [-1.0, 0.0, 0.5]
    np.testing.assert_array_equal(seen[0, 0], expected)
    np.testing.assert_array_equal(images.network_to_unit_range(seen, image_format), unit)
