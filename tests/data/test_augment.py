"""Jitter moves both images of a pair alike; pixels here say where they come from."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from tfpix2pix.data.augment import random_jitter

# Equal and even numbers of places, so that draws which wrongly share a seed go together.
HEIGHT, WIDTH, CROP = 13, 11, (8, 6)
PLACES = 6


def eagerly(op):
    return op


def compiled(op):
    return tf.function(op, jit_compile=True)


@pytest.fixture(params=[eagerly, tf.function, compiled], ids=lambda wrap: wrap.__name__)
def wrap(request):
    return request.param


def coordinates(batch, height=HEIGHT, width=WIDTH):
    """An input of (row, column, number in the batch) and a target of (255 - column, 255 - row)."""
    number, row, column = np.mgrid[:batch, :height, :width].astype(np.uint8)
    return np.stack([row, column, number], axis=-1), np.stack([255 - column, 255 - row], axis=-1)


def crop(image, size, top, left, mirrored):
    cropped = image[top : top + size[0], left : left + size[1]]
    return cropped[:, ::-1] if mirrored else cropped


def explanations(pair, jittered, size):
    """Every (top, left, mirrored) that turns both images of `pair` into those of `jittered`."""
    height, width = pair[0].shape[:2]
    candidates = itertools.product(
        range(height - size[0] + 1), range(width - size[1] + 1), [False, True]
    )
    return [
        candidate
        for candidate in candidates
        if all(
            np.array_equal(crop(image, size, *candidate), result)
            for image, result in zip(pair, jittered, strict=True)
        )
    ]


def jitter(pair, seed, size=CROP, mirror=True, wrap=eagerly):
    op = wrap(lambda a, b, seed: random_jitter(a, b, size, mirror, seed))
    return [image.numpy() for image in op(*map(tf.constant, pair), tf.constant(seed))]


def draws(seeds, batch=16, mirror=True):
    """(top, left, mirrored) of every pair over many seeds, read off the corners: [N, 3]."""
    pair = [tf.constant(image) for image in coordinates(batch)]
    op = tf.function(lambda seed: random_jitter(*pair, CROP, mirror, seed)[0])
    found = np.concatenate([op(tf.constant([7, seed])).numpy() for seed in range(seeds)])
    top, first, last = found[:, 0, 0, 0], found[:, 0, 0, 1], found[:, 0, -1, 1]
    return np.stack([top, np.minimum(first, last), first > last], axis=-1)


@pytest.mark.parametrize(
    ("shape", "size"),
    [((12, 11), (8, 6)), ((9, 14), (9, 8)), ((14, 9), (5, 9)), ((10, 10), (9, 9))],
)
def test_one_crop_and_mirror_explains_both_images(wrap, shape, size):
    pair = coordinates(4, *shape)
    jittered = jitter(pair, [3, 4], size, wrap=wrap)
    assert [image.shape for image in jittered] == [(4, *size, 3), (4, *size, 2)]
    for number in range(4):
        images = [image[number] for image in pair], [image[number] for image in jittered]
        assert len(explanations(*images, size)) == 1


def test_draws_are_the_same_compiled_or_not():
    eager = jitter(coordinates(8), [1, 2])
    for other in tf.function, compiled:
        for image, same in zip(eager, jitter(coordinates(8), [1, 2], wrap=other), strict=True):
            np.testing.assert_array_equal(image, same)


def test_seed_alone_decides(wrap):
    pair = [tf.constant(image) for image in coordinates(8)]
    op = wrap(lambda seed: random_jitter(*pair, CROP, True, seed))
    first, again = op(tf.constant([5, 6])), op(tf.constant([5, 6]))
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    for other in [5, 7], [6, 6]:
        assert (op(tf.constant(other))[0].numpy() != first[0].numpy()).any()


def test_64_bit_seeds_are_taken():
    pair = [tf.constant(image) for image in coordinates(2)]
    seed = tf.constant([5, 2**40], tf.int64)
    assert random_jitter(*pair, CROP, True, seed)[0].shape == (2, *CROP, 3)


def test_pairs_of_a_batch_are_jittered_each_on_its_own():
    found = draws(seeds=1, batch=16)
    for column in found.T:
        assert len(set(column)) > 1
    assert len({tuple(draw) for draw in found}) > 8


def test_all_places_occur_about_equally_often():
    found = draws(seeds=100)
    for offsets in found[:, 0], found[:, 1]:
        shares = np.bincount(offsets) / len(found)
        np.testing.assert_allclose(shares, np.full(PLACES, 1 / PLACES), atol=0.04)
    assert found[:, 2].mean() == pytest.approx(0.5, abs=0.04)
    assert len({tuple(draw) for draw in found}) == PLACES * PLACES * 2  # each with each other


def test_without_mirror_nothing_is_mirrored():
    found = draws(seeds=20, mirror=False)
    assert not found[:, 2].any()
    assert len({tuple(draw) for draw in found}) == PLACES * PLACES


def test_crop_of_the_whole_only_mirrors(wrap):
    pair = coordinates(16)
    unchanged = jitter(pair, [0, 1], (HEIGHT, WIDTH), mirror=False, wrap=wrap)
    np.testing.assert_array_equal(unchanged[0], pair[0])
    np.testing.assert_array_equal(unchanged[1], pair[1])
    jittered = jitter(pair, [0, 1], (HEIGHT, WIDTH), wrap=wrap)
    mirrored = (jittered[0] != pair[0]).any(axis=(1, 2, 3))
    assert mirrored.any()
    assert not mirrored.all()
    for image, result in zip(pair, jittered, strict=True):
        np.testing.assert_array_equal(result[mirrored], image[mirrored][:, :, ::-1])
        np.testing.assert_array_equal(result[~mirrored], image[~mirrored])


def test_network_images_keep_their_type_and_values():
    pair = [image.astype(np.float32) / 127.5 - 1 for image in coordinates(2)]
    jittered = jitter(pair, [3, 4])
    assert [image.dtype for image in jittered] == [np.float32, np.float32]
    for number in range(2):
        images = [image[number] for image in pair], [image[number] for image in jittered]
        assert len(explanations(*images, CROP)) == 1
