"""The graph from images to images, the same in `predict` and in an export.

BatchNorm takes the statistics of each single image and dropout is off, unless the run's settings
ask for something else, so that the answer to an image does not depend on what else is in the batch.
Where dropout is on, all images of a batch get the same masks, for the same reason.
"""

import dataclasses
import functools
from pathlib import Path

import keras
import tensorflow as tf

from tfpix2pix.config import Settings
from tfpix2pix.config.network_sizes import generator_depth
from tfpix2pix.config.sizes import checked_depth
from tfpix2pix.config.types import Interpolation
from tfpix2pix.data import images
from tfpix2pix.data.encoding import image_suffix
from tfpix2pix.data.formats import RGB_PAIRS, PairFormat
from tfpix2pix.data.pipeline import resize_stored
from tfpix2pix.models import Dropout, set_prediction_seed
from tfpix2pix.places import as_place
from tfpix2pix.training.checkpoints import load_generator
from tfpix2pix.training.run_folder import RunFolder


class Translator(tf.Module):
    """A generator with what comes before and after it.

    A run that was trained on crops knows one scale only, so it resizes nothing.

    Attributes:
        formats: of the images.
        size: height and width of the generator.
        draws: whether dropout is on, so that `choose_draw` has an effect.
        choose_draw: chooses dropout's masks for all calls to come, by a seed and the number of the
            draw, 0 or more each.
        translate: tf.function of encoded images, string [N], each JPEG, PNG or BMP of any size;
            returns PNGs of the generator's size under `generated_image_bytes`, string [N], with 16
            bits where the targets have them. None where the images do not go into such files
            (floats, more than four channels), or must not be resized.
        translate_images: tf.function of stored images of the generator's size, [N, H, W, C] of the
            input's type (a label map in its colours); returns `generated_image`, [N, H, W, C'] of
            the target's type, the same.
        generate: tf.function of what the generator sees, float32 [N, H, W, C] in [-1, 1]; returns
            `generated_image`, the same or, where the targets are label maps, the probability of
            each class, [N, H, W, K].
    """

    def __init__(
        self,
        generator: keras.Model,
        input_interpolation: Interpolation = "bicubic",
        formats: PairFormat = RGB_PAIRS,
        *,
        resizes: bool = True,
    ):
        super().__init__(name="translator")
        # The raw variables, not the Keras model: TensorFlow Serving's loader cannot run a
        # SavedModel of a module that holds a model or Keras' own variables.
        self.generator_variables = [variable.value for variable in _used_variables(generator)]
        self._call = functools.partial(generator, training=False)
        self.draws = bool(drawing_layers(generator))
        self.choose_draw = functools.partial(set_prediction_seed, generator)
        self._interpolation = input_interpolation
        self.formats = formats
        self.size: tuple[int, int] = tuple(generator.input_shape[1:3])
        self.generate = tf.function(
            self._generate,
            input_signature=[tf.TensorSpec(generator.input_shape, tf.float32, "input_image")],
        )
        stored = tf.TensorSpec(
            [None, *self.size, formats.input.channels], formats.input.dtype, "input_image"
        )
        self.translate_images = tf.function(self._translate_images, input_signature=[stored])
        self.translate = None
        # Where images must keep their scale, only crops of the right size can be answered.
        suffixes = {image_suffix(f.channels, f.dtype) for f in (formats.input, formats.target)}
        if resizes and suffixes == {".png"}:
            self.translate = tf.function(
                self._translate, input_signature=[tf.TensorSpec([None], tf.string, "image_bytes")]
            )

    def values(self, input_image: tf.Tensor) -> tf.Tensor:
        """As `translate_images`, but not rounded: float32 [N, H, W, C'] in the targets' values.

        Not for label maps, which have no values in between.
        """
        generated = self.generate(self.seen(input_image))["generated_image"]
        return images.unrounded_from_network_range(generated, self.formats.target)

    def _generate(self, input_image: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"generated_image": self._call(input_image)}

    def _translate_images(self, input_image: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"generated_image": self._answer(self.seen(input_image))}

    def _translate(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        source = self.formats.input
        input_image = tf.map_fn(
            self._decode, image_bytes, fn_output_signature=tf.as_dtype(source.dtype)
        )
        input_image = tf.ensure_shape(input_image, [None, *self.size, source.pipeline_channels])
        generated_image = self._answer(images.to_network_range(input_image, source))
        pngs = tf.map_fn(tf.io.encode_png, generated_image, fn_output_signature=tf.string)
        return {"generated_image_bytes": pngs}

    def _decode(self, content: tf.Tensor) -> tf.Tensor:
        image = images.decode_image(content, self.formats.input)
        return resize_stored(image, self.formats.input, self.size, self._interpolation)

    def seen(self, input_image: tf.Tensor) -> tf.Tensor:
        """Stored images, label maps in their colours -> what the generator sees."""
        source = self.formats.input
        return images.to_network_range(images.as_fetched(input_image, source), source)

    def _answer(self, seen: tf.Tensor) -> tf.Tensor:
        """What the generator sees -> stored images, label maps in their colours."""
        target = self.formats.target
        return images.as_in_files(images.from_network_range(self._call(seen), target), target)


def drawing_layers(generator: keras.Model) -> list[Dropout]:
    """The layers with dropout at prediction."""
    layers = [layer for layer in generator.layers if isinstance(layer, Dropout)]
    return [layer for layer in layers if layer.at_prediction and layer.rate > 0]


def _used_variables(generator: keras.Model) -> list[keras.Variable]:
    """All that an answer is computed from: the weights, and the seeds where dropout is on."""
    seeds = [layer.prediction_seed.state for layer in drawing_layers(generator)]
    return [*generator.weights, *seeds]


def _with_depth_of_training(settings: Settings) -> Settings:
    """Where the size in training decides the depth, images of other sizes must not change it."""
    if generator_depth(settings.model) is not None:
        return settings
    depth = checked_depth(*settings.data.crop_size, None)
    model = dataclasses.replace(settings.model, depth=depth)
    return dataclasses.replace(settings, model=model)


def load_translator(
    run_dir: str | Path,
    image_size: tuple[int, int] | None = None,
    *,
    checkpoint: str | int = "latest",
    dropout_at_prediction: bool | None = False,
) -> Translator:
    """The translator of a run, with the weights of its last checkpoint or another.

    Args:
        run_dir: the run folder.
        image_size: height and width it takes; default: those it was trained at.
        checkpoint: `latest`, `best` (of the validations, by the run's `best_metric`), or the step
            of one that is kept.
        dropout_at_prediction: whether dropout stays on; default: off, as in exports, which answer
            the same to the same image; None: as the run's settings say.

    Raises:
        UserError: it is no run folder, or holds no such checkpoint.
    """
    generator = load_run_generator(
        run_dir,
        image_size,
        checkpoint=checkpoint,
        dropout_at_prediction=dropout_at_prediction,
    )
    settings, formats = (
        RunFolder(as_place(run_dir)).settings(),
        RunFolder(as_place(run_dir)).formats(),
    )
    return Translator(
        generator,
        settings.data.input_interpolation,
        formats,
        resizes=not settings.data.crops_each_pair,
    )


def load_run_generator(
    run_dir: str | Path,
    image_size: tuple[int, int] | None = None,
    *,
    checkpoint: str | int = "latest",
    dropout_at_prediction: bool | None = False,
) -> keras.Model:
    """The generator of a run at any size that it takes, as deep as in training.

    Args and raises: see `load_translator`.
    """
    folder = RunFolder(as_place(run_dir))
    return load_generator(
        _with_depth_of_training(folder.settings()),
        folder.checkpoints,
        folder.formats(),
        image_size,
        checkpoint=checkpoint,
        dropout_at_prediction=dropout_at_prediction,
    )
