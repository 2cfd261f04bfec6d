"""One training call of a tiny discriminator on one device with two pairs, and on two with one each.

Prints how far logits, gradients and states lie apart, relative to their size: with synchronised
BatchNorm, and without. A program of its own: the logical devices must be set up before TensorFlow
starts.
"""

import keras
import numpy as np
import tensorflow as tf

from tfpix2pix.models import patchgan_discriminator

PAIRS = [np.float32(np.random.default_rng(seed).normal(seed, 1, (2, 16, 16, 3))) for seed in (0, 1)]


def results(strategy: tf.distribute.Strategy, *, sync_norm: bool) -> list[np.ndarray]:
    keras.utils.set_random_seed(0)
    with strategy.scope():
        model = patchgan_discriminator(
            16, base_filters=4, n_layers=2, sync_norm=sync_norm, spectral_norm=True
        )
    count = strategy.num_replicas_in_sync

    def inputs(context: tf.distribute.ReplicaContext) -> list[tf.Tensor]:
        mine = np.split(np.stack(PAIRS, 1), count)[context.replica_id_in_sync_group]
        return [tf.constant(mine[:, side]) for side in (0, 1)]

    def judge(pair: list[tf.Tensor]) -> tuple[tf.Tensor, list[tf.Tensor]]:
        with tf.GradientTape() as tape:
            logits = model(pair, training=True)
            loss = tf.reduce_sum(logits**2)
        return logits, tape.gradient(loss, [w.value for w in model.trainable_weights])

    values = strategy.experimental_distribute_values_from_function(inputs)
    logits, gradients = tf.function(lambda: strategy.run(judge, (values,)))()
    summed = [strategy.reduce("SUM", gradient, axis=None) for gradient in gradients]
    shown = tf.concat(strategy.experimental_local_results(logits), 0)
    return [np.asarray(x) for x in (shown, *summed, *model.non_trainable_weights)]


def difference(*, sync_norm: bool) -> float:
    one = results(tf.distribute.OneDeviceStrategy("/cpu:0"), sync_norm=sync_norm)
    two = results(tf.distribute.MirroredStrategy(["/cpu:0", "/cpu:1"]), sync_norm=sync_norm)
    pairs = zip(one, two, strict=True)
    return max(float(np.abs(a - b).max() / (1e-3 + np.abs(a).max())) for a, b in pairs)


def main() -> None:
    cpu = tf.config.list_physical_devices("CPU")[0]
    logical = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(cpu, logical)
    print(difference(sync_norm=True), difference(sync_norm=False))  # noqa: T201


if __name__ == "__main__":
    main()
