"""Statistics of norms, measured once and given to other images."""

import keras
import numpy as np
import pytest

from tfpix2pix.models import resnet_generator, unet_generator
from tfpix2pix.models.statistics import (
    as_statistics,
    give,
    has_image_statistics,
    measuring_model,
    pooled,
    with_given_statistics,
)

SIZE = 16


def measure(model, images):
    return as_statistics(model(images, training=False))


RNG = np.random.default_rng(0)


def images(count=1, size=SIZE):
    return np.random.default_rng(count).uniform(-1, 1, (count, size, size, 3)).astype(np.float32)


def shaken(model):
    """With weights, scales and shifts that matter."""
    rng = np.random.default_rng(1)
    model.set_weights(
        [w + rng.normal(0, 0.2, w.shape).astype(w.dtype) for w in model.get_weights()]
    )
    return model


GENERATORS = {
    "unet": lambda **how: unet_generator(SIZE, base_filters=2, depth=3, dropout=0, **how),
    "resnet": lambda **how: resnet_generator(
        SIZE, base_filters=2, residual_blocks=1, dropout=0, **how
    ),
}


@pytest.mark.parametrize("norm", ["batch", "instance", "group"])
@pytest.mark.parametrize("name", GENERATORS)
def test_an_images_own_statistics_give_its_own_answer(name, norm):
    generator = shaken(GENERATORS[name](norm=norm))
    assert has_image_statistics(generator)
    image, other = images(1), images(2)[1:]
    given = with_given_statistics(generator)
    give(given, measure(measuring_model(generator), image))
    expected = generator(image, training=False)
    np.testing.assert_allclose(given(image, training=False), expected, atol=2e-5)
    # With those of another image, it answers otherwise.
    assert np.abs(given(other, training=False) - generator(other, training=False)).max() > 0.01
    # The generator itself stays as it was.
    np.testing.assert_array_equal(generator(image, training=False), expected)


def one_norm(layer, channels=4):
    inputs = keras.Input((8, 8, channels))
    return shaken(keras.Model(inputs, layer(inputs)))


def test_statistics_are_over_all_images_of_the_batch():
    from tfpix2pix.models import BatchNorm

    x = RNG.normal(3, 2, (5, 8, 8, 4)).astype(np.float32)
    ((mean, variance),) = measure(measuring_model(one_norm(BatchNorm())), x)
    np.testing.assert_allclose(mean, x.mean(axis=(0, 1, 2)), rtol=1e-5)
    np.testing.assert_allclose(variance, x.var(axis=(0, 1, 2)), rtol=1e-4)


def test_channels_of_a_group_share_theirs():
    x = RNG.normal(3, 2, (5, 8, 8, 4)).astype(np.float32)
    x[..., 2:] *= 3
    norm = one_norm(keras.layers.GroupNormalization(2))
    ((mean, variance),) = measure(measuring_model(norm), x)
    groups = x.reshape(-1, 2, 2)
    np.testing.assert_allclose(mean, groups.mean(axis=(0, 2)).repeat(2), rtol=1e-5)
    np.testing.assert_allclose(variance, groups.var(axis=(0, 2)).repeat(2), rtol=1e-4)


def test_statistics_of_several_images_are_pooled_by_the_law_of_total_variance():
    x = RNG.normal(size=(3, 50, 2)) * [[[1, 5]]] + np.arange(3)[:, None, None]
    one_by_one = [[(image.mean(axis=0), image.var(axis=0))] for image in x]
    ((mean, variance),) = pooled(one_by_one)
    np.testing.assert_allclose(mean, x.mean(axis=(0, 1)))
    np.testing.assert_allclose(variance, x.var(axis=(0, 1)))


def test_norms_without_image_statistics_stay_as_they_are():
    assert not has_image_statistics(GENERATORS["unet"](norm="none"))
    generator = shaken(GENERATORS["unet"](norm="batch", norm_statistics="moving"))
    assert not has_image_statistics(generator)
    given = with_given_statistics(generator)
    give(given, [])
    image = images(1)
    np.testing.assert_array_equal(given(image, training=False), generator(image, training=False))
