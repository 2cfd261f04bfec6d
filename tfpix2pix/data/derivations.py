"""The steps by which inputs are made from targets, see `derive`.

Images are uint8 in [0, 255], uint16 in [0, 65535] or float32 of any range, [H, W, C]. A range is
what black and white are in the set; None: the range of the type or, of floats, the image's own.
"""

import hashlib
import os

import numpy as np

from tfpix2pix.data.operations import resize, to_dtype

Range = tuple[float, float]


def _range(image: np.ndarray, given: Range | None) -> Range:
    """Black and white: as given, of the type or, of floats, the finite minimum and maximum."""
    if given is not None:
        return given
    if np.issubdtype(image.dtype, np.integer):
        return 0.0, float(np.iinfo(image.dtype).max)
    finite = image[np.isfinite(image)]
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)


def to_unit_range(image: np.ndarray, value_range: Range | None) -> np.ndarray:
    """[H, W, C] of any dtype -> float64 in [0, 1]; what lies outside goes to the nearest end."""
    low, high = _range(image, value_range)
    finite = np.nan_to_num(image.astype(np.float64), nan=low, posinf=high, neginf=low)
    return (np.clip(finite, low, high) - low) / ((high - low) or 1.0)


def downscale_and_back(image: np.ndarray, factor: int) -> np.ndarray:
    """What super-resolution starts from: bicubic both ways, as its literature does."""
    size = (image.shape[0], image.shape[1])
    small = (max(1, round(size[0] / factor)), max(1, round(size[1] / factor)))
    return resize(resize(image, small, "bicubic"), size, "bicubic")


def blank_center(image: np.ndarray, value_range: Range | None) -> np.ndarray:
    """Fills the middle half of height and width, a quarter of the area, with middle gray.

    Of floats without a range, gray is taken from what stays visible: the input must not tell what
    was hidden.
    """
    height, width = image.shape[0] // 2, image.shape[1] // 2
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    hidden = np.zeros(image.shape[:2], bool)
    hidden[top : top + height, left : left + width] = True
    gray = np.asarray(sum(_range(image[~hidden], value_range)) / 2)
    return np.where(hidden[..., np.newaxis], to_dtype(gray, image.dtype), image)


def noise_generator(seed: int, name: str) -> np.random.Generator:
    """Random numbers that depend on the seed and the name alone."""
    # Not Python's own hash(), which differs from process to process.
    digest = hashlib.sha256(str(seed).encode() + b"\n" + os.fsencode(name)).digest()
    return np.random.default_rng(int.from_bytes(digest, "big"))


def add_noise(
    image: np.ndarray, sigma: float, value_range: Range | None, rng: np.random.Generator
) -> np.ndarray:
    """Adds Gaussian noise of `sigma` 255ths of the image's range, which integers do not leave."""
    low, high = _range(image, value_range)
    noisy = image + rng.standard_normal(image.shape) * (sigma / 255 * (high - low))
    is_integer = np.issubdtype(image.dtype, np.integer)
    return to_dtype(np.clip(noisy, low, high) if is_integer else noisy, image.dtype)
