"""The objective: which terms are measured, and what they add up to."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tfpix2pix.config import resolve
from tfpix2pix.losses import GAN_LOSSES, LOSS_NAMES, Objective
from tfpix2pix.losses.objective import Evidence, Judgement
from tfpix2pix.training.objectives import build_objective

NONE = {name: 0.0 for name in ("gan_weight", "l1_weight")}


def judged(*values):
    logits = [tf.fill([1, 1, 1, 1], value) for value in values]
    return Judgement(logits, [[logit * 2] for logit in logits])


def evidence():
    target, generated = tf.zeros([1, 2, 2, 3]), tf.fill([1, 2, 2, 3], 0.5)
    return Evidence(target, generated, judged(1.0), judged(3.0), lambda *_: tf.constant(7.0))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "generator_loss adversarial_loss l1_loss discriminator_loss"),
        ({"l1_weight": 0.0}, "generator_loss adversarial_loss l1_loss discriminator_loss"),
        ({"gan_weight": 0.0}, "generator_loss l1_loss"),
        ({"gan_weight": 0.0, "r1_weight": 1.0, "gan_loss": "wgan_gp"}, "generator_loss l1_loss"),
        (
            {"gan_weight": 0.0, "feature_matching_weight": 1.0},
            "generator_loss l1_loss feature_matching_loss discriminator_loss",
        ),
        (
            {"gan_loss": "wgan_gp"},
            "generator_loss adversarial_loss l1_loss discriminator_loss gradient_penalty",
        ),
        (
            {"gan_loss": "wgan_gp", "gradient_penalty_weight": 0.0, "r1_weight": 1.0},
            "generator_loss adversarial_loss l1_loss discriminator_loss r1_penalty",
        ),
        (
            {"l2_weight": 1.0, "charbonnier_weight": 1.0, "perceptual_weight": 1.0},
            "generator_loss adversarial_loss l1_loss l2_loss charbonnier_loss perceptual_loss "
            "discriminator_loss",
        ),
    ],
)
def test_which_losses_are_measured(changes, expected):
    objective = Objective(**changes)
    assert objective.loss_names == tuple(expected.split())
    penalties = {n: tf.constant(1.0) for n in objective.loss_names if n.endswith("penalty")}
    measured = objective.generator_losses(evidence())
    if objective.has_discriminator:
        measured |= objective.discriminator_losses(judged(1.0), judged(0.0), penalties)
    assert set(measured) == set(objective.loss_names)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        # The generated image is off by 0.5 everywhere; -log sigmoid(1) = 0.313262.
        ({}, 0.313262 + 50),
        ({"gan_weight": 2.0, "l1_weight": 1.0}, 0.626523 + 0.5),
        ({"gan_loss": "lsgan", "l1_weight": 0.0}, 0.0),
        ({"gan_loss": "hinge", "l1_weight": 0.0}, -1.0),
        ({**NONE, "l2_weight": 8.0}, 2.0),
        ({**NONE, "charbonnier_weight": 2.0}, 1.000002),
        ({**NONE, "perceptual_weight": 3.0}, 21.0),
        ({**NONE, "feature_matching_weight": 10.0}, 160.0),  # 4 * (6 - 2) * 10
        ({"gan_weight": 0.0, "l1_weight": 2.0, "l2_weight": 4.0}, 2.0),
    ],
)
def test_the_generators_loss_is_the_weighted_sum(changes, expected):
    losses = Objective(**changes).generator_losses(evidence())
    assert float(losses["generator_loss"]) == pytest.approx(expected, abs=1e-5)
    assert float(losses["l1_loss"]) == 0.5


def test_the_cross_entropy_is_weighed_as_the_others():
    target, generated = tf.constant([[[[1.0, 0.0]]]]), tf.constant([[[[0.25, 0.75]]]])
    objective = Objective(gan_weight=0.0, l1_weight=2.0, cross_entropy_weight=3.0)
    losses = objective.generator_losses(Evidence(target, generated))
    assert set(losses) == {"generator_loss", "l1_loss", "cross_entropy_loss"}
    # log 4 = 1.386294
    assert float(losses["generator_loss"]) == pytest.approx(2 * 0.75 + 3 * 1.386294, abs=1e-5)


def test_the_discriminators_weight_is_of_all_it_learns_from():
    objective = Objective(
        gan_loss="wgan_gp", gradient_penalty_weight=10.0, r1_weight=6.0, discriminator_weight=0.25
    )
    penalties = {"gradient_penalty": tf.constant(2.0), "r1_penalty": tf.constant(5.0)}
    losses = objective.discriminator_losses(judged(3.0), judged(1.0), penalties)
    # (1 - 3 + 10 * 2 + 6 / 2 * 5) / 4
    assert float(losses["discriminator_loss"]) == pytest.approx(33 / 4)
    assert losses["gradient_penalty"] is penalties["gradient_penalty"]


@pytest.mark.parametrize("name", ["vanilla", "lsgan"])
def test_label_smoothing_reaches_the_loss_of_labels(name):
    real, fake = judged(1.5), judged(0.2)
    losses = Objective(gan_loss=name, label_smoothing=0.2).discriminator_losses(real, fake)
    expected = GAN_LOSSES[name].discriminator(real.logits, fake.logits, label_smoothing=0.2)
    assert float(losses["discriminator_loss"]) == pytest.approx(0.5 * float(expected))


def test_half_of_the_sum_has_the_bits_of_the_papers_halved_loss():
    rng = np.random.default_rng(0)
    for _ in range(20):
        real, fake = tf.constant(rng.normal(size=(2, 1, 5, 5, 1)).astype(np.float32))
        halved = (
            tf.reduce_mean(tf.math.softplus(-real)) + tf.reduce_mean(tf.math.softplus(fake))
        ) / 2
        losses = Objective().discriminator_losses(Judgement([real], []), Judgement([fake], []))
        assert float(losses["discriminator_loss"]) == float(halved)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"gan_loss": "least squares"}, "gan_loss must be one of vanilla, lsgan, hinge, wgan_gp"),
        ({"gan_loss": "hinge", "label_smoothing": 0.1}, "hinge has no labels"),
        (NONE, "it would learn nothing"),
    ],
)
def test_what_cannot_be_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        Objective(**changes)


def test_the_settings_have_the_objectives_names_and_defaults():
    assert build_objective(resolve().train) == Objective()
    flags = {"gan_loss": "lsgan", "l2_weight": 3.0, "r1_weight": 2.0, "label_smoothing": 0.1}
    built = build_objective(resolve(flags=flags).train)
    assert built == dataclasses.replace(Objective(), **flags)


@pytest.mark.parametrize(
    ("gan", "features", "expected"), [(1, 0, True), (0, 10, True), (1, 10, True), (0, 0, False)]
)
def test_settings_and_objective_agree_whether_there_is_a_discriminator(gan, features, expected):
    settings = resolve(flags={"gan_weight": gan, "feature_matching_weight": features}).train
    assert settings.has_discriminator is expected
    assert build_objective(settings).has_discriminator is expected


def test_all_that_can_be_measured_has_a_name():
    everything = Objective(
        gan_loss="wgan_gp",
        **{f"{n}_weight": 1.0 for n in ("l2", "charbonnier", "cross_entropy", "perceptual")},
        feature_matching_weight=1.0,
        r1_weight=1.0,
    )
    assert everything.loss_names == LOSS_NAMES
