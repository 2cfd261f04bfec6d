"""Prints the masks that two replicas' dropout draws at the second step, a line each.

A program of its own: the logical devices must be set up before TensorFlow starts.
"""

import keras
import tensorflow as tf

from tfpix2pix.models import Dropout
from tfpix2pix.training.strategies import choose_strategy, give_own_noise


def main() -> None:
    cpu = tf.config.list_physical_devices("CPU")[0]
    logical = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(cpu, logical)
    strategy = choose_strategy("mirrored", 2)
    with strategy.scope():
        model = keras.Sequential([keras.Input((40,)), Dropout(0.5)])
    give_own_noise(strategy, model)

    @tf.function
    def step() -> tf.Tensor:
        return strategy.run(lambda: model(tf.ones((1, 40)), training=True))

    step()
    for values in strategy.experimental_local_results(step()):
        print(*values[0].numpy())  # noqa: T201


if __name__ == "__main__":
    main()
