"""What one step does to the networks: gradients, updates, losses by name.

Images are float32 [B, H, W, C] in [-1, 1].
"""

import dataclasses
from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

from tfpix2pix.data.augment import Draws, as_draws
from tfpix2pix.losses.balance import BALANCE_NAMES
from tfpix2pix.losses.objective import Evidence, Losses, Objective
from tfpix2pix.training.accumulation import sum_over_parts
from tfpix2pix.training.gradients import (
    USUAL_PLAN,
    Found,
    Plan,
    both_gradients,
    discriminator_gradients,
    generator_gradients,
    gradients_of_answers,
    judge,
    show,
)
from tfpix2pix.training.networks import Gradients, Networks

# Of a step's figures those of what D learns from; all others are the generator's.
OF_DISCRIMINATOR = {"discriminator_loss", "gradient_penalty", "r1_penalty", *BALANCE_NAMES}
Compute = Callable[[Networks, Plan, tf.Tensor, tf.Tensor, Draws], Found]


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
    images, draws = (input_image, target_image), as_draws(draws)
    trained = [networks.generator, networks.discriminator]
    # Both gradients before either update: the snapshot.
    losses, found = _computed(both_gradients, networks, trained, plan, images, draws)
    return losses | _applied(networks, trained, found, plan, draws)


def alternating_update(
    networks: Networks,
    input_image: tf.Tensor,
    target_image: tf.Tensor,
    draws: tf.Tensor | Draws,
    plan: Plan = USUAL_PLAN,
) -> Losses:
    """Updates D first, then G against the new D (paper, section 3.3); otherwise as above."""
    draws = as_draws(draws)
    if plan.parts > 1:
        return _alternating_in_parts(networks, plan, (input_image, target_image), draws)
    objective = plan.objective
    with tf.GradientTape() as tape:
        generated_image = networks.answer(input_image, recompute=plan.recompute)
        shown = show(plan, input_image, target_image, generated_image, draws)
        with tape.stop_recording():
            losses, found = discriminator_gradients(networks, plan, shown, draws)
            losses |= _applied(networks, [networks.discriminator], found, plan, draws)
            real = judge(networks, plan, shown.real) if objective.matches_features else None
        fake = judge(networks, plan, shown.fake)
        losses |= objective.generator_losses(
            Evidence(target_image, generated_image, fake, real, plan.perceptual)
        )
    found = [networks.generator_gradients(tape, losses["generator_loss"], plan.loss_scale)]
    return losses | _applied(networks, [networks.generator], found, plan, draws)


def generator_update(
    networks: Networks,
    input_image: tf.Tensor,
    target_image: tf.Tensor,
    draws: tf.Tensor | Draws,
    plan: Plan,
) -> Losses:
    """Updates G alone, by an objective without a discriminator; otherwise as above."""
    images, draws = (input_image, target_image), as_draws(draws)
    trained = [networks.generator]
    losses, found = _computed(generator_gradients, networks, trained, plan, images, draws)
    return losses | _applied(networks, trained, found, plan, draws)


UPDATES = {"simultaneous": simultaneous_update, "alternating": alternating_update}


def _alternating_in_parts(
    networks: Networks, plan: Plan, images: tuple[tf.Tensor, tf.Tensor], draws: Draws
) -> Losses:
    """All parts for D, and then all for G, which has to answer once more.

    It answers the same: what the first answers left in it is put back.
    """
    generator, discriminator = networks.generator, networks.discriminator
    losses, found = _computed(
        gradients_of_answers, networks, [discriminator], plan, images, draws, put_back=generator
    )
    losses |= _applied(networks, [discriminator], found, plan, draws)
    plan = dataclasses.replace(plan, pool=None)  # which has had these answers
    more, found = _computed(generator_gradients, networks, [generator], plan, images, draws)
    return losses | more | _applied(networks, [generator], found, plan, draws)


def _computed(
    compute: Compute,
    networks: Networks,
    trained: Sequence[keras.Model],
    plan: Plan,
    images: tuple[tf.Tensor, tf.Tensor],
    draws: Draws,
    put_back: keras.Model | None = None,
) -> Found:
    """Losses, and gradients of the networks that are trained, at once or in parts.

    What a network has besides trained weights moves on, but for one that is to be put back.
    """
    if plan.parts == 1:
        return compute(networks, plan, *images, draws)
    parts = plan.parts
    part_plan = dataclasses.replace(plan, loss_scale=plan.loss_scale / parts)

    def work(input_image: tf.Tensor, target_image: tf.Tensor, draws: Draws) -> Found:
        losses, gradients = compute(networks, part_plan, input_image, target_image, draws)
        return {name: tf.cast(x, tf.float32) / parts for name, x in losses.items()}, gradients

    zeros = (
        {name: tf.zeros([]) for name in _names(networks, trained, plan.objective)},
        [Gradients.zeros(model) for model in trained],
    )
    models = (networks.generator, networks.discriminator)
    states = [v for model in models for v in model.non_trainable_variables]
    found, values = sum_over_parts(work, zeros, states, images, draws, parts)
    back = {id(v) for v in put_back.non_trainable_variables} if put_back else set()
    for state, value in zip(states, values, strict=True):
        if id(state) not in back:
            state.assign(value)
    return found


def _names(networks: Networks, trained: Sequence[keras.Model], objective: Objective) -> list[str]:
    """The figures that come with these networks' gradients."""
    of_discriminator = networks.discriminator in trained
    of_generator = networks.generator in trained
    return [
        name
        for name in objective.step_names
        if not name.endswith("_gradient_norm")
        and (of_discriminator if name in OF_DISCRIMINATOR else of_generator)
    ]


def _applied(
    networks: Networks,
    trained: Sequence[keras.Model],
    found: Sequence[Gradients],
    plan: Plan,
    draws: Draws,
) -> Losses:
    """Updates the networks; returns their gradients' norms."""
    norms = {}
    for model, gradients in zip(trained, found, strict=True):
        if model is networks.generator:
            optimizer, name = networks.generator_optimizer, "generator_gradient_norm"
        else:
            optimizer, name = networks.discriminator_optimizer, "discriminator_gradient_norm"
        optimizer.apply(gradients.values)
        norms[name] = _norm(gradients, plan, draws)
    return norms


def _norm(gradients: Gradients, plan: Plan, draws: Draws) -> tf.Tensor:
    """The gradients' norm, in the steps that measure it; the second of the draws is the step."""
    return tf.cond(
        tf.equal((draws.seed[1] + 1) % plan.norms_every, 0),
        gradients.norm,
        lambda: tf.constant(float("nan")),
    )
