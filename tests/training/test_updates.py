"""Updates by other objectives than the usual: who is updated, by what, and what D is shown."""

import functools
import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfpix2pix.data.augment import Stream, random_bits
from tfpix2pix.losses import (
    BALANCE_NAMES,
    GAN_LOSSES,
    Objective,
    feature_matching_loss,
    l1_loss,
    vanilla_discriminator_loss,
    vanilla_generator_loss,
)
from tfpix2pix.losses.objective import Judgement
from tfpix2pix.models import feature_model, patchgan_discriminator, unet_generator
from tfpix2pix.training.gradients import Plan
from tfpix2pix.training.networks import Networks
from tfpix2pix.training.optimizers import FusedAdam
from tfpix2pix.training.penalties import JudgedPair, gradient_penalty, r1_penalty
from tfpix2pix.training.pool import ImagePool
from tfpix2pix.training.step import make_train_step
from tfpix2pix.training.updates import (
    UPDATES,
    alternating_update,
    generator_update,
    simultaneous_update,
)

SIZE = 16
DRAWS = tf.constant([0, 0], tf.int64)


def make_networks(**options):
    keras.utils.set_random_seed(1)
    generator = unet_generator(SIZE, base_filters=2, depth=3, dropout=0.0)
    discriminator = patchgan_discriminator(SIZE, base_filters=2, n_layers=1, **options)
    networks = Networks(generator, discriminator, *(FusedAdam(2e-3) for _ in range(2)))
    networks.build_optimizers()
    return networks


def image_pairs(count=1, batch=2, seed=0):
    rng = np.random.default_rng(seed)
    shape = (count, 2, batch, SIZE, SIZE, 3)
    return [tuple(tf.constant(i) for i in p) for p in rng.uniform(-1, 1, shape).astype(np.float32)]


def weights(model):
    return [variable.numpy() for variable in model.trainable_variables]


def same(before, model):
    return all(np.array_equal(a, b) for a, b in zip(before, weights(model), strict=True))


@pytest.fixture
def batch():
    images = np.random.default_rng(0).integers(0, 256, (2, 2, SIZE, SIZE, 3), np.uint8)
    return tf.constant(images[0]), tf.constant(images[1])


@pytest.fixture
def eager():
    """Runs functions as they are: to compile them takes ten times as long."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


def takes_finite_steps_that_change_both_networks(gan_loss, update, batch):
    networks = make_networks(norm="instance")
    before = weights(networks.generator), weights(networks.discriminator)
    objective = Objective(gan_loss=gan_loss, r1_weight=1.0, feature_matching_weight=1.0)
    step = make_train_step(networks, crop_size=(SIZE, SIZE), objective=objective, update=update)
    for number in range(2):
        losses = step(batch, number)
    assert tuple(losses) == objective.step_names
    assert np.isfinite(list(losses.values())).all()
    for old, model in zip(before, (networks.generator, networks.discriminator), strict=True):
        assert not same(old, model)
        assert all(np.isfinite(w).all() for w in weights(model))


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("update", UPDATES)
@pytest.mark.parametrize("gan_loss", GAN_LOSSES)
def test_every_loss_takes_finite_steps_that_change_both_networks(gan_loss, update, batch):
    takes_finite_steps_that_change_both_networks(gan_loss, update, batch)


@pytest.mark.parametrize(
    ("gan_loss", "update"), list(zip(GAN_LOSSES, itertools.cycle(UPDATES), strict=False))
)
def test_every_loss_does_so_compiled(gan_loss, update, batch):
    """In one update each, for it takes long."""
    takes_finite_steps_that_change_both_networks(gan_loss, update, batch)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("update", "objective"),
    [
        ("simultaneous", Objective(gan_loss="wgan_gp", r1_weight=5.0)),
        ("alternating", Objective(gan_loss="hinge", feature_matching_weight=10.0)),
    ],
)
def test_eager_graph_and_xla_do_the_same(objective, update):
    (pair,) = image_pairs()
    answers = []
    for how in ("eager", "graph", "xla"):
        networks = make_networks(norm="instance", scales=2)
        act = functools.partial(UPDATES[update], networks, *pair, DRAWS, Plan(objective))
        if how != "eager":
            act = tf.function(act, jit_compile=how == "xla")
        losses = {name: float(value) for name, value in act().items()}
        answers.append((losses, weights(networks.generator), weights(networks.discriminator)))
    for losses, *networks in answers[1:]:
        assert losses == pytest.approx(answers[0][0], rel=1e-4)
        for model, expected in zip(networks, answers[0][1:], strict=True):
            for one, other in zip(model, expected, strict=True):
                # Adam's first step moves by the rate, by its sign where a gradient is all noise.
                assert np.mean(np.abs(one - other) > 1e-5) < 0.02


@pytest.mark.parametrize("update", UPDATES)
@pytest.mark.parametrize("scales", [1, 2])
def test_the_balance_is_that_of_a_step_taken_apart(update, scales):
    """Logits and gradients of the same networks, computed anew here with one tape."""
    (pair,) = image_pairs()
    networks, reference = (make_networks(norm="instance", scales=scales) for _ in range(2))
    plan = Plan(loss_scale=0.5)  # of two replicas; the norms are as of one
    measured = UPDATES[update](networks, *pair, DRAWS, plan)
    discriminator = reference.discriminator
    with tf.GradientTape(persistent=True) as tape:
        generated = reference.generator(pair[0], training=True)
        real, fake = (
            answer if scales > 1 else [answer]
            for answer in (discriminator([pair[0], x], training=True) for x in (pair[1], generated))
        )
        d_loss = 0.5 * vanilla_discriminator_loss(real, fake)
        g_loss = vanilla_generator_loss(fake) + 100 * l1_loss(pair[1], generated)
    for side, answers, is_right in (("real", real, np.greater), ("fake", fake, np.less)):
        means = [np.mean(a) for a in answers]
        shares = [np.mean(is_right(a, 0)) for a in answers]
        assert float(measured[f"{side}_logit_mean"]) == pytest.approx(np.mean(means), rel=1e-4)
        assert float(measured[f"{side}_accuracy"]) == pytest.approx(np.mean(shares), abs=1e-6)
    norms = {"discriminator": (d_loss, discriminator)}
    if update == "simultaneous":  # else G learns from the new D
        norms["generator"] = (g_loss, reference.generator)
    for name, (loss, model) in norms.items():
        gradients = tape.gradient(loss, [v.value for v in model.trainable_variables])
        expected = np.sqrt(sum(np.sum(np.square(g)) for g in gradients))
        assert float(measured[f"{name}_gradient_norm"]) == pytest.approx(expected, rel=1e-4)


def test_gradient_norms_are_measured_in_one_of_so_many_steps(batch):
    networks = make_networks()
    step = make_train_step(networks, crop_size=(SIZE, SIZE), norms_every=3)
    found = [step(batch, number) for number in range(6)]
    for network in ("generator", "discriminator"):
        norms = [float(figures[f"{network}_gradient_norm"]) for figures in found]
        assert list(np.isnan(norms)) == [True, True, False, True, True, False]
        assert norms[2] > 0


@pytest.mark.usefixtures("eager")
def test_without_a_discriminator_the_generator_learns_alone(batch):
    objective = Objective(gan_weight=0.0)
    for update in UPDATES:
        networks = make_networks()
        before = weights(networks.generator), networks.discriminator.get_weights()
        step = make_train_step(networks, crop_size=(SIZE, SIZE), objective=objective, update=update)
        losses = step(batch, 0)
        assert tuple(losses) == ("generator_loss", "l1_loss", "generator_gradient_norm")
        assert float(losses["generator_loss"]) == pytest.approx(100 * float(losses["l1_loss"]))
        assert not same(before[0], networks.generator)
        for old, new in zip(before[1], networks.discriminator.get_weights(), strict=True):
            np.testing.assert_array_equal(old, new)
        assert int(networks.discriminator_optimizer.iterations) == 0


def test_the_generator_alone_follows_the_gradient_of_its_own_losses():
    (pair,) = image_pairs()
    networks, reference = make_networks(), make_networks()
    objective = Objective(gan_weight=0.0, l1_weight=2.0, l2_weight=3.0)
    with tf.GradientTape() as tape:
        generated = reference.generator(pair[0], training=True)
        loss = 2 * l1_loss(pair[1], generated) + 3 * tf.reduce_mean((pair[1] - generated) ** 2)
    variables = [v.value for v in reference.generator.trainable_variables]
    reference.generator_optimizer.apply(tape.gradient(loss, variables))
    losses = generator_update(networks, *pair, DRAWS, Plan(objective))
    assert float(losses["generator_loss"]) == pytest.approx(float(loss), rel=1e-5)
    for one, other in zip(weights(networks.generator), weights(reference.generator), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_l1_is_measured_without_a_weight_and_moves_nothing():
    (pair,) = image_pairs()
    answers = {}
    for weight in (0.0, 100.0):
        networks = make_networks()
        losses = simultaneous_update(networks, *pair, DRAWS, Plan(Objective(l1_weight=weight)))
        answers[weight] = losses, weights(networks.generator)
    without, with_l1 = answers[0.0][0], answers[100.0][0]
    assert float(without["l1_loss"]) == float(with_l1["l1_loss"]) > 0
    assert float(without["generator_loss"]) == float(without["adversarial_loss"])
    assert not all(np.array_equal(*p) for p in zip(answers[0.0][1], answers[100.0][1], strict=True))


def judge_with(discriminator, conditional=True):
    """As the networks judge, written out."""
    features = feature_model(discriminator)

    def judge(input_image, image):
        inputs = [input_image, image] if conditional else [image]
        scales = features(inputs, training=True)
        return Judgement([s[-1] for s in scales], [s[:-1] for s in scales])

    return judge


@pytest.mark.parametrize("conditional", [True, False])
@pytest.mark.parametrize("scales", [1, 2])
def test_losses_are_those_of_one_snapshot(scales, conditional):
    """With all terms at once, against the losses called one by one."""
    (pair,) = image_pairs()
    options = {"scales": scales, "conditional": conditional, "norm": "instance"}
    networks, reference = (make_networks(**options) for _ in range(2))
    objective = Objective(feature_matching_weight=10.0, r1_weight=4.0, label_smoothing=0.1)
    losses = simultaneous_update(networks, *pair, DRAWS, Plan(objective))
    judge = judge_with(reference.discriminator, conditional)
    x, y = pair
    generated = reference.generator(x, training=True)
    real, fake = judge(x, y), judge(x, generated)
    assert len(real.logits) == scales
    r1 = r1_penalty(judge, JudgedPair(x, y))
    gan = vanilla_discriminator_loss(real.logits, fake.logits, label_smoothing=0.1)
    matching = feature_matching_loss(real.features, fake.features)
    expected = {
        "adversarial_loss": vanilla_generator_loss(fake.logits),
        "l1_loss": l1_loss(y, generated),
        "feature_matching_loss": matching,
        "r1_penalty": r1,
        "discriminator_loss": 0.5 * (gan + 2 * r1),
    }
    expected["generator_loss"] = (
        expected["adversarial_loss"] + 100 * expected["l1_loss"] + 10 * matching
    )
    assert losses.keys() - set(BALANCE_NAMES) == expected.keys()
    for name, value in expected.items():
        assert float(losses[name]) == pytest.approx(float(value), rel=1e-4), name


def test_an_unconditional_discriminator_does_not_see_the_input():
    (x, y), (other, _) = image_pairs(2)
    networks = make_networks(conditional=False)
    for features in (False, True):
        one, two = (networks.judge(i, y, features=features) for i in (x, other))
        np.testing.assert_array_equal(one.logits[0], two.logits[0])


def test_penalties_are_of_what_d_sees():
    """Of augmented images, and between those and the generated ones."""
    (pair,) = image_pairs()
    seen = []

    class Spy(Networks):
        def judge(self, input_image, image, **options):
            seen.append(image)
            return super().judge(input_image, image, **options)

    plain = make_networks(norm="instance")
    networks = Spy(
        plain.generator, plain.discriminator, plain.generator_optimizer,
        plain.discriminator_optimizer,
    )  # fmt: skip
    objective = Objective(gan_loss="wgan_gp", r1_weight=1.0)
    simultaneous_update(networks, *pair, DRAWS, Plan(objective, diff_augment=("color", "cutout")))
    real, fake, between, penalised = (image.numpy() for image in seen)
    np.testing.assert_array_equal(penalised, real)
    assert not np.array_equal(real, pair[1])
    # Each example lies on its own line.
    for r, f, b in zip(real, fake, between, strict=True):
        t = np.sum((b - r) * (f - r)) / np.sum((f - r) ** 2)
        np.testing.assert_allclose(b, r + t * (f - r), atol=1e-5)
        assert 0 <= t <= 1


def pooled_numbers(size, steps):
    """Which step's answer D is shown at each step, batches of one."""
    held, shown = [], []
    for step in range(steps):
        coin, place = random_bits([2, 1], tf.constant([0, step], tf.int64), Stream.POOL)[:, 0]
        if len(held) < size:
            held.append(step)
            shown.append(step)
        elif coin < 0:
            shown.append(held[int(place) % size])
            held[int(place) % size] = step
        else:
            shown.append(step)
    return shown


@pytest.mark.parametrize("update", [simultaneous_update, alternating_update])
def test_d_learns_from_the_pool_and_g_from_its_own_answer(update):
    """The generator is frozen: what it answers at each step is known."""
    steps, size = 12, 2
    networks = make_networks(norm="instance")
    networks.generator_optimizer.learning_rate = 0.0
    networks.discriminator_optimizer.learning_rate = 0.0
    pool = ImagePool(size, (SIZE, SIZE), 3, 3)
    pairs = image_pairs(steps, batch=1)
    judge = judge_with(networks.discriminator)
    numbers = pooled_numbers(size, steps)
    assert numbers != list(range(steps))
    answers = []
    for step, (x, y) in enumerate(pairs):
        losses = update(networks, x, y, tf.constant([0, step], tf.int64), Plan(pool=pool))
        answers.append(networks.generator(x, training=True))
        fake = judge(x, answers[step])
        pooled = judge(pairs[numbers[step]][0], answers[numbers[step]])
        expected = 0.5 * vanilla_discriminator_loss(judge(x, y).logits, pooled.logits)
        assert float(losses["discriminator_loss"]) == pytest.approx(float(expected), rel=1e-4)
        adversarial = vanilla_generator_loss(fake.logits)
        assert float(losses["adversarial_loss"]) == pytest.approx(float(adversarial), rel=1e-4)


@pytest.mark.slow
def test_a_pool_works_in_compiled_steps(batch):
    answers = []
    for jit in (False, True):
        networks = make_networks()
        pool = ImagePool(1, (SIZE, SIZE), 3, 3)
        step = make_train_step(networks, crop_size=(SIZE, SIZE), pool=pool, jit=jit)
        losses = [step(batch, number) for number in range(3)]
        answers.append([float(row["discriminator_loss"]) for row in losses])
        assert int(pool.variables["held"]) == 1
    assert answers[0] == pytest.approx(answers[1], rel=1e-2)


@pytest.mark.usefixtures("eager")
def test_a_perceptual_weight_wants_its_loss(batch):
    objective = Objective(perceptual_weight=2.0)
    with pytest.raises(ValueError, match="no perceptual loss"):
        make_train_step(make_networks(), crop_size=(SIZE, SIZE), objective=objective)
    step = make_train_step(
        make_networks(),
        crop_size=(SIZE, SIZE),
        objective=objective,
        perceptual=lambda target, generated: 3 * l1_loss(target, generated),
    )
    losses = step(batch, 0)
    assert float(losses["perceptual_loss"]) == pytest.approx(3 * float(losses["l1_loss"]))


def test_gradient_clipping_is_of_each_network_alone():
    """Adam's first moments are half of the clipped gradients."""
    (pair,) = image_pairs()
    networks = make_networks()
    clipped = Networks(
        networks.generator,
        networks.discriminator,
        FusedAdam(2e-3, beta_1=0.5, global_clipnorm=1e-3),
        FusedAdam(2e-3, beta_1=0.5, global_clipnorm=2e-3),
    )
    clipped.build_optimizers()
    simultaneous_update(clipped, *pair, DRAWS)
    for optimizer, norm in (
        (clipped.generator_optimizer, 1e-3),
        (clipped.discriminator_optimizer, 2e-3),
    ):
        moments = [v.numpy().ravel() for v in optimizer.variables if "momentum" in v.path]
        found = np.linalg.norm(np.concatenate(moments))
        assert found == pytest.approx(norm / 2, rel=1e-4)


def test_the_penalty_reaches_the_discriminators_weights():
    """With a weight so large that nothing else counts, D's step lowers the penalty."""
    (pair,) = image_pairs()
    networks = make_networks(norm="none")
    networks.discriminator_optimizer.learning_rate = 1e-4
    judge = judge_with(networks.discriminator)
    objective = Objective(gan_loss="wgan_gp", gradient_penalty_weight=1e6)
    generated = networks.generator(pair[0], training=True)

    def penalty():
        pairs = JudgedPair(*pair), JudgedPair(pair[0], generated)
        return float(gradient_penalty(judge, *pairs, DRAWS))

    before = penalty()
    losses = simultaneous_update(networks, *pair, DRAWS, Plan(objective))
    assert float(losses["gradient_penalty"]) == pytest.approx(before, rel=1e-4)
    assert penalty() < before
