"""A run as an `ArrayTranslator`: files are read, answered, and encoded as its targets are."""

import functools
from collections.abc import Iterator, Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from tfpix2pix.config.types import Interpolation
from tfpix2pix.data import images
from tfpix2pix.data.encoding import image_suffix
from tfpix2pix.errors import UserError
from tfpix2pix.inference.image_files import (
    encode_answer,
    read_input,
    resized,
    tensorflow_refusals,
)
from tfpix2pix.inference.own_scale import OwnScale
from tfpix2pix.inference.own_size import OwnSize, measurer, with_statistics
from tfpix2pix.inference.tiling import Tiling, choose_tiling, own_multiple, smallest_own_side
from tfpix2pix.inference.translator import Translator, load_run_generator
from tfpix2pix.models.any_size import at_size
from tfpix2pix.models.statistics import Statistics, pooled
from tfpix2pix.places import as_place
from tfpix2pix.training.run_folder import RunFolder


class FileTranslator:
    """Translates files with a run: an `ArrayTranslator`.

    Args:
        translator: of the run, at the size it was trained at, to which images are resized.
        input_interpolation: how they are.
        own_scale: for answers at each image's own size instead; then `translator` says only what
            the images are.
        seed: of dropout where it is on, of which answers are the first draw.
    """

    def __init__(
        self,
        translator: Translator,
        input_interpolation: Interpolation = "bicubic",
        own_scale: OwnScale | None = None,
        seed: int = 0,
    ):
        self._translator = translator
        formats = translator.formats
        self._interpolation = formats.input.resized_by(input_interpolation)
        self._own_scale = own_scale
        self._seed = seed
        self.suffix = image_suffix(formats.target.channels, formats.target.dtype)

    @property
    def draws(self) -> bool:
        """Whether dropout is on, so that answers depend on a seed."""
        return self._translator.draws

    def read(self, source: Path) -> np.ndarray:
        """A file as the network takes it: [H, W, C] of the inputs' stored type.

        Raises:
            OSError: it cannot be read.
            UserError: it is no image, or not one that the run can take.
        """
        image = read_input(source, self._translator.formats.input)
        with tensorflow_refusals():
            if self._own_scale is not None:
                return self._own_scale.prepared(image, self._interpolation)
            return resized(image, self._translator.size, self._interpolation)

    def translate(self, images: np.ndarray) -> np.ndarray:
        """[N, H, W, C] from `read`, of one size -> [N, H, W, C'] of the targets' stored type.

        Raises:
            UserError: there is not enough memory.
        """
        with tensorflow_refusals():
            if self._own_scale is not None:
                return self._own_scale.network.translate(images, self._seed)
            self._translator.choose_draw(self._seed, 0)
            return self._translator.translate_images(tf.constant(images))["generated_image"].numpy()

    def encode(self, image: np.ndarray) -> bytes:
        """An answer [H, W, C'] as the content of a file; PNGs by TensorFlow, as exports do."""
        return encode_answer(image)

    def samples(self, source: Path, count: int, seed: int = 0) -> Iterator[np.ndarray]:
        """Draws of the answer to a file, which depend on the seed and on their number alone.

        Returns:
            `count` arrays, float32 [H, W, C] in the targets' values, not rounded; computed one by
            one. The file is read at once.

        Raises:
            as `read` and `translate` do.
        """
        image = self.read(source)
        return (self._values(image, seed, number) for number in range(count))

    def encode_values(self, values: np.ndarray) -> bytes:
        """Floats [H, W, C] in the targets' values as a file of the targets' type, rounded."""
        stored = images.as_stored(tf.constant(values), self._translator.formats.target)
        return self.encode(stored.numpy())

    def statistics(self, generator: keras.Model, source: Path) -> Statistics:
        """Those of the norms of a generator of the trained size, or of the network of any size.

        Raises:
            as `read` and `translate` do.
        """
        image = self.read(source)
        with tensorflow_refusals():
            if self._own_scale is not None:
                return self._own_scale.network.measured(image)
            seen = self._translator.seen(tf.constant(image[np.newaxis]))
            return measurer(generator)(seen)

    def _values(self, image: np.ndarray, seed: int, number: int) -> np.ndarray:
        with tensorflow_refusals():
            if self._own_scale is not None:
                return self._own_scale.network.values(image, seed, number)
            self._translator.choose_draw(seed, number)
            return self._translator.values(tf.constant(image[np.newaxis])).numpy()[0]


def load_file_translator(
    run_dir: str | Path,
    *,
    checkpoint: str | int = "latest",
    dropout_at_prediction: bool | None = None,
    tiling: Tiling | None = None,
    statistics_of: Sequence[Path] = (),
    seed: int = 0,
) -> FileTranslator:
    """The file translator of a run, with the weights of its last checkpoint or another.

    Args:
        run_dir: the run folder.
        checkpoint: as of `load_translator`.
        dropout_at_prediction: whether dropout stays on; default: as the run's settings say.
        tiling: for answers at each image's own size; default: none for runs on whole images,
            which answer at the size they were trained at, else that of `choose_tiling`.
        statistics_of: images whose statistics the norms take for all images; default: those of
            each image.
        seed: of dropout where it is on.

    Raises:
        UserError: it is no run folder, or holds no such checkpoint, or one of `statistics_of`
            cannot be used.
    """
    folder = RunFolder(as_place(run_dir))
    settings, formats = folder.settings(), folder.formats()
    interpolation = settings.data.input_interpolation
    generator = load_run_generator(
        run_dir, checkpoint=checkpoint, dropout_at_prediction=dropout_at_prediction
    )
    # One for all sizes, so that a further one costs no weights and nothing is read again.
    generator_at = functools.partial(at_size, generator)
    if tiling is None and settings.data.crops_each_pair:
        tiling = choose_tiling(settings)

    def translator(statistics: Statistics | None = None) -> FileTranslator:
        own_scale = None
        if tiling is not None:
            scaled = settings.data.resize == "scale_width_and_crop"
            own_scale = OwnScale(
                OwnSize(generator_at, formats, own_multiple(settings), tiling, statistics),
                settings.data.load_size[1] if scaled else None,
                smallest_own_side(settings),
            )
        of_size = generator if statistics is None else with_statistics(generator, statistics)
        return FileTranslator(
            Translator(of_size, interpolation, formats), interpolation, own_scale, seed
        )

    if not statistics_of:
        return translator()
    plain = translator()
    return translator(pooled([_statistics(plain, generator, path) for path in statistics_of]))


def _statistics(plain: FileTranslator, generator: keras.Model, source: Path) -> Statistics:
    """Those of the norms for one file."""
    try:
        return plain.statistics(generator, source)
    except OSError as error:
        raise UserError(f"--fixed-statistics {source}: {error.strerror}") from error
    except UserError as error:
        raise UserError(f"--fixed-statistics {source}: {error}") from error
