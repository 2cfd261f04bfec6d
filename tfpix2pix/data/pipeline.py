"""From pairs to batches: decode -> resize -> keep -> order -> batch -> prefetch.

Batches are pairs of uint8 [B, H, W, 3]; jitter and scaling follow in the compiled step.
"""

import dataclasses
from collections.abc import Callable

import tensorflow as tf

from tfpix2pix.data import images
from tfpix2pix.data.pairs import ImagePair, Pairs

Fetch = Callable[[tf.Tensor], ImagePair]


@dataclasses.dataclass(frozen=True)
class Resizing:
    """What is done to every pair once.

    Attributes:
        size: height and width.
        input_method, target_method: `"bicubic"`, `"area"` or `"nearest"`.
    """

    size: tuple[int, int]
    input_method: images.Resize = "bicubic"
    target_method: images.Resize = "bicubic"


def fetcher(pairs: Pairs, resizing: Resizing, cache_gib: float = 4.0) -> Fetch:
    """Gives a function from an index to its pair, resized: uint8 [*size, 3] each.

    A set that fits in `cache_gib` is decoded now, in parallel, and kept in memory, so that each
    image is decoded and resized once; a larger one is decoded anew each time.

    Raises:
        UserError: an image cannot be decoded; the message names it.
    """

    def decode(index: tf.Tensor) -> ImagePair:
        input_image, target_image = pairs.load(index)
        return (
            images.resize(input_image, resizing.size, resizing.input_method),
            images.resize(target_image, resizing.size, resizing.target_method),
        )

    bytes_needed = len(pairs) * 2 * images.CHANNELS * resizing.size[0] * resizing.size[1]
    if bytes_needed > cache_gib * 2**30:
        return decode
    inputs, targets = _decode_all(pairs, decode, resizing.size)
    return lambda index: (tf.gather(inputs, index), tf.gather(targets, index))


def _decode_all(
    pairs: Pairs, decode: Fetch, size: tuple[int, int]
) -> tuple[tf.Variable, tf.Variable]:
    """All pairs, uint8 [N, *size, 3] each; variables, which tf.data refers to and never copies."""
    shape = (len(pairs), *size, images.CHANNELS)
    with tf.device("cpu"):
        inputs, targets = (tf.Variable(tf.zeros(shape, tf.uint8)) for _ in range(2))
    dataset = tf.data.Dataset.range(len(pairs)).map(decode, num_parallel_calls=tf.data.AUTOTUNE)
    done = 0
    try:
        for input_image, target_image in dataset:
            inputs[done].assign(input_image)
            targets[done].assign(target_image)
            done += 1
    except tf.errors.OpError as error:
        # The map keeps its order, so the first pair that has not arrived is the broken one.
        raise (pairs.find_broken([done]) or error) from error
    return inputs, targets


def shuffled_index(position: tf.Tensor, pairs: int, seed: int) -> tf.Tensor:
    """The index of the pair that a run sees as its `position`-th, counted over all epochs.

    Each epoch is a new permutation of all pairs, computed from (seed, epoch) alone: a resumed run
    continues with the very next example. Batches run on over the end of an epoch.

    Args:
        position: int64 scalar, from 0.
        pairs: in the data set.
        seed: of the run.

    Returns:
        int64 scalar.
    """
    epoch = position // pairs
    return tf.random.experimental.index_shuffle(
        position % pairs,
        tf.stack([tf.constant(seed, tf.int64), epoch]),
        tf.constant(pairs - 1, tf.int64),
    )


def training_batches(
    fetch: Fetch, pairs: int, *, batch_size: int, seed: int, first_step: int, steps: int
) -> tf.data.Dataset:
    """Batches for the steps `first_step` to `steps`: ([B, H, W, 3], [B, H, W, 3]), uint8."""
    positions = tf.data.Dataset.range(first_step * batch_size, steps * batch_size)
    dataset = positions.map(
        lambda position: fetch(shuffled_index(position, pairs, seed)),
        num_parallel_calls=tf.data.AUTOTUNE,
    )
    return dataset.batch(batch_size, drop_remainder=True).prefetch(tf.data.AUTOTUNE)


def evaluation_batches(
    fetch: Fetch, pairs: int, *, batch_size: int = 1, stride: int = 1
) -> tf.data.Dataset:
    """All pairs, or each `stride`-th, in their own order; the last batch is perhaps smaller."""
    dataset = tf.data.Dataset.range(0, pairs, stride).map(
        fetch, num_parallel_calls=tf.data.AUTOTUNE
    )
    return dataset.batch(batch_size).prefetch(tf.data.AUTOTUNE)
