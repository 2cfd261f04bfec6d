"""Jitter and crops move both images of a pair alike; pixels here say where they come from."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from tfpix2pix.data.augment import (
    Draws,
    Stream,
    center_crop,
    random_bits,
    random_crop,
    random_jitter,
)

# Equal and even numbers of places, so that draws which wrongly share a seed go together.
HEIGHT, WIDTH, CROP = 13, 11, (8, 6)
PLACES = 6
SQUARE = (6, 6)
SYMMETRIES = list(itertools.product([False, True], range(4)))  # upside down, quarter turns


def eagerly(op):
    return op


def compiled(op):
    return tf.function(op, jit_compile=True)


def in_tf_data(op):
    return lambda *tensors: next(iter(tf.data.Dataset.from_tensors(tensors).map(op)))


@pytest.fixture(params=[eagerly, tf.function, compiled, in_tf_data], ids=lambda wrap: wrap.__name__)
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


def jitter(pair, seed, size=CROP, mirror=True, wrap=eagerly, **options):
    op = wrap(lambda a, b, seed: random_jitter(a, b, size, mirror, seed, **options))
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


def frozen_jitter(input_image, target_image, crop_size, seed):
    """What drew the jitter before there were other options, so that old runs stay repeatable."""
    shape, (height, width) = tf.shape(input_image), crop_size
    bits = tf.random.stateless_uniform([3, shape[0], 1], seed, None, None, tf.int32, alg="philox")
    rows = bits[0] % (shape[1] - height + 1) + tf.range(height)
    columns = tf.broadcast_to(tf.range(width), [shape[0], width])
    columns = tf.where(bits[2] < 0, width - 1 - columns, columns)
    columns = bits[1] % (shape[2] - width + 1) + columns

    def take(image):
        return tf.gather(
            tf.gather(image, rows, axis=1, batch_dims=1), columns, axis=2, batch_dims=1
        )

    return take(input_image), take(target_image)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_jitter_without_other_options_draws_what_it_always_drew(wrap, dtype):
    pair = [tf.constant(image.astype(dtype)) for image in coordinates(5)]
    both = wrap(lambda a, b, seed: random_jitter(a, b, CROP, True, seed))
    for seed in [0, 0], [7, 123], [2**31 - 1, 2**28 - 1]:
        seed = tf.constant(seed)
        for expected, image in zip(
            frozen_jitter(*pair, CROP, seed), both(*pair, seed), strict=True
        ):
            assert image.dtype == dtype
            np.testing.assert_array_equal(image, expected)


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


def symmetry(before, after):
    """The one (upside down, quarter turns) that turns all images `before` into those `after`."""
    (found,) = (
        (upside_down, turns)
        for upside_down, turns in SYMMETRIES
        if all(
            np.array_equal(np.rot90(image[::-1] if upside_down else image, turns), result)
            for image, result in zip(before, after, strict=True)
        )
    )
    return found


@pytest.mark.parametrize(
    ("vertical_mirror", "rotate"), [(True, False), (False, True), (True, True)]
)
def test_options_are_symmetries_of_the_jittered_images(wrap, vertical_mirror, rotate):
    """Each option leaves alone what the others draw, so that one can look at it by itself."""
    types = [np.uint16, np.float32]
    pair = [image.astype(dtype) for image, dtype in zip(coordinates(16), types, strict=True)]
    options = {"vertical_mirror": vertical_mirror, "rotate": rotate}
    before, after = (
        jitter(pair, [2, 3], SQUARE),
        jitter(pair, [2, 3], SQUARE, True, wrap, **options),
    )
    assert [image.dtype for image in after] == types
    eager = jitter(pair, [2, 3], SQUARE, **options)
    assert all(np.array_equal(image, same) for image, same in zip(after, eager, strict=True))
    found = [
        symmetry([image[number] for image in before], [image[number] for image in after])
        for number in range(16)
    ]
    assert {upside_down for upside_down, _ in found} == {False, vertical_mirror}
    assert {turns for _, turns in found} == (set(range(4)) if rotate else {0})


def test_all_symmetries_occur_about_equally_often():
    pair = [tf.constant(image) for image in coordinates(16)]
    plain = tf.function(lambda seed: random_jitter(*pair, SQUARE, True, seed)[0])
    turned = tf.function(
        lambda seed: random_jitter(*pair, SQUARE, True, seed, vertical_mirror=True, rotate=True)[0]
    )
    counts = dict.fromkeys(itertools.product([False, True], SYMMETRIES), 0)
    for seed in range(100):
        before, after = (op(tf.constant([7, seed])).numpy() for op in (plain, turned))
        for one, other in zip(before, after, strict=True):
            mirrored = bool(one[0, 0, 1] > one[0, -1, 1])
            counts[mirrored, symmetry([one], [other])] += 1
    np.testing.assert_allclose(np.array(list(counts.values())) / 1600, 1 / 16, atol=0.02)


def test_a_crop_that_cannot_be_is_refused(wrap):
    with pytest.raises(ValueError, match="rotate needs a square crop_size, not 8x6"):
        jitter(coordinates(2), [0, 0], (8, 6), wrap=wrap, rotate=True)
    with pytest.raises(ValueError, match="crop_size 8x12 is larger than the images"):
        jitter(coordinates(2), [0, 0], (8, 12), wrap=wrap)


def test_streams_of_one_seed_have_nothing_in_common():
    bits = [random_bits([500], [3, 4], stream) for stream in Stream.__members__.values()]
    assert len(set(np.concatenate(bits))) == 500 * len(bits)
    for one, other in itertools.combinations(bits, 2):
        assert abs(np.corrcoef(one, other)[0, 1]) < 0.15


@pytest.mark.parametrize(("shape", "axis"), [([3, 2, 1], 1), ([2, 1, 1], 0)])
def test_parts_of_a_batch_draw_what_the_whole_would(shape, axis):
    seed = tf.constant([3, 4], tf.int64)
    whole = [*shape]
    whole[axis] *= 3
    parts = [
        random_bits(shape, Draws(seed, tf.constant(replica), 3), Stream.JITTER, batch_axis=axis)
        for replica in range(3)
    ]
    bits = random_bits(whole, seed, Stream.JITTER, batch_axis=axis)
    np.testing.assert_array_equal(np.concatenate(parts, axis), bits)


def test_pairs_of_any_size_are_cropped_at_one_place():
    sizes = [(8, 6), (9, 6), (13, 11), (8, 20)]

    def pairs():
        for size in sizes:
            yield tuple(image[0] for image in coordinates(1, *size))

    signature = [tf.TensorSpec([None, None, channels], tf.uint8) for channels in (3, 2)]
    dataset = tf.data.Dataset.from_generator(pairs, output_signature=tuple(signature))
    dataset = dataset.map(lambda a, b: random_crop(a, b, CROP, tf.constant([1, 5])))
    assert [tuple(spec.shape) for spec in dataset.element_spec] == [(*CROP, 3), (*CROP, 2)]
    for pair, cropped in zip(pairs(), dataset.as_numpy_iterator(), strict=True):
        ((_, _, mirrored),) = explanations(pair, cropped, CROP)
        assert not mirrored
        again = random_crop(*map(tf.constant, pair), CROP, tf.constant([1, 5], tf.int64))
        for image, same in zip(cropped, again, strict=True):
            np.testing.assert_array_equal(image, same)


def test_random_crops_are_everywhere_about_equally_often():
    pair = [tf.constant(image[0]) for image in coordinates(1)]
    op = tf.function(lambda seed: random_crop(*pair, CROP, seed)[0][0, 0, :2])
    places = np.array([op(tf.constant([7, seed])) for seed in range(1500)])
    for offsets in places.T:
        np.testing.assert_allclose(np.bincount(offsets) / 1500, 1 / PLACES, atol=0.04)
    assert len(set(map(tuple, places))) == PLACES * PLACES


@pytest.mark.parametrize(
    ("shape", "place"), [((13, 11), (2, 2)), ((8, 6), (0, 0)), ((9, 20), (0, 7))]
)
def test_center_crop(shape, place):
    pair = [image[0] for image in coordinates(1, *shape)]
    cropped = in_tf_data(lambda a, b: center_crop(a, b, CROP))(*map(tf.constant, pair))
    for image, result in zip(pair, cropped, strict=True):
        np.testing.assert_array_equal(result, crop(image, CROP, *place, mirrored=False))


@pytest.mark.parametrize("wrap", [eagerly, in_tf_data])
@pytest.mark.parametrize(
    "op",
    [lambda a, b: random_crop(a, b, CROP, [1, 2]), lambda a, b: center_crop(a, b, CROP)],
    ids=["random", "center"],
)
@pytest.mark.parametrize(
    ("shape", "other", "message"),
    [
        ((7, 20), (7, 20), "the image is 7x20, smaller than crop_size 8x6"),
        ((20, 5), (20, 5), "the image is 20x5, smaller than crop_size 8x6"),
        ((20, 10), (20, 11), "input 20x10 and target 20x11 differ in size"),
    ],
)
def test_crops_say_what_is_wrong_with_a_pair(wrap, op, shape, other, message):
    pair = [tf.zeros([*size, 3], tf.uint8) for size in (shape, other)]
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        wrap(op)(*pair)
