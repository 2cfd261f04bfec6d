"""Trains three steps on one device and on two, and prints how far the weights lie apart.

With a pool and an average, whose variables are distributed in other ways than weights are. Given
the argument parts, each replica computes its share in parts, and features again, with spectral
norms, whose directions replicas share.

A program of its own: the logical devices must be set up before TensorFlow starts.
"""

import sys
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfpix2pix.models import patchgan_discriminator, unet_generator
from tfpix2pix.training.averaging import copy_weights
from tfpix2pix.training.loop import execution
from tfpix2pix.training.networks import Networks
from tfpix2pix.training.optimizers import FusedAdam
from tfpix2pix.training.pool import ImagePool
from tfpix2pix.training.step import make_train_step

SIZE = 16


def trained_weights(strategy: tf.distribute.Strategy, pairs: int, **how: Any) -> list[np.ndarray]:
    keras.utils.set_random_seed(0)
    with strategy.scope():
        generator, average = (
            unet_generator(SIZE, base_filters=2, depth=2, dropout=0.0) for _ in range(2)
        )
        copy_weights(generator, average)
        networks = Networks(
            generator,
            patchgan_discriminator(SIZE, base_filters=2, n_layers=1, spectral_norm=pairs > 2),
            FusedAdam(0.01, epsilon=3.0),
            FusedAdam(0.01, epsilon=3.0),
            average,
        )
        train_step = make_train_step(
            networks,
            crop_size=(SIZE, SIZE),
            mirror=False,
            strategy=strategy,
            pool=ImagePool(16, (SIZE, SIZE), 3, 3),  # not full: each replica has its own
            ema_decay=0.5,
            **how,
        )
    # One pair again and again, so that BatchNorm sees the same on one device and on two.
    pair = np.random.default_rng(0).integers(0, 256, (2, SIZE, SIZE, 3), np.uint8)
    inputs, targets = (np.stack([image] * pairs) for image in pair)
    batches = tf.data.Dataset.from_tensors((inputs, targets)).repeat(3)
    iterator = iter(strategy.experimental_distribute_dataset(batches))
    for first_step, count in ((0, 1), (1, 2)):
        execution(train_step)(iterator, tf.constant(first_step, tf.int64), tf.constant(count))
    models = (networks.generator, networks.discriminator, average)
    return [variable.numpy() for model in models for variable in model.trainable_variables]


def main() -> None:
    cpu = tf.config.list_physical_devices("CPU")[0]
    logical = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(cpu, logical)
    how: dict[str, Any] = {"pairs": 2}
    if sys.argv[1:] == ["parts"]:
        how = {"pairs": 4, "accumulate": 2, "recompute": True, "update": "alternating"}
    one = trained_weights(tf.distribute.OneDeviceStrategy("/cpu:0"), **how)
    two = trained_weights(tf.distribute.MirroredStrategy(["/cpu:0", "/cpu:1"]), **how)
    print(max(np.abs(a - b).max() for a, b in zip(one, two, strict=True)))  # noqa: T201


if __name__ == "__main__":
    main()
