"""Networks from settings: every kind by its name, and every setting in its place."""

import dataclasses
import re
from typing import get_args

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfpix2pix.config import ModelSettings
from tfpix2pix.config.network_sizes import GENERATOR_SIZES, check_image_size, size_multiple
from tfpix2pix.config.types import Generator
from tfpix2pix.data.formats import ImageFormat, PairFormat
from tfpix2pix.errors import SettingsError
from tfpix2pix.models import Dropout, patchgan_discriminator, unet_generator
from tfpix2pix.models.convolutions import SpectralConv2D, SpectralConv2DTranspose
from tfpix2pix.training.build import GENERATORS, build_discriminator, build_generator

# For each kind: the smallest size that it takes, of what sizes must be multiples there, stride-2
# convolutions and residual blocks (twice as many convolutions).
KINDS = {
    "unet": (16, 16, 4, 0),
    "unet_128": (128, 128, 7, 0),
    "unet_256": (256, 256, 8, 0),
    "unet_512": (512, 512, 9, 0),
    "encoder_decoder": (16, 16, 4, 0),
    "resnet_6": (8, 4, 2, 6),
    "resnet_9": (8, 4, 2, 9),
    "global": (32, 16, 4, 9),
    "local_enhancer": (64, 32, 5, 12),
}


def small(**settings):
    return ModelSettings(base_filters=1, n_layers=1, **settings)


def named(model, pattern):
    return [layer.name for layer in model.layers if re.fullmatch(pattern, layer.name)]


def test_every_kind_of_the_setting_has_its_network():
    assert set(GENERATORS) == set(GENERATOR_SIZES) == set(get_args(Generator)) == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_generators_by_name(kind):
    size, multiple, halvings, blocks = KINDS[kind]
    settings = small(generator=kind)
    assert size_multiple(settings, (size, size)) == multiple
    model = build_generator(settings, (size, 2 * size))
    assert model.output_shape == (None, size, 2 * size, 3)
    assert len(named(model, r"(global_)?down\d+_conv")) == halvings
    assert len(named(model, r"(global_)?block\d+_1_conv")) == blocks
    has_dropout = kind.startswith(("unet_", "resnet"))
    if has_dropout:
        assert named(model, r".*_dropout")
    if kind in ("global", "local_enhancer"):
        assert not named(model, r".*_dropout")


@pytest.mark.parametrize("kind", ["unet", "encoder_decoder", "resnet_6", "local_enhancer"])
def test_label_maps_are_answered_with_the_probability_of_each_class(kind):
    """And the features below the last layer are those that a tanh would get."""
    size = KINDS[kind][0]
    image = np.random.default_rng(0).uniform(-1, 1, (1, size, size, 3)).astype(np.float32)
    answers = []
    for target in (ImageFormat(palette=((0, 0, 0), (9, 9, 9), (99, 9, 9))), ImageFormat()):
        keras.utils.set_random_seed(0)
        model = build_generator(small(generator=kind), (size, size), PairFormat(target=target))
        assert model.layers[-1].name == "generated_image"
        answers.append(model(image, training=False).numpy().astype(np.float64))
    probabilities, image = answers
    exponentials = np.exp(np.arctanh(image))
    expected = exponentials / exponentials.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(probabilities, expected, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_sizes_that_do_not_fit_are_refused_with_one_that_does(kind):
    size, multiple, *_ = KINDS[kind]
    settings = small(generator=kind)
    wrong = (size + multiple // 2, 2 * size)
    with pytest.raises(SettingsError, match=r"^crop_size: image size") as error:
        check_image_size(settings, wrong)
    fitting = re.search(r"such as (\d+)x(\d+)", str(error.value))
    check_image_size(settings, tuple(map(int, fitting.groups())))
    with pytest.raises(SettingsError, match="crop_size"):
        build_generator(settings, wrong)


@pytest.mark.parametrize("kind", ["unet", "encoder_decoder", "resnet_9", "global"])
def test_depth_goes_before_the_kinds_own(kind):
    model = build_generator(small(generator=kind, depth=3), (32, 32))
    assert len(named(model, r"down\d+_conv")) == 3
    assert size_multiple(small(generator=kind, depth=3), (32, 32)) == 8


def test_default_settings_are_the_networks_defaults():
    """A run without any option has the bits that it always had."""
    for build, make in (
        (build_generator, unet_generator),
        (build_discriminator, patchgan_discriminator),
    ):
        keras.utils.set_random_seed(3)
        built = build(ModelSettings(base_filters=2), (32, 32))
        keras.utils.set_random_seed(3)
        made = make(32, base_filters=2)
        assert [layer.name for layer in built.layers] == [layer.name for layer in made.layers]
        configs = [[layer.get_config() for layer in model.layers] for model in (built, made)]
        assert str(configs[0]) == str(configs[1])
        for first, second in zip(built.get_weights(), made.get_weights(), strict=True):
            np.testing.assert_array_equal(first, second)


@pytest.mark.slow
def test_every_setting_of_the_model_is_used():
    """Each changes the configuration of a network, or its state."""
    changed = {
        "generator": "resnet_6",
        "base_filters": 3,
        "depth": 3,
        "upsampling": "resize",
        "skip": "relu",
        "skip_order": "encoder_first",
        "norm": "group",
        "discriminator_norm": "none",
        "innermost_norm": True,
        "norm_epsilon": 1e-3,
        "norm_momentum": 0.5,
        "norm_scale_stddev": 0.1,
        "norm_statistics": "moving",
        "sync_norm": True,
        "spectral_norm": "discriminator",
        "leaky_slope": 0.1,
        "generator_bias": "all",
        "discriminator_bias": "all",
        "dropout": 0.25,
        "dropout_start": 2,
        "dropout_at_prediction": True,
        "discriminator": "pixelgan",
        "n_layers": 2,
        "discriminator_scales": 2,
        "conditional": False,
    }
    assert set(changed) == {field.name for field in dataclasses.fields(ModelSettings)}

    def described(settings):
        keras.backend.clear_session()
        models = build_generator(settings, (32, 32)), build_discriminator(settings, (32, 32))
        return str([re.sub(r"'seed': \d+", "", str(model.get_config())) for model in models])

    base = ModelSettings(base_filters=2, n_layers=1)
    usual = described(base)
    assert described(base) == usual
    for name, value in changed.items():
        assert described(dataclasses.replace(base, **{name: value})) != usual, name


def test_a_generator_needs_no_discriminator_of_its_size():
    """`predict` builds it for photos that are smaller than what was trained on."""
    settings = ModelSettings(base_filters=2, depth=3, n_layers=6)
    assert build_generator(settings, (16, 16)).output_shape == (None, 16, 16, 3)
    with pytest.raises(SettingsError, match="too small for n_layers=6"):
        build_discriminator(settings, (16, 16))


def test_norms_and_biases_of_one_network_leave_the_other_alone():
    settings = small(norm="instance", discriminator_norm="none", generator_bias="all")
    assert len(named(build_generator(settings, (16, 16)), ".*_norm")) == 5
    assert not named(build_discriminator(settings, (16, 16)), ".*_norm")
    discriminator = build_discriminator(small(generator_bias="all"), (16, 16))
    assert not discriminator.get_layer("layer2_conv").use_bias


@pytest.mark.parametrize(
    ("spectral_norm", "of_generator", "of_discriminator"),
    [("none", False, False), ("discriminator", False, True), ("both", True, True)],
)
def test_spectral_norm(spectral_norm, of_generator, of_discriminator):
    settings = small(spectral_norm=spectral_norm)
    for build, expected in (
        (build_generator, of_generator),
        (build_discriminator, of_discriminator),
    ):
        model = build(settings, (16, 16))
        kinds = (SpectralConv2D, SpectralConv2DTranspose)
        convolutions = [layer for layer in model.layers if layer.name.endswith("_conv")]
        assert {isinstance(layer, kinds) for layer in convolutions} == {expected}


def test_discriminators_scales_and_condition():
    settings = small(discriminator_scales=3, conditional=False)
    model = build_discriminator(settings, (32, 32))
    assert len(model.inputs) == 1
    assert len(model.outputs) == 3
    with pytest.raises(SettingsError, match=r"crop_size: .* 16x16 .* up to 2 discriminator scales"):
        check_image_size(settings, (16, 16))
    pixelgan = build_discriminator(small(discriminator="pixelgan"), (16, 16))
    assert pixelgan.output_shape == (None, 16, 16, 1)


def test_dropout_at_prediction_is_as_told_or_as_set():
    def drawing(settings, told):
        model = build_generator(settings, (32, 32), dropout_at_prediction=told)
        return [layer.at_prediction for layer in model.layers if isinstance(layer, Dropout)]

    assert drawing(small(), None) == [False]
    assert drawing(small(), True) == [True]
    assert drawing(small(dropout_at_prediction=True), None) == [True]
    assert drawing(small(dropout_at_prediction=True), False) == [False]


def test_channels_of_the_formats():
    formats = PairFormat(ImageFormat(1), ImageFormat(4))
    for kind in ("unet", "resnet_6", "local_enhancer"):
        model = build_generator(small(generator=kind), (64, 64), formats)
        assert (model.input_shape[-1], model.output_shape[-1]) == (1, 4)


def test_a_norm_that_would_make_zeros_is_refused_as_a_setting():
    settings = small(innermost_norm=True, norm="instance")
    with pytest.raises(SettingsError, match="crop_size: down4_norm would make zeros"):
        build_generator(settings, (16, 16))


@pytest.mark.parametrize("kind", [k for k in KINDS if k not in ("unet_256", "unet_512")])
def test_generators_compile(kind):
    size = KINDS[kind][0]
    model = build_generator(small(generator=kind, norm="instance"), (size, size))
    image = tf.random.stateless_uniform((1, size, size, 3), (1, 2))
    answer = tf.function(lambda x: model(x, training=True), jit_compile=True)(image)
    assert np.isfinite(answer).all()
