"""The seeds of dropout at prediction, in a graph: those of `models.set_prediction_seed`.

There they are drawn by NumPy's SeedSequence (O'Neill's seed_seq_fe, "Developing a seed_seq
Alternative", 2015), of which this is the same sums, on numbers of 32 bits held in 64.
"""

import tensorflow as tf

MASK = 0xFFFFFFFF
POOL = 4
HASH_START, HASH_FACTOR = 0x43B0D7E5, 0x931E8875
STATE_START, STATE_FACTOR = 0x8B51F9DD, 0x58F38DED
MIX_LEFT, MIX_RIGHT = 0xCA01F9DD, 0x4973F715


def seed_words(seed: tf.Tensor, draw: int, number: int) -> tf.Tensor:
    """`np.random.SeedSequence([seed, draw, number]).generate_state(2)`.

    Args:
        seed: int64 scalar, 0 to 2^32 - 1.
        draw, number: below 2^32.

    Returns:
        int64 [2], numbers of 32 bits.
    """
    constant = HASH_START

    def hashed(value: tf.Tensor) -> tf.Tensor:
        nonlocal constant
        value = tf.bitwise.bitwise_xor(value, tf.constant(constant, tf.int64))
        constant = constant * HASH_FACTOR & MASK
        return _shifted(value * constant)

    entropy = [seed, *(tf.constant(word, tf.int64) for word in (draw, number, 0))]
    pool = [hashed(word) for word in entropy]
    for source in range(POOL):
        for target in range(POOL):
            if source != target:
                mixed = pool[target] * MIX_LEFT - hashed(pool[source]) * MIX_RIGHT
                pool[target] = _shifted(mixed)
    words = []
    constant, factor = STATE_START, STATE_FACTOR
    for value in pool[:2]:
        value = tf.bitwise.bitwise_xor(value, tf.constant(constant, tf.int64))
        constant = constant * factor & MASK
        words.append(_shifted(value * constant))
    return tf.stack(words)


def _shifted(value: tf.Tensor) -> tf.Tensor:
    """The lower 32 bits, with their upper half laid over the lower."""
    value = tf.bitwise.bitwise_and(value, tf.constant(MASK, tf.int64))
    return tf.bitwise.bitwise_xor(value, value // 2**16)
