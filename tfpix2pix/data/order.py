"""Which pair comes when, and who makes which part of a batch."""

import dataclasses

import tensorflow as tf


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


@dataclasses.dataclass(frozen=True)
class Share:
    """Which part of each batch a pipeline makes, where several devices share the batches.

    Attributes:
        pipelines: how many there are, one a worker.
        pipeline: which of them this is, from 0.
        replicas: devices of all workers; each gets an equal part of a batch.
    """

    pipelines: int = 1
    pipeline: int = 0
    replicas: int = 1


WHOLE = Share()
