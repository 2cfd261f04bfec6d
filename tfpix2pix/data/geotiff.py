"""Where on earth a TIFF image lies: the tags of GeoTIFF 1.1 that say so.

Tags about values (GDAL's no-data value and its metadata) are not among them: they are of the input,
and not true of the answer.
"""

from pathlib import Path
from typing import Any

from tfpix2pix.data.encoding import TiffTag, encode_image
from tfpix2pix.data.stored import refusing_damage
from tfpix2pix.data.tiff import read_tiff, without_log_lines

TIFF_SUFFIXES = (".tif", ".tiff")
# ModelPixelScale, ModelTiepoint, ModelTransformation, GeoKeyDirectory, GeoDoubleParams,
# GeoAsciiParams.
PLACE_TAGS = (33550, 33922, 34264, 34735, 34736, 34737)


def with_place_of(source: Path, answer: bytes) -> bytes:
    """A TIFF file with the place of another one, if that has one and is of the same size.

    Args:
        source: any file.
        answer: the content of a TIFF file as `encode_image` writes it.

    Raises:
        OSError, UserError: the source cannot be read.
    """
    if source.suffix.lower() not in TIFF_SUFFIXES:
        return answer
    size, tags = _place(source)
    if not tags:
        return answer
    pixels = read_tiff(answer).pixels
    return encode_image(pixels, tags)[0] if pixels.shape[:2] == size else answer


def _place(source: Path) -> tuple[tuple[int, int], list[TiffTag]]:
    """Height and width of the first page, and its tags that say where it lies."""
    import tifffile

    with source.open("rb") as content, refusing_damage(), without_log_lines():
        page = tifffile.TiffFile(content).pages.first
        found = [page.tags[code] for code in PLACE_TAGS if code in page.tags]
        tags = [(tag.code, int(tag.dtype), *_counted(tag.count, tag.value), True) for tag in found]
        return (page.imagelength, page.imagewidth), tags


def _counted(count: int, value: Any) -> tuple[int, Any]:
    """Texts as bytes, since tifffile takes no texts but ASCII, and how many there are then."""
    if not isinstance(value, str):
        return count, value
    text = value.encode() + b"\0"
    return len(text), text
