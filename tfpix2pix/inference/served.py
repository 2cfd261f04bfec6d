"""The graph of a model server: from images of any size to their answers, each image by itself.

A batch is answered image by image, so that an answer has the same bits whatever else is in the
batch and however large it is: sums over several images at once would be taken in another order.
"""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from tfpix2pix.config import Settings
from tfpix2pix.config.types import SizeHandling
from tfpix2pix.data import images
from tfpix2pix.data.encoding import PNG, image_suffix
from tfpix2pix.data.formats import PairFormat
from tfpix2pix.data.headers import header_size, refuse_large
from tfpix2pix.errors import SettingsError
from tfpix2pix.inference.fitting import Fitting
from tfpix2pix.inference.prediction_seeds import seed_words
from tfpix2pix.inference.tiling import (
    DEFAULT_MEGAPIXELS,
    MEGAPIXEL,
    own_multiple,
    smallest_own_side,
)
from tfpix2pix.inference.translator import drawing_layers, load_run_generator
from tfpix2pix.models import Dropout
from tfpix2pix.models.any_size import at_any_size
from tfpix2pix.places import as_place
from tfpix2pix.training.run_folder import RunFolder

# Images that are worked on at a time, so that decoding and small maps leave no core idle.
IMAGES_AT_A_TIME = 4
# What a caller's own scaling to [-1, 1] may be off.
ROUNDING = 1e-3


@dataclasses.dataclass(frozen=True)
class ServingOptions:
    """What is chosen at export.

    Attributes:
        size_handling: see `Fitting`; None: as `predict` does: `"pad"` of runs on crops, which
            know one scale alone, `"fixed"` of all others.
        max_megapixels: of an image, in millions of pixels.
        dropout: stays on, and requests carry a seed for each image.
    """

    size_handling: SizeHandling | None = None
    max_megapixels: float = DEFAULT_MEGAPIXELS
    dropout: bool = False


class ServedModel(tf.Module):
    """A generator with what comes before and after it, for images of any size.

    Attributes:
        fitting: of images of another size than the network's.
        draws: whether dropout is on; all functions then take `seed` too, int64 [N], 0 to
            2^32 - 1, one for each image: the answer is that of `predict --seed`.
        translate: tf.function of encoded images, `image_bytes`, string [N], JPEG, PNG or BMP;
            returns PNGs under `generated_image_bytes`, string [N], with 16 bits where the targets
            have them. None where the images do not go into such files.
        translate_stored: tf.function of stored images, `input_image`, [N, h, w, C] of the
            inputs' type (a label map in its colours); returns `generated_image`, [N, h', w', C'] of
            the targets' type, the same.
        generate: tf.function of what the network sees, `input_image`, float32 [N, h, w, C] in
            [-1, 1]; returns `generated_image`, the same or, where the targets are label maps, the
            probability of each class, [N, h', w', K].
    """

    def __init__(self, generator: keras.Model, fitting: Fitting | None = None):
        super().__init__(name="served_model")
        # The raw variables, not the Keras model: see `Translator`.
        self.generator_variables = [variable.value for variable in generator.weights]
        self.fitting = fitting or Fitting(tuple(generator.input_shape[1:3]))
        self.draws = bool(drawing_layers(generator))
        source, target = self.fitting.formats.input, self.fitting.formats.target
        network = at_any_size(generator) if self.fitting.handling == "pad" else generator
        # Traced once, for all signatures.
        self._network = tf.function(
            _network_call(network),
            input_signature=[
                tf.TensorSpec([1, *network.input_shape[1:]], tf.float32),
                tf.TensorSpec([], tf.int64),
            ],
        )
        self.translate = None
        if {image_suffix(side.channels, side.dtype) for side in (source, target)} == {PNG}:
            self.translate = self._over_images(
                self._translate_one,
                tf.TensorSpec([None], tf.string, "image_bytes"),
                ("generated_image_bytes", tf.TensorSpec([], tf.string)),
            )
        self.translate_stored = self._over_images(
            self._translate_stored_one,
            tf.TensorSpec([None, None, None, source.channels], source.dtype, "input_image"),
            ("generated_image", tf.TensorSpec([None, None, target.channels], target.dtype)),
        )
        self.generate = self._over_images(
            self._generate_one,
            tf.TensorSpec([None, None, None, source.network_channels], tf.float32, "input_image"),
            ("generated_image", tf.TensorSpec([None, None, target.network_channels], tf.float32)),
        )

    def signatures(self) -> dict[str, tf.types.experimental.GenericFunction]:
        """By name: `serving_default`, the inputs' stored type, such as `uint8`, and `generate`."""
        return {
            "serving_default": self.translate or self.translate_stored,
            self.fitting.formats.input.dtype: self.translate_stored,
            "generate": self.generate,
        }

    def _over_images(
        self, one: Callable[..., tf.Tensor], spec: tf.TensorSpec, output: tuple[str, tf.TensorSpec]
    ) -> tf.types.experimental.GenericFunction:
        """The function of a batch that does `one` to each image."""
        name, of_one = output
        specs = [spec, tf.TensorSpec([None], tf.int64, "seed")] if self.draws else [spec]

        def answer(*batch: tf.Tensor) -> dict[str, tf.Tensor]:
            with tf.control_dependencies(_checked_seeds(*batch)):
                rows = [tf.identity(part) for part in batch]
            answers = tf.map_fn(
                lambda row: one(*row),
                rows,
                parallel_iterations=IMAGES_AT_A_TIME,
                fn_output_signature=of_one,
            )
            return {name: answers}

        return tf.function(answer, input_signature=specs)

    def _translate_one(self, content: tf.Tensor, *seed: tf.Tensor) -> tf.Tensor:
        with tf.control_dependencies(
            [refuse_large(header_size(content), self.fitting.most_pixels)]
        ):
            content = tf.identity(content)
        image = images.decode_image(content, self.fitting.formats.input)
        answer = self._translate_stored_one(image, *seed)
        return tf.io.encode_png(answer)

    def _translate_stored_one(self, image: tf.Tensor, *seed: tf.Tensor) -> tf.Tensor:
        formats = self.fitting.formats
        if image.dtype.is_floating:
            is_finite = tf.reduce_all(tf.math.is_finite(image))
            image = _checked(image, is_finite, "input_image has NaN or infinite values")
        fitted, size = self.fitting.fit(image)
        generated = self._call(images.as_seen(fitted, formats.input), *seed)
        return self.fitting.restore(images.as_answered(generated, formats.target), size)

    def _generate_one(self, image: tf.Tensor, *seed: tf.Tensor) -> tf.Tensor:
        # False for NaN too.
        is_in_range = tf.reduce_all(tf.abs(image) <= 1 + ROUNDING)
        image = _checked(image, is_in_range, "input_image has values that are not from -1 to 1")
        fitted, size = self.fitting.fit(image)
        # Bicubic goes a little beyond the values that an image has.
        generated = self._call(tf.clip_by_value(fitted, -1.0, 1.0), *seed)
        return tf.clip_by_value(self.fitting.restore(generated, size), -1.0, 1.0)

    def _call(self, seen: tf.Tensor, seed: tf.Tensor | int = 0) -> tf.Tensor:
        return self._network(seen[tf.newaxis], tf.cast(seed, tf.int64))[0]


def _network_call(network: keras.Model) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """The network as a function of one image and the seed of its dropout, where that is on."""

    def call(seen: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        states = [_seed_state(layer, seed) for layer in drawing_layers(network)]
        # Not assigned, as `set_prediction_seed` does: requests are answered side by side.
        with keras.StatelessScope(state_mapping=states):
            return network(seen, training=False)

    return call


def _seed_state(layer: Dropout, seed: tf.Tensor) -> tuple[keras.Variable, tf.Tensor]:
    state = layer.prediction_seed.state
    words = tf.bitwise.bitwise_and(
        seed_words(seed, 0, layer.own_number()), tf.constant(0x7FFFFFFF, tf.int64)
    )
    return state, tf.cast(words, state.dtype)


def _checked(image: tf.Tensor, condition: tf.Tensor, reason: str) -> tf.Tensor:
    """The image, or INVALID_ARGUMENT with the reason."""
    with tf.control_dependencies([tf.debugging.Assert(condition, [reason])]):
        return tf.identity(image)


def _checked_seeds(batch: tf.Tensor, *seeds: tf.Tensor) -> Sequence[tf.Operation]:
    checks: list[tf.Operation] = []
    for seed in seeds:
        count, wanted = tf.shape(seed)[0], tf.shape(batch)[0]
        checks += [
            tf.debugging.Assert(
                count == wanted, ["one seed for each image; there are", count, "for", wanted]
            ),
            tf.debugging.Assert(
                tf.reduce_all((seed >= 0) & (seed < 2**32)),
                ["seeds from 0 to 4294967295, not", seed],
            ),
        ]
    return checks


def load_served_model(
    run_dir: str | Path,
    *,
    checkpoint: str | int = "latest",
    options: ServingOptions | None = None,
) -> ServedModel:
    """The model of a run for servers, with the weights of its last checkpoint or another.

    Args:
        run_dir: the run folder.
        checkpoint: as of `load_translator`.
        options: what is chosen at export.

    Raises:
        UserError: it is no run folder, or holds no such checkpoint.
        SettingsError: the options do not fit the run.
    """
    options = options or ServingOptions()
    folder = RunFolder(as_place(run_dir))
    fitting = fitting_of(folder.settings(), folder.formats(), options)
    generator = load_run_generator(
        run_dir, checkpoint=checkpoint, dropout_at_prediction=options.dropout
    )
    if options.dropout and not drawing_layers(generator):
        raise SettingsError(
            "--dropout: the generator of this run has no dropout, so all its answers to an image "
            "are the same; leave --dropout out"
        )
    return ServedModel(generator, fitting)


def _check_limit(max_megapixels: float, settings: Settings, handling: SizeHandling) -> None:
    """Refuses a limit that lets not even images of the network's own size through.

    Raises:
        SettingsError: with the least.
    """
    height, width = settings.data.crop_size
    if handling == "pad":
        if settings.data.resize == "scale_width_and_crop":
            width = settings.data.load_size[1]  # no image is narrower once it is scaled
        multiple = own_multiple(settings)
        height, width = (side + -side % multiple for side in (height, width))
    if height * width > max_megapixels * MEGAPIXEL:
        raise SettingsError(
            f"--max-megapixels {max_megapixels:g}: images of the network's own size, "
            f"{height}x{width}, have {height * width / MEGAPIXEL:g}; give that at least"
        )


def fitting_of(settings: Settings, formats: PairFormat, options: ServingOptions) -> Fitting:
    """How a run's served model brings images to the size of its network.

    Raises:
        SettingsError: the options do not fit the run.
    """
    data = settings.data
    handling = options.size_handling or ("pad" if data.crops_each_pair else "fixed")
    if data.crops_each_pair and handling != "pad":
        raise SettingsError(
            f"--size-handling {handling}: this run was trained on crops at their own scale, and a "
            "resized image would not have the scale that it knows; use pad, or leave it out"
        )
    _check_limit(options.max_megapixels, settings, handling)
    extra: dict[str, Any] = {}
    if handling == "pad":
        extra = {
            "multiple": own_multiple(settings),
            "smallest_side": smallest_own_side(settings),
        }
        if data.resize == "scale_width_and_crop":
            extra["scaled_width"] = data.load_size[1]
    return Fitting(
        data.crop_size,
        handling,
        formats,
        data.input_interpolation,
        data.target_interpolation,
        most_pixels=round(options.max_megapixels * MEGAPIXEL),
        **extra,
    )
