"""The ways to double a map, against NumPy and PyTorch."""

import keras
import numpy as np
import pytest
import reference
import tensorflow as tf
import torch
from torch_networks import to_numpy, to_torch

from tfpix2pix.models import (
    BlockOptions,
    encoder_decoder_generator,
    local_enhancer_generator,
    resnet_generator,
    unet_generator,
    upsample,
)
from tfpix2pix.models.upsampling import ICNR, DepthToSpace, double

WAYS = ["transposed", "resize", "subpixel"]
FEATURES = reference.random_image(2, 4, 6, 3)


def model_of(way, filters=5, **arguments):
    inputs = keras.Input((4, 6, 3))
    options = BlockOptions(upsampling=way, **arguments.pop("options", {}))
    return keras.Model(inputs, double(inputs, filters, options=options, name="up1", **arguments))


def nearest(x):
    return x.repeat(2, axis=1).repeat(2, axis=2)


def assert_close(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)


def test_transposed_4x4():
    model = reference.randomize(model_of("transposed"))
    expected = reference.convolve_transposed(FEATURES, *reference.weights_of(model)["up1_conv"])
    assert_close(model(FEATURES), expected)


def test_transposed_3x3_is_pytorchs_with_padding_and_output_padding():
    model = reference.randomize(model_of("transposed", kernel_size=3))
    kernel, bias = map(torch.from_numpy, reference.weights_of(model)["up1_conv"])
    expected = torch.nn.functional.conv_transpose2d(
        to_torch(FEATURES), kernel.permute(3, 2, 0, 1), bias, stride=2, padding=1, output_padding=1
    )
    assert_close(model(FEATURES), to_numpy(expected))


def test_resize_repeats_each_value_and_convolves():
    model = reference.randomize(model_of("resize"))
    weights = reference.weights_of(model)["up1_conv"]
    assert weights[0].shape == (3, 3, 3, 5)
    assert_close(model(FEATURES), reference.convolve(nearest(FEATURES), *weights, stride=1))


def test_subpixel_convolves_to_four_times_the_channels_and_spreads_them():
    model = reference.randomize(model_of("subpixel"))
    weights = reference.weights_of(model)["up1_conv"]
    assert weights[0].shape == (3, 3, 3, 20)
    convolved = reference.convolve(FEATURES, *weights, stride=1)
    expected = np.zeros((2, 8, 12, 5))
    for row in (0, 1):
        for column in (0, 1):
            group = 5 * (2 * row + column)
            expected[:, row::2, column::2] = convolved[..., group : group + 5]
    assert_close(model(FEATURES), expected)


def test_subpixel_starts_as_a_nearest_resize():
    model = model_of("subpixel")
    kernel = model.get_layer("up1_conv").kernel.numpy()
    small = reference.convolve(FEATURES, np.float64(kernel[..., :5]), stride=1)
    assert np.abs(small).max() > 0.01
    assert_close(model(FEATURES), nearest(small))
    # Drawn as all others are, for each channel of the result anew.
    drawn = ICNR(keras.initializers.RandomNormal(0.0, 0.02))((3, 3, 64, 256)).numpy()
    assert drawn.std() == pytest.approx(0.02, rel=0.05)
    assert abs(np.corrcoef(drawn[..., 0].ravel(), drawn[..., 1].ravel())[0, 1]) < 0.15


def test_depth_to_space_is_tensorflows_and_takes_any_size():
    x = reference.random_image(2, 3, 5, 12)
    np.testing.assert_array_equal(DepthToSpace()(x), tf.nn.depth_to_space(x, 2))
    inputs = keras.Input((None, None, 12))
    model = keras.Model(inputs, DepthToSpace()(inputs))
    assert model.output_shape == (None, None, None, 3)
    np.testing.assert_array_equal(tf.function(model)(x), tf.nn.depth_to_space(x, 2))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kernel_size", [3, 4])
def test_names_shapes_and_biases(way, kernel_size):
    model = model_of(way, kernel_size=kernel_size)
    assert model.output_shape == (None, 8, 12, 5)
    assert model.get_layer("up1_conv").use_bias
    assert not model_of(way, normed=True).get_layer("up1_conv").use_bias
    assert model_of(way, last=True, options={"bias": "output"}).get_layer("up1_conv").use_bias
    assert not model_of(way, options={"bias": "output"}).get_layer("up1_conv").use_bias


@pytest.mark.parametrize("way", WAYS)
def test_upsample_has_norm_and_relu_after_each_way(way):
    inputs = keras.Input((4, 6, 3))
    options = BlockOptions(upsampling=way)
    model = reference.randomize(keras.Model(inputs, upsample(inputs, 5, options=options, name="u")))
    before = keras.Model(inputs, model.get_layer("u_norm").input)(FEATURES).numpy()
    norm = reference.weights_of(model)["u_norm"]
    expected = reference.normalize(np.float64(before), *norm, axes=reference.PER_IMAGE)
    np.testing.assert_allclose(model(FEATURES), reference.relu(expected), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("way", ["resize", "subpixel"])
@pytest.mark.parametrize(
    ("make", "options"),
    [
        (unet_generator, {}),
        (encoder_decoder_generator, {}),
        (resnet_generator, {"residual_blocks": 1}),
        (local_enhancer_generator, {"depth": 2, "residual_blocks": 1, "local_blocks": 1}),
    ],
)
def test_a_generator_has_no_transposed_convolution_left(make, options, way, tmp_path):
    model = make((16, 32), base_filters=2, upsampling=way, **options)
    kinds = {type(layer).__name__ for layer in model.layers}
    assert not [kind for kind in kinds if "Transpose" in kind]
    plain = make((16, 32), base_filters=2, **options)
    ups = [layer.name for layer in plain.layers if "Transpose" in type(layer).__name__]
    assert ups
    assert all(model.get_layer(name).kernel_size == (3, 3) for name in ups)

    reference.randomize(model).save(tmp_path / "generator.keras")
    loaded = keras.saving.load_model(tmp_path / "generator.keras")
    image = reference.random_image(1, 16, 32, 3)
    assert model(image).shape == (1, 16, 32, 3)
    np.testing.assert_array_equal(loaded(image), model(image))


@pytest.mark.parametrize("way", WAYS)
def test_ways_under_xla(way):
    model = reference.randomize(model_of(way))
    compiled = tf.function(model, jit_compile=True)
    assert_close(compiled(FEATURES), model(FEATURES).numpy())


def test_unknown_upsampling():
    with pytest.raises(ValueError, match="upsampling must be transposed, resize or subpixel, not"):
        unet_generator(16, base_filters=1, upsampling="bilinear")
