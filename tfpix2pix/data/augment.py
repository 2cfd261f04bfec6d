"""Random jitter (paper, section 6.2): one crop and one mirror for each pair of a batch.

Images are [B, H, W, C] of any one type. The draws are a function of the seed alone, so that a
resumed run draws what the uninterrupted one would have drawn.
"""

import tensorflow as tf


def random_jitter(
    input_image: tf.Tensor,
    target_image: tf.Tensor,
    crop_size: tuple[int, int],
    mirror: bool,
    seed: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Crops each pair at a random place and mirrors every other pair, both images alike.

    Args:
        input_image: [B, H, W, C].
        target_image: [B, H, W, C'], the same B, H and W.
        crop_size: height and width of the crop, at most H and W.
        mirror: whether to mirror at all.
        seed: int32 or int64 [2], each from 0 to 2**31 - 1.

    Returns:
        The two images, [B, *crop_size, C] and [B, *crop_size, C'].
    """
    rows, columns = _crop_indices(tf.shape(input_image), crop_size, mirror, seed)

    def take(image: tf.Tensor) -> tf.Tensor:
        cropped = tf.gather(image, rows, axis=1, batch_dims=1)
        cropped = tf.gather(cropped, columns, axis=2, batch_dims=1)
        return tf.ensure_shape(cropped, [image.shape[0], *crop_size, image.shape[-1]])

    return take(input_image), take(target_image)


def _crop_indices(
    shape: tf.Tensor, crop_size: tuple[int, int], mirror: bool, seed: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Row and column numbers, [B, height] and [B, width]; mirrored pairs run backwards."""
    batch, height, width = shape[0], *crop_size
    # All draws at once, as whole numbers: XLA splits seeds and draws floats in another way than
    # the plain kernels. Taken modulo a few dozen places, 32 random bits are as good as uniform.
    bits = tf.random.stateless_uniform([3, batch, 1], seed, None, None, tf.int32, alg="philox")
    rows = bits[0] % (shape[1] - height + 1) + tf.range(height)
    columns = tf.broadcast_to(tf.range(width), [batch, width])
    if mirror:
        columns = tf.where(bits[2] < 0, width - 1 - columns, columns)
    return rows, bits[1] % (shape[2] - width + 1) + columns
