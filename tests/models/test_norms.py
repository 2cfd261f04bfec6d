"""Instance and group norms against PyTorch's, and where each norm and bias stands."""

import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import reference
import torch
import torch.nn.functional as F
from torch_networks import to_numpy, to_torch

from tfpix2pix.models import (
    BatchNorm,
    BlockOptions,
    encoder_decoder_generator,
    patchgan_discriminator,
    unet_generator,
)
from tfpix2pix.models.norms import normalization


def normalized(shape, **options):
    inputs = keras.Input(shape)
    return keras.Model(inputs, normalization(inputs, BlockOptions(**options), name="x"))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("epsilon", [1e-5, 0.1])
def test_instance_norm_is_that_of_pytorch(training, epsilon):
    features = 3 * reference.random_image(3, 5, 4, 6) + 1
    model = normalized((5, 4, 6), norm="instance", norm_epsilon=epsilon)
    expected = to_numpy(F.instance_norm(to_torch(features), eps=epsilon))
    np.testing.assert_allclose(model(features, training=training), expected, atol=1e-5)
    assert model.weights == []


@pytest.mark.parametrize(
    ("channels", "groups"), [(32, 2), (16, 1), (24, 2), (8, 1), (40, 4), (17, 17), (6, 1)]
)
def test_group_norm_is_that_of_pytorch_with_16_channels_a_group(channels, groups):
    features = 3 * reference.random_image(2, 3, 4, channels) + 1
    model = reference.randomize(normalized((3, 4, channels), norm="group"))
    gamma, beta = (torch.from_numpy(np.float64(w)) for w in model.get_weights())
    expected = F.group_norm(to_torch(features), groups, gamma, beta, eps=1e-5)
    np.testing.assert_allclose(model(features), to_numpy(expected), rtol=1e-4, atol=1e-4)


def test_batch_norm_has_the_options():
    norm = normalized(
        (4, 4, 2000),
        norm_epsilon=1e-3,
        norm_momentum=0.99,
        norm_scale_stddev=0.3,
        norm_statistics="moving",
        sync_norm=True,
    ).get_layer("x_norm")
    assert (norm.epsilon, norm.momentum, norm.inference_statistics) == (1e-3, 0.99, "moving")
    assert norm.synchronized
    assert norm.gamma.numpy().std() == pytest.approx(0.3, rel=0.1)
    assert not normalized((4, 4, 2)).get_layer("x_norm").synchronized


def test_norms_in_half_precision_are_computed_in_float32():
    """Values around 1000 have no variance left in bfloat16 once squared."""
    features = 1000 + 8 * np.round(4 * reference.random_image(2, 8, 8, 32))
    for norm in ("instance", "group"):
        layer = normalized((8, 8, 32), norm=norm).get_layer("x_norm")
        half = type(layer).from_config(layer.get_config() | {"dtype": "mixed_bfloat16"})
        expected = layer(features)
        actual = half(keras.ops.cast(features, "bfloat16"))
        assert actual.dtype == "bfloat16"
        np.testing.assert_allclose(keras.ops.cast(actual, "float32"), expected, atol=0.02)


def test_no_norm_leaves_no_layer_and_gives_every_convolution_a_bias():
    for model in (
        unet_generator(16, base_filters=2, norm="none"),
        patchgan_discriminator(32, base_filters=2, norm="none"),
    ):
        assert not [layer.name for layer in model.layers if layer.name.endswith("_norm")]
        assert {layer.use_bias for layer in convolutions(model)} == {True}


@pytest.mark.parametrize("norm", ["batch", "instance", "group"])
def test_norms_stand_at_the_same_places(norm):
    generator = unet_generator(16, base_filters=2, norm=norm)
    expected = ["down2", "down3", "up1", "up2", "up3"]
    assert norm_names(generator) == [f"{name}_norm" for name in expected]
    discriminator = patchgan_discriminator(32, base_filters=2, norm=norm)
    assert norm_names(discriminator) == ["layer2_norm", "layer3_norm", "layer4_norm"]


def norm_names(model):
    kinds = (BatchNorm, keras.layers.GroupNormalization)
    return [layer.name for layer in model.layers if isinstance(layer, kinds)]


def convolutions(model):
    kinds = (keras.layers.Conv2D, keras.layers.Conv2DTranspose)
    return [layer for layer in model.layers if isinstance(layer, kinds)]


@pytest.mark.parametrize(
    ("bias", "generator", "discriminator"),
    [
        ("unnormalized", {"down1_conv", "down4_conv", "up4_conv"}, {"layer1_conv", "logits_conv"}),
        ("output", {"up4_conv"}, {"logits_conv"}),
    ],
)
def test_which_convolutions_have_a_bias(bias, generator, discriminator):
    for model, having in (
        (unet_generator(16, base_filters=2, bias=bias), generator),
        (patchgan_discriminator(32, base_filters=2, bias=bias), discriminator),
    ):
        assert {layer.name for layer in convolutions(model) if layer.use_bias} == having


def test_all_convolutions_have_a_bias():
    for model in (
        unet_generator(16, base_filters=2, bias="all", norm="instance"),
        patchgan_discriminator(32, base_filters=2, bias="all"),
    ):
        assert {layer.use_bias for layer in convolutions(model)} == {True}


# --- Maps of one pixel ----------------------------------------------------------------------------


def test_innermost_norm_of_batches_is_there_and_takes_the_bias():
    model = unet_generator(16, base_filters=2, innermost_norm=True)
    assert "down4_norm" in norm_names(model)
    assert not model.get_layer("down4_conv").use_bias


@pytest.mark.parametrize("make", [unet_generator, encoder_decoder_generator])
def test_instance_norm_of_one_pixel_is_refused(make):
    with pytest.raises(ValueError, match="down4_norm would make zeros of its map of one pixel"):
        make(16, base_filters=2, innermost_norm=True, norm="instance")
    # Two pixels have a difference.
    model = make((16, 32), base_filters=2, depth=4, innermost_norm=True, norm="instance")
    innermost = keras.Model(model.input, model.get_layer("down4_norm").output)
    assert np.abs(innermost(reference.random_image(1, 16, 32, 3))).max() > 0.1


def test_group_norm_of_one_value_is_refused():
    with pytest.raises(ValueError, match="zeros"):
        normalized((1, 1, 17), norm="group")
    assert normalized((1, 1, 16), norm="group").output_shape == (None, 1, 1, 16)


@pytest.mark.slow
def test_synchronised_batch_norm_on_two_replicas_is_that_of_one_device():
    program = Path(__file__).with_name("replicated_norms.py")
    done = subprocess.run([sys.executable, str(program)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    synchronised, alone = map(float, done.stdout.split())
    assert synchronised < 1e-5
    assert alone > 0.01
