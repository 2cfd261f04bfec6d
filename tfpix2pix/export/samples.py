"""Images that an export is checked and calibrated with, as networks see them."""

import contextlib
import dataclasses
import math
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from tfpix2pix.config import DataSettings, Settings
from tfpix2pix.data import arrays
from tfpix2pix.data.formats import ImageFormat, PairFormat
from tfpix2pix.data.record_pairs import is_at_hand
from tfpix2pix.errors import UserError, plain_reason
from tfpix2pix.training.datasets import RunData, Split, open_run_data
from tfpix2pix.training.run_folder import RunFolder

CHECKED_IMAGES = 8
# Of large images fewer: all are answered in one batch too.
CHECKED_PIXELS = CHECKED_IMAGES * 512 * 512
# Pixels of a block of noise: of each size, so that something is left at every depth of a network.
NOISE_BLOCKS = (1, 4, 16)


@dataclasses.dataclass(frozen=True)
class Samples:
    """Inputs of a generator.

    Attributes:
        images: float32 [N, H, W, C] in [-1, 1].
        origin: what they are, for people.
    """

    images: np.ndarray
    origin: str


def open_data(settings: DataSettings, formats: PairFormat) -> RunData:
    """The pairs that a run was trained on, or others that it was told to take.

    Raises:
        UserError: they are not there, or are other images than the run's.
    """
    # Few of them are looked at: none is kept.
    data = open_run_data(dataclasses.replace(settings, cache_gib=0))
    if data.formats != formats:
        raise UserError(
            f"the images in {data.train.pairs.origin} are {data.formats.input.describe()} to "
            f"{data.formats.target.describe()}, and those of the run {formats.input.describe()} to "
            f"{formats.target.describe()}"
        )
    return data


@dataclasses.dataclass(frozen=True)
class CheckData:
    """What an export is checked with.

    Attributes:
        samples: that both answer.
        data: of the run, or None.
        no_data: why there are none, so that the samples are noise; or None.
    """

    samples: Samples
    data: RunData | None = None
    no_data: str | None = None


def find_check_data(folder: RunFolder, settings: Settings, *, must: bool) -> CheckData:
    """Held-out inputs of the run's data where they are at hand, else noise.

    Sets that would have to be downloaded or prepared first are not at hand.

    Args:
        folder: of the run.
        settings: of the run, or with other data.
        must: whether it is an error that there are none.

    Raises:
        UserError: that is so.
    """
    size = settings.data.crop_size
    count = min(CHECKED_IMAGES, max(2, CHECKED_PIXELS // math.prod(size)))
    try:
        if not must:
            _require_at_hand(folder, settings.data)
        data = open_data(settings.data, folder.formats())
        return CheckData(held_out_samples(data, count), data)
    except UserError as error:
        if must:
            raise
        noise = noise_samples(folder.formats().input, size, count)
        return CheckData(noise, no_data=str(error))


def _require_at_hand(folder: RunFolder, settings: DataSettings) -> None:
    if folder.awaits_pairs():
        raise UserError("its weights were imported, and it has no data")
    if not is_at_hand(settings):
        raise UserError(f"{settings.data} is not prepared on this machine")


def held_out_samples(data: RunData, count: int = CHECKED_IMAGES) -> Samples:
    """Validation inputs, or training inputs where there are none, spread over all of them.

    Raises:
        UserError: one of them cannot be read.
    """
    with _naming_what_is_broken(data.validation or data.train):
        names, inputs, _ = data.sample_pairs(count)
    split = "training" if data.validation is None else "validation"
    return Samples(_seen(inputs, data.formats.input), f"{len(names)} {split} inputs")


def calibration_images(data: RunData, count: int) -> np.ndarray:
    """Inputs of training pairs, spread over all of them: float32 [N, H, W, C] in [-1, 1].

    Raises:
        UserError: one of them cannot be read.
    """
    with _naming_what_is_broken(data.train):
        return _seen(data.training_inputs(count), data.formats.input)


@contextlib.contextmanager
def _naming_what_is_broken(split: Split) -> Iterator[None]:
    try:
        yield
    except tf.errors.OpError as error:
        reason = plain_reason(error)
        raise UserError(f"a pair in {split.pairs.origin} cannot be read: {reason}") from error


def noise_samples(
    image_format: ImageFormat, size: tuple[int, int], count: int = CHECKED_IMAGES
) -> Samples:
    """Noise of blocks of several sizes, the same each time."""
    rng = np.random.default_rng(0)
    blocks = [NOISE_BLOCKS[i % len(NOISE_BLOCKS)] for i in range(count)]
    images = np.stack([_noise(rng, image_format, size, block) for block in blocks])
    return Samples(arrays.to_network_range(images, image_format), f"{count} images of noise")


def _noise(
    rng: np.random.Generator, image_format: ImageFormat, size: tuple[int, int], block: int
) -> np.ndarray:
    """Stored values [H, W, C]; of a label map, its colours."""
    coarse = -(-size[0] // block), -(-size[1] // block)
    if image_format.palette:
        classes = rng.integers(0, len(image_format.palette), coarse)
        values = np.array(image_format.palette, np.uint8)[classes]
    else:
        shape = (*coarse, image_format.channels)
        values = rng.uniform(*image_format.value_range, shape).astype(image_format.dtype)
    return values.repeat(block, axis=0).repeat(block, axis=1)[: size[0], : size[1]]


def _seen(fetched: np.ndarray, image_format: ImageFormat) -> np.ndarray:
    """Fetched images, label maps as class numbers -> as the network sees them."""
    if image_format.palette:
        fetched = np.array(image_format.palette, np.uint8)[fetched[..., 0]]
    return arrays.to_network_range(fetched, image_format)
