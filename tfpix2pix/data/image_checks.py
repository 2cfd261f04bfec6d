"""What is looked at in one image of a pair: the values, not the size. No TensorFlow here.

A problem breaks training or makes a wrong pair; a note is worth a look and nothing more.
"""

import functools
import itertools
import math
from collections.abc import Iterator

import numpy as np

from tfpix2pix.data.formats import INTEGER_RANGES, Colour, ImageFormat
from tfpix2pix.data.reading import StoredImage

# Label maps: how far in RGB their colours may be from the palette's, at the most and as a share of
# the distance of its two closest colours; which of these are so close that less than half of it is
# allowed, for what lies between them may be another class; how like each other pixels inside a
# class are; how many may be of no class; and how many rows and columns of large images are looked
# at.
PALETTE_DISTANCE = 64
PALETTE_SHARE = 0.75
CLOSE_COLOURS, CLOSE_SHARE = 32, 0.49
FLAT = 10
STRAY_SHARE = 0.01
STRAY_GRID = 128

CONSTANT = "one colour all over"
# More than this share of values outside value_range is no noise but a wrong range.
OUTSIDE_SHARE = 0.5
OUTSIDE = "values outside value_range, which are clipped"
TRANSPARENT = "transparency, which is dropped"


def stored_kind(image: StoredImage) -> str:
    """For people: `RGB uint8`, `5 channels float32`."""
    channels = image.pixels.shape[-1]
    names = {1: "gray", 3: "RGB"} | ({2: "gray+alpha", 4: "RGBA"} if image.has_alpha else {})
    return f"{names.get(channels, f'{channels} channels')} {image.pixels.dtype.name}"


def wrong_values(pixels: np.ndarray, image_format: ImageFormat) -> list[str]:
    """Why the values of an image, which has the format's channels and type, cannot be used."""
    if pixels.dtype == np.float32 and not np.isfinite(pixels).all():
        return [f"{_percent(1 - np.isfinite(pixels).mean())} of its values are NaN or infinite"]
    if image_format.palette:
        return _stray_colours(pixels, image_format.palette)
    if (share := _share_outside(pixels, image_format)) > OUTSIDE_SHARE:
        low, high = image_format.value_range
        return [
            f"{_percent(share)} of its values are outside {low:g} to {high:g}, and would be "
            "clipped: see whether value_range and target_value_range are right"
        ]
    return []


def odd_values(
    pixels: np.ndarray, image: StoredImage, image_format: ImageFormat
) -> Iterator[tuple[str, str]]:
    """What one may want to look at: one of the constants above, and how much of it there is.

    Args:
        pixels: with the format's channels and type.
        image: as stored.
        image_format: what the set's images are.
    """
    if _is_constant(pixels):
        yield CONSTANT, ""
    if 0 < (share := _share_outside(pixels, image_format)) <= OUTSIDE_SHARE:
        yield OUTSIDE, f" ({_percent(share)})"
    if _drops_transparency(image, image_format.channels):
        yield TRANSPARENT, ""


def _stray_colours(pixels: np.ndarray, palette: tuple[Colour, ...]) -> list[str]:
    """Says so where too many pixels of a label map, [H, W, 3], are of no class's colour.

    Only those count that look like their four neighbours: along edges, JPEG and resizing mix the
    colours of two classes, and in the published facades that makes a sixth of all pixels.
    """
    step = max(1, math.isqrt(pixels.shape[0] * pixels.shape[1]) // STRAY_GRID)
    planes = np.moveaxis(pixels, -1, 0)
    inner = _every(planes, 1, 1, step)
    flat = np.ones(inner.shape[1:], bool)
    for row, column in ((0, 1), (2, 1), (1, 0), (1, 2)):
        flat &= (np.abs(inner - _every(planes, row, column, step)) <= FLAT).all(axis=0)
    red, green, blue = inner[:, flat].astype(np.int32)
    # A sort of whole numbers takes a tenth of the time of one of colours.
    packed, counts = np.unique(red << 16 | green << 8 | blue, return_counts=True)
    colours = np.stack([packed >> 16, packed >> 8 & 255, packed & 255])
    stray = np.ones(len(packed), bool)
    for colour in palette:
        distances = ((colours - np.array(colour)[:, np.newaxis]) ** 2).sum(axis=0)
        stray &= distances > _palette_limit(palette) ** 2
    share = counts[stray].sum() / max(1, flat.size)
    if share <= STRAY_SHARE:
        return []
    commonest = packed[stray][np.argmax(counts[stray])]
    return [
        f"{_percent(share)} of its pixels are of no colour of the palette, most of them "
        f"#{commonest:06x}: see whether the palette and the direction are right"
    ]


def _every(planes: np.ndarray, row: int, column: int, step: int) -> np.ndarray:
    """[C, H, W] -> each `step`-th pixel from there on, so far as it has neighbours on all sides."""
    height, width = planes.shape[1:]
    rows, columns = slice(row, height - 2 + row, step), slice(column, width - 2 + column, step)
    return planes[:, rows, columns].astype(np.int16)


@functools.cache
def _palette_limit(palette: tuple[Colour, ...]) -> float:
    """How far from a class's colour a pixel may be: less where the classes are close together."""
    distances = [math.dist(*two) for two in itertools.combinations(palette, 2)]
    closest = min((distance for distance in distances if distance), default=math.inf)
    share = CLOSE_SHARE if closest < CLOSE_COLOURS else PALETTE_SHARE
    return min(share * closest, PALETTE_DISTANCE)


def _percent(share: float) -> str:
    if share < 0.001:
        return "less than 0.1 %"
    return f"{100 * share:.2g} %" if share < 0.1 else f"{100 * share:.0f} %"


def _is_constant(pixels: np.ndarray) -> bool:
    # Nearly every picture is done with after the few pixels looked at first.
    first = pixels[0, 0]
    return bool((pixels[::16, ::16] == first).all() and (pixels == first).all())


def _share_outside(pixels: np.ndarray, image_format: ImageFormat) -> float:
    """The share of values that lie outside the format's range."""
    low, high = image_format.value_range
    if (low, high) == INTEGER_RANGES.get(image_format.dtype):
        return 0.0
    return float(((pixels < low) | (pixels > high)).mean())


def _drops_transparency(image: StoredImage, channels: int) -> bool:
    if not image.has_alpha or channels in (image.pixels.shape[-1], 4):
        return False
    return bool((image.pixels[..., -1] < np.iinfo(image.pixels.dtype).max).any())
