"""Penalties on the discriminator's gradient with respect to the images it judges.

The critic whose gradient is meant is the mean of an example's logits, summed over the scales.
Images are float32 [B, H, W, C]; penalties are scalars, means over the batch, before any weight.
"""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from tfpix2pix.data.augment import Draws, Stream, random_bits
from tfpix2pix.losses.objective import Judgement

Judge = Callable[[tf.Tensor, tf.Tensor], Judgement]
# Keeps the root's own gradient finite where a critic has none.
SMALLEST_SQUARE = 1e-12


class JudgedPair(NamedTuple):
    """An image as D sees it, and the input it is judged against."""

    input_image: tf.Tensor
    image: tf.Tensor


def gradient_penalty(
    judge: Judge, real: JudgedPair, fake: JudgedPair, seed: tf.Tensor | Draws
) -> tf.Tensor:
    """How far the critic's gradient norms are from 1: mean of (norm - 1)^2.

    Gulrajani et al. 2017, "Improved Training of Wasserstein GANs", equation 3: taken at a random
    point on the line between each target and generated image.

    Args:
        judge: of (input_image, image).
        real: the target.
        fake: the generated image; its input is another where it comes from a pool, and then the
            point lies between the inputs, too.
        seed: as of `random_bits`.
    """
    fraction = mix_fraction(tf.shape(real.image)[0], seed)
    between = JudgedPair(*(r + fraction * (f - r) for r, f in zip(real, fake, strict=True)))
    squares = _squared_gradient(judge, between)
    return tf.reduce_mean(tf.square(tf.sqrt(squares + SMALLEST_SQUARE) - 1.0))


def r1_penalty(judge: Judge, real: JudgedPair) -> tf.Tensor:
    """Mean of the critic's squared gradient norms at the targets.

    Mescheder et al. 2018, "Which Training Methods for GANs do actually Converge?", equation 9,
    without gamma / 2.
    """
    return tf.reduce_mean(_squared_gradient(judge, real))


def mix_fraction(batch: int | tf.Tensor, seed: tf.Tensor | Draws) -> tf.Tensor:
    """How far along the line each example's point is: float32 [B, 1, 1, 1] in [0, 1].

    Made of bits: floats that TensorFlow draws are others under XLA.
    """
    bits = random_bits([batch, 1, 1, 1], seed, Stream.PENALTY, batch_axis=0)
    return tf.cast(bits, tf.float32) / 2.0**32 + 0.5


def _squared_gradient(judge: Judge, pair: JudgedPair) -> tf.Tensor:
    """The squared norm of each example's gradient with respect to the image, [B]."""
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(pair.image)
        logits = judge(*pair).logits
        # Of the examples' sum: each example's critic depends on its own image.
        critic = tf.add_n([tf.reduce_sum(tf.reduce_mean(x, axis=(1, 2, 3))) for x in logits])
    gradient = tf.cast(tape.gradient(critic, pair.image), tf.float32)
    return tf.reduce_sum(tf.square(gradient), axis=(1, 2, 3))
