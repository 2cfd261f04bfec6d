"""Whether an exported network answers what the Keras generator answers."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from tfpix2pix.errors import UserError
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


def measure_difference(network: Network, generator: Any, samples: Samples) -> Difference:
    """Compares the answers to each image alone, and to all in one batch, with the generator's.

    The generator gets them one by one: a network with other statistics than those of each single
    image, such as BatchNorm's moving averages or those of the batch, cannot pass.
    """
    images = samples.images
    expected = np.concatenate([np.asarray(generator(i[None], training=False)) for i in images])
    answers: tuple[Callable[[], np.ndarray], ...] = (
        lambda: np.concatenate([network(image[np.newaxis]) for image in images]),
        lambda: network(images),
    )
    differences = np.stack([np.abs(answer() - expected) for answer in answers])
    # A sum of float64: the mean of so many small numbers.
    mean = float(differences.mean(dtype=np.float64))
    return Difference(float(differences.max()), mean, samples.origin)


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
