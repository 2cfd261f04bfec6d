"""The order of examples is a function of the seed, and continues where a run left off."""

import numpy as np
import pytest
import tensorflow as tf

from tfpix2pix.data import images
from tfpix2pix.data.order import WHOLE, Share, shuffled_index
from tfpix2pix.data.pairs import Pairs, open_pairs
from tfpix2pix.data.pipeline import (
    Resizing,
    evaluation_batches,
    fetcher,
    training_batches,
)


def numbered(count):
    """Fetches pairs whose inputs hold their own number, and the targets 255 minus that."""

    def fetch(index):
        number = tf.fill([2, 2, 3], tf.cast(index, tf.uint8))
        return number, 255 - number

    return fetch


def order(count, epochs, seed=0):
    """The indices in the order a run sees them: [epochs, count]."""
    positions = tf.data.Dataset.range(epochs * count)
    indices = positions.map(lambda position: shuffled_index(position, count, seed))
    return np.array(list(indices.as_numpy_iterator())).reshape(epochs, count)


def batches(count, batch_size, steps, first_step=0, seed=0, share=WHOLE):
    """(inputs, targets) of every batch, as arrays."""
    dataset = training_batches(
        numbered(count),
        count,
        batch_size=batch_size,
        seed=seed,
        first_step=first_step,
        steps=steps,
        share=share,
    )
    return list(dataset.as_numpy_iterator())


def numbers(batches):
    return [int(number) for input_image, _ in batches for number in input_image[:, 0, 0, 0]]


# Order


@pytest.mark.parametrize("count", [1, 2, 7, 40])
def test_each_epoch_sees_every_pair_once(count):
    epochs = order(count, 5)
    assert (np.sort(epochs, axis=1) == np.arange(count)).all()


def test_epochs_differ_in_order():
    assert len({tuple(epoch) for epoch in order(40, 6)}) == 6


def test_seeds_differ_in_order():
    """Nor is one seed's order another's, an epoch later."""
    orders = [tuple(epoch) for seed in range(4) for epoch in order(40, 3, seed)]
    assert len(set(orders)) == 12


def test_every_pair_comes_first_now_and_then():
    firsts = order(5, 200)[:, 0]
    assert (np.bincount(firsts, minlength=5) > 20).all()


def test_order_is_computed_the_same_eagerly():
    eager = [int(shuffled_index(tf.constant(p, tf.int64), 7, 3)) for p in range(21)]
    assert eager == order(7, 3, seed=3).ravel().tolist()


# Training batches


def test_training_batches_are_the_shuffled_pairs():
    found = batches(count=10, batch_size=2, steps=15, seed=5)
    assert numbers(found) == order(10, 3, seed=5).ravel().tolist()
    for input_image, target_image in found:
        assert input_image.dtype == target_image.dtype == np.uint8
        assert input_image.shape == target_image.shape == (2, 2, 2, 3)
        np.testing.assert_array_equal(target_image, 255 - input_image)


@pytest.mark.parametrize("first_step", [1, 3, 8, 12])
def test_a_resumed_run_continues_with_the_very_next_batch(first_step):
    whole = batches(count=7, batch_size=3, steps=12)
    rest = batches(count=7, batch_size=3, steps=12, first_step=first_step)
    assert len(rest) == 12 - first_step
    for expected, found in zip(whole[first_step:], rest, strict=True):
        np.testing.assert_array_equal(expected, found)


@pytest.mark.parametrize(("pipelines", "replicas"), [(1, 1), (1, 2), (2, 2), (2, 4), (4, 4)])
@pytest.mark.parametrize("first_step", [0, 3])
def test_the_shares_of_a_batch_are_the_batch(first_step, pipelines, replicas):
    whole = batches(5, batch_size=4, steps=6, first_step=first_step)
    shares = [
        batches(5, 4, 6, first_step, share=Share(pipelines, pipeline, replicas))
        for pipeline in range(pipelines)
    ]
    each = replicas // pipelines
    for number, (inputs, targets) in enumerate(whole):
        parts = [part for share in shares for part in share[number * each : (number + 1) * each]]
        assert [len(part) for part, _ in parts] == [4 // replicas] * replicas
        np.testing.assert_array_equal(np.concatenate([part for part, _ in parts]), inputs)
        np.testing.assert_array_equal(np.concatenate([part for _, part in parts]), targets)


def test_two_workers_see_every_pair_once_an_epoch():
    seen = [numbers(batches(12, 4, 3, share=Share(2, pipeline, 2))) for pipeline in range(2)]
    assert sorted(seen[0] + seen[1]) == list(range(12))


def test_batches_run_on_over_the_end_of_an_epoch():
    found = batches(count=5, batch_size=3, steps=5)
    assert [len(input_image) for input_image, _ in found] == [3] * 5
    epochs = np.reshape(numbers(found), [3, 5])
    assert (np.sort(epochs, axis=1) == np.arange(5)).all()


def test_a_batch_may_be_larger_than_the_set():
    assert sorted(numbers(batches(count=2, batch_size=6, steps=1))) == [0, 0, 0, 1, 1, 1]


def test_one_pair_makes_every_batch():
    assert numbers(batches(count=1, batch_size=2, steps=3)) == [0] * 6


def test_compiled_steps_are_given_static_shapes():
    dataset = training_batches(numbered(5), 5, batch_size=3, seed=0, first_step=0, steps=1)
    assert [spec.shape.as_list() for spec in dataset.element_spec] == [[3, 2, 2, 3]] * 2


# Evaluation batches


@pytest.mark.parametrize(
    ("batch_size", "sizes"), [(1, [1] * 7), (3, [3, 3, 1]), (7, [7]), (10, [7])]
)
def test_evaluation_sees_all_pairs_in_order(batch_size, sizes):
    dataset = evaluation_batches(numbered(7), 7, batch_size=batch_size)
    found = list(dataset.as_numpy_iterator())
    assert numbers(found) == list(range(7))
    assert [len(target_image) for _, target_image in found] == sizes
    np.testing.assert_array_equal(found[-1][1], 255 - found[-1][0])


# Fetching


def test_fetching_resizes_each_image_in_its_own_way(pairs_folder):
    pairs = open_pairs(str(pairs_folder), "train")
    resizing = Resizing((20, 30), input_interpolation="nearest", target_interpolation="area")
    fetch = fetcher(pairs, resizing)
    for index in range(6):
        input_image, target_image = pairs.load(index)
        fetched = fetch(tf.constant(index, tf.int64))
        expected = images.resize(input_image, (20, 30), "nearest")
        np.testing.assert_array_equal(fetched[0], expected)
        expected = images.resize(target_image, (20, 30), "area")
        np.testing.assert_array_equal(fetched[1], expected)


@pytest.mark.parametrize("size", [(64, 64), (20, 30)])
def test_kept_in_memory_or_not_the_bytes_are_the_same(pairs_folder, size):
    pairs = open_pairs(str(pairs_folder), "train")
    kept, decoded = (
        list(
            training_batches(
                fetcher(pairs, Resizing(size), cache_gib),
                len(pairs), batch_size=4, seed=2, first_step=0, steps=4,
            ).as_numpy_iterator()
        )
        for cache_gib in (1, 0)
    )  # fmt: skip
    assert kept[0][0].dtype == np.uint8
    assert kept[0][0].shape == (4, *size, 3)
    for batch, same in zip(kept, decoded, strict=True):
        np.testing.assert_array_equal(batch, same)


@pytest.mark.parametrize(("limit", "decodings"), [(1.0, 3), (0.99, 9)])
def test_a_set_is_kept_only_where_it_fits(limit, decodings):
    """Three pairs of 4x4 RGB take 288 bytes; three passes decode once, or each time."""
    count = [0]

    def decode():
        count[0] += 1
        return np.zeros((4, 4, 3), np.uint8)

    def load(index):
        image = tf.ensure_shape(tf.numpy_function(decode, [], tf.uint8), [4, 4, 3])
        return image, image

    pairs = Pairs(("a", "b", "c"), load, "memory")
    fetch = fetcher(pairs, Resizing((4, 4)), cache_gib=limit * 288 / 2**30)
    for _ in range(3):
        assert len(list(evaluation_batches(fetch, len(pairs)))) == 3
    assert count[0] == decodings
