"""What the images of a folder or manifest are: found by looking at some of them. No TensorFlow."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from tfpix2pix.config import DataSettings
from tfpix2pix.config.types import Layout
from tfpix2pix.data.folders import PairFiles
from tfpix2pix.data.formats import DType, PairFormat, pair_format
from tfpix2pix.data.operations import split_pair
from tfpix2pix.data.reading import StoredImage, read_image
from tfpix2pix.errors import UserError
from tfpix2pix.places import as_place

# As many are looked at, spread evenly; what differs from them is refused when it is met.
LOOKED_AT = 16
# Where none of those can be read, the first that can be among as many tells instead.
SEARCHED = 1000

Sides = tuple[StoredImage, StoredImage]


def read_pair(files: PairFiles, layout: Layout) -> Sides:
    """Reads the images A and B of a pair.

    Raises:
        UserError: one cannot be read, or the file with both cannot be halved.
    """
    a = read_image(as_place(files.a))
    if files.b is not None:
        return a, read_image(as_place(files.b))
    try:
        halves = split_pair(a.pixels, layout)
    except UserError as error:
        raise UserError(f"cannot use {files.a}: {error}") from error
    return StoredImage(halves[0], a.has_alpha), StoredImage(halves[1], a.has_alpha)


def detect_format(settings: DataSettings, pairs: Sequence[PairFiles]) -> PairFormat:
    """The format of most of the pairs looked at, with what the settings say of it.

    Raises:
        UserError: none of them can be read.
        SettingsError: float images without `value_range`, or a range that no image uses.
    """
    seen, failures = _read_some(settings, pairs)
    if not seen:
        count = min(len(pairs), SEARCHED)
        more = f"; none of {count} pairs that were looked at can be read" if count > 1 else ""
        raise UserError(f"{failures[0]}{more}")
    a, b = ([sides[i] for sides in seen] for i in (0, 1))
    found_input, found_target = (a, b) if settings.direction == "AtoB" else (b, a)
    return pair_format(
        settings, _commonest(found_input), _commonest(found_target), _extremes([*a, *b])
    )


def _read_some(
    settings: DataSettings, pairs: Sequence[PairFiles]
) -> tuple[list[Sides], list[UserError]]:
    """Pairs spread over all of them or, if all these are broken, the first that can be read."""
    spread = np.unique(np.linspace(0, len(pairs) - 1, LOOKED_AT).astype(int)).tolist()
    others = set(range(min(len(pairs), SEARCHED))) - set(spread)
    seen: list[Sides] = []
    failures: list[UserError] = []
    for place in (*spread, *sorted(others)):
        if seen and place in others:
            break
        try:
            seen.append(read_pair(pairs[place], settings.layout))
        except UserError as error:  # named again, with all others, by the check
            failures.append(error)
    return seen, failures


def _commonest(images: Sequence[StoredImage]) -> tuple[int, DType]:
    """Channels without transparency, and type; what differs is named by the check."""
    kinds: Counter[Any] = Counter(
        (image.pixels.shape[-1] - image.has_alpha, image.pixels.dtype.name) for image in images
    )
    return kinds.most_common(1)[0][0]


def _extremes(images: Sequence[StoredImage]) -> str:
    floats = [image.pixels for image in images if image.pixels.dtype == np.float32]
    finite = [pixels[np.isfinite(pixels)] for pixels in floats]
    finite = [values for values in finite if values.size]
    if not finite:
        return ""
    low, high = min(v.min() for v in finite), max(v.max() for v in finite)
    return f"{low:g} to {high:g} in the {len(images) // 2} pairs looked at"
