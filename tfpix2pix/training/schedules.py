"""Learning rates over a run: constant until some step, then down to 0 at the end."""

import math
from typing import Any

import keras
from keras import ops

from tfpix2pix.config import TrainSettings


class _Decay(keras.optimizers.schedules.LearningRateSchedule):
    """Constant until `decay_start` steps, then down to 0 at `total_steps`; steps count from 0."""

    def __init__(self, learning_rate: float, decay_start: int, total_steps: int):
        self.learning_rate = learning_rate
        self.decay_start = decay_start
        self.total_steps = total_steps

    def _left(self, step: Any) -> Any:
        """The share of the decay that lies ahead, 1 to 0, a float32 scalar."""
        decaying = self.total_steps - self.decay_start
        left = ops.cast(self.total_steps - step, "float32") / decaying
        return ops.clip(left, 0.0, 1.0)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            "learning_rate": self.learning_rate,
            "decay_start": self.decay_start,
            "total_steps": self.total_steps,
        }


class LinearDecay(_Decay):
    """Constant until `decay_start` steps, then linearly down to 0 at `total_steps`."""

    def __call__(self, step: Any) -> Any:
        """The learning rate of `step`, a float32 scalar; steps count from 0."""
        return self.learning_rate * self._left(step)


class CosineDecay(_Decay):
    """Constant until `decay_start` steps, then down to 0 at `total_steps` by half a cosine.

    Loshchilov and Hutter 2017, "SGDR", equation 5, without restarts.
    """

    def __call__(self, step: Any) -> Any:
        """The learning rate of `step`, a float32 scalar; steps count from 0."""
        return self.learning_rate * (0.5 - 0.5 * ops.cos(math.pi * self._left(step)))


# The schedules that decay by name, and where in a run they begin to, if it is not said.
SCHEDULES = {"linear": (LinearDecay, 0.5), "cosine": (CosineDecay, 0.0)}


def learning_rate_schedule(
    settings: TrainSettings, total_steps: int, learning_rate: float
) -> float | LinearDecay | CosineDecay:
    """The learning rate from `learning_rate` on as the settings describe, for an optimizer."""
    if settings.lr_schedule == "constant":
        return learning_rate
    schedule, decay_start = SCHEDULES[settings.lr_schedule]
    if settings.decay_start is not None:
        decay_start = settings.decay_start
    return schedule(learning_rate, int(decay_start * total_steps), total_steps)
