"""What the readers of all formats share: the image as stored, and the words of refusals.

Images are [H, W, C]: uint8 in [0, 255], uint16 in [0, 65535], or float32 in whatever unit the file
has.
"""

import contextlib
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tfpix2pix.data.formats import MAX_CHANNELS
from tfpix2pix.data.operations import grayscale
from tfpix2pix.errors import UserError

# What Pillow refuses as a decompression bomb; here it holds for PNG and TIFF too.
MAX_PIXELS = 178_956_970
# Arrays and TIFF may have many channels and pages, and a few bytes stand for many: beyond so much,
# a file must be in proportion to what it says to hold.
UNPROVEN_BYTES = 2 * 2**30
MAX_UNPACKING = 200

MOST_DETAIL = 200
AGAIN = "copy or save it again"
CUT_SHORT = f"it is cut short: {AGAIN}"
# Besides what they document, the libraries let these through when they meet a damaged file.
DAMAGE: tuple[type[Exception], ...] = (
    *(OSError, EOFError, SyntaxError, ValueError, TypeError, AttributeError),
    *(LookupError, ArithmeticError, RuntimeError, AssertionError),
    *(struct.error, zlib.error, zipfile.BadZipFile, tokenize.TokenError),
)


@dataclass(frozen=True)
class StoredImage:
    """An image as its file has it.

    Attributes:
        pixels: [H, W, C] uint8, uint16 or float32; C-contiguous and writable.
        has_alpha: the last channel is transparency. So it can be in PNG, WebP and BMP; in TIFF,
            NPY and NPZ every channel is data.
    """

    pixels: np.ndarray
    has_alpha: bool = False


def as_stored(array: np.ndarray) -> StoredImage:
    """[H, W] or [H, W, C] of any number type -> channels that are data.

    Raises:
        UserError: it has another shape, or is not of numbers. As below, the message is the reason
            only, without the file.
    """
    if array.dtype.kind not in "buif":
        raise UserError(f"it holds {array.dtype} values: expected integers or real floats")
    if array.ndim not in (2, 3) or 0 in array.shape:
        expected = "expected [height, width] or [height, width, channels], none of them 0"
        raise UserError(f"its shape is {list(array.shape)}: {expected}")
    if array.ndim == 3 and array.shape[-1] > MAX_CHANNELS:
        shape = f"its shape {list(array.shape)} makes {array.shape[-1]} channels"
        raise UserError(f"{shape}: the channels are probably first, expected them last")
    if array.dtype.kind == "b":
        array = array * np.uint8(255)
    small = array.dtype.kind == "u" and array.dtype.itemsize <= 2
    dtype = array.dtype.newbyteorder("=") if small else np.dtype(np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        pixels = np.require(array.reshape(*array.shape[:2], -1), dtype, ["C", "W"])
    return StoredImage(pixels)


def conform(image: StoredImage, channels: int, dtype: str, *, reduce: bool = False) -> np.ndarray:
    """The image as [H, W, channels] of `dtype`, where that loses nothing that was not asked for.

    Transparency is dropped unless it makes up the wanted channels; gray is repeated to RGB; to
    integer RGB an opaque fourth channel is added. uint8 becomes uint16 times 257.

    Args:
        image: what `read_image` gives.
        channels: the wanted number.
        dtype: "uint8", "uint16" or "float32".
        reduce: may turn RGB into gray, by the same luma as `operations.grayscale`.

    Raises:
        UserError: the image does not fit. The message is the reason only, without the file.
    """
    pixels = _conform_dtype(image.pixels, dtype)
    count = pixels.shape[-1]
    if count == channels:
        return pixels
    colours, alpha = pixels, None
    if image.has_alpha:
        colours, alpha = pixels[..., :-1], pixels[..., -1:]
    if colours.shape[-1] == 1 and channels in (3, 4):
        colours = np.repeat(colours, 3, axis=-1)
    if colours.shape[-1] == 3 and channels == 1 and reduce:
        colours = grayscale(colours)
    if colours.shape[-1] == 3 and channels == 4 and dtype != "float32":
        opaque = np.full_like(colours[..., :1], np.iinfo(dtype).max)
        colours = np.concatenate([colours, opaque if alpha is None else alpha], axis=-1)
    if colours.shape[-1] != channels:
        kind = {1: " (gray)", 3: " (RGB)"}.get(channels, "")
        have = "1 channel" if count == 1 else f"{count} channels"
        raise UserError(f"it has {have}, expected {channels}{kind}")
    return np.ascontiguousarray(colours)


def _conform_dtype(pixels: np.ndarray, dtype: str) -> np.ndarray:
    if pixels.dtype == dtype:
        return pixels
    if pixels.dtype == "uint8" and dtype == "uint16":
        return pixels * np.uint16(257)
    names = {"uint8": "8-bit", "uint16": "16-bit", "float32": "floating-point"}
    raise UserError(f"{names[pixels.dtype.name]} among {names[dtype]} images")


@contextlib.contextmanager
def refusing_damage() -> Iterator[None]:
    """Turns what a library raises for a damaged file into a `UserError` of one line."""
    try:
        yield
    except MemoryError as error:
        raise UserError("it does not fit into memory: cut it into smaller images") from error
    except DAMAGE as error:
        detail = " ".join(str(error).split()) or type(error).__name__
        # Some libraries quote the file.
        shown = detail if len(detail) <= MOST_DETAIL else f"{detail[:MOST_DETAIL]}..."
        raise UserError(f"it is broken or cut short ({shown}): {AGAIN}") from error


def refuse_bomb(width: int, height: int) -> None:
    """Raises a `UserError` for a size that is most likely made to fill the memory."""
    if width * height > MAX_PIXELS:
        size = f"it says to have {width} x {height} pixels, more than {MAX_PIXELS}"
        raise UserError(f"{size}: damaged or a decompression bomb, else cut it into smaller images")


def refuse_unpacking(unpacked: int, stored: int) -> None:
    """Raises a `UserError` for a small file that says to hold so many bytes that none believes it.

    Args:
        unpacked: the bytes of its pixels.
        stored: the bytes of the file.
    """
    if unpacked > max(UNPROVEN_BYTES, MAX_UNPACKING * stored):
        size = f"it says to hold {unpacked / 2**30:.1f} GiB in {stored} bytes"
        raise UserError(f"{size}: damaged or a decompression bomb, else cut it into smaller images")
