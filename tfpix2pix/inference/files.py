"""Translates one file: read as its format asks, answered, encoded as the targets are."""

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfpix2pix.config.types import Interpolation
from tfpix2pix.data import images
from tfpix2pix.data.encoding import encode_image, image_suffix
from tfpix2pix.data.formats import ImageFormat
from tfpix2pix.data.pipeline import scaled_size
from tfpix2pix.data.reading import SUFFIXES, TENSORFLOW_SUFFIXES, conform, read_image
from tfpix2pix.errors import UserError
from tfpix2pix.inference.translator import Translator, load_translator
from tfpix2pix.models.generators import checked_depth
from tfpix2pix.training.run_folder import RunFolder

# Networks for so many sizes are kept where images are translated at their own; sizes are rounded
# up, so that there are not too many.
SIZES_KEPT = 4
LEAST_MULTIPLE = 64


@dataclasses.dataclass(frozen=True)
class OwnScale:
    """How to translate images at their own size.

    Attributes:
        width: to which they are scaled first, or None.
        multiple: of which height and width must be.
        translator_at: gives the translator for a height and width.
    """

    width: int | None
    multiple: int
    translator_at: Callable[[tuple[int, int]], Translator]


class FileTranslator:
    """Translates files with a run.

    Runs that resize whole images answer at the size they were trained at. Runs that train on
    crops (`resize` crop, scale_width_and_crop) answer at each image's own size, since a resized
    image would not have the scale they know.
    """

    def __init__(
        self,
        translator: Translator,
        input_interpolation: Interpolation = "bicubic",
        own_scale: OwnScale | None = None,
    ):
        self._translator = translator
        formats = translator.formats
        self._interpolation: Interpolation = (
            "nearest" if formats.input.palette else input_interpolation
        )
        self._own_scale = own_scale
        self.suffix = image_suffix(formats.target.channels, formats.target.dtype)

    def __call__(self, source: Path) -> bytes:
        """The encoded answer to a file.

        Raises:
            OSError: it cannot be read.
            UserError, tf.errors.OpError: it is no image, or not one that the run can take.
        """
        content = source.read_bytes()
        if not content:
            raise UserError("the file is empty")
        in_python = source.suffix.lower() in set(SUFFIXES) - set(TENSORFLOW_SUFFIXES)
        translate = self._translator.translate
        if translate is not None and self._own_scale is None and not in_python:
            return translate(tf.constant([content]))["generated_image_bytes"].numpy()[0]
        image = read_input(source, self._translator.formats.input, in_python=in_python)
        if self._own_scale is not None:
            return encode_image(self._answer_at_own_scale(image, self._own_scale))[0]
        resized = images.resize(image, self._translator.size, self._interpolation)
        return encode_image(_answer(self._translator, resized.numpy()))[0]

    def _answer_at_own_scale(self, image: np.ndarray, own_scale: OwnScale) -> np.ndarray:
        """Mirrored on at the right and below up to a size that the network takes, and cut back."""
        if own_scale.width is not None:
            size = scaled_size(tf.constant(image), own_scale.width)
            image = images.resize(image, size, self._interpolation).numpy()
        height, width = image.shape[:2]
        padding = [(0, -side % own_scale.multiple) for side in (height, width)] + [(0, 0)]
        padded = np.pad(image, padding, mode="reflect" if min(height, width) > 1 else "edge")
        translator = own_scale.translator_at((padded.shape[0], padded.shape[1]))
        return _answer(translator, padded)[:height, :width]


def load_file_translator(run_dir: str | Path) -> FileTranslator:
    """The file translator of a run, with the weights of its last checkpoint.

    Raises:
        UserError: it is no run folder, or holds no checkpoint.
    """
    settings = RunFolder(Path(run_dir)).settings()
    own_scale = None
    if settings.data.crops_each_pair:
        translator_at = functools.partial(load_translator, run_dir)
        own_scale = OwnScale(
            settings.data.load_size[1] if settings.data.resize != "crop" else None,
            max(2 ** checked_depth(*settings.data.crop_size, settings.model.depth), LEAST_MULTIPLE),
            functools.lru_cache(SIZES_KEPT)(translator_at),
        )
    interpolation = settings.data.input_interpolation
    return FileTranslator(load_translator(run_dir), interpolation, own_scale)


def read_input(source: Path, image_format: ImageFormat, *, in_python: bool) -> np.ndarray:
    """Reads a file as [H, W, C] of the format's type; colours and bits may be reduced.

    Raises:
        OSError, UserError, tf.errors.OpError: it cannot be read, or is no such image.
    """
    if in_python or image_format.dtype == "float32" or image_format.channels not in (1, 3, 4):
        pixels = read_image(source)
        return conform(pixels, image_format.channels, image_format.dtype, reduce=True)
    return images.decode_image(tf.constant(source.read_bytes()), image_format).numpy()


def _answer(translator: Translator, image: np.ndarray) -> np.ndarray:
    batch = tf.constant(image[np.newaxis])
    return translator.translate_images(batch)["generated_image"].numpy()[0]
