"""What one step does to the networks: forward passes, gradients, updates, losses by name.

Images are float32 [B, H, W, C] in [-1, 1].
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from tfpix2pix.data.augment import Draws, as_draws
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
    """

    objective: Objective = USUAL_OBJECTIVE
    perceptual: PerceptualLoss | None = None
    diff_augment: Sequence[str] = ()
    pool: ImagePool | None = None
    loss_scale: float = 1.0
    norms_every: int = 1


USUAL_PLAN = Plan()


class Shown(NamedTuple):
    """What D is to see: the target, the generated image as G is judged by, and as D learns from."""

    real: JudgedPair
    fake: JudgedPair
    learned_fake: JudgedPair


def simultaneous_update(
    networks: Networks,
    input_image: tf.Tensor,
    target_image: tf.Tensor,
    draws: tf.Tensor | Draws,
    plan: Plan = USUAL_PLAN,
) -> Losses:
    """Updates both networks from one snapshot.

    Args:
        networks: updated in place.
        input_image: [B, H, W, C].
        target_image: [B, H, W, C'].
        draws: seed of all that is random, as of `random_bits`.
        plan: what the update goes by.

    Returns:
        What `plan.objective.step_names` names, scalars, before the update.
    """
    objective = plan.objective
    with tf.GradientTape() as generator_tape, tf.GradientTape() as discriminator_tape:
        generated_image = networks.generator(input_image, training=True)
        shown = _show(plan, input_image, target_image, generated_image, draws)
        real, fake = (_judge(networks, objective, pair) for pair in (shown.real, shown.fake))
        losses = objective.generator_losses(
            Evidence(target_image, generated_image, fake, real, plan.perceptual)
        )
        learned = fake if plan.pool is None else networks.judge(*shown.learned_fake)
        losses |= _discriminator_losses(networks, objective, shown, real, learned, draws)
    # Both gradients before either update: the snapshot.
    generator_gradients = networks.generator_gradients(
        generator_tape, losses["generator_loss"], plan.loss_scale
    )
    discriminator_gradients = networks.discriminator_gradients(
        discriminator_tape, losses["discriminator_loss"], plan.loss_scale
    )
    networks.generator_optimizer.apply(generator_gradients.values)
    networks.discriminator_optimizer.apply(discriminator_gradients.values)
    return losses | {
        "generator_gradient_norm": _norm(generator_gradients, plan, draws),
        "discriminator_gradient_norm": _norm(discriminator_gradients, plan, draws),
    }


def alternating_update(
    networks: Networks,
    input_image: tf.Tensor,
    target_image: tf.Tensor,
    draws: tf.Tensor | Draws,
    plan: Plan = USUAL_PLAN,
) -> Losses:
    """Updates D first, then G against the new D (paper, section 3.3); otherwise as above."""
    objective = plan.objective
    with tf.GradientTape() as generator_tape:
        generated_image = networks.generator(input_image, training=True)
        shown = _show(plan, input_image, target_image, generated_image, draws)
        with generator_tape.stop_recording():
            discriminator_losses = _update_discriminator(networks, plan, shown, draws)
            real = _judge(networks, objective, shown.real) if objective.matches_features else None
        fake = _judge(networks, objective, shown.fake)
        losses = objective.generator_losses(
            Evidence(target_image, generated_image, fake, real, plan.perceptual)
        )
    losses |= _step_generator(networks, plan, generator_tape, losses, draws)
    return losses | discriminator_losses


def generator_update(
    networks: Networks,
    input_image: tf.Tensor,
    target_image: tf.Tensor,
    draws: tf.Tensor | Draws,
    plan: Plan,
) -> Losses:
    """Updates G alone, by an objective without a discriminator; otherwise as above."""
    with tf.GradientTape() as tape:
        generated_image = networks.generator(input_image, training=True)
        losses = plan.objective.generator_losses(
            Evidence(target_image, generated_image, perceptual=plan.perceptual)
        )
    return losses | _step_generator(networks, plan, tape, losses, draws)


UPDATES = {"simultaneous": simultaneous_update, "alternating": alternating_update}


def _step_generator(
    networks: Networks, plan: Plan, tape: tf.GradientTape, losses: Losses, draws: tf.Tensor | Draws
) -> Losses:
    gradients = networks.generator_gradients(tape, losses["generator_loss"], plan.loss_scale)
    networks.generator_optimizer.apply(gradients.values)
    return {"generator_gradient_norm": _norm(gradients, plan, draws)}


def _norm(gradients: Gradients, plan: Plan, draws: tf.Tensor | Draws) -> tf.Tensor:
    """The gradients' norm, in the steps that measure it; the second of the draws is the step."""
    return tf.cond(
        tf.equal((as_draws(draws).seed[1] + 1) % plan.norms_every, 0),
        gradients.norm,
        lambda: tf.constant(float("nan")),
    )


def _update_discriminator(
    networks: Networks, plan: Plan, shown: Shown, draws: tf.Tensor | Draws
) -> Losses:
    with tf.GradientTape() as tape:
        real, fake = networks.judge(*shown.real), networks.judge(*shown.learned_fake)
        losses = _discriminator_losses(networks, plan.objective, shown, real, fake, draws)
    gradients = networks.discriminator_gradients(
        tape, losses["discriminator_loss"], plan.loss_scale
    )
    networks.discriminator_optimizer.apply(gradients.values)
    return losses | {"discriminator_gradient_norm": _norm(gradients, plan, draws)}


def _show(
    plan: Plan,
    input_image: tf.Tensor,
    target_image: tf.Tensor,
    generated_image: tf.Tensor,
    draws: tf.Tensor | Draws,
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


def _judge(networks: Networks, objective: Objective, pair: JudgedPair) -> Judgement:
    return networks.judge(*pair, features=objective.matches_features)


def _discriminator_losses(
    networks: Networks,
    objective: Objective,
    shown: Shown,
    real: Judgement,
    fake: Judgement,
    draws: tf.Tensor | Draws,
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
