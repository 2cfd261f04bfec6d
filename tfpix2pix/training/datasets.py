"""The datasets of a run, from its settings."""

import dataclasses
import math
from typing import Any

import numpy as np
import pydantic
import tensorflow as tf

from tfpix2pix.config import DataSettings, TrainSettings
from tfpix2pix.data.checking import usable_pairs
from tfpix2pix.data.formats import PairFormat
from tfpix2pix.data.order import WHOLE, Share, shuffled_index
from tfpix2pix.data.pair_checks import scaled_to_width
from tfpix2pix.data.pairs import Pairs, open_splits
from tfpix2pix.data.pipeline import (
    Fetch,
    Resizing,
    evaluation_batches,
    fetcher,
    training_batches,
)
from tfpix2pix.data.service import check_can_be_sent, check_service
from tfpix2pix.errors import SettingsError, UserError

EVALUATION_BATCH = 8
# Pairs that the mean training picture is taken from; more change it little.
MEAN_IMAGE_PAIRS = 1000


@dataclasses.dataclass(frozen=True)
class Split:
    """One split: its pairs and how to fetch the i-th, resized, [H, W, C] each."""

    pairs: Pairs
    fetch: Fetch


@dataclasses.dataclass(frozen=True)
class RunData:
    """What a run trains on and is validated with.

    Attributes:
        settings: of the data; where `resize` leaves the size to the pairs, with that size.
        train: pairs of `load_size`, or of many sizes where `resize` ends in a crop alone.
        validation: pairs of `crop_size`, of the val split or else the test split; None where
            the set has neither.
    """

    settings: DataSettings
    train: Split
    validation: Split | None

    @property
    def formats(self) -> PairFormat:
        """What the images are."""
        return self.train.pairs.format

    def training_batches(
        self, settings: TrainSettings, first_step: int, steps: int, share: Share = WHOLE
    ) -> tf.data.Dataset:
        """The batches of the steps from `first_step` to `steps`, or a share of each."""
        return training_batches(
            self.train.fetch,
            len(self.train.pairs),
            batch_size=settings.batch_size,
            seed=settings.seed,
            first_step=first_step,
            steps=steps,
            crop_size=self.settings.crop_size if self.settings.crops_each_pair else None,
            share=share,
            service=self.settings.data_service,
        )

    def broken_pair(
        self, settings: TrainSettings, step: int, most_steps: int = 1
    ) -> UserError | None:
        """What is wrong with the pairs of the execution at `step` or held-out ones, if anything."""
        pairs = self.train.pairs
        first = step * settings.batch_size
        # Two epochs' length holds a whole epoch, and so all pairs.
        count = min(most_steps * settings.batch_size, 2 * len(pairs))
        positions = tf.range(first, first + count, dtype=tf.int64)
        indices = [int(shuffled_index(p, len(pairs), settings.seed)) for p in positions]
        # Those that the baseline looks at too.
        looked_at = dict.fromkeys([*indices, *range(0, len(pairs), self._baseline_stride)])
        # As evaluation does, which crops: an image may be too small for that.
        broken = pairs.find_broken(looked_at, self._evaluation_fetch())
        if broken is None and self.validation is not None:
            held_out = self.validation
            broken = held_out.pairs.find_broken(range(len(held_out.pairs)), held_out.fetch)
        return broken

    def validation_batches(self) -> tf.data.Dataset | None:
        """All validation pairs, or None."""
        if self.validation is None:
            return None
        split = self.validation
        return evaluation_batches(split.fetch, len(split.pairs), batch_size=EVALUATION_BATCH)

    def plain_training_batches(self) -> tf.data.Dataset:
        """Training pairs at `crop_size` without jitter: some `MEAN_IMAGE_PAIRS`, evenly spread."""
        return evaluation_batches(
            self._evaluation_fetch(),
            len(self.train.pairs),
            batch_size=EVALUATION_BATCH,
            stride=self._baseline_stride,
        )

    @property
    def _baseline_stride(self) -> int:
        return math.ceil(len(self.train.pairs) / MEAN_IMAGE_PAIRS)

    def _evaluation_fetch(self) -> Fetch:
        """Of training pairs, as evaluation brings them to size."""
        return fetcher(self.train.pairs, evaluation_resizing(self.settings), cache_gib=0)

    def sample_pairs(self, count: int) -> tuple[list[str], np.ndarray, np.ndarray]:
        """Names, inputs and targets, [N, H, W, C], of a few pairs spread over the split.

        They are validation pairs or, where there are none, training pairs.
        """
        return _some(self.validation or self._unjittered(), count)

    def training_inputs(self, count: int) -> np.ndarray:
        """Inputs [N, H, W, C] of a few training pairs spread over the split, without jitter."""
        return _some(self._unjittered(), count)[1]

    def _unjittered(self) -> Split:
        return Split(self.train.pairs, self._evaluation_fetch())


def _some(split: Split, count: int) -> tuple[list[str], np.ndarray, np.ndarray]:
    total = len(split.pairs)
    indices = np.unique(np.linspace(0, total - 1, min(count, total)).astype(np.int64))
    images = [split.fetch(tf.constant(index)) for index in indices]
    inputs, targets = (
        np.stack([np.asarray(i) for i in side]) for side in zip(*images, strict=True)
    )
    return [split.pairs.names[index] for index in indices], inputs, targets


def open_run_data(settings: DataSettings) -> RunData:
    """Opens the training and validation pairs that the settings name.

    Raises:
        UserError: they cannot be found or read, or some cannot be used, or not by the service.
    """
    if settings.data_service:
        check_service(settings.data_service)
    opened = open_splits(settings, usable_pairs(settings))
    train = opened["train"]
    settings = with_network_size(settings, train)
    resizing = training_resizing(settings)
    held_out = opened.get("val") or opened.get("test")
    validation = None
    if held_out is not None:
        evaluation = evaluation_resizing(settings)
        validation = Split(held_out, fetcher(held_out, evaluation, settings.cache_gib))
    # What is kept in memory here, others cannot reach.
    fetch = fetcher(train, resizing, 0 if settings.data_service else settings.cache_gib)
    if settings.data_service:
        check_can_be_sent(fetch)
    return RunData(settings, Split(train, fetch), validation)


def training_resizing(settings: DataSettings) -> Resizing:
    """What is done to training pairs before the random crop."""
    if settings.resize == "resize_and_crop":
        return _resizing(settings, size=settings.load_size)
    return _resizing(
        settings,
        size=None if settings.crops_each_pair else settings.crop_size,
        fit="width" if settings.resize.startswith("scale_width") else "keep",
        width=settings.load_size[1],
    )


def evaluation_resizing(settings: DataSettings) -> Resizing:
    """What brings pairs to the size of the networks without any draw."""
    if settings.resize == "resize_and_crop":
        return _resizing(settings, size=settings.crop_size)
    crop = settings.crop_size if settings.crops_each_pair else None
    return dataclasses.replace(training_resizing(settings), size=settings.crop_size, crop=crop)


def with_network_size(settings: DataSettings, pairs: Pairs) -> DataSettings:
    """The settings, with the size that the first pair has where the pairs decide it.

    Raises:
        UserError: that pair cannot be loaded.
        SettingsError: the networks do not take its size.
    """
    if not settings.takes_size_from_pairs:
        return settings
    broken = pairs.find_broken([0])
    if broken:
        raise broken
    height, width = pairs.load(tf.constant(0, tf.int64))[0].shape[:2]
    if settings.resize == "scale_width":
        height, width = scaled_to_width((height, width), settings.load_size[1])
    if settings.rotate and height != width:
        raise SettingsError(
            f"rotate needs square images, and with resize {settings.resize} they are "
            f"{height}x{width}: turn rotate off, or crop"
        )
    try:
        return dataclasses.replace(settings, load_size=(height, width), crop_size=(height, width))
    except pydantic.ValidationError as error:
        raise SettingsError(
            f"with resize {settings.resize} the pairs are {height}x{width}, and networks take 16 "
            "to 16384 pixels a side: resize them to a load_size"
        ) from error


def _resizing(settings: DataSettings, **how: Any) -> Resizing:
    return Resizing(
        input_interpolation=settings.input_interpolation,
        target_interpolation=settings.target_interpolation,
        **how,
    )
