"""Features computed again: answers, gradients and states are as with features that are kept."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfpix2pix.losses import Objective
from tfpix2pix.models import (
    local_enhancer_generator,
    patchgan_discriminator,
    pixelgan_discriminator,
    resnet_generator,
    unet_generator,
)
from tfpix2pix.training.networks import Networks
from tfpix2pix.training.optimizers import FusedAdam
from tfpix2pix.training.pool import ImagePool
from tfpix2pix.training.recomputation import _blocks, recomputed
from tfpix2pix.training.step import make_train_step

SIZE = 32
unet = functools.partial(unet_generator, SIZE, base_filters=2)
resnet = functools.partial(resnet_generator, SIZE, base_filters=2, residual_blocks=2)
NETWORKS = {
    "U-Net with dropout and BatchNorm": unet,
    "skips of their own ReLU": functools.partial(
        unet, skip="relu", norm="instance", upsampling="resize"
    ),
    "skips after the activation": functools.partial(
        unet, skip="postactivation", upsampling="subpixel", spectral_norm=True
    ),
    "ResNet": resnet,
    "local enhancer": functools.partial(
        local_enhancer_generator, SIZE, base_filters=2, depth=2, norm="instance"
    ),
    "two scales": functools.partial(
        patchgan_discriminator, SIZE, base_filters=2, n_layers=1, scales=2
    ),
    "PixelGAN": functools.partial(pixelgan_discriminator, SIZE, base_filters=2),
}


@pytest.fixture
def eager():
    """Runs functions as they are: to compile them takes ten times as long."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


def two_alike(make):
    keras.utils.set_random_seed(1)
    one, other = make(), make()
    for variable, value in zip(other.variables, one.variables, strict=True):
        variable.assign(value)
    return one, other


def gradients(answer, model, images):
    """Of the answer's squares, for weights and images."""
    with tf.GradientTape() as tape:
        tape.watch(images)
        answers = tf.nest.flatten(answer(images))
        loss = tf.add_n([tf.reduce_sum(tf.square(tf.cast(x, tf.float32))) for x in answers])
    return loss, tape.gradient(loss, [v.value for v in model.trainable_variables] + images)


def check_gradients(make, *, jit=None, tolerance=0.0):
    plain, model = two_alike(make)
    again = recomputed(model, "xla" if jit else "graph")
    rng = np.random.default_rng(0)
    shapes = [(2, *x.shape[1:]) for x in plain.inputs]
    images = [tf.constant(rng.uniform(-1, 1, shape).astype(np.float32)) for shape in shapes]
    ways = [
        functools.partial(
            gradients, lambda x: plain(x if len(x) > 1 else x[0], training=True), plain
        ),
        functools.partial(gradients, again, model),
    ]
    if jit is not None:
        ways = [tf.function(way, jit_compile=jit) for way in ways]
    for _ in range(2):  # the second draws other masks
        (loss, expected), (found_loss, found) = (way(images) for way in ways)
        np.testing.assert_allclose(found_loss, loss, rtol=tolerance)
        for a, b in zip(found, expected, strict=True):
            a, b = a.numpy(), b.numpy()
            assert np.abs(a - b).max() <= tolerance * np.abs(b).max()
    for a, b in zip(model.variables, plain.variables, strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance)


@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_and_states_have_the_same_bits(name):
    check_gradients(NETWORKS[name])


@pytest.mark.slow
@pytest.mark.parametrize("jit", [False, True])
def test_compiled_they_are_the_same_but_for_rounding(jit):
    """Where dropout's draws are those of the backend; of 32 bits, sums of thousands of terms."""
    check_gradients(unet, jit=jit, tolerance=1e-4)


def test_what_is_held_is_one_map_a_layer():
    """Of a U-Net: each layer's before its activation, and the last."""
    blocks = _blocks(unet())
    held = [tensor.name for block in blocks for tensor in block.given]
    assert len(held) == len(set(held)) == 2 * 5 + 1
    assert not any("skip" in name for name in held)


@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize("update", ["simultaneous", "alternating"])
def test_steps_are_the_same(update, parts, eager):
    """With all that goes with them: second derivatives are of features that are kept."""
    found = []
    for recompute in (False, True):
        keras.utils.set_random_seed(1)
        discriminator = patchgan_discriminator(SIZE, base_filters=2, n_layers=1, norm="none")
        networks = Networks(resnet(), discriminator, *(FusedAdam(2e-3) for _ in range(2)))
        step = make_train_step(
            networks,
            crop_size=(SIZE, SIZE),
            update=update,
            pool=ImagePool(2, (SIZE, SIZE), 3, 3),
            objective=Objective(r1_weight=1.0),
            accumulate=parts,
            recompute=recompute,
        )
        images = np.random.default_rng(0).integers(0, 256, (2, 2, SIZE, SIZE, 3), np.uint8)
        for number in range(2):
            step(tuple(tf.constant(x) for x in images), number)
        models = networks.generator, networks.discriminator
        found.append([v.numpy() for model in models for v in model.variables])
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)
