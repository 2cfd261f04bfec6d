"""Image files that are damaged, lie about their size, or are of odd kinds: right or refused."""

import io
import json
import subprocess
import sys

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.data.image_files import by_pillow, by_tifffile, kindly, read_content
from tests.fuzz.drawn_images import bombs, damaged, whole_files
from tests.fuzz.many import TIMES, examples, seeds
from tfpix2pix.data.reading import conform, read_image


def read_in_child(folder, kind):
    """What a process of its own made of the files in a folder."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.fuzz.reading_child", str(folder), kind],
        capture_output=True,
        text=True,
        timeout=300 * TIMES,
        check=False,
    )
    died_of = folder.with_name(f"{folder.name}.now")
    assert done.returncode == 0, f"{died_of.read_text()}: {done.returncode} {done.stderr[-2000:]}"
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def files():
    return list(whole_files())


def write_damaged(folder, files, count):
    folder.mkdir()
    for seed in seeds(count):
        suffix, content = damaged(files, seed)
        (folder / f"{seed}{suffix}").write_bytes(content)
    return folder


def test_damaged_files_are_read_or_refused(tmp_path, files):
    folder = write_damaged(tmp_path / "damaged", files, 600)
    found = read_in_child(folder, "python")
    assert found["wrong"] == {}
    # The damage is of every degree.
    assert found["read"] > 60 * TIMES
    assert found["refused"] > 200 * TIMES


@pytest.mark.slow
def test_damaged_files_are_read_or_refused_by_tensorflow_too(tmp_path, files):
    folder = write_damaged(tmp_path / "damaged", files, 600)
    found = read_in_child(folder, "tensorflow")
    assert found["wrong"] == {}
    assert found["read"] > 30 * TIMES


def test_bombs_are_refused_before_they_are_unpacked(tmp_path):
    folder = tmp_path / "bombs"
    folder.mkdir()
    for name, content in bombs():
        assert len(content) < 2**20
        (folder / name).write_bytes(content)
    found = read_in_child(folder, "python")
    assert found == {"read": 0, "refused": len(list(folder.iterdir())), "wrong": {}}


SIDES = st.integers(1, 40)
MODES = {"1": "L", "L": "L", "P": "RGB", "RGB": "RGB", "RGBA": "RGBA", "CMYK": "RGB"}


@examples(60)
@given(
    height=SIDES,
    width=SIDES,
    seed=st.integers(0, 2**32),
    kind=st.sampled_from(
        [
            *(("PNG", mode) for mode in ("1", "L", "P", "RGB", "RGBA")),
            *(("BMP", mode) for mode in ("1", "L", "P", "RGB")),
            *(("JPEG", mode) for mode in ("L", "RGB", "CMYK")),
            *(("WEBP", mode) for mode in ("RGB", "RGBA")),
        ]
    ),
)
def test_pixels_are_those_of_pillow(tmp_path_factory, height, width, seed, kind):
    file_format, mode = kind
    drawn = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    options = {"lossless": True} if file_format == "WEBP" else {}
    content = by_pillow(Image.fromarray(drawn).convert(mode), file_format, **options)
    expected = np.atleast_3d(np.array(Image.open(io.BytesIO(content)).convert(MODES[mode])))
    suffix = f".{file_format.lower()}"
    stored = read_content(tmp_path_factory.mktemp("drawn"), content, suffix)
    pixels = conform(stored, expected.shape[-1], "uint8", reduce=True)
    np.testing.assert_array_equal(pixels, expected)


@examples(60)
@given(
    shape=st.tuples(SIDES, SIDES) | st.tuples(SIDES, SIDES, st.sampled_from([3, 4])),
    dtype=st.sampled_from(["uint8", "uint16", "float32"]),
    compression=st.sampled_from([None, "zlib", "lzw", "zstd", "packbits", "lzma"]),
    tile=st.sampled_from([None, (16, 16), (32, 16)]),
    order=st.sampled_from("<>"),
    is_big=st.booleans(),
    seed=st.integers(0, 2**32),
)
def test_tiff_has_the_values_that_were_written(
    tmp_path_factory, shape, dtype, compression, tile, order, is_big, seed
):
    pixels = (np.random.default_rng(seed).random(shape) * 60000).astype(dtype)
    colours = "rgb" if len(shape) == 3 else "minisblack"
    options = {"tile": tile, "compression": compression, "photometric": colours}
    content = by_tifffile(pixels, byteorder=order, bigtiff=is_big, **options)
    np.testing.assert_array_equal(tifffile.imread(io.BytesIO(content)), pixels)
    stored = read_content(tmp_path_factory.mktemp("drawn"), content, ".tif")
    np.testing.assert_array_equal(stored.pixels, np.atleast_3d(pixels))


@examples(300)
@given(
    content=st.binary(max_size=200),
    start=st.sampled_from(
        [
            *(b"", b"\x89PNG\r\n\x1a\n", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"\xff\xd8\xff\xe0"),
            *(b"BM", b"RIFF\x40\0\0\0WEBPVP8 ", b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08"),
            *(b"II+\0\x08\0\0\0\x10\0\0\0\0\0\0\0", b"\x93NUMPY\x01\0\x76\0", b"PK\x03\x04"),
            *(b"GIF89a", b"\xff\x0a", b"%PDF-", b"<svg>", b"#!/bin/sh\n"),
        ]
    ),
    suffix=st.sampled_from([".png", ".jpg", ".bmp", ".webp", ".tif", ".npy", ".npz", ".tiff"]),
)
def test_any_bytes_behind_any_start(tmp_path_factory, content, start, suffix):
    path = tmp_path_factory.getbasetemp() / f"any{suffix}"
    path.write_bytes(start + content)
    with kindly(path):
        assert read_image(path).pixels.ndim == 3
