"""Image operations: [H, W, C] or [B, H, W, C] tensors, usable eagerly and inside tf.data.

As stored, and through the pipeline, images are uint8, uint16 or float32, as their `ImageFormat`
says; in the networks they are float32 in [-1, 1]. Colours are RGB, and in the networks BGR where
the format says so. Label maps are fetched as class numbers; in the networks they have a channel for
each class, with 0 and 1 or, where they are generated, with its probability.
"""

import tensorflow as tf

from tfpix2pix.config.types import Interpolation, Layout
from tfpix2pix.data.formats import INTEGER_RANGES, RGB, Colour, ImageFormat

# Where a BMP file says how many bits a pixel has, and where its palette begins.
BMP_BITS = 28
BMP_PALETTE_START = 54
# Where a PNG file says how many bits a value has.
PNG_START = b"\x89PNG\r\n\x1a\n"
PNG_BITS = 24


def decode_image(content: tf.Tensor, image_format: ImageFormat = RGB) -> tf.Tensor:
    """Decodes JPEG, PNG or BMP bytes (scalar string) to [H, W, C] of the format's type.

    Gray images are repeated over three channels, colours become luma where one channel is wanted,
    transparency is dropped unless it makes up the wanted channels, bits are reduced where 8 are
    wanted and spread where 16 are.

    Raises:
        tf.errors.InvalidArgumentError: the bytes are no such image, or a truncated one.
    """
    _refuse_palette_bmp(content)
    channels = image_format.channels
    decoded = channels if channels in (1, 3, 4) else 0
    return _with_channels(_decode(content, decoded, image_format.dtype), channels)


def decode_without_loss(
    content: tf.Tensor, image_format: ImageFormat = RGB, *, reduce: bool = False
) -> tf.Tensor:
    """As `decode_image`, but refuses to drop bits, and colours unless `reduce` allows it.

    Raises:
        tf.errors.InvalidArgumentError: also where something would be lost.
    """
    if image_format.dtype == "uint8":
        tf.debugging.assert_equal(
            _has_16_bits(content), False, "a 16-bit image in a set that was taken for 8-bit"
        )
    if reduce or image_format.channels > 1:
        return decode_image(content, image_format)
    _refuse_palette_bmp(content)
    image = _decode(content, 0, image_format.dtype)
    tf.debugging.assert_less(
        tf.shape(image)[-1],
        3,
        "an image with colours in a set that was taken for gray (say so with input_channels or "
        "output_channels, if gray is what you want, or 3 if not)",
    )
    return _with_channels(image[..., :1], 1)


def _decode(content: tf.Tensor, channels: int, dtype: str) -> tf.Tensor:
    def decode(dtype: tf.DType) -> tf.Tensor:
        return tf.io.decode_image(content, channels, dtype, expand_animations=False)

    if dtype == "uint8":
        return decode(tf.uint8)
    # Left to itself, TensorFlow makes 65280 of a JPEG's 255, not 65535.
    return tf.cond(
        _has_16_bits(content),
        lambda: decode(tf.uint16),
        lambda: tf.cast(decode(tf.uint8), tf.uint16) * 257,
    )


def _has_16_bits(content: tf.Tensor) -> tf.Tensor:
    """Whether it is a PNG of 16 bits; no other file that TensorFlow decodes has so many."""
    start = tf.strings.join([content, tf.constant(bytes(PNG_BITS + 1))])
    is_png = tf.strings.substr(start, 0, len(PNG_START)) == tf.constant(PNG_START)
    bits = tf.io.decode_raw(tf.strings.substr(start, PNG_BITS, 1), tf.uint8)[0]
    return is_png & (bits == 16)


def _with_channels(image: tf.Tensor, channels: int) -> tf.Tensor:
    tf.debugging.assert_equal(
        tf.shape(image)[-1], channels, f"an image without the {channels} channels of the set"
    )
    return tf.ensure_shape(image, [None, None, channels])


def label_numbers(image: tf.Tensor, palette: tuple[Colour, ...]) -> tf.Tensor:
    """The class of each pixel: RGB uint8 [H, W, 3] -> uint8 [H, W, 1].

    A colour that is not in the palette, as JPEG makes them, counts as the nearest one.
    """
    image = tf.cast(image, tf.int32)
    nearest = tf.fill(tf.shape(image[..., :1]), tf.int32.max)
    numbers = tf.zeros_like(nearest, tf.uint8)
    # One class at a time: all at once would take many times the image's memory.
    for number, colour in enumerate(palette):
        distance = tf.reduce_sum((image - colour) ** 2, axis=-1, keepdims=True)
        numbers = tf.where(distance < nearest, tf.constant(number, tf.uint8), numbers)
        nearest = tf.minimum(distance, nearest)
    return numbers


def as_fetched(image: tf.Tensor, image_format: ImageFormat = RGB) -> tf.Tensor:
    """As batches hold it: a stored label map becomes class numbers, any other image stays."""
    return label_numbers(image, image_format.palette) if image_format.palette else image


def as_in_files(image: tf.Tensor, image_format: ImageFormat = RGB) -> tf.Tensor:
    """The inverse of `as_fetched`: class numbers become their colours, RGB uint8 [..., 3]."""
    if image_format.palette is None:
        return image
    colours = tf.constant(image_format.palette, tf.uint8)
    return tf.gather(colours, tf.cast(image[..., 0], tf.int32))


def likeliest_class(probabilities: tf.Tensor) -> tf.Tensor:
    """Float [..., K], probabilities or logits -> class numbers uint8 [..., 1]; the lower of two."""
    return tf.cast(tf.argmax(probabilities, axis=-1), tf.uint8)[..., tf.newaxis]


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


def split_pair(pair: tf.Tensor, layout: Layout = "left_right") -> tuple[tf.Tensor, tf.Tensor]:
    """Splits [H, 2W, C] into its left and right halves, or [2H, W, C] into upper and lower.

    Raises:
        tf.errors.InvalidArgumentError: the side that is halved is odd.
    """
    axis, side = {"left_right": (1, "width"), "top_bottom": (0, "height")}[layout]
    length = tf.shape(pair)[axis]
    tf.debugging.assert_equal(
        length % 2, 0, f"a pair in one file must have an even {side}: two images of equal size"
    )
    if axis == 1:
        return pair[:, : length // 2], pair[:, length // 2 :]
    return pair[: length // 2], pair[length // 2 :]


def resize(image: tf.Tensor, size: tf.Tensor | tuple[int, int], method: Interpolation) -> tf.Tensor:
    """Resizes [H, W, C] to [*size, C] of the same type, antialiased where the method has that.

    An image that has the size already is returned unchanged.
    """
    image = tf.convert_to_tensor(image)
    if method == "nearest":
        resized = tf.image.resize(image, size, "nearest")
    else:
        floats = tf.image.resize(image, size, method, antialias=True)
        resized = tf.saturate_cast(
            tf.round(floats) if image.dtype.is_integer else floats, image.dtype
        )
    if isinstance(size, tuple):
        resized.set_shape([*size, image.shape[-1]])
    return resized


def to_network_range(image: tf.Tensor, image_format: ImageFormat = RGB) -> tf.Tensor:
    """Stored values -> float32 in [-1, 1]; class numbers -> 0 or 1 in a channel for each class.

    Values outside the format's range are clipped, its channels reversed if it says so.
    """
    if image_format.palette:
        return tf.one_hot(image[..., 0], len(image_format.palette))
    low, high = image_format.value_range
    image = _in_other_order(image, image_format)
    scaled = (tf.cast(image, tf.float32) - low) / ((high - low) / 2) - 1.0
    if (low, high) == INTEGER_RANGES.get(image_format.dtype):
        return scaled
    return tf.clip_by_value(scaled, -1.0, 1.0)


def from_network_range(image: tf.Tensor, image_format: ImageFormat = RGB) -> tf.Tensor:
    """float32 [-1, 1] -> stored values, rounded for whole numbers; what lies outside is clipped.

    Of a label map, probabilities -> class numbers, as it is fetched.
    """
    if image_format.palette:
        return likeliest_class(image)
    return as_stored(unrounded_from_network_range(image, image_format), image_format)


def unrounded_from_network_range(image: tf.Tensor, image_format: ImageFormat = RGB) -> tf.Tensor:
    """float32 [-1, 1] -> stored values as float32, not rounded; what lies outside is clipped.

    Raises:
        ValueError: of a label map, whose classes have nothing in between.
    """
    if image_format.palette:
        raise ValueError("label maps hold classes: there are no values to be rounded")
    low, high = image_format.value_range
    values = tf.clip_by_value((image + 1.0) * ((high - low) / 2) + low, low, high)
    return _in_other_order(values, image_format)


def as_stored(values: tf.Tensor, image_format: ImageFormat = RGB) -> tf.Tensor:
    """Floats -> the format's type, rounded for whole numbers and cut at the ends of the type."""
    dtype = tf.as_dtype(image_format.dtype)
    return tf.saturate_cast(tf.round(values) if dtype.is_integer else values, dtype)


def as_seen(stored: tf.Tensor, image_format: ImageFormat = RGB) -> tf.Tensor:
    """Stored images, label maps in their colours -> what the networks see."""
    return to_network_range(as_fetched(stored, image_format), image_format)


def as_answered(generated: tf.Tensor, image_format: ImageFormat = RGB) -> tf.Tensor:
    """What a generator says -> stored images, label maps in their colours."""
    return as_in_files(from_network_range(generated, image_format), image_format)


def network_to_unit_range(image: tf.Tensor, image_format: ImageFormat = RGB) -> tf.Tensor:
    """float32 [-1, 1] -> [0, 1] with colours as RGB, to be compared with `to_unit_range`'s."""
    return _in_other_order((image + 1.0) / 2.0, image_format)


def unit_to_network_range(image: tf.Tensor, image_format: ImageFormat = RGB) -> tf.Tensor:
    """float32 [0, 1] with colours as RGB -> [-1, 1]; the inverse of the above."""
    return _in_other_order(image, image_format) * 2.0 - 1.0


def to_unit_range(image: tf.Tensor, image_format: ImageFormat = RGB) -> tf.Tensor:
    """Stored values -> float32 in [0, 1], as metrics take them."""
    low, high = image_format.value_range
    return tf.clip_by_value((tf.cast(image, tf.float32) - low) / (high - low), 0.0, 1.0)


def _in_other_order(image: tf.Tensor, image_format: ImageFormat) -> tf.Tensor:
    """RGB -> BGR and back, where the format asks for it."""
    return image[..., ::-1] if image_format.reversed_channels else image
