"""What `images` does to tensors, done to NumPy arrays: for runtimes that need no TensorFlow.

Stored images are [..., H, W, C] of the type that their `ImageFormat` says; in the networks they are
float32 in [-1, 1], and label maps have a channel for each class.
"""

import numpy as np

from tfpix2pix.config.types import Interpolation
from tfpix2pix.data import operations
from tfpix2pix.data.formats import Colour, ImageFormat
from tfpix2pix.data.operations import to_dtype
from tfpix2pix.data.stored import StoredImage, conform
from tfpix2pix.errors import UserError


def as_wanted(image: StoredImage, image_format: ImageFormat) -> np.ndarray:
    """An image file of any kind as [H, W, C] of the format's type, as `images.decode_image` does.

    Gray is repeated, colours become luma where one channel is wanted, transparency is dropped
    unless it makes up the wanted channels, bits are reduced where 8 are wanted and spread where 16
    are. Floats, and channels that are none of gray, RGB and RGBA, must be what the format says, and
    floats finite.

    Of PNG and BMP the values are TensorFlow's; but where one channel is wanted of a colour PNG,
    TensorFlow cuts off what is rounded here: half of the values are a level lower. Of JPEG they are
    up to 4 levels of 255 off: Pillow computes the cosine transform accurately, and TensorFlow,
    unless told, in the fast way. Where one channel is wanted of a colour JPEG, TensorFlow takes the
    luma before colours are clipped.

    Raises:
        UserError: it does not fit. The message is the reason only, without the file.
    """
    pixels, channels = image.pixels, image_format.channels
    kinds = pixels.dtype.name, image_format.dtype
    if channels in (1, 3, 4) and kinds == ("uint16", "uint8"):
        image = StoredImage((pixels >> 8).astype(np.uint8), image.has_alpha)
    if kinds == ("uint8", "uint16"):  # as TensorFlow, which mixes channels before it spreads bits
        return conform(image, channels, "uint8", reduce=True) * np.uint16(257)
    values = conform(image, channels, image_format.dtype, reduce=True)
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise UserError(
            f"{np.count_nonzero(~np.isfinite(values))} of its {values.size} values are NaN or "
            "infinite: expected numbers, fill the gaps first"
        )
    return values


def resize(image: np.ndarray, size: tuple[int, int], method: Interpolation) -> np.ndarray:
    """Resizes [H, W, C] to [*size, C] of the same type, as `images.resize` does.

    Nearest gives the same values; of bicubic and area, whole numbers are one level off where a sum
    lies half way between two.
    """
    if method != "nearest":
        return operations.resize(image, size, method)
    rows, columns = (_nearest(old, new) for old, new in zip(image.shape[:2], size, strict=True))
    return image[rows][:, columns]


def _nearest(old: int, new: int) -> np.ndarray:
    """Which of `old` pixels each of `new` ones is, in TensorFlow's float32 arithmetic."""
    scale = np.float32(old) / np.float32(new)
    places = (np.arange(new, dtype=np.float32) + np.float32(0.5)) * scale
    return np.minimum(places.astype(np.int64), old - 1)


def label_numbers(image: np.ndarray, palette: tuple[Colour, ...]) -> np.ndarray:
    """The class of each pixel, by the nearest colour: RGB uint8 [..., 3] -> uint8 [..., 1]."""
    nearest = np.full((*image.shape[:-1], 1), np.iinfo(np.int32).max, np.int32)
    numbers = np.zeros_like(nearest, np.uint8)
    # One class at a time: all at once would take many times the image's memory.
    for number, colour in enumerate(palette):
        difference = image.astype(np.int32) - np.array(colour, np.int32)
        distance = (difference**2).sum(axis=-1, keepdims=True, dtype=np.int32)
        numbers[distance < nearest] = number
        nearest = np.minimum(distance, nearest)
    return numbers


def to_network_range(image: np.ndarray, image_format: ImageFormat) -> np.ndarray:
    """Stored values -> float32 in [-1, 1]; label maps in their colours -> 0 and 1.

    A label map becomes a channel for each class. Values outside the format's range are clipped, its
    channels reversed if it says so.
    """
    if image_format.palette:
        numbers = label_numbers(image, image_format.palette)
        return np.eye(len(image_format.palette), dtype=np.float32)[numbers[..., 0]]
    low, high = image_format.value_range
    values = _in_other_order(image, image_format).astype(np.float32)
    return np.clip((values - low) / ((high - low) / 2) - 1.0, -1.0, 1.0)


def from_network_range(image: np.ndarray, image_format: ImageFormat) -> np.ndarray:
    """float32 [-1, 1] -> stored values, rounded for whole numbers; what lies outside is clipped.

    Of a label map, probabilities or logits [..., K] -> its colours; the lower of two equal classes.
    """
    if image_format.palette:
        return np.array(image_format.palette, np.uint8)[np.argmax(image, axis=-1)]
    low, high = image_format.value_range
    values = np.clip((image + 1.0) * ((high - low) / 2) + low, low, high)
    return to_dtype(_in_other_order(values, image_format), np.dtype(image_format.dtype))


def _in_other_order(image: np.ndarray, image_format: ImageFormat) -> np.ndarray:
    """RGB -> BGR and back, where the format asks for it."""
    return image[..., ::-1] if image_format.reversed_channels else image
