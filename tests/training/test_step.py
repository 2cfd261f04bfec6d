"""One step: what it computes, and that it updates only what it should."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfpix2pix.losses import (
    BALANCE_NAMES,
    Objective,
    l1_loss,
    vanilla_discriminator_loss,
    vanilla_generator_loss,
)
from tfpix2pix.models import patchgan_discriminator, unet_generator
from tfpix2pix.training.gradients import Plan
from tfpix2pix.training.networks import Networks
from tfpix2pix.training.optimizers import FusedAdam
from tfpix2pix.training.step import make_train_step
from tfpix2pix.training.updates import alternating_update, simultaneous_update

SIZE = 16
DRAWS = tf.constant([0, 0], tf.int64)


def make_networks(dropout=0.0, seed=1, learning_rate=2e-3):
    keras.utils.set_random_seed(seed)
    generator = unet_generator(SIZE, base_filters=4, depth=3, dropout=dropout)
    discriminator = patchgan_discriminator(SIZE, base_filters=4, n_layers=1)

    def adam():
        return FusedAdam(learning_rate, beta_1=0.5, epsilon=1e-8)

    networks = Networks(generator, discriminator, adam(), adam())
    networks.build_optimizers()
    return networks


def weights(model):
    return [variable.numpy() for variable in model.trainable_variables]


def equal(before, after):
    return all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


def with_loss_scaling(networks):
    """The same networks, trained as float16 wants it: losses scaled up, gradients down again."""
    generator_optimizer, discriminator_optimizer = (
        keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=1024.0)
        for optimizer in (networks.generator_optimizer, networks.discriminator_optimizer)
    )
    scaled = Networks(
        networks.generator,
        networks.discriminator,
        generator_optimizer,
        discriminator_optimizer,
    )
    scaled.build_optimizers()
    return scaled


@pytest.fixture
def batch():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (2, 2, SIZE + 4, SIZE + 4, 3), dtype=np.uint8)
    return tf.constant(images[0]), tf.constant(images[1])


@pytest.fixture
def scaled():
    rng = np.random.default_rng(0)
    images = rng.uniform(-1, 1, (2, 2, SIZE, SIZE, 3)).astype(np.float32)
    return tf.constant(images[0]), tf.constant(images[1])


def test_simultaneous_losses_and_updates_come_from_one_snapshot(scaled):
    """Against gradients taken one network at a time, in plain eager code."""
    networks, reference = make_networks(), make_networks()
    input_image, target_image = scaled
    generator, discriminator = reference.generator, reference.discriminator
    with tf.GradientTape(persistent=True) as tape:
        generated = generator(input_image, training=True)
        real = discriminator([input_image, target_image], training=True)
        fake = discriminator([input_image, generated], training=True)
        adversarial = vanilla_generator_loss(fake)
        l1 = l1_loss(target_image, generated)
        total = adversarial + 100.0 * l1
        discriminator_loss = vanilla_discriminator_loss(real, fake) / 2
    losses = simultaneous_update(networks, input_image, target_image, DRAWS)

    expected = {
        "generator_loss": total,
        "adversarial_loss": adversarial,
        "l1_loss": l1,
        "discriminator_loss": discriminator_loss,
    }
    assert losses.keys() - set(BALANCE_NAMES) == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(losses[name], value, rtol=1e-5)
    for model, updated, loss in (
        (generator, networks.generator, total),
        (discriminator, networks.discriminator, discriminator_loss),
    ):
        gradients = tape.gradient(loss, [v.value for v in model.trainable_variables])
        for before, gradient, after in zip(
            weights(model), gradients, weights(updated), strict=True
        ):
            gradient = gradient.numpy()
            sure = np.abs(gradient) > 1e-4  # below, Adam's epsilon shows
            change = (after - before)[sure]
            np.testing.assert_allclose(change, -2e-3 * np.sign(gradient)[sure], rtol=2e-2)


def test_alternating_updates_the_generator_against_the_new_discriminator(scaled):
    input_image, target_image = scaled
    both = {"simultaneous": make_networks(), "alternating": make_networks()}
    plan = Plan(Objective(l1_weight=1.0))
    losses = {
        "simultaneous": simultaneous_update(
            both["simultaneous"], input_image, target_image, DRAWS, plan
        ),
        "alternating": alternating_update(
            both["alternating"], input_image, target_image, DRAWS, plan
        ),
    }
    # D sees the same pair of images either way, and so learns the same.
    np.testing.assert_allclose(
        losses["alternating"]["discriminator_loss"],
        losses["simultaneous"]["discriminator_loss"],
        rtol=1e-6,
    )
    for one, other in zip(
        weights(both["simultaneous"].discriminator),
        weights(both["alternating"].discriminator),
        strict=True,
    ):
        np.testing.assert_allclose(one, other, atol=1e-6)
    # G's loss is the new D's judgement of the image that the old G made.
    fresh = make_networks()
    generated = fresh.generator(input_image, training=True)
    new_judgement = both["alternating"].discriminator([input_image, generated], training=True)
    np.testing.assert_allclose(
        losses["alternating"]["adversarial_loss"],
        vanilla_generator_loss(new_judgement),
        rtol=1e-5,
    )
    old = losses["simultaneous"]["adversarial_loss"]
    assert abs(float(losses["alternating"]["adversarial_loss"] - old)) > 1e-4


@pytest.mark.parametrize("update", [simultaneous_update, alternating_update])
@pytest.mark.parametrize("frozen", ["generator", "discriminator"])
def test_a_network_changes_only_by_its_own_optimizer(update, frozen, scaled):
    """With the one optimizer's learning rate at 0, that network stays, and the other moves."""
    networks = make_networks()
    getattr(networks, f"{frozen}_optimizer").learning_rate = 0.0
    other = {"generator": "discriminator", "discriminator": "generator"}[frozen]
    before = {name: weights(getattr(networks, name)) for name in (frozen, other)}
    update(networks, *scaled, DRAWS)
    assert equal(before[frozen], weights(getattr(networks, frozen)))
    for one, new in zip(before[other], weights(getattr(networks, other)), strict=True):
        assert not np.array_equal(one, new)


@pytest.mark.parametrize("update", [simultaneous_update, alternating_update])
def test_loss_scaling_changes_neither_losses_nor_updates(update, scaled):
    plain, with_scaling = make_networks(), with_loss_scaling(make_networks())
    before = weights(plain.generator)
    losses = [update(networks, *scaled, DRAWS) for networks in (plain, with_scaling)]
    for name in losses[0]:
        np.testing.assert_allclose(losses[0][name], losses[1][name], rtol=1e-6)
    assert not equal(before, weights(plain.generator))
    for model in ("generator", "discriminator"):
        pairs = (weights(getattr(networks, model)) for networks in (plain, with_scaling))
        for expected, actual in zip(*pairs, strict=True):
            np.testing.assert_allclose(actual, expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    ("update", "jit"),
    [
        ("simultaneous", False),
        ("alternating", False),
        pytest.param("simultaneous", True, marks=pytest.mark.slow),
    ],
)
def test_the_compiled_step_is_a_function_of_state_batch_step_and_seed(update, jit, batch):
    def compiled():
        """A step of new networks, which starts from their first state however often it is run."""
        networks = make_networks(dropout=0.5)
        train_step = make_train_step(networks, crop_size=(SIZE, SIZE), update=update, jit=jit)
        models = networks.generator, networks.discriminator
        optimizers = networks.generator_optimizer, networks.discriminator_optimizer
        state = [v for part in (*models, *optimizers) for v in part.variables]
        first = [variable.numpy() for variable in state]

        def run(step):
            for variable, value in zip(state, first, strict=True):
                variable.assign(value)
            losses = train_step(batch, step)
            found = {name: float(value) for name, value in losses.items()}
            return found, weights(networks.generator)

        return run

    losses, after = compiled()(step=3)
    second = compiled()
    again, after_again = second(step=3)
    assert tuple(losses) == Objective().step_names
    assert losses == again
    assert equal(after, after_again)
    assert second(step=4)[0] != losses
    assert second(step=3)[0] == losses


@pytest.fixture
def eager():
    """For what does not change when it is compiled, which takes ten times as long."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.mark.usefixtures("eager")
def test_the_seed_changes_the_jitter(batch):
    losses = [
        make_train_step(make_networks(), crop_size=(SIZE, SIZE), seed=seed)(batch, 0)
        for seed in (0, 1)
    ]
    assert losses[0]["l1_loss"] != losses[1]["l1_loss"]


@pytest.mark.usefixtures("eager")
def test_l1_weight_weighs_the_generator_loss(batch):
    networks = make_networks()
    train_step = make_train_step(
        networks, crop_size=(SIZE, SIZE), objective=Objective(l1_weight=7.0)
    )
    losses = train_step(batch, 0)
    expected = losses["adversarial_loss"] + 7.0 * losses["l1_loss"]
    np.testing.assert_allclose(losses["generator_loss"], expected, rtol=1e-6)


def test_a_tiny_network_learns_a_single_pair():
    networks = make_networks(learning_rate=5e-3)
    rng = np.random.default_rng(0)
    image = tf.constant(rng.integers(0, 256, (1, SIZE, SIZE, 3), dtype=np.uint8))
    train_step = make_train_step(networks, crop_size=(SIZE, SIZE), mirror=False)
    first = train_step((image, 255 - image), 0)["l1_loss"]
    for step in range(1, 100):
        last = train_step((image, 255 - image), step)["l1_loss"]
    assert last < 0.5 * first
