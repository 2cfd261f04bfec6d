"""The moving average of the generator's weights, which often draws better than the last weights.

Yazici et al. 2019, "The Unusual Effectiveness of Averaging in GAN Training", section 3.
"""

import keras
import tensorflow as tf


def copy_weights(source: keras.Model, target: keras.Model) -> None:
    """Gives a model the weights of another that is built like it."""
    for old, new in zip(target.weights, source.weights, strict=True):
        old.assign(new)


def update_average(
    strategy: tf.distribute.Strategy, generator: keras.Model, average: keras.Model, decay: float
) -> None:
    """Moves the average by (1 - decay) of the way to the weights; call it after each step.

    What is not trained, such as BatchNorm's own moving statistics, is copied.

    Args:
        strategy: whose variables they are; not to be called in one of its replicas.
        generator: the one that learns.
        average: built like it.
        decay: 0 to 1, usually close to 1.
    """

    def move(old: tf.Variable, new: tf.Tensor) -> tf.Operation:
        return old.assign_add((1.0 - decay) * (new - old))

    def copy(old: tf.Variable, new: tf.Tensor) -> tf.Operation:
        return old.assign(new)

    for update, name in ((move, "trainable_weights"), (copy, "non_trainable_weights")):
        for old, new in zip(getattr(average, name), getattr(generator, name), strict=True):
            strategy.extended.update(old.value, update, args=(new.value,))
