"""From a canvas, or an uploaded file, to an input."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from tests.demo.tiny_runs import CMP
from tfpix2pix.data.formats import ImageFormat
from tfpix2pix.demo.canvas import EMPTY, check_upload, drawn_input, is_drawable
from tfpix2pix.errors import UserError

RGB = ImageFormat()
LABELS = ImageFormat(palette=CMP)
PAPER = (10, 20, 30)


def png(pixels):
    file = io.BytesIO()
    Image.fromarray(np.asarray(pixels, np.uint8)).save(file, "PNG")
    return file.getvalue()


def huge_png(width, height):
    """A PNG that says it is so large, and holds nothing."""
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))]
    chunks += [(b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    content = b"\x89PNG\r\n\x1a\n"
    for kind, data in chunks:
        content += struct.pack(">I", len(data)) + kind + data
        content += struct.pack(">I", zlib.crc32(kind + data))
    return content


def pixels_of(content):
    return np.asarray(Image.open(io.BytesIO(content)))


def test_what_is_transparent_shows_the_paper():
    drawn = np.array([[[200, 100, 0, 255], [1, 2, 3, 0], [210, 120, 30, 128]]])
    result = pixels_of(drawn_input(png(drawn), RGB, PAPER))
    # 128 of 255 is a half and a little: 210 * 0.50196 + 10 * 0.49804, and so on.
    assert result.tolist() == [[[200, 100, 0], [10, 20, 30], [110, 70, 30]]]


def test_opaque_colours_stay_as_they_are():
    drawn = np.random.default_rng(0).integers(0, 256, (9, 7, 3))
    assert (pixels_of(drawn_input(png(drawn), RGB, PAPER)) == drawn).all()


def test_label_maps_get_the_nearest_class_of_the_palette():
    drawn = [[[5, 2, 250], [0, 90, 240], [180, 10, 0], [0, 0, 255]]]
    result = pixels_of(drawn_input(png(drawn), LABELS, CMP[0]))
    assert [tuple(colour) for colour in result[0].tolist()] == [CMP[1], CMP[2], CMP[11], CMP[1]]


@pytest.mark.parametrize("content", [b"", png(np.zeros((4, 4, 4))), png(np.full((4, 4, 3), PAPER))])
def test_an_empty_canvas_is_said_to_be_empty(content):
    with pytest.raises(UserError) as refused:
        drawn_input(content, RGB, PAPER)
    assert str(refused.value) == EMPTY


def test_one_pixel_is_not_nothing():
    drawn = np.full((4, 4, 3), PAPER)
    drawn[2, 1] = 0
    assert pixels_of(drawn_input(png(drawn), RGB, PAPER))[2, 1].tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    "content", [b"GIF89a", b"\x89PNG\r\n\x1a\n", png(np.zeros((9, 9, 3)))[:-30]]
)
def test_what_is_no_png_is_refused(content):
    with pytest.raises(UserError, match="did not arrive as a PNG: reload the page"):
        drawn_input(content, RGB, PAPER)


@pytest.mark.parametrize(("width", "height"), [(8001, 8000), (10_000, 10_000)])
def test_a_huge_picture_is_refused_before_it_is_decoded(width, height, tmp_path):
    content = huge_png(width, height)
    said = f"the picture has {width}x{height} pixels: expected at most 64 megapixels"
    with pytest.raises(UserError, match=said):
        drawn_input(content, RGB, PAPER)
    (tmp_path / "photo.png").write_bytes(content)
    with pytest.raises(UserError, match=said):
        check_upload(tmp_path / "photo.png")


def test_what_pillow_takes_for_a_bomb_is_refused_in_the_same_words(tmp_path):
    (tmp_path / "photo.png").write_bytes(huge_png(50_000, 50_000))
    with pytest.raises(UserError, match="far too large: expected at most 64 megapixels"):
        check_upload(tmp_path / "photo.png")


def test_the_largest_upload_and_other_kinds_of_file_pass(tmp_path):
    (tmp_path / "photo.png").write_bytes(huge_png(8000, 8000))
    (tmp_path / "notes.txt").write_text("no picture")
    check_upload(tmp_path / "photo.png")
    check_upload(tmp_path / "notes.txt")


def test_floats_and_many_channels_cannot_be_drawn():
    drawable = [RGB, LABELS, ImageFormat(1), ImageFormat(4), ImageFormat(3, "uint16")]
    assert all(map(is_drawable, drawable))
    assert not is_drawable(ImageFormat(1, "float32", (0, 1)))
    assert not is_drawable(ImageFormat(5))
