"""How large an encoded image is, from its header alone; in a graph, before it is decoded.

A small file may claim any size, and decoding it takes the memory for that size.
"""

import tensorflow as tf

from tfpix2pix.data.images import PNG_START

JPEG_START = b"\xff\xd8\xff"
BMP_START = b"BM"
# Where height and width stand: 32 bits each, in PNG the highest byte first, in BMP the lowest.
PNG_HEIGHT, PNG_WIDTH = 20, 16
BMP_HEIGHT, BMP_WIDTH = 22, 18
HEADER_BYTES = 26


def header_size(content: tf.Tensor) -> tf.Tensor:
    """Height and width that a JPEG, PNG or BMP file (scalar string) says it has.

    Returns:
        int64 [2].

    Raises:
        tf.errors.InvalidArgumentError: it is no such file, GIF among others, or cut short.
    """
    # Zeros behind a shorter content make its size 0; decoding refuses it.
    start = tf.strings.join([content, tf.constant(bytes(HEADER_BYTES))])
    header = tf.cast(
        tf.io.decode_raw(tf.strings.substr(start, 0, HEADER_BYTES), tf.uint8), tf.int64
    )

    def jpeg() -> tf.Tensor:
        return tf.cast(tf.io.extract_jpeg_shape(content)[:2], tf.int64)

    def png() -> tf.Tensor:
        highest_first = range(24, -1, -8)
        return tf.stack([_number(header, at, highest_first) for at in (PNG_HEIGHT, PNG_WIDTH)])

    def bmp() -> tf.Tensor:
        lowest_first = range(0, 32, 8)
        height, width = (_number(header, at, lowest_first) for at in (BMP_HEIGHT, BMP_WIDTH))
        # A negative height means that the rows are stored from the top.
        return tf.stack([tf.minimum(height, 2**32 - height), width])

    def other() -> tf.Tensor:
        known = tf.debugging.Assert(False, ["these bytes are no JPEG, PNG or BMP image"])
        with tf.control_dependencies([known]):
            return tf.zeros([2], tf.int64)

    kinds = ((JPEG_START, jpeg), (PNG_START, png), (BMP_START, bmp))
    return tf.case(
        [(tf.strings.substr(start, 0, len(s)) == tf.constant(s), size) for s, size in kinds], other
    )


def refuse_large(size: tf.Tensor, most_pixels: int) -> tf.Operation:
    """The operation that refuses an image of more pixels.

    Args:
        size: int64 [2], height and width.
        most_pixels: how many are still taken.

    Raises:
        tf.errors.InvalidArgumentError: when it runs.
    """
    limit = most_pixels / 1e6
    # Divided, not multiplied: two numbers of 32 bits may have a product of more than 63.
    fits = size[0] <= most_pixels // tf.maximum(size[1], 1)
    reason = (
        f"an image of more pixels than the {limit:g} megapixels that this model was exported "
        "to take; its height and width are"
    )
    return tf.debugging.Assert(fits, [reason, size[0], size[1]])


def _number(header: tf.Tensor, at: int, shifts: range) -> tf.Tensor:
    """Four bytes as a number of 32 bits."""
    weights = tf.constant([2**shift for shift in shifts], tf.int64)
    return tf.reduce_sum(header[at : at + 4] * weights)
