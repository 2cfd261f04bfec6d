"""Whether an exported network answers what the Keras generator answers."""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from tfpix2pix.errors import UserError, plain_reason
from tfpix2pix.export.formats import Bound
from tfpix2pix.export.samples import Samples
from tfpix2pix.inference.runtimes import Network


@dataclasses.dataclass(frozen=True)
class Difference:
    """Of an export to the Keras generator, in the units of [-1, 1].

    Attributes:
        largest: absolute difference of any value.
        mean: of all absolute differences.
        images: which were answered, for people.
    """

    largest: float
    mean: float
    images: str

    def describe(self) -> str:
        """For people."""
        return f"largest difference {self.largest:.2g}, mean {self.mean:.2g} on {self.images}"


@dataclasses.dataclass(frozen=True)
class Exported:
    """What an export wrote.

    Attributes:
        path: of the file that is opened, or of a SavedModel's version.
        size: of all its files, in bytes.
        difference: to the Keras generator.
        no_data: why it was not checked on images of the run's data, or None.
    """

    path: Path
    size: int
    difference: Difference
    no_data: str | None = None


def measure_difference(network: Network, generator: Network, samples: Samples) -> Difference:
    """Compares the answers to each image alone, and to all in one batch, with the generator's.

    The generator gets them one by one: a network with other statistics than those of each single
    image, such as BatchNorm's moving averages or those of the batch, cannot pass.

    Args:
        network: that was exported.
        generator: of Keras, as at inference; it may give tensors.
        samples: what both answer.

    Raises:
        UserError: one of them cannot answer, or the generator's answers are no numbers.
    """
    images = samples.images
    answers: tuple[Callable[[], np.ndarray], ...] = (
        lambda: np.concatenate([network(image[np.newaxis]) for image in images]),
        lambda: network(images),
    )
    with _whole_float32():
        expected = _expected(generator, samples)
        differences = np.stack([np.abs(answer() - expected) for answer in answers])
    # A sum of float64: the mean of so many small numbers.
    mean = float(differences.mean(dtype=np.float64))
    return Difference(float(differences.max()), mean, samples.origin)


def _expected(generator: Network, samples: Samples) -> np.ndarray:
    import tensorflow as tf

    try:
        answers = [np.asarray(generator(image[np.newaxis])) for image in samples.images]
    except tf.errors.OpError as error:
        raise UserError(
            f"the run cannot answer {samples.origin}, with which its export is checked: "
            f"{plain_reason(error)}"
        ) from error
    if not np.isfinite(answers).all():
        raise UserError(
            "the run answers NaN or infinity: its training went wrong. Export an earlier "
            "--checkpoint"
        )
    return np.concatenate(answers)


@contextlib.contextmanager
def _whole_float32() -> Iterator[None]:
    """In the block, GPUs multiply all bits of float32; by default TensorFlow keeps ten (TF32)."""
    import tensorflow as tf

    before = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    try:
        yield
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(before)


def refuse_difference(difference: Difference, bound: Bound, what: str, advice: str) -> None:
    """Refuses a difference above its bound, and one that is not a number.

    Args:
        difference: that was measured.
        bound: of its format.
        what: was compared.
        advice: what to do then.

    Raises:
        UserError: it is.
    """
    if difference.largest <= bound.largest and difference.mean <= bound.mean:
        return
    raise UserError(
        f"{what} does not answer as the run does: {difference.describe()}, where at most "
        f"{bound.largest:.2g} and {bound.mean:.2g} are allowed, in units of [-1, 1]; nothing was "
        f"written. {advice}"
    )
