"""Image files of every accepted format as arrays [H, W, C] of uint8, uint16 or float32.

Values are as stored: uint8 in [0, 255], uint16 in [0, 65535], floats in whatever unit the file
has. Nothing here needs TensorFlow, and the libraries are imported when the first file is read.
"""

import io
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tfpix2pix.data.numpy_files import read_numpy
from tfpix2pix.data.stored import (
    AGAIN,
    CUT_SHORT,
    StoredImage,
    conform,
    refuse_bomb,
    refusing_damage,
)
from tfpix2pix.data.tiff import read_tiff
from tfpix2pix.errors import UserError

__all__ = [
    "SUFFIXES",
    "TENSORFLOW_SUFFIXES",
    "StoredImage",
    "conform",
    "is_left_to_tensorflow",
    "read_image",
]

# Those whose files TensorFlow decodes as they are read here. BMP is not among them: it takes
# palettes for gray values, and refuses 1-bit and 4-bit files.
TENSORFLOW_SUFFIXES = (".jpg", ".jpeg", ".png")
SUFFIXES = (*TENSORFLOW_SUFFIXES, ".bmp", ".webp", ".tif", ".tiff", ".npy", ".npz")

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def tensorflow_suffixes(channels: int) -> tuple[str, ...]:
    """The suffixes of what TensorFlow decodes to so many channels as `conform` would.

    It adds no fourth channel to a JPEG.
    """
    return (".png",) if channels == 4 else TENSORFLOW_SUFFIXES


def is_left_to_tensorflow(path: Path, channels: int = 3) -> bool:
    """Whether TensorFlow decodes a file where it is at hand: also one of an unknown suffix."""
    suffix = path.suffix.lower()
    return suffix in tensorflow_suffixes(channels) or suffix not in SUFFIXES


def read_image(path: Path) -> StoredImage:
    """Reads a file whose suffix is one of `SUFFIXES`.

    JPEG, PNG, BMP and WebP are told apart by their content, but a BMP must be called so. Palettes
    become RGB, or RGBA if they have transparency; CMYK in JPEG becomes RGB; fewer than 8 bits are
    spread over [0, 255]; an orientation noted by the camera is not followed (as in TensorFlow). In
    TIFF, pages or planes become the last axis, and reduced copies or masks beside the image are
    left out.

    bool becomes uint8 of 0 and 255. Signed integers, integers of 32 bits or more, and floats of
    any other size become float32, which holds integers exactly only up to 2^24. NaN and infinity
    are kept.

    Raises:
        UserError: the file is missing, empty, damaged, animated, or no image of these kinds.
    """
    reader = READERS.get(path.suffix.lower())
    try:
        if reader is None:
            raise UserError(f"unknown suffix '{path.suffix}': expected {', '.join(SUFFIXES)}")
        content = path.read_bytes()
        if not content:
            raise UserError(f"it is empty: {AGAIN}")
        if content.startswith(b"BM") and path.suffix.lower() in TENSORFLOW_SUFFIXES:
            raise UserError("it is a BMP: call it .bmp")  # TensorFlow refuses some
        return reader(content)
    except OSError as error:
        reason = f"{error.strerror}: expected a file that can be read"
        raise UserError(f"cannot read {path}: {reason}") from error
    except UserError as error:
        raise UserError(f"cannot read {path}: {error}") from error


def _read_coded(content: bytes) -> StoredImage:
    """JPEG, PNG, BMP or WebP."""
    with refusing_damage():
        return _read_png(content) if content.startswith(PNG_SIGNATURE) else _read_pillow(content)


def _refuse_animation(frames: int) -> None:
    if frames > 1:
        raise UserError(f"it is animated, with {frames} frames: save the frames as single images")


def _read_pillow(content: bytes) -> StoredImage:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(content), formats=("JPEG", "BMP", "WEBP")) as image:
            # A JPEG may carry further views after the picture itself, which is no animation.
            _refuse_animation(getattr(image, "n_frames", 1) if image.format == "WEBP" else 1)
            modes = {"1": "L", "L": "L", "RGBA": "RGBA"}
            wanted = modes.get(image.mode, "RGB")
            # Converted to its own mode it would be copied.
            pixels = np.array(image if image.mode == wanted else image.convert(wanted))
    except UnidentifiedImageError as error:
        reason = "it is no JPEG, PNG, BMP or WebP image, or only the beginning of one"
        raise UserError(f"{reason}: save it as PNG, or {AGAIN}") from error
    except Image.DecompressionBombError as error:
        raise UserError(f"{str(error).rstrip('.')}: cut it into smaller images") from error
    return StoredImage(np.atleast_3d(pixels), has_alpha=pixels.shape[2:] == (4,))


def _read_png(content: bytes) -> StoredImage:
    # Not by Pillow, which reduces 16-bit RGB to 8 bits.
    import imagecodecs

    # The structure is checked first: libpng overlooks a missing end, and reading past the end
    # costs imagecodecs a reference to None, which some thousand files later ends the process.
    chunks = _png_chunks(content)
    refuse_bomb(*struct.unpack(">II", chunks[b"IHDR"][:8]))
    if b"acTL" in chunks:
        _refuse_animation(int.from_bytes(chunks[b"acTL"][:4], "big"))
    pixels = np.atleast_3d(imagecodecs.png_decode(content))
    return StoredImage(np.require(pixels, None, ["C", "W"]), has_alpha=pixels.shape[2] in (2, 4))


def _png_chunks(content: bytes) -> dict[bytes, bytes]:
    """The first chunk of each name, if all are there to the last byte."""
    chunks: dict[bytes, bytes] = {}
    end = len(PNG_SIGNATURE)
    while b"IEND" not in chunks:
        start = end + 8
        if start > len(content):
            raise UserError(CUT_SHORT)
        length, name = struct.unpack_from(">I4s", content, end)
        end = start + length + 4
        chunks.setdefault(name, content[start : start + length])
    if end > len(content):
        raise UserError(CUT_SHORT)
    return chunks


READERS: dict[str, Callable[[bytes], StoredImage]] = {
    **dict.fromkeys((*TENSORFLOW_SUFFIXES, ".bmp", ".webp"), _read_coded),
    **dict.fromkeys((".tif", ".tiff"), read_tiff),
    **dict.fromkeys((".npy", ".npz"), read_numpy),
}
