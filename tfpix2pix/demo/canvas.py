"""From the page's canvas, or a file that was uploaded, to an input file. No TensorFlow here."""

import contextlib
import io
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from tfpix2pix.data import arrays
from tfpix2pix.data.encoding import encode_image
from tfpix2pix.data.formats import Colour, ImageFormat
from tfpix2pix.errors import UserError
from tfpix2pix.inference.tiling import DEFAULT_MEGAPIXELS, MEGAPIXEL

EMPTY = "the canvas is empty: draw something, upload a picture, or take an example"
DRAWABLE_CHANNELS = (1, 3, 4)


def is_drawable(source: ImageFormat) -> bool:
    """Whether such inputs can be drawn: integers, in gray or colour."""
    return source.dtype != "float32" and source.channels in DRAWABLE_CHANNELS


def drawn_input(content: bytes, source: ImageFormat, paper: Colour) -> bytes:
    """What was drawn, as a file that `predict` takes for the same picture.

    What is transparent shows the paper. Of label maps each pixel gets the colour of the class that
    is nearest.

    Args:
        content: a PNG of 8 bits, as browsers make it of a canvas.
        source: of the inputs.
        paper: the colour of what was not drawn on.

    Returns:
        A PNG, RGB of 8 bits.

    Raises:
        UserError: nothing was drawn, it is no PNG, or it is too large.
    """
    if not content:
        raise UserError(EMPTY)
    try:
        with _refusing_large(), Image.open(io.BytesIO(content), formats=["PNG"]) as image:
            _check_size(*image.size)
            layers = np.asarray(image.convert("RGBA"))
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise UserError("the drawing did not arrive as a PNG: reload the page") from error
    pixels = _over(layers, paper)
    if (pixels == np.array(paper, np.uint8)).all():
        raise UserError(EMPTY)
    if source.palette:
        pixels = snapped(pixels, source.palette)
    return encode_image(pixels)[0]


def snapped(pixels: np.ndarray, palette: tuple[Colour, ...]) -> np.ndarray:
    """uint8 RGB [H, W, 3], each pixel in the palette's nearest colour."""
    return np.array(palette, np.uint8)[arrays.label_numbers(pixels, palette)[..., 0]]


def check_upload(path: Path) -> None:
    """Refuses a picture of too many pixels before it is decoded, where its file says how many.

    Raises:
        UserError: with how many are taken.
    """
    try:
        with _refusing_large(), Image.open(path) as image:
            size = image.size
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError):
        return  # NPY, many-channelled TIFF, or none at all: whoever reads it says so
    _check_size(*size)


def _check_size(width: int, height: int) -> None:
    if width * height > DEFAULT_MEGAPIXELS * MEGAPIXEL:
        raise UserError(
            f"the picture has {width}x{height} pixels: expected at most {DEFAULT_MEGAPIXELS:g} "
            "megapixels; make it smaller, or use tfpix2pix predict"
        )


@contextlib.contextmanager
def _refusing_large() -> Iterator[None]:
    """Lets Pillow open large files, whose size is checked here, and words what it refuses."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            yield
    except Image.DecompressionBombError as error:
        raise UserError(
            f"the picture is far too large: expected at most {DEFAULT_MEGAPIXELS:g} megapixels"
        ) from error


def _over(layers: np.ndarray, paper: Colour) -> np.ndarray:
    """RGBA [H, W, 4] laid over a colour: RGB [H, W, 3], rounded."""
    alpha = layers[..., 3:].astype(np.float32) / 255
    mixed = layers[..., :3] * alpha + np.array(paper, np.float32) * (1 - alpha)
    return np.rint(mixed).astype(np.uint8)
