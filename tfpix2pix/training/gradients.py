"""Losses and gradients of a batch, or of a part of one: what updates are made of.

Images are float32 [B, H, W, C] in [-1, 1]. Nothing is updated here but what goes with a look at
images: moving averages, states of draws, the pool.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from tfpix2pix.data.augment import Draws
from tfpix2pix.losses.objective import (
    USUAL_OBJECTIVE,
    Evidence,
    Judgement,
    Losses,
    Objective,
)
from tfpix2pix.training.diffaugment import diff_augment
from tfpix2pix.training.networks import Gradients, Networks
from tfpix2pix.training.penalties import JudgedPair, gradient_penalty, r1_penalty
from tfpix2pix.training.pool import ImagePool
from tfpix2pix.training.recomputation import Recompute

PerceptualLoss = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


@dataclasses.dataclass(frozen=True)
class Plan:
    """What an update goes by.

    Attributes:
        objective: what the networks are trained for.
        perceptual: the perceptual loss of (target, generated), if the objective has one.
        diff_augment: how what D sees is augmented, some of `POLICIES`.
        pool: where D's generated images go through, if anywhere.
        loss_scale: factor of the gradients, one by the number of replicas.
        norms_every: gradient norms are measured in one of so many steps, and NaN in the others:
            to read all gradients once more would take 3 % of a step of the paper's networks on a
            CPU, and 8 % at 64x64.
        parts: in how many equal parts, one after the other, a batch is computed.
        recompute: whether features are computed again for the gradients; see `recomputed`.
    """

    objective: Objective = USUAL_OBJECTIVE
    perceptual: PerceptualLoss | None = None
    diff_augment: Sequence[str] = ()
    pool: ImagePool | None = None
    loss_scale: float = 1.0
    norms_every: int = 1
    parts: int = 1
    recompute: Recompute = "no"


USUAL_PLAN = Plan()


class Shown(NamedTuple):
    """What D is to see: the target, the generated image as G is judged by, and as D learns from."""

    real: JudgedPair
    fake: JudgedPair
    learned_fake: JudgedPair


# Losses and balance by name, and the gradients of the networks they are of.
Found = tuple[Losses, list[Gradients]]


def both_gradients(
    networks: Networks, plan: Plan, input_image: tf.Tensor, target_image: tf.Tensor, draws: Draws
) -> Found:
    """Of the generator and of the discriminator, from one snapshot."""
    objective = plan.objective
    with tf.GradientTape() as generator_tape, tf.GradientTape() as discriminator_tape:
        generated_image = networks.answer(input_image, recompute=plan.recompute)
        shown = show(plan, input_image, target_image, generated_image, draws)
        real, fake = (judge(networks, plan, pair) for pair in (shown.real, shown.fake))
        losses = objective.generator_losses(
            Evidence(target_image, generated_image, fake, real, plan.perceptual)
        )
        learned = fake if plan.pool is None else _judge_alone(networks, plan, shown.learned_fake)
        losses |= _discriminator_losses(networks, objective, shown, real, learned, draws)
    of_generator = networks.generator_gradients(
        generator_tape, losses["generator_loss"], plan.loss_scale
    )
    of_discriminator = networks.discriminator_gradients(
        discriminator_tape, losses["discriminator_loss"], plan.loss_scale
    )
    return losses, [of_generator, of_discriminator]


def discriminator_gradients(networks: Networks, plan: Plan, shown: Shown, draws: Draws) -> Found:
    """Of the discriminator, for what it is shown."""
    with tf.GradientTape() as tape:
        real, fake = (_judge_alone(networks, plan, p) for p in (shown.real, shown.learned_fake))
        losses = _discriminator_losses(networks, plan.objective, shown, real, fake, draws)
    loss = losses["discriminator_loss"]
    return losses, [networks.discriminator_gradients(tape, loss, plan.loss_scale)]


def gradients_of_answers(
    networks: Networks, plan: Plan, input_image: tf.Tensor, target_image: tf.Tensor, draws: Draws
) -> Found:
    """Of the discriminator, for what the generator answers."""
    generated_image = networks.answer(input_image, recompute=plan.recompute)
    shown = show(plan, input_image, target_image, generated_image, draws)
    return discriminator_gradients(networks, plan, shown, draws)


def generator_gradients(
    networks: Networks, plan: Plan, input_image: tf.Tensor, target_image: tf.Tensor, draws: Draws
) -> Found:
    """Of the generator, against the discriminator as it is, if the objective has one."""
    objective = plan.objective
    with tf.GradientTape() as tape:
        generated_image = networks.answer(input_image, recompute=plan.recompute)
        fake = real = None
        if objective.has_discriminator:
            shown = show(plan, input_image, target_image, generated_image, draws)
            with tape.stop_recording():
                real = judge(networks, plan, shown.real) if objective.matches_features else None
            fake = judge(networks, plan, shown.fake)
        losses = objective.generator_losses(
            Evidence(target_image, generated_image, fake, real, plan.perceptual)
        )
    return losses, [networks.generator_gradients(tape, losses["generator_loss"], plan.loss_scale)]


def show(
    plan: Plan,
    input_image: tf.Tensor,
    target_image: tf.Tensor,
    generated_image: tf.Tensor,
    draws: Draws,
) -> Shown:
    """Augments what D is to see, and sends what it learns from through the pool."""

    def augmented(input_image: tf.Tensor, generated_image: tf.Tensor) -> list[JudgedPair]:
        seen, real, fake = diff_augment(
            input_image, target_image, generated_image, plan.diff_augment, draws
        )
        return [JudgedPair(seen, real), JudgedPair(seen, fake)]

    real, fake = augmented(input_image, generated_image)
    if plan.pool is None:
        return Shown(real, fake, fake)
    _, learned_fake = augmented(*plan.pool.exchange(input_image, generated_image, draws))
    return Shown(real, fake, learned_fake)


def judge(networks: Networks, plan: Plan, pair: JudgedPair) -> Judgement:
    """The discriminator's answer, with its features where they are matched."""
    features = plan.objective.matches_features
    return networks.judge(*pair, features=features, recompute=plan.recompute)


def _judge_alone(networks: Networks, plan: Plan, pair: JudgedPair) -> Judgement:
    return networks.judge(*pair, recompute=plan.recompute)


def _discriminator_losses(
    networks: Networks,
    objective: Objective,
    shown: Shown,
    real: Judgement,
    fake: Judgement,
    draws: Draws,
) -> Losses:
    penalties: dict[str, Any] = {}
    if objective.has_gradient_penalty:
        penalties["gradient_penalty"] = gradient_penalty(
            networks.judge, shown.real, shown.learned_fake, draws
        )
    if objective.has_r1_penalty:
        penalties["r1_penalty"] = r1_penalty(networks.judge, shown.real)
    losses = objective.discriminator_losses(real, fake, penalties)
    return losses | objective.logit_figures(real, fake)
