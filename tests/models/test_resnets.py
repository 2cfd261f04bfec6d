"""The ResNet generators and pix2pixHD's, against independent PyTorch networks."""

import re

import keras
import numpy as np
import pytest
import reference
import tensorflow as tf
import torch_networks

from tfpix2pix.config.sizes import check_resnet_size
from tfpix2pix.models import local_enhancer_generator, resnet_generator


def convolutions(model):
    kinds = (keras.layers.Conv2D, keras.layers.Conv2DTranspose)
    return [layer for layer in model.layers if isinstance(layer, kinds)]


def trainable_parameters(model):
    return sum(np.prod(weight.shape) for weight in model.trainable_weights)


def assert_close(actual, expected):
    assert expected.std() > 0.1
    np.testing.assert_allclose(actual, expected, rtol=1e-3, atol=2e-4)


# --- Values ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "depth", "bias", "norm"),
    [
        ((16, 24), 2, "unnormalized", "instance"),
        ((32, 16), 3, "all", "instance"),
        ((16, 16), 2, "output", "batch"),
        ((16, 16), 1, "all", "group"),
        ((16, 16), 2, "unnormalized", "none"),
    ],
)
def test_resnet_values(size, depth, bias, norm):
    model = resnet_generator(
        size, 4, 2, base_filters=4, depth=depth, residual_blocks=2, norm=norm, bias=bias
    )
    # Small weights where no norm holds the features.
    reference.randomize(model)
    if norm == "none":
        model.set_weights([weight * 0.3 for weight in model.get_weights()])
    image = reference.random_image(1, *size, 4)
    expected = torch_networks.resnet(
        reference.weights_of(model), image, depth=depth, blocks=2, norm=norm
    )
    if norm == "none":
        np.testing.assert_allclose(model(image), expected, rtol=1e-3, atol=1e-5)
    else:
        assert_close(model(image), expected)


@pytest.mark.parametrize("norm", ["instance", "batch"])
def test_resnet_values_of_a_batch_in_training(norm):
    model = resnet_generator(16, base_filters=2, residual_blocks=1, dropout=0, norm=norm)
    reference.randomize(model)
    images = reference.random_image(3, 16, 16, 3)
    expected = torch_networks.resnet(
        reference.weights_of(model), images, depth=2, blocks=1, norm=norm
    )
    assert_close(model(images, training=True), expected)


@pytest.mark.parametrize(("size", "depth"), [((16, 32), 2), ((32, 32), 3)])
def test_local_enhancer_values(size, depth):
    model = local_enhancer_generator(
        size, 4, 2, 2, depth=depth, residual_blocks=2, local_blocks=2, norm="instance", bias="all"
    )
    reference.randomize(model)
    image = reference.random_image(2, *size, 4)
    expected = torch_networks.local_enhancer(
        reference.weights_of(model), image, depth=depth, blocks=2, local_blocks=2, norm="instance"
    )
    assert_close(model(image), expected)


def test_dropout_stands_after_the_first_activation_of_each_block():
    model = resnet_generator(16, base_filters=2, residual_blocks=2, dropout=0.25)
    names = [layer.name for layer in model.layers]
    for block in ("block1", "block2"):
        at = names.index(f"{block}_dropout")
        assert names[at - 1 : at + 2] == [f"{block}_1_relu", f"{block}_dropout", f"{block}_2_pad"]
        assert model.get_layer(f"{block}_dropout").rate == 0.25
    without = resnet_generator(16, base_filters=2, residual_blocks=2, dropout=0)
    assert not any(isinstance(layer, keras.layers.Dropout) for layer in without.layers)


# --- Layers ---------------------------------------------------------------------------------------


def block_names(prefix, count):
    return [f"{prefix}block{n}_{half}_conv" for n in range(1, count + 1) for half in (1, 2)]


def test_resnet_9_layers_and_parameters():
    model = resnet_generator(256)
    assert [c.name for c in convolutions(model)] == [
        "stem_conv",
        "down1_conv",
        "down2_conv",
        *block_names("", 9),
        "up1_conv",
        "up2_conv",
        "output_conv",
    ]
    assert [c.filters for c in convolutions(model)] == [64, 128, *[256] * 19, 128, 64, 3]
    sizes = {c.name: c.kernel_size[0] for c in convolutions(model)}
    assert {name for name, size in sizes.items() if size == 7} == {"stem_conv", "output_conv"}
    assert set(sizes.values()) == {3, 7}
    kernels = 49 * 3 * 64 + 9 * (64 * 128 + 128 * 256 + 18 * 256 * 256 + 256 * 128 + 128 * 64)
    norms = 2 * (64 + 128 + 256 + 18 * 256 + 128 + 64)
    assert trainable_parameters(model) == kernels + norms + 49 * 64 * 3 + 3


def test_filters_of_pix2pixhd_are_not_capped():
    model = resnet_generator(64, base_filters=2, depth=4, residual_blocks=1, dropout=0)
    filters = [c.filters for c in convolutions(model)]
    assert filters == [2, 4, 8, 16, 32, 32, 32, 16, 8, 4, 2, 3]


def test_local_enhancer_layers():
    model = local_enhancer_generator(64, base_filters=2)
    by_name = {c.name: c.filters for c in convolutions(model)}
    ups = {f"global_up{n}_conv": filters for n, filters in enumerate((32, 16, 8, 4), start=1)}
    assert by_name == {
        "global_stem_conv": 4,
        **{f"global_down{n}_conv": 4 * 2**n for n in (1, 2, 3, 4)},
        **dict.fromkeys(block_names("global_", 9), 64),
        **ups,
        "stem_conv": 2,
        "down1_conv": 4,
        **dict.fromkeys(block_names("", 3), 4),
        "up1_conv": 2,
        "output_conv": 3,
    }


@pytest.mark.parametrize("make", [resnet_generator, local_enhancer_generator])
@pytest.mark.parametrize(
    ("bias", "having"), [("unnormalized", {"output_conv"}), ("output", {"output_conv"})]
)
def test_biases(make, bias, having):
    model = make(64, base_filters=1, bias=bias)
    assert {c.name for c in convolutions(model) if c.use_bias} == having
    assert all(c.use_bias for c in convolutions(make(64, base_filters=1, bias="all")))


@pytest.mark.parametrize("make", [resnet_generator, local_enhancer_generator])
def test_resnets_saved_and_loaded(make, tmp_path):
    model = reference.randomize(
        make((32, 64), base_filters=2, depth=2, residual_blocks=1, norm="instance")
    )
    model.save(tmp_path / "generator.keras")
    loaded = keras.saving.load_model(tmp_path / "generator.keras")
    image = reference.random_image(2, 32, 64, 3)
    np.testing.assert_array_equal(loaded(image), model(image))


@pytest.mark.slow
@pytest.mark.parametrize("make", [resnet_generator, local_enhancer_generator])
def test_resnets_under_xla_have_the_same_values_and_gradients(make):
    model = make(16, base_filters=2, depth=2, residual_blocks=1, norm="instance")
    reference.randomize(model)
    image = tf.constant(reference.random_image(1, 16, 16, 3))

    def value_and_gradient(image):
        with tf.GradientTape() as tape:
            value = tf.reduce_sum(model(image) ** 3)
        return value, *tape.gradient(value, [w.value for w in model.trainable_weights])

    compiled = tf.function(value_and_gradient, jit_compile=True)(image)
    for actual, expected in zip(compiled, value_and_gradient(image), strict=True):
        scale = np.abs(expected).max()
        np.testing.assert_allclose(actual, expected, atol=1e-3 * scale)


# --- Refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "size", "options", "named"),
    [
        (resnet_generator, 66, {}, "64x64"),
        (resnet_generator, (64, 30), {}, "64x32"),
        (resnet_generator, 40, {"depth": 4}, "32x32"),
        (local_enhancer_generator, 80, {}, "64x64"),
        (local_enhancer_generator, (32, 44), {"depth": 2}, "32x48"),
    ],
)
def test_resnet_size_that_does_not_fit(make, size, options, named):
    with pytest.raises(ValueError, match=f"multiples of .* such as {named}") as error:
        make(size, base_filters=1, **options)
    suggested = tuple(map(int, re.search(r"such as (\d+)x(\d+)", str(error.value)).groups()))
    assert make(suggested, base_filters=1, **options).output_shape == (None, *suggested, 3)


@pytest.mark.parametrize(
    ("make", "depth", "least"), [(resnet_generator, 3, 16), (local_enhancer_generator, 3, 32)]
)
def test_resnet_images_too_small_for_reflections(make, depth, least):
    with pytest.raises(ValueError, match=f"too small .* at least {least}x{least}"):
        make(least // 2, base_filters=1, depth=depth)
    model = make(least, base_filters=1, depth=depth, residual_blocks=1, norm="instance")
    assert model(reference.random_image(1, least, least, 3)).shape == (1, least, least, 3)


def test_resnet_depth_below_1():
    with pytest.raises(ValueError, match="depth must be at least 1, not 0"):
        check_resnet_size(64, 64, 0)


def test_unknown_options_are_refused():
    with pytest.raises(TypeError, match="norms"):
        resnet_generator(16, base_filters=1, norms="batch")
    with pytest.raises(
        ValueError, match="norm must be batch, instance, group or none, not 'layer'"
    ):
        resnet_generator(16, base_filters=1, norm="layer")
