"""Presets build the networks of those whom they follow.

The tutorial's are compared, weight for weight, with its own Keras code; tests/exchange compares
what preset `pytorch` builds with the reference in PyTorch.
"""

import dataclasses

import keras
import numpy as np
import pytest

from benchmarks.contenders import tensorflow_tutorial
from tfpix2pix.config import resolve
from tfpix2pix.training.build import build_discriminator, build_generator

SIZE = (256, 256)
SMALL = 64


def trainable_parameters(model):
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


def channels_under_norms(model):
    return sum(layer.output.shape[-1] for layer in model.layers if layer.name.endswith("_norm"))


@pytest.fixture(scope="module")
def build():
    """Full-size networks of a preset, made once."""
    made = {}

    def build(preset):
        if preset not in made:
            settings = resolve(preset).model
            made[preset] = (build_generator(settings, SIZE), build_discriminator(settings, SIZE))
        return made[preset]

    return build


@pytest.mark.parametrize(
    ("preset", "generator", "discriminator"),
    [("paper", 54_414_531, 2_768_705), ("pytorch", 54_413_955, 2_768_705)],
)
def test_parameters_are_those_of_the_originals(build, preset, generator, discriminator):
    """PyTorch's own counts; the paper's U-Net has 576 biases more."""
    assert [trainable_parameters(model) for model in build(preset)] == [generator, discriminator]


def test_the_tutorials_parameters_are_those_of_its_own_code(build):
    originals = tensorflow_tutorial.generator(256), tensorflow_tutorial.discriminator(256)
    counts = [(model.count_params(), trainable_parameters(model)) for model in originals]
    ours = [
        (sum(int(np.prod(w.shape)) for w in model.weights), trainable_parameters(model))
        for model in build("tf-tutorial")
    ]
    assert ours == counts


def test_torch_has_a_bias_under_each_norm_too(build):
    for torch, paper in zip(build("torch"), build("paper"), strict=True):
        extra = trainable_parameters(torch) - trainable_parameters(paper)
        assert extra == channels_under_norms(paper) > 0


@pytest.mark.parametrize(
    ("preset", "layers"),
    [
        ("paper", (1, 2, 3)),
        ("torch", (1, 2, 3)),
        ("pytorch", (2, 3, 4)),
        ("tf-tutorial", (1, 2, 3)),
    ],
)
def test_dropout_is_in_the_originals_layers_and_stays_on(build, preset, layers):
    generator, _ = build(preset)
    names = [layer.name for layer in generator.layers if isinstance(layer, keras.layers.Dropout)]
    assert names == [f"up{layer}_dropout" for layer in layers]
    assert all(generator.get_layer(name).at_prediction for name in names)


def randomize(model, seed):
    """Weights far from their start, so that every one of them shows."""
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        if weight.name == "moving_variance":
            value = rng.uniform(0.5, 2.0, weight.shape)
        else:
            value = rng.normal(float(weight.name == "gamma"), 0.05, weight.shape)
        weight.assign(value)


@pytest.mark.parametrize("training", [False, True])
def test_the_tutorials_networks_answer_as_its_own_code(training):
    """Dropout off; its BatchNorm without training has moving averages, so have ours here."""
    rng = np.random.default_rng(0)
    images = rng.uniform(-1, 1, (2, 1, SMALL, SMALL, 3)).astype(np.float32)
    settings = resolve("tf-tutorial", flags={"norm_statistics": "moving"}).model
    settings = dataclasses.replace(settings, dropout=0, dropout_at_prediction=False)
    generator = build_generator(settings, (SMALL, SMALL))
    discriminator = build_discriminator(settings, (SMALL, SMALL))
    tutorial = tensorflow_tutorial.generator(SMALL), tensorflow_tutorial.discriminator(SMALL)
    for original in tutorial:
        for block in original.layers:
            for layer in getattr(block, "layers", []):
                if isinstance(layer, keras.layers.Dropout):
                    layer.rate = 0.0
    for number, (original, ours) in enumerate(
        zip(tutorial, (generator, discriminator), strict=True)
    ):
        randomize(original, number)
        ours.set_weights(original.get_weights())
    for ours, original, inputs in (
        (generator, tutorial[0], images[0]),
        (discriminator, tutorial[1], list(images)),
    ):
        np.testing.assert_allclose(
            ours(inputs, training=training), original(inputs, training=training), atol=1e-4
        )
