"""Whether a SavedModel answers what the run's Keras generator answers."""

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from tfpix2pix.export.checking import Difference, measure_difference, refuse_difference
from tfpix2pix.export.formats import FLOAT32
from tfpix2pix.export.samples import Samples
from tfpix2pix.inference.fitting import Fitting, mirrored_on
from tfpix2pix.inference.runtimes import Network, load_signature
from tfpix2pix.inference.served import ServedModel
from tfpix2pix.models import set_prediction_seed

# Of dropout, where it is on.
SEED = 7


def generator_answers(fitting: Fitting, load: Callable[[tuple[int, int]], keras.Model]) -> Network:
    """The run's Keras generator as `check_savedmodel` wants it, loaded now.

    It sees images as the model's own network does: padded where that pads.

    Args:
        fitting: of the model.
        load: the run's generator for a height and a width, with dropout as in the model.
    """
    fitted, _ = fitting.fit(tf.zeros([*_image_size(fitting), 1]))
    height, width, _ = fitted.shape
    generator = load((height, width))
    set_prediction_seed(generator, SEED)

    def answers(images: np.ndarray) -> np.ndarray:
        fitted, size = fitting.fit(images[0])
        answer = generator(fitted[tf.newaxis], training=False)[0]
        return fitting.restore(answer, size)[tf.newaxis].numpy()

    return answers


def check_savedmodel(
    version: Path, model: ServedModel, expected: Network, samples: Samples
) -> Difference:
    """Compares the signature `generate` of what was written with the Keras generator.

    Args:
        version: the folder that was written.
        model: from which.
        expected: the `generator_answers`.
        samples: inputs of the size that the run was trained at.

    Raises:
        UserError: they differ by more than float32 sums do.
    """
    # Not scaled, where the model does that: what is cut out of large images would become as large.
    size = _image_size(model.fitting)
    images = np.stack([mirrored_on(image, size) for image in samples.images])
    network = load_signature(version, "generate", SEED if model.draws else None)
    difference = measure_difference(network, expected, Samples(images, samples.origin))
    advice = "This is a fault of TensorFlow: try another version of it"
    refuse_difference(difference, FLOAT32, "the SavedModel", advice)
    return difference


def _image_size(fitting: Fitting) -> tuple[int, int]:
    """Of images that are compared."""
    return fitting.size[0], fitting.scaled_width or fitting.size[1]
