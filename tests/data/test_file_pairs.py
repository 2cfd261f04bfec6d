"""Pairs in files of any format and layout are loaded as they were written, or refused by name."""

import io
import os

import imagecodecs
import numpy as np
import pytest
import tensorflow as tf
import tifffile
from PIL import Image

from tests.data.loaded_pairs import assert_loads, eagerly, in_tf_data
from tfpix2pix.config import resolve
from tfpix2pix.data import detect
from tfpix2pix.data.formats import RGB, ImageFormat, PairFormat
from tfpix2pix.data.pairs import open_pairs, open_splits
from tfpix2pix.data.sources import usable_listing
from tfpix2pix.errors import UserError

LUMA = (0.2989, 0.587, 0.114)
GRAY = ImageFormat(1)
GRAY_WORDS = ImageFormat(1, "uint16", (0.0, 65535.0))


def noise(seed, channels=3, dtype="uint8", size=(8, 12)):
    rng = np.random.default_rng(seed)
    if dtype == "float32":
        return rng.normal(size=(*size, channels)).astype(np.float32)
    return rng.integers(0, np.iinfo(dtype).max, (*size, channels), dtype, endpoint=True)


def pillow(image, file_format, mode=None, **options):
    file = io.BytesIO()
    picture = Image.fromarray(image[..., 0] if image.shape[2] == 1 else image, mode)
    picture.save(file, file_format, **options)
    return file.getvalue()


def with_palette(file_format):
    """Few enough colours that the palette loses none."""

    def encode(image):
        file = io.BytesIO()
        picture = Image.fromarray(image // 128 * 255)
        picture.convert("P", palette=Image.Palette.ADAPTIVE).save(file, file_format)
        return file.getvalue()

    return encode


def tiff(image):
    file = io.BytesIO()
    if image.shape[2] == 1:
        tifffile.imwrite(file, image[..., 0])
    else:
        kind = "rgb" if image.shape[2] == 3 else "minisblack"
        tifffile.imwrite(file, image, planarconfig="contig", photometric=kind)
    return file.getvalue()


def npy(image):
    file = io.BytesIO()
    np.save(file, image)
    return file.getvalue()


def npz(image):
    file = io.BytesIO()
    np.savez_compressed(file, image=image)
    return file.getvalue()


def png(image):
    return imagecodecs.png_encode(image)


def bmp(image):
    return pillow(image, "BMP")


def jpeg(image):
    return pillow(image, "JPEG")


def lossless_webp(image):
    return pillow(image, "WEBP", lossless=True, exact=True)


# suffix, encoder, channels and type of what is written, and what of it is the image
FORMATS = {
    "png rgb": (".png", png, 3, "uint8", lambda image: image),
    "png gray": (".PNG", png, 1, "uint8", lambda image: image),
    "png 16 bit gray": (".png", png, 1, "uint16", lambda image: image),
    "png 16 bit rgb": (".png", png, 3, "uint16", lambda image: image),
    "png palette": (".png", with_palette("PNG"), 3, "uint8", lambda image: image // 128 * 255),
    "png rgb alpha": (".png", png, 4, "uint8", lambda image: image[..., :3]),
    "png gray alpha": (".png", png, 2, "uint8", lambda image: image[..., :1]),
    "png 16 bit gray alpha": (".png", png, 2, "uint16", lambda image: image[..., :1]),
    "bmp rgb": (".bmp", bmp, 3, "uint8", lambda image: image),
    "bmp gray": (".bmp", bmp, 1, "uint8", lambda image: image),
    "bmp palette": (".bmp", with_palette("BMP"), 3, "uint8", lambda image: image // 128 * 255),
    "webp rgb": (".webp", lossless_webp, 3, "uint8", lambda image: image),
    "webp alpha": (".webp", lossless_webp, 4, "uint8", lambda image: image[..., :3]),
    "tiff gray": (".tif", tiff, 1, "uint8", lambda image: image),
    "tiff rgb": (".tiff", tiff, 3, "uint8", lambda image: image),
    "tiff 16 bit": (".tif", tiff, 1, "uint16", lambda image: image),
    "tiff float": (".tif", tiff, 1, "float32", lambda image: image),
    "tiff 5 channels": (".TIF", tiff, 5, "float32", lambda image: image),
    "npy float": (".npy", npy, 2, "float32", lambda image: image),
    "npy 16 bit": (".npy", npy, 4, "uint16", lambda image: image),
    "npz": (".npz", npz, 7, "uint8", lambda image: image),
}


def write(root, name, content):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def in_halves(root, suffix, encode, pairs):
    for number, (a, b) in enumerate(pairs):
        write(root, f"train/{number}{suffix}", encode(np.concatenate([a, b], axis=1)))
    return {}


def one_above_the_other(root, suffix, encode, pairs):
    for number, (a, b) in enumerate(pairs):
        write(root, f"train/{number}{suffix}", encode(np.concatenate([a, b], axis=0)))
    return {"layout": "top_bottom"}


def in_two_folders(root, suffix, encode, pairs):
    for number, (a, b) in enumerate(pairs):
        write(root, f"trainA/{number}{suffix}", encode(a))
        write(root, f"trainB/{number}{suffix}", encode(b))
    return {}


def in_a_manifest(root, suffix, encode, pairs):
    rows = ["input,target,split"]
    for number, (a, b) in enumerate(pairs):
        write(root, f"photos/p{number}{suffix}", encode(a))
        write(root, f"maps/m{number}{suffix}", encode(b))
        rows.append(f"photos/p{number}{suffix},{root}/maps/m{number}{suffix},train")
    write(root, "pairs.csv", "\n".join(rows).encode())
    return {"data": str(root / "pairs.csv")}


LAYOUTS = [in_halves, one_above_the_other, in_two_folders, in_a_manifest]
# Every format side by side and in two folders, one of each decoder in all.
WAYS = [
    (name, layout)
    for layout in LAYOUTS
    for name in FORMATS
    if layout in (in_halves, in_two_folders) or name in ("png 16 bit rgb", "tiff 5 channels")
]


def broken(pairs, index):
    """The message for a pair that cannot be loaded; inside tf.data it is refused too."""
    error = pairs.find_broken([index])
    assert error is not None
    dataset = tf.data.Dataset.from_tensors(tf.constant(index, tf.int64)).map(pairs.load)
    with pytest.raises(tf.errors.OpError):
        dataset.get_single_element()
    assert "\n" not in str(error)
    return str(error)


@pytest.fixture
def looking_at_the_first(monkeypatch):
    """So that the second of two pairs is met unawares, as the thousandth in a large set."""
    monkeypatch.setattr(detect, "LOOKED_AT", 1)


# Formats


@pytest.mark.parametrize(("name", "layout"), WAYS, ids=lambda way: getattr(way, "__name__", way))
def test_images_are_loaded_as_they_were_written(tmp_path, name, layout):
    suffix, encode, channels, dtype, part = FORMATS[name]
    pairs = [[noise(2 * n + side, channels, dtype) for side in (0, 1)] for n in range(2)]
    options = layout(tmp_path, suffix, encode, pairs)
    ranges = {"value_range": "0,1"} if dtype == "float32" else {}
    found = open_pairs(**{"data": str(tmp_path), "split": "train", **options, **ranges})
    expected = [[part(image) for image in pair] for pair in pairs]
    assert_loads(found, expected)
    assert found.format.input.dtype == found.format.target.dtype == dtype
    assert found.find_broken(range(2)) is None


def smooth(number, channels=3):
    rows, columns = np.mgrid[:16, :32]
    ramps = [rows * 5 + number * 20, columns * 3, 250 - columns * 2]
    return np.stack(ramps, axis=-1).astype(np.uint8)[..., :channels]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.__name__)
def test_jpegs_are_loaded_as_tensorflow_decodes_them(tmp_path, layout, channels):
    contents = []

    def encode(image):
        contents.append(jpeg(image))
        return contents[-1]

    pairs = [(smooth(0, channels), smooth(1, channels)), (smooth(2, channels), smooth(3, channels))]
    options = layout(tmp_path, ".jpg", encode, pairs)
    decoded = [tf.io.decode_jpeg(content).numpy() for content in contents]
    if len(decoded) == 2:
        expected = [np.split(image, 2, 0 if "layout" in options else 1) for image in decoded]
    else:
        expected = [decoded[:2], decoded[2:]]
    found = open_pairs(**{"data": str(tmp_path), "split": "train", **options})
    assert found.format == PairFormat(ImageFormat(channels), ImageFormat(channels))
    assert_loads(found, expected)
    for content, image in zip(contents, decoded, strict=True):
        by_pillow = np.atleast_3d(Image.open(io.BytesIO(content)))
        np.testing.assert_allclose(np.float32(image), np.float32(by_pillow), atol=4)


def test_each_side_may_have_its_own_format_and_each_file(tmp_path):
    """Photographs, say, and depth, some files of which were converted."""
    photos, depths = [noise(0), noise(1)], [noise(n, 1, "float32") for n in (2, 3)]
    write(tmp_path, "trainA/0.png", png(photos[0]))
    write(tmp_path, "trainA/1.webp", lossless_webp(photos[1]))
    write(tmp_path, "trainB/0.tif", tiff(depths[0]))
    write(tmp_path, "trainB/1.npy", npy(depths[1]))
    found = open_pairs(str(tmp_path), "train", target_value_range="-5,5")
    assert found.format == PairFormat(RGB, ImageFormat(1, "float32", (-5.0, 5.0)))
    assert_loads(found, list(zip(photos, depths, strict=True)))


def test_values_that_are_no_numbers_are_loaded_as_they_are(tmp_path):
    image = np.float32([[np.nan, np.inf], [-np.inf, 1e30]])[..., np.newaxis]
    write(tmp_path, "trainA/0.npy", npy(image))
    write(tmp_path, "trainB/0.png", png(noise(0, size=(2, 2))))
    [(loaded, _)] = in_tf_data(open_pairs(str(tmp_path), "train", value_range="0,1"))
    np.testing.assert_array_equal(loaded, image)


def test_names_that_are_not_utf8_are_loaded(tmp_path):
    images = noise(0), noise(1, 2)
    odd = os.fsdecode(b"caf\xe9")
    write(tmp_path, f"input/train/{odd}.png", png(images[0]))
    write(tmp_path, f"target/train/{odd}.npy", npy(images[1]))
    found = open_pairs(str(tmp_path), "train")
    assert list(found.names) == [f"{odd}.png"]
    assert_loads(found, [images])


# Direction


def test_direction_turns_images_and_formats_round(tmp_path):
    a, b = noise(0, 1, "uint16"), noise(1)
    write(tmp_path, "A/train/0.png", png(a))
    write(tmp_path, "B/train/0.png", png(b))
    found = open_pairs(str(tmp_path), "train")
    assert found.format == PairFormat(GRAY_WORDS, RGB)
    assert_loads(found, [(a, b)])
    turned = open_pairs(str(tmp_path), "train", direction="BtoA")
    assert turned.format == PairFormat(RGB, GRAY_WORDS)
    assert_loads(turned, [(b, a)])


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.__name__)
def test_every_layout_can_be_turned_round(tmp_path, layout):
    a, b = noise(0), noise(1)
    options = layout(tmp_path, ".png", png, [(a, b)])
    options = {"data": str(tmp_path), "split": "train", "direction": "BtoA", **options}
    assert_loads(open_pairs(**options), [(b, a)])


# Channels


@pytest.mark.parametrize(("suffix", "encode"), [(".png", png), (".npy", npy), (".bmp", bmp)])
@pytest.mark.parametrize("direction", ["AtoB", "BtoA"])
def test_both_images_of_one_file_may_become_of_different_channels(
    tmp_path, suffix, encode, direction
):
    """Gray to colour, out of files in which both are in colour."""
    halves = noise(0), noise(1)
    in_halves(tmp_path, suffix, encode, [halves])
    found = open_pairs(str(tmp_path), "train", input_channels=1, direction=direction)
    assert found.format == PairFormat(GRAY, RGB)
    from_image, to_image = halves if direction == "AtoB" else halves[::-1]
    for load in (eagerly, in_tf_data):
        [(gray, colours)] = load(found)
        np.testing.assert_allclose(gray, (from_image @ np.array(LUMA))[..., None], atol=1.01)
        np.testing.assert_array_equal(colours, to_image)


@pytest.mark.parametrize(
    ("suffix", "encode"), [(".png", png), (".bmp", bmp), (".webp", None), (".npy", npy)]
)
def test_gray_among_colours_is_repeated(tmp_path, suffix, encode):
    gray = noise(1, 1)
    for side in "AB":
        write(tmp_path, f"train{side}/0{suffix}", (encode or lossless_webp)(noise(0)))
        # WebP has no gray.
        name, content = (f"1{suffix}", encode(gray)) if encode else ("1.png", png(gray))
        write(tmp_path, f"train{side}/{name}", content)
    found = open_pairs(str(tmp_path), "train")
    assert_loads(found, [[noise(0)] * 2, [gray.repeat(3, axis=-1)] * 2])


@pytest.mark.usefixtures("looking_at_the_first")
@pytest.mark.parametrize(
    ("suffix", "encode", "reason"),
    [
        (".png", png, "an image with colours in a set that was taken for gray"),
        (".bmp", bmp, "it has 3 channels, expected 1 (gray)"),
        (".npy", npy, "it has 3 channels, expected 1 (gray)"),
    ],
)
def test_colours_among_gray_are_refused_unless_gray_was_asked_for(tmp_path, suffix, encode, reason):
    gray, colours = noise(0, 1), noise(1)
    in_halves(tmp_path, suffix, encode, [(gray, gray)])
    write(tmp_path, f"train/1{suffix}", encode(np.concatenate([colours, colours], axis=1)))
    found = open_pairs(str(tmp_path), "train")
    assert found.format == PairFormat(GRAY, GRAY)
    message = broken(found, 1)
    assert message.startswith(f"cannot use {tmp_path}/train/1{suffix}: ")
    assert reason in message

    asked = open_pairs(str(tmp_path), "train", input_channels=1, output_channels=1)
    for load in (eagerly, in_tf_data):
        first, second = load(asked)
        np.testing.assert_array_equal(first[0], gray)
        luma = (colours @ np.array(LUMA))[..., np.newaxis]
        np.testing.assert_allclose(second, [luma, luma], atol=1.01)


@pytest.mark.usefixtures("looking_at_the_first")
@pytest.mark.parametrize(("suffix", "encode"), [(".tif", tiff), (".npz", npz)])
@pytest.mark.parametrize(("first", "second"), [(5, 3), (3, 5), (5, 1), (2, 3)])
def test_other_numbers_of_channels_are_refused(tmp_path, suffix, encode, first, second):
    in_halves(tmp_path, suffix, encode, [[noise(0, first)] * 2])
    write(tmp_path, f"train/1{suffix}", encode(noise(1, second)))
    found = open_pairs(str(tmp_path), "train")
    assert found.find_broken([0]) is None
    have = "1 channel" if second == 1 else f"{second} channels"
    assert f"1{suffix}: it has {have}, expected {first}" in broken(found, 1)


@pytest.mark.parametrize("encode", [png, npy])
def test_transparency_is_an_input_where_it_was_asked_for(tmp_path, encode):
    """In NPY every channel is data."""
    suffix = f".{encode.__name__}"
    image = noise(0, 4)
    in_two_folders(tmp_path, suffix, encode, [(image, image)])
    found = open_pairs(str(tmp_path), "train", input_channels=4, output_channels=4)
    assert_loads(found, [(image, image)])


@pytest.mark.parametrize(
    ("suffix", "encode"), [(".png", png), (".bmp", bmp), (".webp", lossless_webp), (".jpg", jpeg)]
)
def test_an_opaque_channel_is_added_where_four_were_asked_for(tmp_path, suffix, encode):
    colour = np.full((8, 12, 3), 90, np.uint8)  # which JPEG keeps
    in_halves(tmp_path, suffix, encode, [(colour, colour)])
    found = open_pairs(str(tmp_path), "train", input_channels=4)
    opaque = np.concatenate([colour, np.full((8, 12, 1), 255, np.uint8)], axis=-1)
    assert_loads(found, [(opaque, colour)])


# Bits


@pytest.mark.usefixtures("looking_at_the_first")
@pytest.mark.parametrize(
    ("suffix", "encode", "reason"),
    [
        (".png", png, "a 16-bit image in a set that was taken for 8-bit"),
        (".tif", tiff, "16-bit among 8-bit images"),
    ],
)
@pytest.mark.parametrize("settings", [{}, {"input_channels": 1, "output_channels": 1}])
def test_16_bits_among_8_are_refused(tmp_path, suffix, encode, reason, settings):
    in_halves(tmp_path, suffix, encode, [[noise(0, 1)] * 2])
    write(tmp_path, f"train/1{suffix}", encode(noise(1, 1, "uint16")))
    found = open_pairs(str(tmp_path), "train", **settings)
    assert f"{tmp_path}/train/1{suffix}: {reason}" in broken(found, 1)


@pytest.mark.parametrize(("suffix", "encode"), [(".png", png), (".bmp", bmp), (".tif", tiff)])
def test_8_bits_among_16_are_spread_over_all(tmp_path, suffix, encode):
    """White stays white, whoever decodes it."""
    words, image = noise(0, 3, "uint16"), noise(1)
    image[0, :2] = [[0], [255]]
    in_two_folders(tmp_path, ".png", png, [(words, words)])
    for side in "AB":
        write(tmp_path, f"train{side}/1{suffix}", encode(image))
    found = open_pairs(str(tmp_path), "train")
    assert_loads(found, [(words, words), [image * np.uint16(257)] * 2])


def test_jpegs_among_16_bits_are_spread_over_all(tmp_path):
    words = noise(0, 1, "uint16")
    in_two_folders(tmp_path, ".png", png, [(words, words)])
    for side in "AB":
        white = np.full((8, 12, 1), 255, np.uint8)
        write(tmp_path, f"train{side}/1.jpg", jpeg(white))
    _, (a, b) = in_tf_data(open_pairs(str(tmp_path), "train"))
    assert (a == 65535).all()
    assert (b == 65535).all()


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_integers_among_floats_are_refused(tmp_path, dtype):
    in_halves(tmp_path, ".npy", npy, [[noise(0, 1, "float32")] * 2])
    write(tmp_path, "train/1.npy", npy(noise(1, 1, dtype)))
    found = open_pairs(str(tmp_path), "train", value_range="0,1")
    bits = {"uint8": "8-bit", "uint16": "16-bit"}[dtype]
    assert f"train/1.npy: {bits} among floating-point images" in broken(found, 1)


# Label maps


def test_label_maps_are_loaded_as_colours(tmp_path):
    labels, photo = noise(0), noise(1)
    in_halves(tmp_path, ".png", png, [(labels, photo)])
    found = open_pairs(str(tmp_path), "train", input_encoding="labels", palette="cmp")
    assert found.format.input.network_channels == 12
    assert_loads(found, [(labels, photo)])


def test_gray_label_maps_beside_gray_targets_are_repeated(tmp_path):
    labels, target = noise(0, 1), noise(1, 1)
    in_halves(tmp_path, ".png", png, [(labels, target)])
    found = open_pairs(str(tmp_path), "train", input_encoding="labels", palette="0,255")
    assert found.format.target == GRAY
    assert_loads(found, [(labels.repeat(3, axis=-1), target)])


@pytest.mark.parametrize(("suffix", "encode"), [(".png", png), (".npy", npy)])
def test_label_maps_of_16_bits_are_refused(tmp_path, suffix, encode):
    in_halves(tmp_path, suffix, encode, [[noise(0, 3, "uint16")] * 2])
    found = open_pairs(str(tmp_path), "train", input_encoding="labels", palette="cmp")
    assert "16-bit" in broken(found, 0)


# Splits


def test_all_splits_have_the_format_of_the_training_pairs(tmp_path):
    in_halves(tmp_path, ".png", png, [(noise(0), noise(1))])
    gray = noise(2, 1)
    write(tmp_path, "val/0.png", png(np.concatenate([gray, gray], axis=1)))
    settings = resolve(flags={"data": str(tmp_path)}).data
    splits = open_splits(settings, usable_listing(settings))
    assert list(splits) == ["train", "val"]
    assert splits["val"].format == PairFormat(RGB, RGB)
    assert_loads(splits["val"], [[gray.repeat(3, axis=-1)] * 2])
    assert splits["val"].origin == f"{tmp_path}/val"


def test_a_split_may_be_opened_where_there_is_no_training(tmp_path):
    write(tmp_path, "test/0.npy", npy(noise(0, 5)))
    found = open_pairs(str(tmp_path), "test")
    assert (len(found), found.format.input.channels) == (1, 5)


# What cannot be read


@pytest.mark.usefixtures("looking_at_the_first")
@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("1.webp", lossless_webp(noise(0))[:-20], "broken or cut short"),
        ("1.tif", tiff(noise(0))[:-20], "it is cut short"),
        ("1.npy", npy(noise(0))[:-20], "broken or cut short"),
        ("1.npz", npz(noise(0))[:-20], "broken or cut short"),
        ("1.png", png(noise(0))[:-30], "it is cut short"),
        ("1.tif", b"", "it is empty"),
    ],
)
def test_a_broken_file_is_named_whatever_reads_it(tmp_path, name, content, reason):
    in_halves(tmp_path, ".webp", lossless_webp, [(noise(0), noise(1))])
    write(tmp_path, f"train/{name}", content)
    found = open_pairs(str(tmp_path), "train")
    message = broken(found, 1)
    assert message.startswith(f"cannot use {tmp_path}/train/{name}: ")
    assert reason in message


@pytest.mark.parametrize(("suffix", "encode"), [(".png", png), (".npy", npy)])
def test_a_file_that_has_gone_is_named(tmp_path, suffix, encode):
    in_two_folders(tmp_path, suffix, encode, [(noise(0), noise(1))])
    found = open_pairs(str(tmp_path), "train")
    (tmp_path / "trainB" / f"0{suffix}").unlink()
    assert f"{tmp_path}/trainB/0{suffix}" in broken(found, 0)


def test_a_manifest_may_name_files_of_no_format_and_they_are_refused(tmp_path):
    write(tmp_path, "a.gif", pillow(noise(0), "GIF"))
    write(tmp_path, "pairs.csv", b"input,target,split\na.gif,a.gif,train\n")
    with pytest.raises(UserError, match=r"cannot read .*a\.gif: unknown suffix '\.gif'"):
        open_pairs(str(tmp_path / "pairs.csv"), "train")
