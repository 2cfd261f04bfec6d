"""The moving average of the generator's weights against numpy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfpix2pix.models import patchgan_discriminator, unet_generator
from tfpix2pix.training.averaging import copy_weights
from tfpix2pix.training.networks import Networks
from tfpix2pix.training.optimizers import FusedAdam
from tfpix2pix.training.step import make_train_step

SIZE = 16


def make_networks(average=True):
    keras.utils.set_random_seed(1)

    def generator():
        return unet_generator(SIZE, base_filters=2, depth=3)

    networks = Networks(
        generator(),
        patchgan_discriminator(SIZE, base_filters=2, n_layers=1),
        FusedAdam(0.01),
        FusedAdam(0.01),
        generator() if average else None,
    )
    if average:
        copy_weights(networks.generator, networks.average)
    return networks


@pytest.fixture(scope="module")
def batch():
    images = np.random.default_rng(0).integers(0, 256, (2, 1, SIZE, SIZE, 3), np.uint8)
    return tf.constant(images[0]), tf.constant(images[1])


@pytest.mark.slow
@pytest.mark.parametrize("jit", [False, True])
def test_after_some_steps_it_is_that_of_numpy(batch, jit):
    networks, decay = make_networks(), 0.75
    expected = [w.numpy().astype(np.float64) for w in networks.generator.trainable_weights]
    step = make_train_step(networks, crop_size=(SIZE, SIZE), ema_decay=decay, jit=jit)
    for number in range(4):
        step(batch, number)
        for i, weight in enumerate(networks.generator.trainable_weights):
            expected[i] = decay * expected[i] + (1 - decay) * weight.numpy()
    for average, wanted in zip(networks.average.trainable_weights, expected, strict=True):
        np.testing.assert_allclose(average, wanted, rtol=1e-4, atol=1e-6)
    statistics = networks.generator.non_trainable_weights
    assert statistics
    for copy, wanted in zip(networks.average.non_trainable_weights, statistics, strict=True):
        np.testing.assert_array_equal(copy, wanted)
    assert any(
        not np.array_equal(a, w)
        for a, w in zip(networks.average.weights, networks.generator.weights, strict=True)
    )


def test_it_changes_nothing_of_what_is_learned(batch):
    weights = []
    for decay in (0.0, 0.9):
        networks = make_networks()
        step = make_train_step(networks, crop_size=(SIZE, SIZE), ema_decay=decay)
        before = networks.average.get_weights()
        for number in range(2):
            step(batch, number)
        moved = zip(before, networks.average.get_weights(), strict=True)
        assert all(np.array_equal(*pair) for pair in moved) == (decay == 0)
        weights.append(networks.generator.get_weights() + networks.discriminator.get_weights())
    for one, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_decay_without_an_average_is_refused():
    with pytest.raises(ValueError, match="networks have no average"):
        make_train_step(make_networks(average=False), crop_size=(SIZE, SIZE), ema_decay=0.9)
