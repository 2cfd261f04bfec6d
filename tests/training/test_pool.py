"""The pool against a plain simulation given the same bits."""

import numpy as np
import pytest
import tensorflow as tf

from tfpix2pix.config import resolve
from tfpix2pix.data.augment import Stream, random_bits
from tfpix2pix.errors import UserError
from tfpix2pix.training.checkpoints import Checkpoints
from tfpix2pix.training.pool import ImagePool
from tfpix2pix.training.state import TrainState


def pair(number):
    """A pair of images that hold their own number."""
    return np.full((2, 3, 1), number, np.float32), np.full((2, 3, 2), -number, np.float32)


def simulated(size, batches):
    """What a pool hands out, as numbers, by CycleGAN's rule."""
    held, given = [], []
    for step, numbers in enumerate(batches):
        bits = random_bits([2, len(numbers)], tf.constant([7, step], tf.int64), Stream.POOL)
        for number, (coin, place) in zip(numbers, bits.numpy().T, strict=True):
            if len(held) < size:
                held.append(number)
                given.append(number)
            elif coin < 0:
                given.append(held[place % size])
                held[place % size] = number
            else:
                given.append(number)
    return given


@pytest.mark.parametrize("how", ["eager", "graph", "xla"])
@pytest.mark.parametrize(("size", "batch_size"), [(1, 1), (3, 1), (4, 3), (2, 5)])
def test_what_is_handed_out_is_that_of_a_plain_pool(size, batch_size, how):
    pool = ImagePool(size, (2, 3), 1, 2)
    exchange = {
        "eager": pool.exchange,
        "graph": tf.function(pool.exchange),
        "xla": tf.function(pool.exchange, jit_compile=True),
    }[how]
    batches = np.arange(1, 1 + 20 * batch_size).reshape(20, batch_size)
    given = []
    for step, numbers in enumerate(batches):
        inputs, generated = (
            tf.constant(np.stack(images))
            for images in zip(*(pair(n) for n in numbers), strict=True)
        )
        answer = exchange(inputs, generated, tf.constant([7, step], tf.int64))
        # Whole pairs: every pixel is of the same one.
        for i in range(batch_size):
            (number,) = np.unique(answer[0][i])
            np.testing.assert_array_equal(answer[1][i], pair(number)[1])
            given.append(int(number))
    assert given == simulated(size, batches)
    assert any(number not in row for number, row in zip(given, batches[:, :1], strict=False))


@pytest.mark.slow
def test_half_of_the_answers_are_earlier_ones():
    given = simulated(5, np.arange(4000).reshape(-1, 1))
    earlier = np.mean(np.array(given[5:]) != np.arange(5, 4000))
    assert abs(earlier - 0.5) < 0.03


def test_no_gradient_flows_through_the_pool():
    pool = ImagePool(2, (2, 3), 1, 2)
    image = tf.ones([1, 2, 3, 2])
    with tf.GradientTape() as tape:
        tape.watch(image)
        _, given = pool.exchange(tf.ones([1, 2, 3, 1]), image * 2, tf.constant([0, 0]))
    assert tape.gradient(given, image) is None


def test_its_variables_are_all_its_state():
    one, other = (ImagePool(2, (2, 3), 1, 2) for _ in range(2))
    batch = [tf.constant(np.stack([image])) for image in pair(5)]
    for step in range(3):
        one.exchange(*batch, tf.constant([0, step]))
    for name, variable in one.variables.items():
        other.variables[name].assign(variable)
    new = [tf.constant(np.stack([image])) for image in pair(6)]
    for step in range(3, 9):
        given = [pool.exchange(*new, tf.constant([0, step]))[1] for pool in (one, other)]
        np.testing.assert_array_equal(*given)


def test_before_the_first_step_a_pool_may_be_of_another_size(tmp_path):
    """Imported weights may be trained at another size than that of their import."""
    tiny = {"base_filters": 2, "depth": 3, "n_layers": 1, "pool_size": 2, "load_size": 32}
    small, large = (
        TrainState(resolve(flags=tiny | {"crop_size": size, "seed": size}), 4) for size in (16, 32)
    )
    Checkpoints(small, tmp_path, 1).save()
    assert Checkpoints(large, tmp_path, 1).restore_latest()
    weights = (state.networks.generator.get_weights() for state in (small, large))
    for saved, restored in zip(*weights, strict=True):
        np.testing.assert_array_equal(restored, saved)
    assert large.pool.variables["inputs"].shape == (2, 32, 32, 3)

    small.step.assign(1)
    Checkpoints(small, tmp_path, 1).save()
    with pytest.raises(UserError, match="it is damaged or of other networks"):
        Checkpoints(large, tmp_path, 1).restore_latest()
