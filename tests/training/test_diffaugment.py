"""Each policy against numpy, with what was drawn read off images that show it."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from tfpix2pix.training.diffaugment import POLICIES, diff_augment

HEIGHT, WIDTH = 16, 24
FURTHEST = HEIGHT // 8, WIDTH // 8
SEED = tf.constant([3, 4], tf.int64)


def plainly(op):
    return tf.function(op)


def compiled(op):
    return tf.function(op, jit_compile=True)


@pytest.fixture(params=[plainly, compiled], ids=lambda wrap: wrap.__name__)
def wrap(request):
    return request.param


def drawn_images(batch=8, channels=3):
    shape = (batch, HEIGHT, WIDTH, channels)
    rng = np.random.default_rng(0)
    return [tf.constant(rng.uniform(-1, 1, shape).astype(np.float32)) for _ in range(3)]


def augmented(images, policies, seed=SEED):
    return [image.numpy() for image in diff_augment(*images, policies, seed)]


def of_target(image, policies, seed=SEED):
    """What becomes of one image in the target's place."""
    return diff_augment(image, tf.constant(image), image, policies, seed)[1].numpy()


def drawn_colors(batch, seed=SEED):
    """Brightness, saturation and contrast, [B] each, of images that each show one of them."""
    pixels = np.zeros([batch, 2, 1, 3], np.float32)
    brightness = of_target(pixels, ["color"], seed)[:, 0, 0, 0]
    pixels[:, 0], pixels[:, 1] = 1, -1  # gray of mean 0
    contrast = of_target(pixels, ["color"], seed)[:, 0, 0, 0] - brightness
    pixels[:] = [1, 0, -1]
    saturation = (of_target(pixels, ["color"], seed)[:, 0, 0, 0] - brightness) / contrast
    return brightness, saturation, contrast


def drawn_shift(shifted, image):
    """The one (down, right) by which [H, W, C] was moved, 0 moving in."""
    (found,) = (
        (down, right)
        for down, right in itertools.product(*(range(-far, far + 1) for far in FURTHEST))
        if np.array_equal(shift(image, down, right), shifted)
    )
    return found


def shift(image, down, right):
    margins = [(far, far) for far in FURTHEST]
    padded = np.pad(image, [*margins, (0, 0)])
    top, left = FURTHEST[0] - down, FURTHEST[1] - right
    return padded[top : top + HEIGHT, left : left + WIDTH]


def covered(image):
    """Where an image that has no other zeros is 0: rows from and to, columns from and to."""
    rows, columns = np.nonzero((image == 0).all(axis=-1))
    return rows.min(), rows.max() + 1, columns.min(), columns.max() + 1


def drawn_translations(batch, height, width):
    """Down and right, [B] each, read off the pixel in the middle, which never moves out."""
    row, column = np.mgrid[:height, :width].astype(np.float32)
    image = np.repeat((1 + row + 100 * column)[np.newaxis, ..., np.newaxis], batch, axis=0)
    middle = height // 2, width // 2
    source = of_target(image, ["translation"])[:, *middle, 0] - 1
    return middle[0] - (source % 100).astype(int), middle[1] - (source // 100).astype(int)


def drawn_cutouts(batch, height, width):
    """Rows from and to, columns from and to, [B, 4]."""
    cut = of_target(np.ones([batch, height, width, 1], np.float32), ["cutout"])
    return np.array([covered(image) for image in cut])


def test_without_policies_nothing_changes():
    images = drawn_images()
    for image, same in zip(images, diff_augment(*images, (), SEED), strict=True):
        assert image is same


def test_unknown_policies_are_refused():
    with pytest.raises(ValueError, match=r"no such policy: colour; there are color, translation"):
        diff_augment(*drawn_images(), ("cutout", "colour"), SEED)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_color_is_that_of_numpy(wrap, channels):
    """With a single channel, the gray of a pixel is its value: saturation has no effect."""
    images = drawn_images(channels=channels)
    input_image, *others = wrap(lambda *images: diff_augment(*images, ["color"], SEED))(*images)
    np.testing.assert_array_equal(input_image, images[0])
    draws = (values.reshape(-1, 1, 1, 1) for values in drawn_colors(batch=8))
    brightness, saturation, contrast = draws
    for image, result in zip(images[1:], others, strict=True):
        expected = image.numpy().astype(np.float64) + brightness
        gray = expected.mean(axis=3, keepdims=True)
        expected = gray + (expected - gray) * saturation
        mean = expected.mean(axis=(1, 2, 3), keepdims=True)
        np.testing.assert_allclose(result, mean + (expected - mean) * contrast, atol=1e-5)


def test_colors_are_drawn_evenly_from_the_ranges_of_the_paper():
    draws = drawn_colors(batch=2000)
    for values, (low, high) in zip(draws, [(-0.5, 0.5), (0, 2), (0.5, 1.5)], strict=True):
        assert values.min() >= low - 1e-5
        assert values.max() <= high + 1e-5
        deciles = np.quantile(values, np.linspace(0, 1, 11))
        np.testing.assert_allclose(deciles, np.linspace(low, high, 11), atol=0.05 * (high - low))
    for one, other in itertools.combinations(draws, 2):
        assert abs(np.corrcoef(one, other)[0, 1]) < 0.08


def test_translation_moves_all_three_images_alike(wrap):
    images = drawn_images()
    moved = wrap(lambda *images: diff_augment(*images, ["translation"], SEED))(*images)
    found = {
        tuple(
            drawn_shift(after[number].numpy(), image[number].numpy())
            for image, after in zip(images, moved, strict=True)
        )
        for number in range(8)
    }
    assert all(len(set(shifts)) == 1 for shifts in found)
    assert len(found) > 4  # each example on its own


def test_translations_are_all_drawn_about_equally_often():
    for values, far in zip(drawn_translations(3000, HEIGHT, WIDTH), FURTHEST, strict=True):
        assert set(values) == set(range(-far, far + 1))
        np.testing.assert_allclose(np.bincount(values + far) / 3000, 1 / (2 * far + 1), atol=0.03)


def test_cutout_clears_one_rectangle_of_all_three_images(wrap):
    images = drawn_images()
    cut = wrap(lambda *images: diff_augment(*images, ["cutout"], SEED))(*images)
    found = set()
    for number in range(8):
        top, bottom, left, right = covered(cut[0][number].numpy())
        found.add((top, bottom, left, right))
        for image, after in zip(images, cut, strict=True):
            expected = image[number].numpy()
            expected[top:bottom, left:right] = 0
            np.testing.assert_array_equal(after[number], expected)
    assert len(found) > 4


@pytest.mark.parametrize("size", [(16, 24), (14, 15), (9, 2)])
def test_cutouts_of_half_the_size_are_everywhere(size):
    """The centre is anywhere, on the border as well, where half of the rectangle is outside."""
    corners = drawn_cutouts(4000, *size)
    for length, start, stop in (size[0], *corners.T[:2]), (size[1], *corners.T[2:]):
        extent = length // 2
        places = length + 1 - extent % 2
        first = np.arange(places) - extent // 2
        expected = list(zip(np.maximum(first, 0), np.minimum(first + extent, length), strict=True))
        found = list(zip(start, stop, strict=True))
        assert set(found) == set(expected)
        shares = [found.count(place) / 4000 for place in expected]
        np.testing.assert_allclose(shares, 1 / places, atol=0.03)


def test_rows_columns_and_policies_are_drawn_each_on_its_own():
    """At this size, with 3 places to move to and 9 to cut out, draws in common would show."""
    corners = drawn_cutouts(4000, 8, 8)
    places = [
        np.unique(values, axis=0, return_inverse=True)[1].ravel()
        for values in (*drawn_translations(4000, 8, 8), corners[:, :2], corners[:, 2:])
    ]
    assert [len(set(values)) for values in places] == [3, 3, 9, 9]
    for one, other in itertools.combinations(places, 2):
        both = np.bincount(one * (other.max() + 1) + other)
        np.testing.assert_allclose(both / 4000, 1 / len(both), atol=0.02)
        assert both.min() > 0


def test_policies_follow_one_another_in_order_whatever_the_order_of_their_names():
    images = drawn_images()
    expected = images
    for policy in POLICIES:
        expected = diff_augment(*expected, [policy], SEED)
    for policies in POLICIES, POLICIES[::-1]:
        for image, result in zip(expected, augmented(images, policies), strict=True):
            np.testing.assert_array_equal(image, result)


def test_equal_images_stay_equal():
    """D must not tell real from generated by what was done to them."""
    image = drawn_images()[0]
    _, target_image, generated_image = augmented([image] * 3, POLICIES)
    np.testing.assert_array_equal(target_image, generated_image)


@pytest.mark.parametrize("policies", [POLICIES, *([policy] for policy in POLICIES)], ids=str)
def test_gradients_are_those_of_finite_differences(wrap, policies):
    """All policies are affine in the image, and so differences need not even be small."""
    images = drawn_images(batch=2)
    weights, *directions = drawn_images(batch=2)

    @wrap
    def loss_and_gradient(generated_image):
        with tf.GradientTape() as tape:
            tape.watch(generated_image)
            results = diff_augment(*images[:2], generated_image, policies, SEED)
            loss = tf.reduce_sum(weights * results[2])
        return loss, tape.gradient(loss, generated_image)

    loss, gradient = loss_and_gradient(images[2])
    assert np.abs(gradient).max() > 0.1
    single = np.zeros(images[0].shape, np.float32)
    single[:, 0, 0, 0] = 10  # in the corner, where something moves out
    for direction in [*directions, single]:
        change = loss_and_gradient(images[2] + direction)[0] - loss
        np.testing.assert_allclose(np.sum(gradient * direction), change, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("batch", [1, 5])
def test_compiled_or_not_the_results_agree(batch):
    images = drawn_images(batch)
    op = compiled(lambda *arguments: diff_augment(*arguments[:3], POLICIES, arguments[3]))
    for seed in [0, 0], [2**31 - 1, 2**28 - 1]:
        seed = tf.constant(seed, tf.int64)
        for image, same in zip(augmented(images, POLICIES, seed), op(*images, seed), strict=True):
            np.testing.assert_allclose(image, same, atol=1e-6)


@pytest.mark.parametrize("policy", POLICIES)
def test_seed_alone_decides(policy):
    images = drawn_images()
    first, again = (augmented(images, [policy])[2] for _ in range(2))
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(first, augmented(images, [policy], tf.constant([3, 4]))[2])
    for other in [3, 5], [4, 4]:
        assert (augmented(images, [policy], tf.constant(other))[2] != first).any()
