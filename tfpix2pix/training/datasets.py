"""The datasets of a run, from its settings."""

import dataclasses
import math

import numpy as np
import tensorflow as tf

from tfpix2pix.config import DataSettings, TrainSettings
from tfpix2pix.data.pairs import Pairs, open_pairs
from tfpix2pix.data.pipeline import (
    Fetch,
    Resizing,
    evaluation_batches,
    fetcher,
    shuffled_index,
    training_batches,
)
from tfpix2pix.data.sources import available_splits
from tfpix2pix.errors import UserError

EVALUATION_BATCH = 8
# Pairs that the mean training picture is taken from; more change it little.
MEAN_IMAGE_PAIRS = 1000


@dataclasses.dataclass(frozen=True)
class Split:
    """One split, resized: its pairs and how to fetch the i-th, uint8 [H, W, 3] each."""

    pairs: Pairs
    fetch: Fetch


@dataclasses.dataclass(frozen=True)
class RunData:
    """What a run trains on and is validated with.

    Attributes:
        settings: of the data.
        train: pairs of `load_size`.
        validation: pairs of `crop_size`, of the val split or else the test split; None where
            the set has neither.
    """

    settings: DataSettings
    train: Split
    validation: Split | None

    def training_batches(
        self, settings: TrainSettings, first_step: int, steps: int
    ) -> tf.data.Dataset:
        """The batches of the steps from `first_step` to `steps`."""
        return training_batches(
            self.train.fetch,
            len(self.train.pairs),
            batch_size=settings.batch_size,
            seed=settings.seed,
            first_step=first_step,
            steps=steps,
        )

    def broken_pair(self, settings: TrainSettings, step: int) -> UserError | None:
        """What is wrong with the pairs of the execution at `step` or held-out ones, if anything."""
        pairs = self.train.pairs
        first = step * settings.batch_size
        # Two epochs' length holds a whole epoch, and so all pairs.
        count = min(settings.steps_per_execution * settings.batch_size, 2 * len(pairs))
        positions = tf.range(first, first + count, dtype=tf.int64)
        indices = {int(shuffled_index(p, len(pairs), settings.seed)) for p in positions}
        broken = pairs.find_broken(indices)
        if broken is None and self.validation is not None:
            broken = self.validation.pairs.find_broken(range(len(self.validation.pairs)))
        return broken

    def validation_batches(self) -> tf.data.Dataset | None:
        """All validation pairs, or None."""
        if self.validation is None:
            return None
        split = self.validation
        return evaluation_batches(split.fetch, len(split.pairs), batch_size=EVALUATION_BATCH)

    def plain_training_batches(self) -> tf.data.Dataset:
        """Training pairs at `crop_size` without jitter: some `MEAN_IMAGE_PAIRS`, evenly spread."""
        pairs = self.train.pairs
        fetch = fetcher(pairs, _resizing(self.settings, self.settings.crop_size), cache_gib=0)
        stride = math.ceil(len(pairs) / MEAN_IMAGE_PAIRS)
        return evaluation_batches(fetch, len(pairs), batch_size=EVALUATION_BATCH, stride=stride)

    def sample_pairs(self, count: int) -> tuple[list[str], np.ndarray, np.ndarray]:
        """Names, inputs and targets, uint8 [N, H, W, 3], of a few pairs spread over the split.

        They are validation pairs or, where there are none, training pairs.
        """
        split = self.validation or self._uncropped_training_split()
        total = len(split.pairs)
        indices = np.unique(np.linspace(0, total - 1, min(count, total)).astype(np.int64))
        images = [split.fetch(tf.constant(index)) for index in indices]
        inputs, targets = (
            np.stack([np.asarray(i) for i in side]) for side in zip(*images, strict=True)
        )
        return [split.pairs.names[index] for index in indices], inputs, targets

    def _uncropped_training_split(self) -> Split:
        resizing = _resizing(self.settings, self.settings.crop_size)
        return Split(self.train.pairs, fetcher(self.train.pairs, resizing, cache_gib=0))


def open_run_data(settings: DataSettings) -> RunData:
    """Opens the training and validation pairs that the settings name.

    Raises:
        UserError: they cannot be found or read.
    """
    train = _open_split(settings, "train", settings.load_size)
    held_out = [split for split in available_splits(settings.data) if split != "train"]
    validation = None
    if held_out:
        preferred = "val" if "val" in held_out else "test"
        validation = _open_split(settings, preferred, settings.crop_size)
    return RunData(settings, train, validation)


def _open_split(settings: DataSettings, split: str, size: tuple[int, int]) -> Split:
    pairs = open_pairs(
        settings.data, split, direction=settings.direction, data_dir=settings.data_dir
    )
    return Split(pairs, fetcher(pairs, _resizing(settings, size), settings.cache_gib))


def _resizing(settings: DataSettings, size: tuple[int, int]) -> Resizing:
    return Resizing(size, settings.input_resize, settings.target_resize)
