"""Learning rates over a run."""

from typing import Any

import keras
from keras import ops

from tfpix2pix.config import TrainSettings


class LinearDecay(keras.optimizers.schedules.LearningRateSchedule):
    """Constant until `decay_start` steps, then linearly down to 0 at `total_steps`."""

    def __init__(self, learning_rate: float, decay_start: int, total_steps: int):
        self.learning_rate = learning_rate
        self.decay_start = decay_start
        self.total_steps = total_steps

    def __call__(self, step: Any) -> Any:
        """The learning rate of `step`, a float32 scalar; steps count from 0."""
        decaying = self.total_steps - self.decay_start
        left = ops.cast(self.total_steps - step, "float32") / decaying
        return self.learning_rate * ops.clip(left, 0.0, 1.0)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            "learning_rate": self.learning_rate,
            "decay_start": self.decay_start,
            "total_steps": self.total_steps,
        }


def learning_rate_schedule(settings: TrainSettings, total_steps: int) -> float | LinearDecay:
    """The learning rate that the settings describe, for Keras' optimizers."""
    if settings.lr_schedule == "constant":
        return settings.learning_rate
    return LinearDecay(settings.learning_rate, int(settings.decay_start * total_steps), total_steps)
