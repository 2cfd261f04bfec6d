"""Files of every format, written by other means, are read back value by value or refused kindly."""

import functools
import re
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.data.image_files import (
    HEIGHT,
    WIDTH,
    assert_cut_short_is_refused_or_lacks_no_pixel,
    assert_damaged_is_refused_or_read,
    assert_stored,
    by_numpy,
    by_pillow,
    by_tifffile,
    noise,
    pillow_image,
    read_content,
    refusal,
    smooth,
)
from tfpix2pix.data.reading import SUFFIXES, TENSORFLOW_SUFFIXES, conform, is_left_to_tensorflow
from tfpix2pix.errors import UserError


def png(depth, kind, *chunks, height=HEIGHT, width=WIDTH):
    """A PNG of noise, for the kinds that the libraries do not write."""
    samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[kind]
    row = -(-width * samples * depth // 8)
    rows = [b"\0" + bytes(row) for row in noise(min(height, HEIGHT), row)]
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(b"".join(rows))), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in parts
    )


def palette(depth):
    return (b"PLTE", noise(2**depth, 3).tobytes())


@pytest.fixture
def read(tmp_path):
    return functools.partial(read_content, tmp_path)


# What TensorFlow decodes too


PNGS = {
    **{f"gray of {depth} bits": png(depth, 0) for depth in (1, 2, 4, 8, 16)},
    **{f"palette of {depth} bits": png(depth, 3, palette(depth)) for depth in (1, 2, 4, 8)},
    **{
        f"palette of {depth} bits with transparency": png(
            depth, 3, palette(depth), (b"tRNS", b"\x07\xff")
        )
        for depth in (1, 4, 8)
    },
    **{f"RGB of {depth} bits": png(depth, 2) for depth in (8, 16)},
    **{f"gray of {depth} bits and alpha": png(depth, 4) for depth in (8, 16)},
    **{f"RGBA of {depth} bits": png(depth, 6) for depth in (8, 16)},
    "16 bits with a gamma": png(16, 2, (b"gAMA", struct.pack(">I", 45455))),
    "one pixel": png(16, 2, height=1, width=1),
    "by Pillow": by_pillow(pillow_image("RGB"), "PNG"),
    "1-bit by Pillow": by_pillow(pillow_image("1"), "PNG"),
}


@pytest.mark.parametrize("kind", PNGS)
def test_png_is_read_as_tensorflow_decodes_it(read, kind):
    content = PNGS[kind]
    dtype = tf.uint16 if content[24] == 16 else tf.uint8
    expected = tf.io.decode_png(content, channels=0, dtype=dtype).numpy()
    assert_stored(read(content, ".png"), expected, has_alpha=expected.shape[-1] in (2, 4))


@pytest.mark.parametrize(("depth", "kind", "samples"), [(8, 0, 1), (16, 0, 1), (8, 2, 3)])
def test_one_transparent_colour_becomes_an_alpha_channel(read, depth, kind, samples):
    content = png(depth, kind, (b"tRNS", bytes(2 * samples)))
    image = read(content, ".png")
    assert image.has_alpha
    np.testing.assert_array_equal(
        image.pixels[..., :-1], read(png(depth, kind), ".png").pixels, strict=True
    )


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_bmp_is_read_as_tensorflow_decodes_it(read, mode):
    content = by_pillow(pillow_image(mode), "BMP")
    assert_stored(read(content, ".bmp"), tf.io.decode_bmp(content).numpy())


@pytest.mark.parametrize(("mode", "channels"), [("1", 1), ("P", 3), ("RGBA", 3)])
def test_other_bmp_has_the_colours_it_was_made_of(read, mode, channels):
    image = pillow_image(mode)
    expected = np.asarray(image.convert("L" if channels == 1 else "RGB"))
    stored = read(by_pillow(image, "BMP"), ".bmp")
    pixels = conform(stored, channels, "uint8")
    np.testing.assert_array_equal(pixels, expected.reshape(HEIGHT, WIDTH, channels))


def test_bmp_of_four_bits_has_the_colours_of_its_palette(read):
    colours = noise(16, 4)
    indices = noise(4, 8) % 16
    packed = (indices[::-1, 0::2] << 4 | indices[::-1, 1::2]).tobytes()
    head = struct.pack("<IiiHHIIiiII", 40, 8, 4, 1, 4, 0, len(packed), 0, 0, 16, 16)
    start = 14 + len(head) + colours.size
    file_head = struct.pack("<2sIII", b"BM", start + len(packed), 0, start)
    content = file_head + head + colours.tobytes() + packed
    assert_stored(read(content, ".bmp"), np.ascontiguousarray(colours[indices][..., 2::-1]))


@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("RGB", 3), ("CMYK", 3)])
@pytest.mark.parametrize("progressive", [False, True])
def test_jpeg_is_read_as_tensorflow_decodes_it(read, mode, channels, progressive):
    image = Image.fromarray(smooth(3)).convert(mode)
    content = by_pillow(image, "JPEG", quality=90, progressive=progressive)
    stored = read(content, ".jpg")
    expected = tf.io.decode_jpeg(content, channels=channels, dct_method="INTEGER_ACCURATE")
    assert not stored.has_alpha
    assert stored.pixels.shape == (24, 40, channels)
    np.testing.assert_allclose(stored.pixels.astype(int), expected, atol=3)


def test_jpeg_orientation_is_not_followed(read):
    exif = Image.Exif()
    exif[0x0112] = 6
    content = by_pillow(Image.fromarray(smooth(3)), "JPEG", exif=exif)
    assert read(content, ".jpeg").pixels.shape == (24, 40, 3)


def test_content_decides_among_the_coded_formats(read):
    content = by_pillow(pillow_image("RGB"), "PNG")
    assert_stored(read(content, ".JPG"), noise(HEIGHT, WIDTH, 3))


# WebP


@pytest.mark.parametrize("channels", [3, 4])
def test_webp_is_read_back(read, channels):
    pixels = noise(HEIGHT, WIDTH, channels)
    content = by_pillow(Image.fromarray(pixels), "WEBP", lossless=True, exact=True)
    assert_stored(read(content, ".webp"), pixels, has_alpha=channels == 4)


def test_webp_agrees_with_another_decoder(read):
    content = by_pillow(Image.fromarray(smooth(3)), "WEBP", quality=80)
    expected = imagecodecs.webp_decode(content)
    np.testing.assert_allclose(read(content, ".webp").pixels.astype(int), expected, atol=1)


# NumPy


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
@pytest.mark.parametrize("shape", [(HEIGHT, WIDTH), (HEIGHT, WIDTH, 1), (1, 1, 9), (3, 2, 512)])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", ">u2", "float32", ">f4"])
def test_numpy_arrays_are_read_back(read, suffix, shape, dtype):
    pixels = noise(*shape, dtype=np.dtype(dtype).newbyteorder("=")).astype(dtype)
    save = np.save if suffix == ".npy" else np.savez_compressed
    expected = pixels.reshape(*shape[:2], -1).astype(pixels.dtype.newbyteorder("="))
    assert_stored(read(by_numpy(save, pixels), suffix), expected)


def test_fortran_order_makes_no_difference(read):
    pixels = noise(HEIGHT, WIDTH, 3)
    assert_stored(read(by_numpy(np.save, np.asfortranarray(pixels)), ".npy"), pixels)


@pytest.mark.parametrize("dtype", ["int8", "int16", ">i4", "uint32", "int64", "float16", "float64"])
def test_other_numbers_become_float32(read, dtype):
    pixels = noise(HEIGHT, WIDTH, dtype=np.dtype(dtype).newbyteorder("=")) // 3
    expected = pixels.astype(np.float32)[..., np.newaxis]
    assert_stored(read(by_numpy(np.save, pixels.astype(dtype)), ".npy"), expected)


def test_bool_becomes_black_and_white(read):
    mask = noise(HEIGHT, WIDTH) > 99
    expected = np.where(mask, 255, 0).astype(np.uint8)[..., np.newaxis]
    assert_stored(read(by_numpy(np.save, mask), ".npy"), expected)


@pytest.mark.filterwarnings("error")
def test_what_is_not_finite_is_kept(read):
    pixels = np.array([[np.nan, np.inf, -np.inf, 1e300]])
    expected = np.array([[[np.nan], [np.inf], [-np.inf], [np.inf]]], np.float32)
    assert_stored(read(by_numpy(np.save, pixels), ".npy"), expected)


# Refusals: one line that names the file


def animation(file_format):
    frames = [Image.fromarray(noise(8, 8, 3) // part) for part in (1, 2, 3)]
    return by_pillow(frames[0], file_format, save_all=True, append_images=frames[1:])


def bmp_header(width, height):
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return struct.pack("<2sIII", b"BM", 54, 0, 54) + head


def saved(array, **options):
    return by_numpy(np.save, array, **options)


GRAY = noise(HEIGHT, WIDTH)
REFUSED = {
    "text as png": (".png", b"an image", "no JPEG, PNG, BMP or WebP image"),
    "text as npy": (".npy", b"1 2 3\n4 5 6\n", "no NumPy file"),
    "GIF as png": (".png", by_pillow(pillow_image("P"), "GIF"), "save it as PNG"),
    "TIFF as png": (".png", by_tifffile(GRAY), "no JPEG, PNG, BMP or WebP image"),
    "pickle as npy": (".npy", b"\x80\x04N.", "not as text or by pickle"),
    "zip of text": (".npz", b"PK\x03\x04 and nothing", "broken or cut short"),
    "unknown suffix": (".gif", by_pillow(pillow_image("P"), "GIF"), "unknown suffix '.gif'"),
    "no suffix": ("", GRAY.tobytes(), "unknown suffix '': expected .jpg, .jpeg"),
    "animated WebP": (".webp", animation("WEBP"), "animated, with 3 frames"),
    "animated PNG": (".png", animation("PNG"), "animated, with 3 frames"),
    "objects": (".npy", saved(np.array([None]), allow_pickle=True), "pickled"),
    "objects in npz": (".npz", by_numpy(np.savez, np.array([[None]])), "pickled"),
    "complex": (".npy", saved(GRAY.astype("complex64")), "complex64 values: expected"),
    "strings": (".npy", saved(GRAY.astype(str)), "<U3 values"),
    "records": (".npy", saved(np.zeros((4, 4), "u1,f4")), "values: expected integers"),
    "two arrays": (".npz", by_numpy(np.savez, a=GRAY, mask=GRAY), r"2 arrays \(a, mask\)"),
    "no arrays": (".npz", by_numpy(np.savez), "broken or cut short|0 arrays"),
    "scalar": (".npy", saved(np.uint8(3)), r"its shape is \[\]: expected \[height, width\]"),
    "1-D": (".npy", saved(GRAY[0]), r"its shape is \[20\]"),
    "4-D": (".npy", saved(GRAY[None, ..., None]), r"its shape is \[1, 12, 20, 1\]"),
    "no pixels": (".npy", saved(GRAY[:0]), "none of them 0"),
    "channels first": (".npy", saved(noise(3, 16, 513)), "513 channels: .* probably first"),
    "PNG bomb": (".png", png(8, 0, height=30000, width=20000), "20000 x 30000 pixels"),
    "BMP bomb": (".bmp", bmp_header(20000, 30000), r"\(600000000 pixels\)"),
    "damaged PNG": (".png", PNGS["by Pillow"].replace(b"IDAT", b"IDAS"), "broken or cut short"),
    "PNG of other data": (".png", png(8, 0, height=90), "broken or cut short"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_image_is_refused(tmp_path, case):
    suffix, content, reason = REFUSED[case]
    path = tmp_path / f"photo{suffix}"
    path.write_bytes(content)
    assert re.search(reason, refusal(path))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_missing_empty_and_folders_are_refused(tmp_path, suffix):
    path = tmp_path / f"photo{suffix}"
    assert "No such file" in refusal(path)
    path.write_bytes(b"")
    assert "it is empty" in refusal(path)
    path.unlink()
    path.mkdir()
    assert "expected a file" in refusal(path)


WHOLE = {
    "JPEG": (".jpg", by_pillow(Image.fromarray(smooth(3)), "JPEG")),
    "progressive JPEG": (".jpg", by_pillow(Image.fromarray(smooth(3)), "JPEG", progressive=True)),
    "PNG": (".png", PNGS["RGB of 8 bits"]),
    "16-bit PNG": (".png", PNGS["RGB of 16 bits"]),
    "palette PNG": (".png", PNGS["palette of 4 bits"]),
    "BMP": (".bmp", by_pillow(pillow_image("RGB"), "BMP")),
    "WebP": (".webp", by_pillow(pillow_image("RGB"), "WEBP")),
    "lossless WebP": (".webp", by_pillow(pillow_image("RGBA"), "WEBP", lossless=True)),
    "NPY": (".npy", saved(GRAY)),
    "NPZ": (".npz", by_numpy(np.savez, GRAY)),
    "compressed NPZ": (".npz", by_numpy(np.savez_compressed, GRAY)),
}


@pytest.mark.parametrize("kind", WHOLE)
def test_what_is_cut_short_is_refused_or_lacks_no_pixel(tmp_path, kind):
    suffix, content = WHOLE[kind]
    assert_cut_short_is_refused_or_lacks_no_pixel(tmp_path / f"photo{suffix}", content)


@pytest.mark.parametrize("kind", WHOLE)
def test_what_is_damaged_is_refused_or_read(tmp_path, kind):
    suffix, content = WHOLE[kind]
    assert_damaged_is_refused_or_read(tmp_path / f"photo{suffix}", content)


def test_a_refusal_costs_no_reference(read):
    """imagecodecs loses one to None for each PNG that ends early."""
    before = sys.getrefcount(None)
    for _ in range(500):
        with pytest.raises(UserError):
            read(PNGS["RGB of 16 bits"][:-200], ".png")
    assert sys.getrefcount(None) > before - 250


# Conforming


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("kind", [0, 2, 4, 6])
def test_conforming_follows_tensorflow(read, kind, depth, channels):
    content = png(depth, kind)
    dtype = "uint16" if depth == 16 else "uint8"
    image = read(content, ".png")
    if channels == 1 and kind in (2, 6):
        with pytest.raises(UserError, match=r"it has [34] channels, expected 1 \(gray\)"):
            conform(image, channels, dtype)
    else:
        expected = tf.io.decode_png(content, channels=channels, dtype=tf.as_dtype(dtype))
        conformed = conform(image, channels, dtype)
        assert conformed.flags.c_contiguous
        np.testing.assert_array_equal(conformed, expected.numpy(), strict=True)


# The module


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a.JPG", True), ("a.png", True), ("a.gif", True), ("a", True), ("a.bmp", False)]
    + [(f"a.{suffix}", False) for suffix in ("webp", "TIF", "npy")],
)
def test_tensorflow_gets_what_it_decodes_as_it_is_read_here(name, expected):
    assert is_left_to_tensorflow(Path(name)) is expected


def test_importing_is_cheap():
    program = "import sys, tfpix2pix.data.reading, tfpix2pix.data.encoding; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert not {"tensorflow", "PIL", "tifffile", "imagecodecs"} & set(loaded.stdout.split())


def test_suffixes_include_those_of_tensorflow():
    assert set(TENSORFLOW_SUFFIXES) < set(SUFFIXES)
