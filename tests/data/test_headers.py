"""The size that an encoded image claims, read without decoding it."""

import io
import struct

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.data.claiming_png import claiming_png
from tfpix2pix.data.headers import header_size, refuse_large


def encoded(kind, height, width, **options):
    file = io.BytesIO()
    Image.fromarray(np.zeros((height, width, 3), np.uint8)).save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    ("kind", "options"),
    [("PNG", {}), ("JPEG", {}), ("JPEG", {"progressive": True}), ("BMP", {})],
)
def test_the_size_is_the_images(kind, options):
    size = header_size(tf.constant(encoded(kind, 300, 7, **options)))
    assert size.numpy().tolist() == [300, 7]


def test_a_bmp_stored_from_the_top_has_its_height():
    content = bytearray(encoded("BMP", 300, 7))
    content[22:26] = struct.pack("<i", -300)
    assert header_size(tf.constant(bytes(content))).numpy().tolist() == [300, 7]


def test_a_png_may_claim_what_it_likes():
    size = header_size(tf.constant(claiming_png(2**31 - 1, 50_000)))
    assert size.numpy().tolist() == [2**31 - 1, 50_000]


@pytest.mark.parametrize("content", [b"", b"garbage", encoded("GIF", 9, 9), encoded("WEBP", 9, 9)])
def test_other_bytes_are_refused(content):
    with pytest.raises(tf.errors.InvalidArgumentError, match="no JPEG, PNG or BMP image"):
        header_size(tf.constant(content))


def test_a_jpeg_cut_short_is_refused():
    with pytest.raises(tf.errors.InvalidArgumentError, match="Invalid JPEG data"):
        header_size(tf.constant(encoded("JPEG", 9, 9)[:30]))


@pytest.mark.parametrize(
    ("size", "taken"),
    [((8, 125), True), ((8, 126), False), ((1001, 1), False), ((2**32, 2**32), False)],
)
def test_as_many_pixels_as_allowed_are_taken(size, taken):
    @tf.function
    def refuse(size):
        with tf.control_dependencies([refuse_large(size, 1000)]):
            return tf.identity(size)

    if taken:
        refuse(tf.constant(size, tf.int64))
        return
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"than the 0\.001 megapixels"):
        refuse(tf.constant(size, tf.int64))
