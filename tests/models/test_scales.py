"""Discriminators of several scales, of the target alone, and their features."""

import keras
import numpy as np
import pytest
import reference
import tensorflow as tf
import torch_networks

from tfpix2pix.models import feature_model, patchgan_discriminator, pixelgan_discriminator
from tfpix2pix.models.reflection import Halve, ReflectionPadding2D

MAKERS = [patchgan_discriminator, pixelgan_discriminator]


def image_pair(batch, height, width, channels=(3, 3)):
    return [
        reference.random_image(batch, height, width, count, seed=seed)
        for seed, count in enumerate(channels)
    ]


def halved(image):
    return torch_networks.to_numpy(torch_networks.halve(torch_networks.to_torch(image)))


def assert_close(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)


# --- Layers of their own --------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(8, 8), (7, 10), (1, 2), (3, 1)])
def test_halve_is_pytorchs_average_of_what_lies_inside(size):
    image = reference.random_image(2, *size, 3)
    assert_close(Halve()(image), halved(image))
    inputs = keras.Input((None, None, 3))
    anything = tf.function(keras.Model(inputs, Halve()(inputs)), jit_compile=True)
    assert_close(anything(image), halved(image))


def test_halve_is_float32_whatever_the_policy():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        layer = Halve()
    finally:
        keras.config.set_dtype_policy("float32")
    image = reference.random_image(1, 8, 8, 3)
    assert_close(layer(image), halved(image))
    assert Halve.from_config(layer.get_config()).compute_dtype == "float32"


@pytest.mark.parametrize("padding", [1, 3])
def test_reflection_is_numpys(padding):
    image = reference.random_image(2, 4, 6, 3)
    sides = (padding, padding)
    layer = ReflectionPadding2D.from_config(ReflectionPadding2D(padding).get_config())
    expected = np.pad(image, ((0, 0), sides, sides, (0, 0)), mode="reflect")
    np.testing.assert_array_equal(layer(image), expected)


# --- Scales ---------------------------------------------------------------------------------------


def of_scale(weights, scale):
    prefix = f"scale{scale}_"
    return {n.removeprefix(prefix): w for n, w in weights.items() if n.startswith(prefix)}


@pytest.mark.parametrize("size", [(48, 40), (34, 50)])
def test_each_scale_judges_images_of_half_the_size_with_its_own_weights(size):
    model = patchgan_discriminator(size, 4, 2, base_filters=2, n_layers=1, scales=3)
    reference.randomize(model)
    pair = image_pair(2, *size, (4, 2))
    logits = model(pair)
    assert len(logits) == 3
    weights = reference.weights_of(model)
    # An even side of a map is all that `reference.convolve` knows of SAME.
    for scale in (1, 2, 3):
        if all(side % 2 == 0 for side in pair[0].shape[1:3]):
            expected = reference.patchgan(
                of_scale(weights, scale), *pair, n_layers=1, norm_axes=reference.PER_IMAGE
            )
            np.testing.assert_allclose(logits[scale - 1], expected, rtol=1e-3, atol=1e-4)
        pair = [halved(image) for image in pair]


def test_pixelgan_at_two_scales():
    model = reference.randomize(pixelgan_discriminator((7, 9), base_filters=2, scales=2))
    pair = image_pair(2, 7, 9)
    weights = reference.weights_of(model)
    for scale, logits in enumerate(model(pair), start=1):
        expected = reference.pixelgan(
            of_scale(weights, scale), *pair, norm_axes=reference.PER_IMAGE
        )
        assert_close(logits, expected)
        pair = [halved(image) for image in pair]


def test_names_at_one_scale_and_at_several():
    one = patchgan_discriminator(64, base_filters=2, n_layers=2)
    two = patchgan_discriminator(64, base_filters=2, n_layers=2, scales=2)
    with_weights = [layer.name for layer in one.layers if layer.weights]
    assert with_weights == [
        "layer1_conv",
        "layer2_conv",
        "layer2_norm",
        "layer3_conv",
        "layer3_norm",
        "logits_conv",
    ]
    names = {layer.name for layer in two.layers if layer.weights}
    assert names == {f"scale{scale}_{name}" for scale in (1, 2) for name in with_weights}
    assert two.output_shape == [(None, 14, 14, 1), (None, 6, 6, 1)]


@pytest.mark.parametrize("make", MAKERS)
def test_any_size_at_two_scales(make):
    anything = reference.randomize(make(None, base_filters=2, scales=2))
    fixed = reference.randomize(make((48, 64), base_filters=2, scales=2))
    pair = image_pair(1, 48, 64)
    for actual, expected in zip(anything(pair), fixed(pair), strict=True):
        np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize(
    ("size", "n_layers", "scales", "least", "hint"),
    [
        (
            32,
            3,
            2,
            33,
            "n_layers up to 2 for this one, or up to 1 discriminator scales for this one",
        ),
        (
            64,
            3,
            3,
            65,
            "n_layers up to 2 for this one, or up to 2 discriminator scales for this one",
        ),
        (16, 3, 2, 33, "n_layers up to 1 for this one"),
    ],
)
def test_images_too_small_for_the_coarsest_scale(size, n_layers, scales, least, hint):
    options = {"base_filters": 1, "n_layers": n_layers, "scales": scales}
    with pytest.raises(ValueError, match=f"n_layers={n_layers} at {scales} scales") as error:
        patchgan_discriminator(size, **options)
    assert str(error.value).endswith(f"at least {least}x{least}, or {hint}")
    assert patchgan_discriminator(least, **options).output_shape[-1] == (None, 1, 1, 1)


@pytest.mark.parametrize("make", MAKERS)
def test_scales_below_1(make):
    with pytest.raises(ValueError, match="scales must be at least 1, not 0"):
        make(64, base_filters=1, scales=0)


# --- Of the target alone --------------------------------------------------------------------------


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("scales", [1, 2])
def test_unconditional_judges_the_target_alone(make, scales):
    alone = make(64, 4, 2, base_filters=2, scales=scales, conditional=False)
    assert [tensor.name for tensor in alone.inputs] == ["target_image"]
    reference.randomize(alone)
    both = make(64, 4, 2, base_filters=2, scales=scales)
    # The same weights, and none for the input's channels.
    for layer in both.layers:
        if layer.weights:
            weights = alone.get_layer(layer.name).get_weights()
            if layer.name.endswith("layer1_conv"):
                kernel = np.zeros(layer.kernel.shape, np.float32)
                kernel[:, :, 4:] = weights[0]
                weights = [kernel, *weights[1:]]
            layer.set_weights(weights)
    pair = image_pair(2, 64, 64, (4, 2))
    for actual, expected in zip(
        tf.nest.flatten(alone([pair[1]])), tf.nest.flatten(both(pair)), strict=True
    ):
        assert_close(actual, expected.numpy())


# --- Features -------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("conditional", [True, False])
@pytest.mark.parametrize("scales", [1, 3])
def test_features_are_the_activations_and_the_logits_of_each_scale(make, conditional, scales):
    model = reference.randomize(make(72, base_filters=2, scales=scales, conditional=conditional))
    features = feature_model(model)
    images = image_pair(2, 72, 72)[0 if conditional else 1 :]
    answer = features(images)
    count = 5 if make is patchgan_discriminator else 3
    assert [len(of_one) for of_one in answer] == scales * [count]
    logits = tf.nest.flatten(model(images))
    for of_one, expected, scale in zip(answer, logits, range(1, scales + 1), strict=True):
        np.testing.assert_array_equal(of_one[-1], expected)
        prefix = f"scale{scale}_" if scales > 1 else ""
        names = [f"{prefix}layer{n}_leaky_relu" for n in range(1, count)]
        tap = keras.Model(model.inputs, [model.get_layer(name).output for name in names])
        for actual, activation in zip(of_one[:-1], tap(images), strict=True):
            np.testing.assert_array_equal(actual, activation)
    assert {id(w) for w in features.weights} == {id(w) for w in model.weights}


def test_features_of_a_loaded_discriminator(tmp_path):
    model = reference.randomize(patchgan_discriminator(64, base_filters=2, n_layers=2, scales=2))
    model.save(tmp_path / "discriminator.keras")
    loaded = feature_model(keras.saving.load_model(tmp_path / "discriminator.keras"))
    pair = image_pair(1, 64, 64)
    pairs = zip(
        tf.nest.flatten(loaded(pair)), tf.nest.flatten(feature_model(model)(pair)), strict=True
    )
    for actual, expected in pairs:
        np.testing.assert_array_equal(actual, expected)


def test_discriminators_under_xla_have_the_same_values():
    model = reference.randomize(
        patchgan_discriminator(64, base_filters=2, n_layers=2, scales=2, norm="instance")
    )
    pair = image_pair(1, 64, 64)
    compiled = tf.function(feature_model(model), jit_compile=True)(pair)
    for actual, expected in zip(
        tf.nest.flatten(compiled), tf.nest.flatten(feature_model(model)(pair)), strict=True
    ):
        np.testing.assert_allclose(actual, expected, rtol=1e-3, atol=1e-4)
