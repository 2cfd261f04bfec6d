"""One generator at several sizes: the same weights, and the bits of one built for the size."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfpix2pix.models import resnet_generator, unet_generator
from tfpix2pix.models.any_size import at_any_size, at_size
from tfpix2pix.models.convolutions.layers import choose_implementation

TRAINED, SIZES = (16, 16), [(64, 32), (32, 64), (16, 16)]
GENERATORS = {
    "unet": lambda size, **how: unet_generator(size, base_filters=8, depth=4, **how),
    "resnet": lambda size, **how: resnet_generator(size, base_filters=4, residual_blocks=1, **how),
}
OPTIONS = {
    "batch": {},
    "instance": {"norm": "instance"},
    "group": {"norm": "group"},
    "spectral": {"spectral_norm": True},
    "resize": {"upsampling": "resize"},
    "subpixel": {"upsampling": "subpixel"},
}


def shaken(model):
    rng = np.random.default_rng(1)
    model.set_weights([w + rng.normal(0, 0.2, w.shape) for w in model.get_weights()])
    return model


def answer(model, image):
    """As a graph of a known size, as answers are computed."""
    signature = [tf.TensorSpec(model.input_shape, tf.float32)]
    compute = tf.function(lambda x: model(x, training=False), input_signature=signature)
    return compute(image).numpy()


def image_of(size):
    return np.random.default_rng(0).uniform(-1, 1, (1, *size, 3)).astype(np.float32)


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("name", GENERATORS)
def test_answers_have_the_bits_of_a_generator_built_for_the_size(name, option):
    make, how = GENERATORS[name], OPTIONS[option]
    trained = shaken(make(TRAINED, **how))
    for size in SIZES:
        built = make(size, **how)
        built.set_weights(trained.get_weights())
        network = at_size(trained, size)
        assert network.input_shape == (None, *size, 3)
        found = answer(network, image_of(size))
        np.testing.assert_array_equal(found, answer(built, image_of(size)), strict=True)
        assert found.std() > 0.05


def test_convolutions_are_computed_in_the_way_that_suits_the_size():
    """What the test above is about: the sizes there do not all take the same way."""
    layer = GENERATORS["unet"](TRAINED).get_layer("down4_conv")
    channels = layer.kernel.shape[2]
    ways = {choose_implementation(layer, (None, h // 8, w // 8, channels)) for h, w in SIZES}
    assert ways == {"plain", "matmul"} or keras.distribution.list_devices("gpu")


def test_all_sizes_share_their_variables():
    trained = GENERATORS["unet"](TRAINED)
    networks = {size: at_size(trained, size) for size in SIZES} | {(32, 32): at_any_size(trained)}
    before = {size: answer(network, image_of(size)) for size, network in networks.items()}
    shaken(trained)
    for size, network in networks.items():
        assert {id(variable) for variable in network.variables} == {
            id(v) for v in trained.variables
        }
        assert np.abs(answer(network, image_of(size)) - before[size]).max() > 0.1
