"""Image operations: [H, W, C] or [B, H, W, C] tensors, usable eagerly and inside tf.data.

As stored, and through the pipeline, images are uint8 in [0, 255]; in the networks they are
float32 in [-1, 1].
"""

from typing import Literal

import tensorflow as tf

Resize = Literal["bicubic", "area", "nearest"]

CHANNELS = 3

# Where a BMP file says how many bits a pixel has, and where its palette begins.
BMP_BITS = 28
BMP_PALETTE_START = 54


def decode_image(content: tf.Tensor) -> tf.Tensor:
    """Decodes JPEG, PNG or BMP bytes (scalar string) to RGB uint8 [H, W, 3].

    Gray images are repeated over the three channels, transparency is dropped.

    Raises:
        tf.errors.InvalidArgumentError: the bytes are no such image, or a truncated one.
    """
    _refuse_palette_bmp(content)
    image = tf.io.decode_image(content, channels=CHANNELS, expand_animations=False)
    image.set_shape([None, None, CHANNELS])
    return image


def _refuse_palette_bmp(content: tf.Tensor) -> None:
    """TensorFlow takes the palette indices of an 8-bit BMP for gray values."""
    colours = BMP_PALETTE_START + 256 * 4
    start = tf.strings.join([tf.strings.substr(content, 0, colours), tf.constant(bytes(colours))])
    header = tf.io.decode_raw(start, tf.uint8)
    is_bmp = tf.reduce_all(header[:2] == tf.constant(list(b"BM"), tf.uint8))
    palette = tf.reshape(header[BMP_PALETTE_START:colours], [256, 4])[:, :3]
    is_gray = tf.reduce_all(palette == tf.cast(tf.range(256), tf.uint8)[:, tf.newaxis])
    tf.debugging.assert_equal(
        is_bmp & (header[BMP_BITS] == 8) & ~is_gray,
        False,
        "an 8-bit BMP with a colour palette: save it as PNG",
    )


def split_side_by_side(pair: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Splits [H, 2W, C] into its left and right halves, [H, W, C] each.

    Raises:
        tf.errors.InvalidArgumentError: the width is odd.
    """
    width = tf.shape(pair)[1]
    tf.debugging.assert_equal(
        width % 2, 0, "a side-by-side pair must have an even width: two images of equal size"
    )
    return pair[:, : width // 2], pair[:, width // 2 :]


def resize(image: tf.Tensor, size: tuple[int, int], method: Resize) -> tf.Tensor:
    """Resizes uint8 [H, W, C] to uint8 [*size, C], antialiased where the method has that.

    An image that has the size already is returned unchanged.
    """
    if method == "nearest":
        resized = tf.image.resize(image, size, "nearest")
    else:
        floats = tf.image.resize(image, size, method, antialias=True)
        resized = tf.saturate_cast(tf.round(floats), tf.uint8)
    resized.set_shape([*size, image.shape[-1]])
    return resized


def to_network_range(image: tf.Tensor) -> tf.Tensor:
    """uint8 [0, 255] -> float32 [-1, 1]."""
    return tf.cast(image, tf.float32) / 127.5 - 1.0


def from_network_range(image: tf.Tensor) -> tf.Tensor:
    """float32 [-1, 1] -> uint8 [0, 255], rounded; what lies outside is clipped."""
    return tf.saturate_cast(tf.round((image + 1.0) * 127.5), tf.uint8)
