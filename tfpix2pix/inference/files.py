"""Translates one file: read as its format asks, answered, encoded as the targets are."""

import dataclasses
import functools
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfpix2pix.config import Settings
from tfpix2pix.config.network_sizes import size_multiple, smallest_side
from tfpix2pix.config.types import Interpolation
from tfpix2pix.data import images
from tfpix2pix.data.encoding import encode_image, image_suffix
from tfpix2pix.data.formats import ImageFormat
from tfpix2pix.data.pipeline import scaled_size
from tfpix2pix.data.reading import SUFFIXES, TENSORFLOW_SUFFIXES, conform, read_image
from tfpix2pix.errors import UserError
from tfpix2pix.inference.translator import Translator, load_translator
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
        multiple: of which height and width must be; images are padded up to it.
        smallest_side: of images before that.
        translator_at: gives the translator for a height and width.
    """

    width: int | None
    multiple: int
    smallest_side: int
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

    @property
    def draws(self) -> bool:
        """Whether dropout is on, so that answers depend on a seed."""
        return self._translator.draws

    def __call__(self, source: Path, seed: int = 0) -> bytes:
        """The encoded answer to a file; where dropout is on, the first of the seed's draws.

        Raises:
            OSError: it cannot be read.
            UserError, tf.errors.OpError: it is no image, or not one that the run can take.
        """
        content = _content(source)
        translate = self._translator.translate
        if translate is not None and self._own_scale is None and not _in_python(source):
            self._translator.choose_draw(seed, 0)
            return translate(tf.constant([content]))["generated_image_bytes"].numpy()[0]
        translator, image, (height, width) = self._prepared(source)
        translator.choose_draw(seed, 0)
        batch = tf.constant(image[np.newaxis])
        answer = translator.translate_images(batch)["generated_image"].numpy()[0]
        return encode_image(answer[:height, :width])[0]

    def samples(self, source: Path, count: int, seed: int = 0) -> Iterator[np.ndarray]:
        """Draws of the answer to a file, which depend on the seed and on their number alone.

        Returns:
            `count` arrays, float32 [H, W, C] in the targets' values, not rounded; computed one by
            one. The file is read at once.

        Raises:
            as a call does.
        """
        _content(source)
        prepared = self._prepared(source)
        return (_draw(*prepared, seed, number) for number in range(count))

    def encode(self, values: np.ndarray) -> bytes:
        """Floats [H, W, C] in the targets' values as a file of the targets' type, rounded."""
        stored = images.as_stored(tf.constant(values), self._translator.formats.target)
        return encode_image(stored.numpy())[0]

    def _prepared(self, source: Path) -> tuple[Translator, np.ndarray, tuple[int, int]]:
        """The network for a file, the image at its size, and the part of the answer that counts.

        At their own scale, images are mirrored on at the right and below up to a size that the
        network takes, and answers cut back.
        """
        formats = self._translator.formats
        image = read_input(source, formats.input, in_python=_in_python(source))
        own_scale = self._own_scale
        if own_scale is None:
            resized = images.resize(image, self._translator.size, self._interpolation).numpy()
            return self._translator, resized, self._translator.size
        if own_scale.width is not None:
            size = scaled_size(tf.constant(image), own_scale.width)
            image = images.resize(image, size, self._interpolation).numpy()
        height, width = image.shape[:2]
        _check_side(height, width, own_scale)
        padding = [(0, -side % own_scale.multiple) for side in (height, width)] + [(0, 0)]
        padded = np.pad(image, padding, mode="reflect" if min(height, width) > 1 else "edge")
        translator = own_scale.translator_at((padded.shape[0], padded.shape[1]))
        return translator, padded, (height, width)


def load_file_translator(
    run_dir: str | Path,
    *,
    checkpoint: str | int = "latest",
    dropout_at_prediction: bool | None = None,
) -> FileTranslator:
    """The file translator of a run, with the weights of its last checkpoint or another.

    Args:
        run_dir: the run folder.
        checkpoint: as of `load_translator`.
        dropout_at_prediction: whether dropout stays on; default: as the run's settings say.

    Raises:
        UserError: it is no run folder, or holds no such checkpoint.
    """
    settings = RunFolder(Path(run_dir)).settings()
    load = functools.partial(
        load_translator,
        run_dir,
        checkpoint=checkpoint,
        dropout_at_prediction=dropout_at_prediction,
    )
    own_scale = None
    if settings.data.crops_each_pair:
        own_scale = OwnScale(
            settings.data.load_size[1] if settings.data.resize != "crop" else None,
            *_own_sizes(settings),
            functools.lru_cache(SIZES_KEPT)(load),
        )
    return FileTranslator(load(), settings.data.input_interpolation, own_scale)


def _own_sizes(settings: Settings) -> tuple[int, int]:
    """Of `OwnScale`: the multiple, and the smallest side that is large enough when padded to it."""
    networks = settings.model, settings.data.crop_size
    multiple = math.lcm(size_multiple(*networks), LEAST_MULTIPLE)
    return multiple, max(1, smallest_side(*networks) - multiple + 1)


def _check_side(height: int, width: int, own_scale: OwnScale) -> None:
    """Refuses images that are too small for the generator even when they are padded.

    Raises:
        UserError: with the smallest size.
    """
    least = own_scale.smallest_side
    if min(height, width) < least:
        scaled = "" if own_scale.width is None else f", scaled to a width of {own_scale.width},"
        raise UserError(
            f"the image{scaled} is {height}x{width}: too small for the generator of this run, "
            f"which takes images of at least {least}x{least}"
        )


def read_input(source: Path, image_format: ImageFormat, *, in_python: bool) -> np.ndarray:
    """Reads a file as [H, W, C] of the format's type; colours and bits may be reduced.

    Raises:
        OSError, UserError, tf.errors.OpError: it cannot be read, or is no such image.
    """
    if in_python or image_format.dtype == "float32" or image_format.channels not in (1, 3, 4):
        pixels = read_image(source)
        return conform(pixels, image_format.channels, image_format.dtype, reduce=True)
    return images.decode_image(tf.constant(source.read_bytes()), image_format).numpy()


def _content(source: Path) -> bytes:
    content = source.read_bytes()
    if not content:
        raise UserError("the file is empty")
    return content


def _in_python(source: Path) -> bool:
    """Whether TensorFlow does not read files of this kind."""
    return source.suffix.lower() in set(SUFFIXES) - set(TENSORFLOW_SUFFIXES)


def _draw(
    translator: Translator, image: np.ndarray, size: tuple[int, int], seed: int, number: int
) -> np.ndarray:
    translator.choose_draw(seed, number)
    height, width = size
    return translator.values(tf.constant(image[np.newaxis])).numpy()[0, :height, :width]
