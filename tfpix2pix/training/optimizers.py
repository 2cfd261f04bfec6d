"""Adam as TensorFlow's one fused operation."""

from typing import Any

import keras
import tensorflow as tf


class FusedAdam(keras.optimizers.Adam):
    """`keras.optimizers.Adam` in one pass: the same variables, by default the paper's epsilon.

    Keras computes a step as some ten operations over all weights; with 57 M of them these take a
    sixth of the time of a training step on a CPU.

    Args:
        *args: Keras' own.
        epsilon_hat: False: epsilon is added to the corrected second moment's root, as in Kingma
            and Ba 2015, algorithm 1, and in PyTorch; True: to the uncorrected one's, as in Keras
            (the paper's end of section 2), which in early steps is a far larger epsilon.
        **kwargs: Keras' own.

    Raises:
        ValueError: amsgrad is asked for; the fused operation has none.
    """

    def __init__(self, *args: Any, epsilon_hat: bool = False, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.epsilon_hat = epsilon_hat
        if self.amsgrad:
            raise ValueError("FusedAdam has no amsgrad: use keras.optimizers.Adam")

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Updates a variable, and its moments, in place."""
        index = self._get_variable_index(variable)
        step = tf.cast(self.iterations + 1, tf.float32)
        beta2_power = tf.pow(self.beta_2, step)
        # The operation's epsilon is the one with the hat.
        correction = 1.0 if self.epsilon_hat else tf.sqrt(1.0 - beta2_power)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=tf.pow(self.beta_1, step),
            beta2_power=beta2_power,
            lr=learning_rate,
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon * correction,
            grad=gradient,
        )

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return super().get_config() | {"epsilon_hat": self.epsilon_hat}
