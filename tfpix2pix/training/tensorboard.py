"""What a run writes for TensorBoard, where that is installed."""

import dataclasses
import importlib.util
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfpix2pix.config import Settings
from tfpix2pix.files import writing
from tfpix2pix.training.records import Row


class TensorBoard:
    """Scalars, sample grids, the generator's graph and the settings as hyper-parameters."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._writer = None
        if tensorboard_is_installed():
            with self._refusals():
                self._writer = tf.summary.create_file_writer(str(folder))

    def scalars(self, row: Row) -> None:
        """Writes a row's figures."""
        if self._writer:
            with self._refusals(), self._writer.as_default(step=int(row["step"])):
                for name in row.keys() - {"step"}:
                    tf.summary.scalar(name, row[name])
                self._writer.flush()

    def image(self, name: str, image: np.ndarray, step: int) -> None:
        """Writes an image, uint8 [H, W, 3]."""
        if self._writer:
            with self._refusals(), self._writer.as_default(step=step):
                tf.summary.image(name, image[np.newaxis])
                self._writer.flush()

    def graph(self, generator: keras.Model) -> None:
        """Writes the graph of the generator's answer to one image."""
        if self._writer:
            answer = tf.function(lambda image: generator(image, training=False), autograph=False)
            image = tf.TensorSpec([1, *generator.input_shape[1:]], tf.float32, "input_image")
            with self._refusals(), self._writer.as_default(step=0):
                tf.summary.graph(answer.get_concrete_function(image).graph)
                self._writer.flush()

    def hyperparameters(self, settings: Settings, metrics: Sequence[str]) -> None:
        """Writes the settings for the HParams page.

        Args:
            settings: of the run.
            metrics: the scalars that the page shows beside them, their last values.
        """
        if self._writer:
            # Imported here: part of TensorBoard, which may not be installed.
            from tensorboard.plugins.hparams import api

            values = plain_settings(settings)
            shown = [api.Metric(name) for name in metrics]
            with self._refusals(), self._writer.as_default(step=0):
                api.hparams_config([api.HParam(name) for name in values], shown)
                api.hparams(values)
                self._writer.flush()

    def _refusals(self) -> AbstractContextManager[None]:
        return writing(self._folder, tf.errors.OpError)


def plain_settings(settings: Settings) -> dict[str, Any]:
    """All settings by name; what is no number, word or switch as text."""
    sections = dataclasses.asdict(settings)
    return {
        name: value if isinstance(value, (bool, int, float, str)) else str(value)
        for section in sections.values()
        for name, value in section.items()
    }


def tensorboard_is_installed() -> bool:
    """TensorFlow's summaries raise without it."""
    return importlib.util.find_spec("tensorboard") is not None
