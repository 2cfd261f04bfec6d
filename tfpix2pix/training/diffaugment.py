"""Differentiable augmentation of what the discriminator sees, for training on few pairs.

After Zhao et al., "Differentiable Augmentation for Data-Efficient GAN Training", NeurIPS 2020,
https://arxiv.org/abs/2006.10738: random changes of both the real and the generated images, through
which the generator is still told how to improve. Ranges and order are those of the authors' code.
Here D judges pairs, so what moves the target and the generated image moves the input alike, and
both get one draw: only what G did tells real from generated.

Images are float32 [B, H, W, C], mostly in [-1, 1]: `color` may leave that range, as in the paper.
"""

from collections.abc import Sequence

import tensorflow as tf

from tfpix2pix.data.augment import Draws, Stream, random_bits

# In the order in which they are applied.
POLICIES = ("color", "translation", "cutout")
TRANSLATION = 8  # at most this part of height and width
CUTOUT = 2  # this part of height and width


def diff_augment(
    input_image: tf.Tensor,
    target_image: tf.Tensor,
    generated_image: tf.Tensor,
    policies: Sequence[str],
    seed: tf.Tensor | Draws,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Changes each example at random: its input, target and generated image alike.

    - `color`: brightness by -0.5 to 0.5, saturation by a factor of 0 to 2, contrast by a factor of
      0.5 to 1.5, of target and generated only: the input is what they are judged against.
    - `translation`: by up to 1/8 of the height and width; what moves in is 0.
    - `cutout`: a rectangle of half the height and width, whose centre is anywhere, becomes 0.

    Each policy has draws of its own: switching one on changes nothing of what the others do.

    Args:
        input_image: float32 [B, H, W, C].
        target_image: float32 [B, H, W, C'].
        generated_image: float32 [B, H, W, C']; gradients flow through to it, and to the others.
        policies: of `POLICIES`, in any order; none leave the images unchanged.
        seed: as of `random_bits`; that of the jitter will do.

    Returns:
        The three images, in their order and shapes.

    Raises:
        ValueError: there is no such policy.
    """
    if unknown := [policy for policy in policies if policy not in POLICIES]:
        raise ValueError(f"no such policy: {', '.join(unknown)}; there are {', '.join(POLICIES)}")
    bits = random_bits([7, tf.shape(input_image)[0], 1], seed, Stream.DIFF_AUGMENT)
    if "color" in policies:
        target_image, generated_image = (
            _color(image, bits[:3]) for image in (target_image, generated_image)
        )
    images = input_image, target_image, generated_image
    if "translation" in policies:
        images = tuple(_translation(image, bits[3:5]) for image in images)
    if "cutout" in policies:
        images = tuple(_cutout(image, bits[5:]) for image in images)
    return images


def _color(image: tf.Tensor, bits: tf.Tensor) -> tf.Tensor:
    """Brightness, saturation and contrast by int32 [3, B, 1]; gray has no saturation."""
    uniform = tf.cast(bits, tf.float32) / 2.0**32  # in [-0.5, 0.5]
    brightness, saturation, contrast = tf.unstack(uniform[..., tf.newaxis, tf.newaxis])
    image += brightness
    image = _spread(image, 1.0 + 2.0 * saturation, axis=[3])
    return _spread(image, 1.0 + contrast, axis=[1, 2, 3])


def _spread(image: tf.Tensor, factor: tf.Tensor, axis: list[int]) -> tf.Tensor:
    """Multiplies the distance from the mean."""
    mean = tf.reduce_mean(image, axis, keepdims=True)
    return mean + (image - mean) * factor


def _translation(image: tf.Tensor, bits: tf.Tensor) -> tf.Tensor:
    """Moves down and right, by int32 [2, B, 1]; 0 moves in."""
    inside = []
    moved = image
    for axis in (1, 2):
        size = tf.shape(image)[axis]
        furthest = size // TRANSLATION
        source = tf.range(size) - bits[axis - 1] % (2 * furthest + 1) + furthest
        inside.append((source >= 0) & (source < size))
        source = tf.clip_by_value(source, 0, size - 1)
        moved = tf.gather(moved, source, axis=axis, batch_dims=1)
    return moved * _rectangle(*inside)


def _cutout(image: tf.Tensor, bits: tf.Tensor) -> tf.Tensor:
    """Clears a rectangle about a centre by int32 [2, B, 1]; it may reach over the borders."""
    covered = []
    for axis in (1, 2):
        size = tf.shape(image)[axis]
        extent = size // CUTOUT
        # One more place where the extent is even, and the centre lies between two pixels.
        start = bits[axis - 1] % (size + 1 - extent % 2) - extent // 2
        place = tf.range(size)
        covered.append((place >= start) & (place < start + extent))
    return image * (1.0 - _rectangle(*covered))


def _rectangle(rows: tf.Tensor, columns: tf.Tensor) -> tf.Tensor:
    """1 where both hold, otherwise 0: bool [B, H] and [B, W] -> float32 [B, H, W, 1]."""
    both = rows[:, :, tf.newaxis, tf.newaxis] & columns[:, tf.newaxis, :, tf.newaxis]
    return tf.cast(both, tf.float32)
