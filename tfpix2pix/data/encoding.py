"""Arrays [H, W, C] as the bytes of image files, and as RGB to look at.

Whatever `encode_image` writes, `tfpix2pix.data.reading.read_image` gives back value by value.
"""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np

PNG = ".png"
TIFF = ".tif"
MAX_PNG_CHANNELS = 4
ENCODABLE = ("uint8", "uint16", "float32")
# Stated, so that the bytes do not change with a library's default; twice as fast as 6, for 4 %
# more bytes.
COMPRESSION_LEVEL = 3

# Code, type, number of values, values, and whether of the first page alone: as tifffile wants it.
TiffTag = tuple[int, int, int, Any, bool]


def image_suffix(channels: int, dtype: str) -> str:
    """The suffix of what `encode_image` makes of `channels` channels of `dtype`.

    Raises:
        ValueError: there is no channel, or `dtype` is not "uint8", "uint16" or "float32".
    """
    if channels < 1 or dtype not in ENCODABLE:
        expected = f"1 or more channels of {', '.join(ENCODABLE)}"
        raise ValueError(f"expected {expected}, got {channels} of {dtype}")
    return TIFF if dtype == "float32" or channels > MAX_PNG_CHANNELS else PNG


def encode_image(pixels: np.ndarray, tags: Sequence[TiffTag] = ()) -> tuple[bytes, str]:
    """Encodes without loss; equal pixels give equal bytes.

    Args:
        pixels: [H, W, C] uint8, uint16 or float32 of any values.
        tags: for a TIFF file, beside its own; PNG has no place for them.

    Returns:
        The bytes and their suffix: PNG of 8 or 16 bits for integers of up to four channels, where
        the second of two and the fourth of four count as transparency, else TIFF.

    Raises:
        ValueError: the array has another dtype or number of axes, or no pixel.
    """
    if pixels.ndim != 3 or pixels.size == 0:
        raise ValueError(f"expected [height, width, channels], got {list(pixels.shape)}")
    suffix = image_suffix(pixels.shape[-1], pixels.dtype.name)
    # One channel is written as [H, W]: neither library can take it for something else then.
    flat = pixels[..., 0] if pixels.shape[-1] == 1 else pixels
    native = np.ascontiguousarray(flat, pixels.dtype.newbyteorder("="))
    return (_encode_png(native) if suffix == PNG else _encode_tiff(native, tags)), suffix


def _encode_png(pixels: np.ndarray) -> bytes:
    import imagecodecs

    # A row has a byte more than its pixels, which imagecodecs makes no room for: narrow noise would
    # not fit. What cannot be compressed grows by less than a hundredth, and the file has a header.
    rows = pixels.nbytes + len(pixels)
    room = rows + rows // 64 + 1024
    return bytes(imagecodecs.png_encode(pixels, level=COMPRESSION_LEVEL, out=room))


def _encode_tiff(pixels: np.ndarray, tags: Sequence[TiffTag]) -> bytes:
    import tifffile

    file = io.BytesIO()
    tifffile.imwrite(
        file,
        pixels,
        # Said outright, as tifffile takes [H, W, C] for H pages.
        photometric="rgb" if pixels.shape[2:] == (3,) else "minisblack",
        planarconfig="contig" if pixels.ndim == 3 else None,
        compression="zlib",
        compressionargs={"level": COMPRESSION_LEVEL},
        metadata=None,
        software=False,
        extratags=tags,
    )
    return file.getvalue()


def to_display(pixels: np.ndarray, value_range: tuple[float, float] | None = None) -> np.ndarray:
    """Something to look at: uint8 [H, W, 3] in [0, 255].

    One channel, or the first of two, becomes gray; of three or more the first three become RGB.

    Args:
        pixels: [H, W, C] of any integers or floats.
        value_range: what becomes 0 and 255; values outside are clipped. By default all of it for
            uint8 and uint16, and for other types from the lowest to the highest finite value
            shown. NaN becomes 0, and so does everything where the two ends are equal.
    """
    shown = pixels[..., :3] if pixels.shape[-1] >= 3 else np.repeat(pixels[..., :1], 3, axis=-1)
    if value_range is None and shown.dtype == np.uint8:
        return np.array(shown)
    if value_range is None and shown.dtype == np.uint16:
        return np.rint(shown / 257).astype(np.uint8)
    low, high = _finite_range(shown) if value_range is None else value_range
    # In float64, where the distance of two float32 cannot overflow.
    with np.errstate(invalid="ignore"):
        scaled = (shown.astype(np.float64) - low) / (high - low if high > low else np.inf) * 255
    return np.rint(np.clip(np.nan_to_num(scaled, posinf=255, neginf=0), 0, 255)).astype(np.uint8)


def _finite_range(pixels: np.ndarray) -> tuple[float, float]:
    finite = pixels[np.isfinite(pixels)]
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
