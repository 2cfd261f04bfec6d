"""TIFF files as images [H, W, C]: of any channels, with palettes, tiles, planes and pages.

Only complete files are read: tifffile fills in zeros, or leaves out pages, where something is
missing.
"""

import contextlib
import io
import logging
import math
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np

from tfpix2pix.data.stored import (
    AGAIN,
    CUT_SHORT,
    StoredImage,
    as_stored,
    refuse_bomb,
    refuse_unpacking,
    refusing_damage,
)
from tfpix2pix.data.tiff_segments import check_segments
from tfpix2pix.errors import UserError

VALUE_SIZES = dict(enumerate((1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4), start=1))
# The tags that say where the pixels are and how they are packed, private ones left out.
PIXEL_TAGS = range(254, 533)
# Of pages that may be rows, see `_name_channels`: wider ones are pictures.
MOST_LAST_CHANNELS = 32


def read_tiff(content: bytes) -> StoredImage:
    """Reads the content of a file; see `read_image`.

    Raises:
        UserError: it is no TIFF image, damaged, or holds several. The message is the reason only.
    """
    import tifffile

    if content[:4] not in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        raise UserError(f"it is no TIFF image: give it the suffix of its format, or {AGAIN}")
    with refusing_damage(), without_log_lines():
        _check_directories(content)
        with tifffile.TiffFile(io.BytesIO(content)) as file:
            for page in file.pages:
                check_segments(page, content)
            series, shape, axes = _only_series(file)
            page = series.keyframe
            refuse_bomb(page.imagewidth, page.imagelength)
            refuse_unpacking(math.prod(shape) * series.dtype.itemsize, len(content))
            pixels = series.asarray().reshape(shape)
            axes = _name_channels(axes, pixels.shape)
            pixels = _values(_channels_last(pixels, axes), page)
    return as_stored(pixels)


@contextlib.contextmanager
def without_log_lines() -> Iterator[None]:
    """Keeps tifffile's log lines off the screen.

    They do not name the file, and what matters of them is refused here. A filter of its own for
    each read, not a level set and put back: several threads read at a time.
    """
    logger = logging.getLogger("tifffile")

    def drop(_: logging.LogRecord) -> bool:
        return False

    logger.addFilter(drop)
    try:
        yield
    finally:
        logger.removeFilter(drop)


def _only_series(file: Any) -> tuple[Any, tuple[int, ...], str]:
    """The pages of one shape that make up the image; its sides, those of 1 too, and their names."""
    # From 2026.5.2 on, tifffile's list of series is called, and `get_shape` is gone.
    is_called = callable(file.series)
    series = file.series(squeeze=False) if is_called else file.series
    whole = [one for one in series if not (one.keyframe.is_reduced or one.keyframe.is_mask)]
    if len(whole) > 1:
        shapes = " and ".join(str(list(one.shape)) for one in whole[:3])
        raise UserError(f"it holds images of different shapes, {shapes}: save one image a file")
    only = (whole or series)[0]
    if is_called:
        return only, only.shape, only.axes
    return only, only.get_shape(False), only.get_axes(False)


def _check_directories(content: bytes) -> None:
    """Follows the chain of pages: tifffile leaves out, with a log line, what lies past the end."""
    try:
        outside = any(end > len(content) for end in _value_ends(content))
    except struct.error:
        outside = True
    if outside:
        raise UserError(CUT_SHORT)


def _value_ends(content: bytes) -> Iterator[int]:
    """Where the values end that tell of the pixels of every page."""
    order = "<" if content[:2] == b"II" else ">"
    big = b"+" in content[2:4]
    word, number, first = ("Q", "Q", 8) if big else ("I", "H", 4)
    entry = struct.Struct(f"{order}HH{word}{struct.calcsize(word)}s")
    seen = set()
    (start,) = struct.unpack_from(order + word, content, first)
    while start:
        if start in seen:
            # tifffile would go round for ever.
            raise UserError(f"it is broken (its pages go in a circle): {AGAIN}")
        seen.add(start)
        (tags,) = struct.unpack_from(order + number, content, start)
        start += struct.calcsize(number)
        end = start + tags * entry.size
        for code, kind, count, value in entry.iter_unpack(content[start:end]):
            length = count * VALUE_SIZES.get(kind, 8)
            place = int.from_bytes(value, "little" if order == "<" else "big")
            if length > len(value) and code in PIXEL_TAGS:
                yield place + length
        (start,) = struct.unpack_from(order + word, content, end)


def _name_channels(axes: str, shape: tuple[int, ...]) -> str:
    """tifffile writes [H, W, C] as H pages unless told otherwise; the axis says "unknown" then.

    It writes [C, H, W] in the same way. The last axis is that of the channels where it is the
    shortest of the three and at most `MOST_LAST_CHANNELS` long; else the first one is.
    """
    last = shape[-1]
    is_last = axes == "QYX" and last <= MOST_LAST_CHANNELS and last < min(shape[:2])
    return "YXQ" if is_last else axes


def _channels_last(pixels: np.ndarray, axes: str) -> np.ndarray:
    """Any order of axes, of which at most one besides Y and X is longer than 1 -> [H, W, C]."""
    if "Y" not in axes or "X" not in axes:
        raise UserError(f"its axes are {axes}: expected an image with height and width")
    image = (axes.index("Y"), axes.index("X"))
    others = [place for place in range(len(axes)) if place not in image]
    if sum(pixels.shape[place] > 1 for place in others) > 1:
        shape = f"its shape is {list(pixels.shape)} ({axes})"
        raise UserError(f"{shape}: expected one axis besides height and width")
    ordered = pixels.transpose(*image, *others)
    return ordered.reshape(*ordered.shape[:2], -1)


def _values(pixels: np.ndarray, page: Any) -> np.ndarray:
    """[H, W, C] with the page's palette applied, white as the highest value, 8 bits or more."""
    photometric = getattr(page.photometric, "name", "")
    if photometric == "PALETTE" and page.colormap is not None:
        if pixels.shape[2] != 1:
            raise UserError("it has several palette images: save them as gray or RGB")
        # Some programs write the palette in 8 bits instead of 16.
        shift = 8 if page.colormap.max() > 255 else 0
        return (np.moveaxis(page.colormap[:, pixels[..., 0]], 0, -1) >> shift).astype(np.uint8)
    if pixels.dtype.kind not in "bu":
        return pixels
    highest = 2**page.bitspersample - 1
    if photometric == "MINISWHITE":
        pixels = ~pixels if pixels.dtype.kind == "b" else (highest - pixels).astype(pixels.dtype)
    if pixels.dtype == np.uint8 and highest < 255:
        pixels = np.rint(pixels * (255 / highest)).astype(np.uint8)
    return pixels
