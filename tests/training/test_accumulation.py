"""A batch in parts: the update is that of the whole batch, whatever goes with it."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfpix2pix.data.augment import as_draws
from tfpix2pix.losses import Objective
from tfpix2pix.models import patchgan_discriminator, resnet_generator, unet_generator
from tfpix2pix.training import accumulation
from tfpix2pix.training.accumulation import sum_over_parts
from tfpix2pix.training.networks import Networks
from tfpix2pix.training.optimizers import FusedAdam
from tfpix2pix.training.pool import ImagePool
from tfpix2pix.training.step import make_train_step

SIZE, BATCH, STEPS = 16, 4, 3
CRITIC = Objective(gan_loss="wgan_gp", feature_matching_weight=10.0, r1_weight=1.0)


@pytest.fixture
def eager():
    """Runs functions as they are: to compile them takes ten times as long."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


def make_networks(
    *, norm="instance", dropout=False, spectral=False, learning_rate=0.1, scaled=False
):
    """With so large an epsilon that Adam makes nothing of rounding."""
    keras.utils.set_random_seed(1)
    if dropout:
        generator = resnet_generator(SIZE, base_filters=2, depth=1, residual_blocks=2, norm=norm)
    else:
        generator = unet_generator(SIZE, base_filters=2, depth=3, norm=norm)
    discriminator = patchgan_discriminator(
        SIZE, base_filters=2, n_layers=1, norm=norm, spectral_norm=spectral
    )
    adams = [FusedAdam(learning_rate, epsilon=1.0, global_clipnorm=5.0) for _ in range(2)]
    if scaled:
        adams = [keras.optimizers.LossScaleOptimizer(adam, initial_scale=1024.0) for adam in adams]
    networks = Networks(generator, discriminator, *adams)
    networks.build_optimizers()
    return networks


def batches(count=STEPS):
    images = np.random.default_rng(0).integers(
        0, 256, (count, 2, BATCH, SIZE + 2, SIZE + 2, 3), np.uint8
    )
    return [(tf.constant(inputs), tf.constant(targets)) for inputs, targets in images]


def weights(networks):
    models = networks.generator, networks.discriminator
    return np.concatenate([v.numpy().ravel() for m in models for v in m.trainable_variables])


def trained(parts, options=None, *, pool=False, **how):
    """The weights' way, and the last figures."""
    networks = make_networks(**options or {})
    before = weights(networks)
    how["pool"] = ImagePool(3, (SIZE, SIZE), 3, 3) if pool else None
    step = make_train_step(networks, crop_size=(SIZE, SIZE), accumulate=parts, **how)
    for number, batch in enumerate(batches()):
        figures = step(batch, number)
    return weights(networks) - before, {name: float(x) for name, x in figures.items()}


def assert_same(found, expected):
    """But for rounding: sums of float32 in another order, three steps long."""
    (way, figures), (expected_way, expected_figures) = found, expected
    longest = np.abs(expected_way).max()
    assert longest > 1e-2
    assert np.abs(way - expected_way).max() < 1e-4 * longest
    assert figures.keys() == expected_figures.keys()
    for name, value in expected_figures.items():
        np.testing.assert_allclose(figures[name], value, rtol=1e-3, atol=1e-5, err_msg=name)


@pytest.mark.parametrize(
    "how",
    [
        {"update": "simultaneous"},
        {"update": "alternating"},
        {"update": "simultaneous", "pool": True, "objective": CRITIC},
        {"update": "alternating", "pool": True, "objective": CRITIC},
        {"update": "alternating", "diff_augment": ("color", "translation", "cutout")},
        {"objective": Objective(gan_weight=0)},
        {"options": {"scaled": True}},
    ],
)
def test_parts_come_to_the_update_of_the_whole_batch(how, eager):
    assert_same(trained(4, **how), trained(1, **how))


@pytest.mark.slow
@pytest.mark.parametrize("update", ["simultaneous", "alternating"])
def test_parts_compiled_come_to_the_update_of_the_whole_batch(update):
    whole = trained(1, update=update, rotate=True)
    for jit in (False, True):
        assert_same(trained(2, update=update, rotate=True, jit=jit), whole)


def test_alternating_the_generator_learns_from_the_answers_that_d_learned_from(eager):
    """With dropout, though it answers twice."""
    networks = make_networks(dropout=True, learning_rate=0.0)
    step = make_train_step(
        networks,
        crop_size=(SIZE, SIZE),
        update="alternating",
        objective=Objective(gan_loss="wgan_gp", gradient_penalty_weight=0.0),
        accumulate=2,
    )
    seen = []
    for number, batch in enumerate(batches(2)):
        figures = step(batch, number)
        # The critic has not changed.
        np.testing.assert_allclose(
            figures["adversarial_loss"], -figures["fake_logit_mean"], rtol=1e-5
        )
        states = [v.numpy() for v in networks.generator.non_trainable_variables]
        seen.append([int(state[1]) for state in states if state.shape == (2,)])
    drawn = len(seen[0])
    assert drawn > 0
    assert seen == [[2] * drawn, [4] * drawn]  # once in a part


@pytest.mark.parametrize("update", ["simultaneous", "alternating"])
def test_batch_norm_takes_the_statistics_of_each_part_in_turn(update, eager):
    networks, reference = (make_networks(norm="batch", learning_rate=0.0) for _ in range(2))
    (batch,) = batches(1)
    step = make_train_step(
        networks, crop_size=(SIZE, SIZE), mirror=False, update=update, accumulate=2
    )
    centre = [image[:, 1:-1, 1:-1] for image in batch]
    step(tuple(centre), 0)
    for half in (slice(0, 2), slice(2, 4)):
        reference.generator(tf.cast(centre[0][half], tf.float32) / 127.5 - 1.0, training=True)
    for found, expected in zip(
        networks.generator.non_trainable_variables,
        reference.generator.non_trainable_variables,
        strict=True,
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_a_batch_that_cannot_be_cut_evenly_is_refused():
    images = (tf.zeros([3, 2, 2, 1]),) * 2
    with pytest.raises(ValueError, match="a batch of 3 pairs cannot be computed in 2 equal parts"):
        sum_over_parts(None, None, [], images, as_draws(tf.constant([0, 0])), 2)


@pytest.mark.parametrize("batch", [4, None])  # several workers' batches do not tell their size
def test_sums_are_of_all_parts_whether_the_size_is_told_or_not(batch):
    spec = tf.TensorSpec([batch, 2, 2, 1])

    @tf.function(input_signature=[spec, spec])
    def summed(a, b):
        return accumulation.sum_over_parts(
            lambda a, b, _: tf.reduce_sum(a * b), tf.zeros([]), [], (a, b), as_draws([0, 0]), 2
        )[0]

    a = tf.reshape(tf.range(16.0), [4, 2, 2, 1])
    assert float(summed(a, a + 1)) == sum(n * (n + 1) for n in range(16))
    if batch is None:
        with pytest.raises(tf.errors.InvalidArgumentError):
            summed(a[:3], a[:3])
