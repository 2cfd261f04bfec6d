"""The strips or tiles of a TIFF page, looked at before they are decoded."""

import io
import math
import struct
import warnings
from collections.abc import Callable
from typing import Any

from tfpix2pix.data.stored import CUT_SHORT, refuse_bomb
from tfpix2pix.errors import UserError

Size = tuple[int, int]

# Those that are unpacked to the size that the page gives them. In all others each strip or tile is
# an image of its own, with a size of its own: none, CCITT, LZW, Deflate, PackBits, LZMA, Zstandard.
PLAIN = frozenset((1, 2, 3, 4, 5, 8, 32771, 32773, 32946, 34925, 50000))
# Blocks at an edge may be cut from larger ones; more than so many times the page's is none.
MOST_TIMES, MARGIN = 4, 4096

JPEG_XR_START, JPEG_XR_SIZE = b"II\xbc", (0xBC80, 0xBC81)
LERC_START = b"Lerc2 "
JPEG_XL_START, JPEG_XL_BOXES = b"\xff\x0a", {b"jxlc": 0, b"jxlp": 4}
JPEG_XL_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))


def check_segments(page: Any, content: bytes) -> None:
    """Refuses a page with strips that are not there, or that say to be larger than their place.

    tifffile fills in zeros for what is not there, or is empty. A strip that is a JPEG which says to
    have 65500 x 65500 pixels is decoded as a whole, 12 GB, before what the page has is cut from it.

    Args:
        page: as tifffile has it.
        content: of the whole file.

    Raises:
        UserError: see above.
    """
    segments = list(zip(page.dataoffsets, page.databytecounts, strict=False))
    outside = any(length < 1 or start + length > len(content) for start, length in segments)
    if outside or len(segments) < math.prod(page.chunked):
        raise UserError(CUT_SHORT)
    if page.compression in PLAIN:
        return
    place = math.prod(page.chunks[:2])
    for start, length in dict.fromkeys(segments):
        size = _coded_size(content[start : start + length])
        if size and math.prod(size) > MOST_TIMES * place + MARGIN:
            width, height = size
            refuse_bomb(width, height)
            raise UserError(
                f"a strip or tile in it says to have {width} x {height} pixels, far more than "
                "there is room for: it is damaged, copy or save it again"
            )


def _coded_size(segment: bytes) -> Size | None:
    """Width and height that an image in a strip says to have; None: they cannot be told."""
    for starts, size in _SIZES.items():
        if segment.startswith(starts):
            try:
                return size(segment)
            except (struct.error, IndexError):  # cut short, which its decoder says
                return None
    return _by_pillow(segment)


def _by_pillow(segment: bytes) -> Size | None:
    """Of JPEG, PNG, WebP and JPEG 2000."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            formats = ("JPEG", "PNG", "WEBP", "JPEG2000")
            with Image.open(io.BytesIO(segment), formats=formats) as image:
                return image.size
        except Image.DecompressionBombError as error:
            raise UserError(f"{str(error).rstrip('.')}: cut it into smaller images") from error
        except (OSError, SyntaxError, ValueError, struct.error):
            return None


def _of_jpeg_xr(segment: bytes) -> Size | None:
    """A list of tags, as in TIFF; the values of these two stand in it."""
    (start,) = struct.unpack_from("<I", segment, 4)
    (count,) = struct.unpack_from("<H", segment, start)
    tags = struct.iter_unpack("<HHII", segment[start + 2 : start + 2 + 12 * count])
    values = {code: value for code, _, _, value in tags}
    width, height = (values.get(code) for code in JPEG_XR_SIZE)
    return (width, height) if width and height else None


def _of_lerc(segment: bytes) -> Size:
    """Rows and columns stand behind the version and, from the third on, a checksum."""
    (version,) = struct.unpack_from("<i", segment, len(LERC_START))
    rows, columns = struct.unpack_from("<II", segment, len(LERC_START) + (8 if version > 2 else 4))
    return columns, rows


def _of_jpeg_xl_file(segment: bytes) -> Size | None:
    """In boxes, one of which holds the picture or its first part."""
    for name, skipped in JPEG_XL_BOXES.items():
        picture = segment.partition(name)[2][skipped:]
        if picture.startswith(JPEG_XL_START):
            return _of_jpeg_xl(picture)
    return None


def _of_jpeg_xl(segment: bytes) -> Size:
    """ISO/IEC 18181-1, SizeHeader: bits from the lowest on."""
    bits = int.from_bytes(segment[len(JPEG_XL_START) :][:12], "little")

    def take(count: int) -> int:
        nonlocal bits
        value, bits = bits & (1 << count) - 1, bits >> count
        return value

    def side() -> int:
        return 8 * (take(5) + 1) if small else take((9, 13, 18, 30)[take(2)]) + 1

    small = take(1)
    height, ratio = side(), take(3)
    if not ratio:
        return side(), height
    across, down = JPEG_XL_RATIOS[ratio - 1]
    return height * across // down, height


_SIZES: dict[bytes, Callable[[bytes], Size | None]] = {
    JPEG_XR_START: _of_jpeg_xr,
    LERC_START: _of_lerc,
    JPEG_XL_START: _of_jpeg_xl,
    b"\0\0\0\x0cJXL ": _of_jpeg_xl_file,
}
