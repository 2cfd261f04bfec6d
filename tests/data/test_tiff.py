"""TIFF files of all kinds are read back value by value or refused kindly."""

import functools
import io
import logging
import re
import struct

import numpy as np
import pytest
import tifffile
from PIL import Image

from tests.data.image_files import (
    HEIGHT,
    WIDTH,
    assert_cut_short_is_refused_or_lacks_no_pixel,
    assert_damaged_is_refused_or_read,
    assert_stored,
    by_pillow,
    by_tifffile,
    noise,
    pillow_image,
    read_content,
    refusal,
    smooth,
)
from tfpix2pix.errors import UserError

GRAY = noise(HEIGHT, WIDTH)


def tiff(width, height, bits, photometric, data, *, order="<", colours=()):
    """An uncompressed TIFF of one strip."""
    tags = [(256, 4, [width]), (257, 4, [height]), (258, 3, [bits]), (259, 3, [1])]
    tags += [(262, 3, [photometric]), (273, 4, [8]), (277, 3, [1]), (278, 4, [height])]
    tags += [(279, 4, [len(data)])]
    if len(colours):
        tags.append((320, 3, list(colours)))
    outside = b""
    start = 8 + len(data)
    entries = struct.pack(order + "H", len(tags))
    for code, kind, values in tags:
        value = struct.pack(f"{order}{len(values)}{'H' if kind == 3 else 'I'}", *values)
        if len(value) > 4:
            place = start + 2 + 12 * len(tags) + 4 + len(outside)
            outside, value = outside + value, struct.pack(order + "I", place)
        entries += struct.pack(order + "HHI", code, kind, len(values)) + value.ljust(4, b"\0")
    signature = b"II*\0" if order == "<" else b"MM\0*"
    return signature + struct.pack(order + "I", start) + data + entries + bytes(4) + outside


@pytest.fixture
def read(tmp_path):
    return functools.partial(read_content, tmp_path)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 7, 16])
@pytest.mark.parametrize("size", [(HEIGHT, WIDTH), (1, WIDTH), (HEIGHT, 1), (1, 1)])
def test_tiff_of_any_channels_is_read_back(read, size, channels, dtype):
    pixels = noise(*size, channels, dtype=dtype)
    planes = "contig" if channels > 1 else None
    content = by_tifffile(pixels, photometric="minisblack", planarconfig=planes)
    assert_stored(read(content, ".tif"), pixels)


LAYOUTS = {
    "planes": {"photometric": "minisblack", "planarconfig": "separate"},
    "pages": {"photometric": "minisblack", "metadata": None},
    "pages, told as one array": {"photometric": "minisblack"},
    "compressed pages": {"photometric": "minisblack", "compression": "zlib"},
    "ImageJ channels": {"imagej": True},
    "ImageJ slices": {"imagej": True, "metadata": {"axes": "ZYX"}},
    "OME channels": {"ome": True, "metadata": {"axes": "CYX"}},
    "OME times": {"ome": True, "metadata": {"axes": "TYX"}},
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("channels", [2, 5])
def test_tiff_planes_and_pages_become_the_last_axis(read, layout, channels):
    planes = noise(channels, HEIGHT, WIDTH, dtype="uint16")
    content = by_tifffile(planes, **LAYOUTS[layout])
    assert_stored(read(content, ".tif"), np.ascontiguousarray(np.moveaxis(planes, 0, -1)))


@pytest.mark.parametrize("options", [{}, {"metadata": {"axes": "YXC"}}, {"compression": "zlib"}])
def test_tiff_written_by_tifffile_without_a_layout_is_read_as_it_was_given(read, options):
    pixels = noise(HEIGHT, WIDTH, 5, dtype="float32")
    assert_stored(read(by_tifffile(pixels, **options), ".tif"), pixels)


PACKINGS = [
    {"compression": "lzw"},
    {"compression": "lzw", "predictor": True},
    {"compression": "zlib", "predictor": True, "rowsperstrip": 5},
    {"compression": "packbits"},
    {"tile": (16, 16), "compression": "zlib"},
    {"bigtiff": True},
    {"byteorder": ">"},
    {"byteorder": ">", "compression": "zlib", "predictor": True},
]


@pytest.mark.parametrize("options", PACKINGS, ids=lambda options: " ".join(map(str, options)))
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_tiff_packing_makes_no_difference(read, options, dtype):
    if "packbits" in options.values() and dtype == "float32":
        dtype = "uint8"
    pixels = noise(40, 24, 3, dtype=dtype)
    content = by_tifffile(pixels, photometric="rgb", **options)
    assert_stored(read(content, ".tiff"), pixels)


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_deflate", "packbits"])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "I;16", "F"])
def test_tiff_by_pillow_has_only_data_channels(read, compression, mode):
    dtype = {"I;16": "uint16", "F": "float32"}.get(mode, "uint8")
    channels = {"RGB": 3, "RGBA": 4}.get(mode, 1)
    pixels = noise(HEIGHT, WIDTH, channels, dtype=dtype)
    image = Image.fromarray(pixels if channels > 1 else pixels[..., 0])
    assert image.mode == mode
    content = by_pillow(image, "TIFF", compression=compression)
    assert_stored(read(content, ".tif"), pixels)


@pytest.mark.parametrize("compression", ["raw", "group4"])
def test_tiff_of_one_bit_becomes_black_and_white(read, compression):
    image = pillow_image("1")
    expected = np.asarray(image.convert("L"))[..., np.newaxis]
    assert_stored(read(by_pillow(image, "TIFF", compression=compression), ".tif"), expected)


@pytest.mark.parametrize("order", ["<", ">"])
def test_tiff_of_four_bits_is_spread_to_eight(read, order):
    packed = noise(HEIGHT, WIDTH // 2)
    values = np.stack([packed >> 4, packed & 15], axis=-1).reshape(HEIGHT, WIDTH, 1)
    content = tiff(WIDTH, HEIGHT, 4, 1, packed.tobytes(), order=order)
    assert_stored(read(content, ".tif"), values * np.uint8(17))


@pytest.mark.parametrize(("bits", "dtype"), [(8, "uint8"), (16, "uint16")])
def test_tiff_with_white_as_zero_is_inverted(read, bits, dtype):
    pixels = noise(HEIGHT, WIDTH, 1, dtype=dtype)
    content = tiff(WIDTH, HEIGHT, bits, 0, pixels.tobytes())
    assert_stored(read(content, ".tif"), np.iinfo(dtype).max - pixels)


@pytest.mark.parametrize("scale", [1, 256, 257])
def test_tiff_palette_becomes_rgb(read, scale):
    colours = noise(256, 3)
    indices = noise(HEIGHT, WIDTH)
    table = (colours.T.astype(int) * scale).ravel()
    content = tiff(WIDTH, HEIGHT, 8, 3, indices.tobytes(), colours=table)
    assert_stored(read(content, ".tif"), colours[indices])


def test_tiff_palette_by_pillow_becomes_rgb(read):
    image = pillow_image("P")
    content = by_pillow(image, "TIFF")
    assert_stored(read(content, ".tif"), np.array(image.convert("RGB")))


def test_tiff_thumbnail_is_left_out(read):
    pixels = noise(HEIGHT, WIDTH, 3)
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        writer.write(pixels, photometric="rgb")
        writer.write(pixels[::2, ::2], photometric="rgb", subfiletype=1)
    assert_stored(read(file.getvalue(), ".tif"), pixels)


@pytest.mark.parametrize("dtype", ["int8", "int16", ">i4", "uint32", "int64", "float16", "float64"])
def test_other_numbers_become_float32(read, dtype):
    pixels = noise(HEIGHT, WIDTH, dtype=np.dtype(dtype).newbyteorder("=")) // 3
    expected = pixels.astype(np.float32)[..., np.newaxis]
    assert_stored(read(by_tifffile(pixels.astype(dtype)), ".tif"), expected)


def test_bool_becomes_black_and_white(read):
    mask = noise(HEIGHT, WIDTH) > 99
    expected = np.where(mask, 255, 0).astype(np.uint8)[..., np.newaxis]
    assert_stored(read(by_tifffile(mask, photometric="minisblack"), ".tif"), expected)
    # tifffile's own choice for bool: true is black.
    assert_stored(read(by_tifffile(mask), ".tif"), 255 - expected)


def with_a_private_tag_gone():
    """A file that tifffile reads with a log line: the value of a tag lies past the end."""
    tag = (65000, 2, 0, "more than four letters", True)
    content = bytearray(by_tifffile(GRAY, extratags=[tag]))
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        start = file.pages[0].tags[65000].offset
    content[start + 8 : start + 12] = struct.pack("<I", 10**8)
    return bytes(content)


def test_log_lines_of_tifffile_are_kept_back_only_while_a_file_is_read(read, caplog):
    content = with_a_private_tag_gone()
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        assert file.pages[0].shape == GRAY.shape
    assert "invalid value offset" in caplog.text
    caplog.clear()
    assert_stored(read(content, ".tif"), GRAY[..., np.newaxis])
    with pytest.raises(UserError):
        read(content[:-50], ".tif")
    assert caplog.text == ""
    logging.getLogger("tifffile").warning("from another use")
    assert "from another use" in caplog.text


# Refusals: one line that names the file


def two_sizes():
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        writer.write(noise(8, 8))
        writer.write(noise(9, 9))
    return file.getvalue()


def tiff_in_a_circle():
    content = bytearray(tiff(4, 4, 8, 1, bytes(16)))
    content[-4:] = content[4:8]
    return bytes(content)


def tiff_without_its_last_strip():
    """The list of strips is one shorter than the height asks for."""
    content = bytearray(by_tifffile(noise(24, 9), rowsperstrip=8, compression="zlib"))
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        tag = file.pages[0].tags["ImageLength"]
        content[tag.valueoffset] = 32
    return bytes(content)


def tiff_with_an_empty_strip():
    """As programs write that leave out empty areas, or that were stopped."""
    content = bytearray(by_tifffile(noise(24, 9), rowsperstrip=8, compression="zlib"))
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        tag = file.pages[0].tags["StripByteCounts"]
        size = tag.valuebytecount // tag.count
        content[tag.valueoffset : tag.valueoffset + size] = bytes(size)
    return bytes(content)


@pytest.mark.parametrize("shape", [(5, 24, 9), (40, 60, 33), (8, 16, 16), (12, 4, 4)])
def test_bands_first_are_bands_also_in_narrow_pictures(read, shape):
    """Written plainly, so that nothing tells bands from rows but their number."""
    pixels = noise(*shape)
    content = by_tifffile(pixels, photometric="minisblack")
    assert_stored(read(content, ".tif"), np.moveaxis(pixels, 0, -1))


@pytest.mark.parametrize("shape", [(24, 9, 5), (40, 60, 32), (6, 9, 5)])
def test_bands_last_are_bands_where_they_are_few(read, shape):
    pixels = noise(*shape)
    assert_stored(read(by_tifffile(pixels, photometric="minisblack"), ".tif"), pixels)


REFUSED = {
    "text as tif": (b"an image", "no TIFF image"),
    "PNG as tif": (by_pillow(pillow_image("RGB"), "PNG"), "no TIFF image"),
    "complex tif": (by_tifffile(GRAY.astype("complex64")), "complex64 values"),
    "4-D tif": (by_tifffile(noise(2, 5, 8, 9)), "expected one axis besides"),
    "colour pages": (by_tifffile(noise(5, 8, 9, 3)), "expected one axis besides"),
    "pages of two sizes": (two_sizes(), r"different shapes, \[8, 8\] and \[9, 9\]"),
    "TIFF bomb": (tiff(20000, 30000, 8, 1, b"small"), "20000 x 30000 pixels"),
    "TIFF in a circle": (tiff_in_a_circle(), "pages go in a circle"),
    "TIFF with an empty strip": (tiff_with_an_empty_strip(), "cut short"),
    "TIFF without its last strip": (tiff_without_its_last_strip(), "cut short"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_image_is_refused(tmp_path, case):
    content, reason = REFUSED[case]
    path = tmp_path / "photo.tif"
    path.write_bytes(content)
    assert re.search(reason, refusal(path))


WHOLE = {
    "TIFF": by_tifffile(GRAY),
    "TIFF in strips": by_tifffile(noise(60, 9), rowsperstrip=8, compression="lzw"),
    "TIFF in tiles": by_tifffile(noise(40, 40), tile=(16, 16)),
    "zlib TIFF": by_tifffile(GRAY, compression="zlib", predictor=True),
    "JPEG in TIFF": by_tifffile(smooth(3), compression="jpeg"),
    "TIFF of pages": by_tifffile(noise(4, 12, 20), **LAYOUTS["pages"]),
    "TIFF told as one array": by_tifffile(noise(5, 12, 20)),
    "ImageJ TIFF": by_tifffile(noise(5, 12, 20), imagej=True),
    "OME TIFF": by_tifffile(noise(5, 12, 20), ome=True),
    "TIFF by Pillow": by_pillow(pillow_image("P"), "TIFF", compression="tiff_lzw"),
}


@pytest.mark.parametrize("kind", WHOLE)
def test_what_is_cut_short_is_refused_or_lacks_no_pixel(tmp_path, kind):
    assert_cut_short_is_refused_or_lacks_no_pixel(tmp_path / "photo.tif", WHOLE[kind])


@pytest.mark.parametrize("kind", WHOLE)
def test_what_is_damaged_is_refused_or_read(tmp_path, kind):
    assert_damaged_is_refused_or_read(tmp_path / "photo.tif", WHOLE[kind])
