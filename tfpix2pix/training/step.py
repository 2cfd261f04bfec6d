"""The training step, compiled: jitter, an update of the networks, one dictionary of scalars.

The step is a pure function of (networks and optimizers, batch, step number, seed).
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, Literal

import tensorflow as tf

from tfpix2pix.data.augment import Draws, random_jitter
from tfpix2pix.data.formats import RGB_PAIRS, PairFormat
from tfpix2pix.data.images import to_network_range
from tfpix2pix.losses.objective import USUAL_OBJECTIVE, Losses, Objective
from tfpix2pix.training.averaging import update_average
from tfpix2pix.training.gradients import PerceptualLoss, Plan
from tfpix2pix.training.networks import Networks
from tfpix2pix.training.pool import ImagePool
from tfpix2pix.training.recomputation import Recompute
from tfpix2pix.training.strategies import replica_numbers
from tfpix2pix.training.updates import UPDATES, generator_update

TrainStep = Callable[[tuple[Any, Any], Any], Losses]
Jitter = Callable[..., tuple[tf.Tensor, tf.Tensor]]


def make_train_step(
    networks: Networks,
    *,
    crop_size: tuple[int, int],
    mirror: bool = True,
    vertical_mirror: bool = False,
    rotate: bool = False,
    formats: PairFormat = RGB_PAIRS,
    diff_augment: Sequence[str] = (),
    objective: Objective = USUAL_OBJECTIVE,
    perceptual: PerceptualLoss | None = None,
    update: Literal["simultaneous", "alternating"] = "simultaneous",
    pool: ImagePool | None = None,
    ema_decay: float = 0.0,
    norms_every: int = 1,
    accumulate: int = 1,
    recompute: bool = False,
    seed: int = 0,
    strategy: tf.distribute.Strategy | None = None,
    jit: bool = False,
) -> TrainStep:
    """Builds the compiled step.

    Args:
        networks: what is trained.
        crop_size: height and width of the random crop.
        mirror: whether pairs are mirrored at random.
        vertical_mirror: whether they are turned upside down at random.
        rotate: whether they are rotated by random multiples of 90 degrees.
        formats: of the images as batches hold them.
        diff_augment: how what D sees is augmented, some of `POLICIES`.
        objective: what the networks are trained for.
        perceptual: the perceptual loss of (target, generated), if the objective has one.
        update: `"simultaneous"`: both networks' gradients come from one snapshot;
            `"alternating"`: D is updated first, and G learns from the new D.
        pool: where D's generated images go through, if anywhere.
        ema_decay: decay of the moving average in `networks.average`; 0: none.
        norms_every: gradient norms are measured in one of so many steps, see `Plan`.
        accumulate: in how many equal parts, one after the other, each replica computes its share
            of a batch; their gradients are applied as one, see `docs/large_images.md`.
        recompute: compute features again for the gradients, block by block, instead of keeping
            them.
        seed: of the jitter and all else that a step draws.
        strategy: where the step runs; default: the strategy in scope.
        jit: compile with XLA.

    Returns:
        A function of ((input_image, target_image), step), [B, H, W, C] and a whole number,
        that updates the networks and returns the losses and the networks' balance, scalars by the
        names in `objective.step_names`. With several replicas they are the means of theirs.

    Raises:
        ValueError: the objective or `ema_decay` wants something that is not given.
    """
    if objective.perceptual_weight and perceptual is None:
        raise ValueError("perceptual_weight is given, and no perceptual loss")
    if ema_decay and networks.average is None:
        raise ValueError("ema_decay is given, and networks have no average")
    strategy = strategy or tf.distribute.get_strategy()
    networks.build_optimizers()
    scale = 1.0 / strategy.num_replicas_in_sync
    again: Recompute = ("xla" if jit else "graph") if recompute else "no"
    plan = Plan(objective, perceptual, diff_augment, pool, scale, norms_every, accumulate, again)
    jitter = functools.partial(
        random_jitter,
        crop_size=crop_size,
        mirror=mirror,
        vertical_mirror=vertical_mirror,
        rotate=rotate,
    )
    replicas = strategy.num_replicas_in_sync
    replica_step = _replica_step(networks, plan, update, formats, jitter, seed, replicas, jit)
    return _distributed_step(replica_step, networks, objective, ema_decay, strategy)


def _replica_step(
    networks: Networks,
    plan: Plan,
    update: str,
    formats: PairFormat,
    jitter: Jitter,
    seed: int,
    replicas: int,
    jit: bool,
) -> Callable[..., Losses]:
    update_networks = UPDATES[update] if plan.objective.has_discriminator else generator_update

    @tf.function(jit_compile=jit)
    def replica_step(
        batch: tuple[tf.Tensor, tf.Tensor], step: tf.Tensor, replica: tf.Tensor
    ) -> Losses:
        draws = Draws(tf.stack([tf.constant(seed, tf.int64), step]), replica, replicas)
        # On the device: crop, mirror, rotate, scale.
        input_image, target_image = jitter(*batch, seed=draws)
        return update_networks(
            networks,
            to_network_range(input_image, formats.input),
            to_network_range(target_image, formats.target),
            draws,
            plan,
        )

    return replica_step


def _distributed_step(
    replica_step: Callable[..., Losses],
    networks: Networks,
    objective: Objective,
    ema_decay: float,
    strategy: tf.distribute.Strategy,
) -> TrainStep:
    """The step on all replicas: their figures' means, and the average of the new weights."""
    # Handed over: a replica's step, traced once, is the same function in all of them.
    replica = replica_numbers(strategy)

    @tf.function
    def distributed_step(batch: tuple[Any, Any], step: tf.Tensor) -> Losses:
        losses = strategy.run(replica_step, args=(batch, step, replica))
        if ema_decay:
            update_average(strategy, networks.generator, networks.average, ema_decay)
        return {
            name: strategy.reduce(tf.distribute.ReduceOp.MEAN, losses[name], axis=None)
            for name in objective.step_names
        }

    def train_step(batch: tuple[Any, Any], step: Any) -> Losses:
        # As a tensor: of a Python number, TensorFlow would trace a new graph for each value.
        return distributed_step(batch, tf.convert_to_tensor(step, tf.int64))

    return train_step
