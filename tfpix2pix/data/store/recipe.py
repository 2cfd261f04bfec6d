"""From the files of a pair to what is stored of it. Nothing here needs TensorFlow but JPEG.

JPEG is decoded by TensorFlow, as in training from a folder: it rounds coarsely, and Pillow's pixels
differ by up to 23 of 255 in the facades. Other formats have one meaning; only where colours are
made gray (`input_channels: 1`) may a value differ by 1.
"""

import dataclasses
import functools
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tfpix2pix.config import DataSettings
from tfpix2pix.config.types import Interpolation
from tfpix2pix.data import operations
from tfpix2pix.data.detect import detect_format
from tfpix2pix.data.encoding import encode_image
from tfpix2pix.data.folders import PairFiles
from tfpix2pix.data.formats import ImageFormat, PairFormat, pair_format
from tfpix2pix.data.image_checks import wrong_values
from tfpix2pix.data.pair_checks import size_reason
from tfpix2pix.data.reading import (
    PNG_SIGNATURE,
    TENSORFLOW_SUFFIXES,
    StoredImage,
    conform,
    read_image,
)
from tfpix2pix.data.sources import Listing
from tfpix2pix.data.store.options import StoreOptions, is_jpeg_format, settings_by_side
from tfpix2pix.errors import UserError, plain_reason

JPEG_SIGNATURE = b"\xff\xd8\xff"
JPEG_QUALITY = 95
# Derived inputs are of the same type and channels for any image, so that a black one tells.
SAMPLE_SIZE = (64, 64)


class Side(NamedTuple):
    """One image of a pair.

    Attributes:
        pixels: [H, W, C] as its format says.
        content: the bytes of its file, if they hold these very pixels as JPEG or PNG.
    """

    pixels: np.ndarray
    content: bytes | None = None


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How pairs are made; can be pickled.

    Attributes:
        settings: of the data, as `settings_by_side` gives them: A is the input and B the target.
        options: what is done to them.
        formats: what A (the `input`) and B (the `target`) become.
    """

    settings: DataSettings
    options: StoreOptions
    formats: PairFormat


def make_recipe(settings: DataSettings, options: StoreOptions, listing: Listing) -> Recipe:
    """Finds out what the images of a listing are.

    Raises:
        UserError: none can be read, or what `--derive` needs is missing.
        SettingsError: float images without `value_range`.
    """
    by_side = settings_by_side(settings)
    pairs = listing.splits.get("train") or next(iter(listing.splits.values()))
    if options.derivation is None:
        formats = detect_format(settings, pairs)
        if settings.direction == "BtoA":
            formats = PairFormat(formats.target, formats.input)
        return Recipe(by_side, options, formats)
    targets = [PairFiles(image.name, image.a, image.a) for image in pairs]
    target = detect_format(settings, targets).target
    sample = np.zeros((*SAMPLE_SIZE, target.channels), target.dtype)
    derived = options.derivation.derive(sample, "", target.value_range)
    found: Any = (derived.shape[-1], derived.dtype.name)
    formats = pair_format(settings, found, (target.channels, target.dtype))
    return Recipe(by_side, options, formats)


def make_pair(files: PairFiles, recipe: Recipe) -> tuple[Side, Side]:
    """Reads a pair and does to it what the options say.

    Raises:
        UserError: it cannot be read or does not fit the rest of the set.
    """
    settings, derivation = recipe.settings, recipe.options.derivation
    if derivation is None:
        a, b = _read_pair(files, recipe)
        reason = _misfit(a.pixels.shape[:2], b.pixels.shape[:2], recipe)
        if reason:
            raise UserError(reason)
        a = _shaped(a, recipe.options, settings.input_interpolation, recipe.formats.input)
        return a, _shaped(b, recipe.options, settings.target_interpolation, recipe.formats.target)
    a_format, b_format = recipe.formats.input, recipe.formats.target
    b = _checked(
        _read_file(files.a, b_format, settings.output_channels is not None), files.a, b_format
    )
    b = _shaped(b, recipe.options, settings.target_interpolation, b_format)
    derived = StoredImage(derivation.derive(b.pixels, files.name, b_format.value_range))
    return Side(conform(derived, a_format.channels, a_format.dtype, reduce=True)), b


def _read_pair(files: PairFiles, recipe: Recipe) -> tuple[Side, Side]:
    settings, formats = recipe.settings, recipe.formats
    how_a = (formats.input, settings.input_channels is not None)
    how_b = (formats.target, settings.output_channels is not None)
    a = _read_file(files.a, *how_a)
    if files.b is None:
        b = a if _as_stored(*how_a) == _as_stored(*how_b) else _read_file(files.a, *how_b)
        a, b = _halves(files, a, b, recipe)
    else:
        b = _read_file(files.b, *how_b)
    a = _checked(a, files.a, formats.input)
    return a, _checked(b, files.b or files.a, formats.target)


def _as_stored(image_format: ImageFormat, reduce: bool) -> tuple[Any, ...]:
    """What decides how a file is read: the values mean nothing then."""
    return image_format.channels, image_format.dtype, reduce


def _halves(files: PairFiles, a: Side, both: Side, recipe: Recipe) -> tuple[Side, Side]:
    layout = recipe.settings.layout
    try:
        left, _ = operations.split_pair(a.pixels, layout)
        _, right = operations.split_pair(both.pixels, layout)
    except UserError as error:
        raise UserError(f"cannot use {files.a}: {error}") from error
    return Side(left), Side(right)


def _checked(side: Side, path: str, image_format: ImageFormat) -> Side:
    for reason in wrong_values(side.pixels, image_format):
        raise UserError(f"cannot use {path}: {reason}")
    return side


def _read_file(path: str, image_format: ImageFormat, reduce: bool) -> Side:
    stored = read_image(Path(path))
    try:
        pixels = conform(stored, image_format.channels, image_format.dtype, reduce=reduce)
        if not path.lower().endswith(TENSORFLOW_SUFFIXES):
            return Side(pixels)
        content = Path(path).read_bytes()
        if content.startswith(JPEG_SIGNATURE) and is_jpeg_format(image_format):
            return Side(_decode_jpeg(content, image_format, reduce), content)
    except UserError as error:
        raise UserError(f"cannot use {path}: {error}") from error
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
    # What was turned into other channels or bits is no longer what the file holds.
    is_kept = content.startswith(PNG_SIGNATURE) and pixels is stored.pixels
    return Side(pixels, content if is_kept else None)


def _decode_jpeg(content: bytes, image_format: ImageFormat, reduce: bool) -> np.ndarray:
    import tensorflow as tf

    try:
        return _jpeg_decoder(image_format, reduce)(tf.constant(content)).numpy()
    except tf.errors.OpError as error:
        raise UserError(plain_reason(error)) from error


@functools.lru_cache(maxsize=2)
def _jpeg_decoder(image_format: ImageFormat, reduce: bool) -> Callable[[Any], Any]:
    import tensorflow as tf

    from tfpix2pix.data import images

    decode = functools.partial(images.decode_without_loss, image_format=image_format, reduce=reduce)
    return tf.function(decode, input_signature=[tf.TensorSpec([], tf.string)])


def _misfit(of_a: tuple[int, ...], of_b: tuple[int, ...], recipe: Recipe) -> str:
    """Why the sizes of A and B do not go together; empty if they do."""
    sizes = ((of_a[0], of_a[1]), (of_b[0], of_b[1]))
    reason = size_reason(*sizes, recipe.settings)
    if not reason and of_a != of_b and (recipe.options.pad or recipe.options.crop):
        shown = " and ".join(f"{height}x{width}" for height, width in sizes)
        return f"the images are {shown}: to pad or crop both alike, they must be of one size"
    return reason


def _shaped(
    side: Side, options: StoreOptions, interpolation: Interpolation, image_format: ImageFormat
) -> Side:
    """Padded with white, cropped and resized, in this order."""
    pixels = side.pixels
    if options.pad is not None:
        white = operations.to_dtype(np.array(image_format.value_range[1]), pixels.dtype).item()
        pixels = operations.pad(pixels, options.pad, fill=white)
    if options.crop is not None:
        pixels = operations.crop(pixels, options.crop)
    if options.resize is not None:
        pixels = operations.resize(pixels, options.resize, interpolation)
    return side if pixels is side.pixels else Side(pixels)


def encode(side: Side, options: StoreOptions) -> tuple[bytes, str]:
    """The image as a file's bytes, and the suffix; its own file's if that will do."""
    if side.content is not None:
        suffix = ".png" if side.content.startswith(PNG_SIGNATURE) else ".jpg"
        return side.content, suffix
    return _encode_jpeg(side.pixels) if options.encoding == "jpeg" else encode_image(side.pixels)


def _encode_jpeg(pixels: np.ndarray) -> tuple[bytes, str]:
    from PIL import Image

    image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    file = io.BytesIO()
    # Colours at full resolution: those of label maps and drawings have sharp edges.
    image.save(file, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    return file.getvalue(), ".jpg"
