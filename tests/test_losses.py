"""The losses against numbers worked out by hand; D is the sigmoid of the logits."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfpix2pix.losses import (
    adversarial_discriminator_loss,
    adversarial_generator_loss,
    l1_loss,
)

# -log sigmoid(-x) = softplus(x) = log(1 + e^x), and softplus(x) = x + softplus(-x):
#   softplus(0) = 0.693147 = log 2
#   softplus(1) = 1.313262, softplus(-1) = 0.313262    (e = 2.718282)
#   softplus(2) = 2.126928, softplus(-2) = 0.126928    (e^2 = 7.389056)


def logits(*values):
    return tf.reshape(tf.constant(values, tf.float32), (1, 1, -1, 1))


def gradient_of(loss, x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = loss(x)
    return tape.gradient(value, x).numpy().ravel()


# --- Generator ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fake", "expected"),
    [
        ([0.0], 0.693147),  # D = 1/2: log 2
        ([1.0], 0.313262),
        ([-1.0], 1.313262),
        ([2.0], 0.126928),
        ([math.log(3)], 0.287682),  # D = 3/4: log 4/3
        ([0.0, 1.0, -2.0], 1.044446),  # (0.693147 + 0.313262 + 2.126928) / 3
    ],
)
def test_generator_loss(fake, expected):
    assert float(adversarial_generator_loss(logits(*fake))) == pytest.approx(expected, abs=1e-6)


def test_generator_loss_does_not_saturate():
    """-log D still pulls where D is sure; log(1 - D) would have no gradient there."""
    gradient = gradient_of(adversarial_generator_loss, logits(-100.0, 0.0, 100.0))
    np.testing.assert_allclose(gradient, [-1 / 3, -1 / 6, 0], atol=1e-6)


# --- Discriminator --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("real", "fake", "expected"),
    [
        ([0.0], [0.0], 0.693147),  # (log 2 + log 2) / 2
        ([1.0], [0.0], 0.503205),  # (0.313262 + 0.693147) / 2
        ([0.0], [1.0], 1.003205),  # (0.693147 + 1.313262) / 2
        ([2.0], [-2.0], 0.126928),  # both right
        ([-2.0], [2.0], 2.126928),  # both wrong
        ([1.0, -1.0], [2.0, 0.0], 1.111650),  # ((.313262+1.313262)/2 + (2.126928+.693147)/2) / 2
    ],
)
def test_discriminator_loss(real, fake, expected):
    loss = adversarial_discriminator_loss(logits(*real), logits(*fake))
    assert float(loss) == pytest.approx(expected, abs=1e-6)


def test_discriminator_loss_is_half_of_both_cross_entropies():
    cross_entropy = keras.losses.BinaryCrossentropy(from_logits=True)
    real, fake = logits(0.3, -1.2, 2.5), logits(-0.7, 0.1, 1.9)
    both = cross_entropy(tf.ones_like(real), real) + cross_entropy(tf.zeros_like(fake), fake)
    loss = adversarial_discriminator_loss(real, fake)
    assert float(loss) == pytest.approx(float(both) / 2, abs=1e-6)


def test_discriminator_loss_pushes_real_up_and_fake_down_at_half_speed():
    real = gradient_of(lambda x: adversarial_discriminator_loss(x, logits(0.0)), logits(0.0))
    fake = gradient_of(lambda x: adversarial_discriminator_loss(logits(0.0), x), logits(0.0))
    # Unhalved these are -1/2 and 1/2.
    np.testing.assert_allclose([real, fake], [[-0.25], [0.25]], atol=1e-6)


def test_discriminator_loss_weighs_real_and_fake_alike_whatever_their_sizes():
    # (0.126928 + (0.693147 + 1.313262) / 2) / 2
    loss = adversarial_discriminator_loss(logits(2.0), logits(0.0, 1.0))
    assert float(loss) == pytest.approx(0.565066, abs=1e-6)


# --- Both -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("sign", "expected"), [(1, 0), (-1, 100)])
def test_extreme_logits_stay_finite(sign, expected):
    # softplus(100) is 100 to 43 digits, softplus(-100) is 4e-44; the sigmoid itself would round
    # to 1 or 0, whose logarithm is no number to train on.
    sure = logits(sign * 100.0)
    assert float(adversarial_generator_loss(sure)) == pytest.approx(expected, abs=1e-6)
    assert float(adversarial_discriminator_loss(sure, -sure)) == pytest.approx(expected, abs=1e-6)
    for loss in (
        adversarial_generator_loss,
        lambda x: adversarial_discriminator_loss(x, -x),
    ):
        assert np.isfinite(gradient_of(loss, sure)).all()


def test_small_losses_do_not_round_to_nothing():
    # -log sigmoid(20) = e^-20 = 2.0612e-9; 1 - sigmoid(20) rounds to 0 in float32.
    assert float(adversarial_generator_loss(logits(20.0))) == pytest.approx(2.0612e-9, rel=1e-3)


def test_losses_are_means_over_the_whole_batch():
    rows = tf.reshape(tf.constant([0.0, 1.0, -2.0, 2.0], tf.float32), (2, 1, 2, 1))
    # (0.693147 + 0.313262 + 2.126928 + 0.126928) / 4
    assert adversarial_generator_loss(rows).shape == ()
    assert float(adversarial_generator_loss(rows)) == pytest.approx(0.815066, abs=1e-6)
    assert adversarial_discriminator_loss(rows, rows).shape == ()


# --- L1 -------------------------------------------------------------------------------------------


def test_l1_loss():
    target = tf.constant([[[[1.0, -1.0, 0.5]], [[0.0, 0.25, -0.5]]]])
    generated = tf.constant([[[[-1.0, -1.0, 0.25]], [[0.5, 0.0, -1.0]]]])
    # (2 + 0 + 0.25 + 0.5 + 0.25 + 0.5) / 6
    loss = l1_loss(target, generated)
    assert loss.shape == ()
    assert float(loss) == pytest.approx(3.5 / 6, abs=1e-6)
    assert float(l1_loss(generated, target)) == pytest.approx(3.5 / 6, abs=1e-6)


def test_l1_loss_from_black_to_white_is_2_and_of_equals_0():
    black, white = -tf.ones((2, 4, 4, 3)), tf.ones((2, 4, 4, 3))
    assert float(l1_loss(black, white)) == 2
    assert float(l1_loss(white, white)) == 0
