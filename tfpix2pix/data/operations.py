"""What `prepare` does to images and pairs: NumPy arrays [H, W, C], without TensorFlow.

Images are uint8 in [0, 255], uint16 in [0, 65535] or finite float32 of any range, with any number
of channels, and keep their dtype. Where pixels go depends on shapes alone, so that the two images
of a pair, treated alike, still lie on each other.
"""

from typing import Literal

import numpy as np

from tfpix2pix.config.types import Interpolation, Layout
from tfpix2pix.errors import UserError

Size = tuple[int, int]

# ITU-R BT.601 as MATLAB and TensorFlow round it, and the PyTorch pix2pix. These sum to 0.9999, by
# which white of 16 bits would miss white.
LUMA_WEIGHTS = np.array([0.2989, 0.587, 0.114]) / 0.9999


def resize(image: np.ndarray, size: Size, method: Interpolation) -> np.ndarray:
    """Resizes [H, W, C] to [*size, C]; equal size returns the image itself.

    Args:
        image: uint8, uint16 or float32.
        size: height and width.
        method: `"bicubic"` (Pillow's, antialiased when it shrinks), `"area"` (the mean over the
            area that a new pixel covers) or `"nearest"` (only values that the image has).

    Returns:
        The same dtype: integers rounded and clipped to their range; floats are not clipped, and
        bicubic may pass their extremes a little.

    Raises:
        UserError: the size is not positive.
    """
    if min(size) < 1:
        raise UserError(f"cannot resize to {_text(size)}: height and width must be 1 or more")
    if image.shape[:2] == tuple(size):
        return image
    if method == "area":
        resized = _area_mean(_area_mean(image, size[0], axis=0), size[1], axis=1)
    else:
        resized = _resize_with_pillow(image, size, method)
    return to_dtype(resized, image.dtype)


def _resize_with_pillow(image: np.ndarray, size: Size, method: str) -> np.ndarray:
    from PIL import Image

    # Channel by channel as 32-bit floats: Pillow has no colour mode of 16 bits, of floats or of
    # five channels, and its 8-bit modes round between the horizontal and the vertical pass.
    resample = {"bicubic": Image.Resampling.BICUBIC, "nearest": Image.Resampling.NEAREST}[method]
    channels = [
        Image.fromarray(np.ascontiguousarray(channel, np.float32)).resize(size[::-1], resample)
        for channel in np.moveaxis(image, -1, 0)
    ]
    return np.stack([np.asarray(channel) for channel in channels], axis=-1)


def _area_mean(image: np.ndarray, length: int, axis: int) -> np.ndarray:
    """The exact mean over the area that each new pixel covers, along one axis: float64.

    Pillow's BOX gives a pixel on a border wholly to one side, so that at factors like 2.5 a
    mirrored image would not shrink to the mirror image.
    """
    old = image.shape[axis]
    if length == old:
        return image
    values = np.moveaxis(image.astype(np.float64), axis, 0)
    sums = np.concatenate([np.zeros_like(values[:1]), np.cumsum(values, axis=0)])
    borders = np.arange(length + 1) * old / length
    whole = np.minimum(borders.astype(int), old - 1)
    parts = (borders - whole).reshape(-1, *[1] * (values.ndim - 1))
    sums_at_borders = sums[whole] + parts * values[whole]
    return np.moveaxis(np.diff(sums_at_borders, axis=0) * (length / old), 0, axis)


def to_dtype(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Casts numbers to an image's dtype: rounded and clipped for integers, as they are for floats.

    Args:
        values: float array.
        dtype: uint8, uint16 or float32.
    """
    if np.issubdtype(dtype, np.integer):
        limits = np.iinfo(dtype)
        values = np.clip(np.rint(values), limits.min, limits.max)
    return values.astype(dtype)


def crop(image: np.ndarray, size: Size | Literal["square"]) -> np.ndarray:
    """Cuts the centre of [*size, C] out of [H, W, C]; `"square"`: as large as the shorter side.

    Equal size returns the image itself. Where the margin is odd, its larger half is cut off at the
    bottom and on the right.

    Raises:
        UserError: the image is smaller than that.
    """
    shape = image.shape[:2]
    height, width = (min(shape), min(shape)) if size == "square" else size
    if shape == (height, width):
        return image
    if height > shape[0] or width > shape[1]:
        raise UserError(
            f"cannot crop {_text((height, width))} from an image of {_text(shape)} (height x "
            "width): choose a smaller size, or pad"
        )
    top, left = (shape[0] - height) // 2, (shape[1] - width) // 2
    return image[top : top + height, left : left + width]


def pad(
    image: np.ndarray, size: Size | Literal["square"], *, fill: float | None = None
) -> np.ndarray:
    """Puts [H, W, C] in the middle of [*size, C]; `"square"`: as large as the longer side.

    Equal size returns the image itself.

    Args:
        image: uint8, uint16 or float32.
        size: height and width, or `"square"`.
        fill: the value around it; default: white, or the image's mean where it is float32, for
            which no value means white.

    Raises:
        UserError: the image is larger than that, or the fill is outside the dtype's range.
    """
    shape = image.shape[:2]
    height, width = (max(shape), max(shape)) if size == "square" else size
    if height < shape[0] or width < shape[1]:
        raise UserError(
            f"cannot pad an image of {_text(shape)} (height x width) to {_text((height, width))}: "
            "choose a larger size, or crop"
        )
    value = _fill_value(image, fill)
    if shape == (height, width):
        return image
    padded = np.full((height, width, image.shape[2]), value, image.dtype)
    top, left = (height - shape[0]) // 2, (width - shape[1]) // 2
    padded[top : top + shape[0], left : left + shape[1]] = image
    return padded


def _fill_value(image: np.ndarray, fill: float | None) -> float:
    if not np.issubdtype(image.dtype, np.integer):
        return float(image.mean(dtype=np.float64)) if fill is None else fill
    white = np.iinfo(image.dtype).max
    if fill is None:
        return white
    if fill not in range(white + 1):
        raise UserError(
            f"cannot fill with {fill}: {image.dtype} images hold whole numbers from 0 to {white}"
        )
    return fill


def split_pair(image: np.ndarray, layout: Layout) -> tuple[np.ndarray, np.ndarray]:
    """Splits [H, 2W, C] into left and right, or [2H, W, C] into top and bottom, [H, W, C] each.

    Raises:
        UserError: the width, or the height, is odd.
    """
    axis, side = (1, "width") if layout == "left_right" else (0, "height")
    if image.shape[axis] % 2:
        raise UserError(
            f"cannot split an image of {_text(image.shape[:2])} (height x width): a pair must have "
            f"an even {side}: two images of equal size"
        )
    first, second = np.split(image, 2, axis=axis)
    return first, second


def combine(a: np.ndarray, b: np.ndarray, layout: Layout) -> np.ndarray:
    """Puts two [H, W, C] side by side or one above the other; the inverse of `split_pair`.

    Where one is gray, C = 1, and the other has three channels, gray is repeated over them.

    Raises:
        UserError: they differ in size, number of channels or dtype.
    """
    if {a.shape[2], b.shape[2]} == {1, 3}:
        a, b = (np.repeat(image, 3 // image.shape[2], axis=2) for image in (a, b))
    for what, of_a, of_b in [
        ("size", _text(a.shape[:2]), _text(b.shape[:2])),
        ("channels", a.shape[2], b.shape[2]),
        ("type", a.dtype, b.dtype),
    ]:
        if of_a != of_b:
            raise UserError(
                f"cannot combine two images of different {what}: {of_a} and {of_b}; both images "
                "of a pair must agree"
            )
    return np.concatenate([a, b], axis=1 if layout == "left_right" else 0)


def grayscale(image: np.ndarray) -> np.ndarray:
    """Makes [H, W, C] gray, [H, W, 1] of the same dtype.

    Three channels are taken for red, green and blue and weighed by their luma; of any other
    number, the mean.
    """
    return to_dtype(gray_values(image), image.dtype)[..., np.newaxis]


def gray_values(image: np.ndarray) -> np.ndarray:
    """The luma of three channels, or the mean of others, before any rounding: float64 [H, W]."""
    channels = image.shape[2]
    weights = LUMA_WEIGHTS if channels == 3 else np.ones(channels) / channels
    return (image * weights).sum(axis=-1)


def _text(size: tuple[int, ...]) -> str:
    return "x".join(str(side) for side in size)
