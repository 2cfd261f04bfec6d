"""The training step: two forward passes, two gradients, two updates, one dictionary of losses.

The step is a pure function of (networks and optimizers, batch, step number, seed).
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, Literal

import keras
import tensorflow as tf

from tfpix2pix.data.augment import random_jitter
from tfpix2pix.data.formats import RGB_PAIRS, PairFormat
from tfpix2pix.data.images import to_network_range
from tfpix2pix.losses import (
    adversarial_discriminator_loss,
    adversarial_generator_loss,
    l1_loss,
)
from tfpix2pix.training.diffaugment import diff_augment as augment_pairs

Losses = dict[str, tf.Tensor]
Images = tuple[tf.Tensor, tf.Tensor, tf.Tensor]
Augment = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], Images]
# The names of what a step returns, in the order they are logged.
LOSS_NAMES = ("generator_loss", "adversarial_loss", "l1_loss", "discriminator_loss")


@dataclasses.dataclass(frozen=True)
class Networks:
    """The two networks and their optimizers."""

    generator: keras.Model
    discriminator: keras.Model
    generator_optimizer: keras.optimizers.Optimizer
    discriminator_optimizer: keras.optimizers.Optimizer

    def build_optimizers(self) -> None:
        """Makes the optimizers' variables, which must exist before a checkpoint restores them."""
        for optimizer, model in (
            (self.generator_optimizer, self.generator),
            (self.discriminator_optimizer, self.discriminator),
        ):
            if not optimizer.built:
                optimizer.build(model.trainable_variables)

    def generator_gradients(self, tape: tf.GradientTape, loss: tf.Tensor, scale: float) -> Any:
        """Of `scale` times the loss, as the generator's optimizer takes them."""
        return _gradients(tape, loss, scale, self.generator, self.generator_optimizer)

    def discriminator_gradients(self, tape: tf.GradientTape, loss: tf.Tensor, scale: float) -> Any:
        """Of `scale` times the loss, as the discriminator's optimizer takes them."""
        return _gradients(tape, loss, scale, self.discriminator, self.discriminator_optimizer)


def make_train_step(
    networks: Networks,
    *,
    crop_size: tuple[int, int],
    mirror: bool = True,
    vertical_mirror: bool = False,
    rotate: bool = False,
    formats: PairFormat = RGB_PAIRS,
    diff_augment: Sequence[str] = (),
    l1_weight: float = 100.0,
    update: Literal["simultaneous", "alternating"] = "simultaneous",
    seed: int = 0,
    strategy: tf.distribute.Strategy | None = None,
    jit: bool = False,
) -> Callable[[tuple[Any, Any], Any], Losses]:
    """Builds the compiled step.

    Args:
        networks: what is trained.
        crop_size: height and width of the random crop.
        mirror: whether pairs are mirrored at random.
        vertical_mirror: whether they are turned upside down at random.
        rotate: whether they are rotated by random multiples of 90 degrees.
        formats: of the images as batches hold them.
        diff_augment: how what D sees is augmented, some of `POLICIES`.
        l1_weight: weight of the L1 loss in the generator's.
        update: `"simultaneous"`: both networks' gradients come from one snapshot;
            `"alternating"`: D is updated first, and G learns from the new D.
        seed: of the jitter.
        strategy: where the step runs; default: the strategy in scope.
        jit: compile with XLA.

    Returns:
        A function of ((input_image, target_image), step), [B, H, W, C] and a whole number,
        that updates the networks and returns the losses, scalars by the names in `LOSS_NAMES`.
    """
    strategy = strategy or tf.distribute.get_strategy()
    replicas = strategy.num_replicas_in_sync
    networks.build_optimizers()
    update_networks = {
        "simultaneous": simultaneous_update,
        "alternating": alternating_update,
    }[update]

    @tf.function(jit_compile=jit)
    def replica_step(batch: tuple[tf.Tensor, tf.Tensor], step: tf.Tensor) -> Losses:
        draws = tf.stack([tf.constant(seed, tf.int64), step])
        # On the device: crop, mirror, rotate, scale.
        input_image, target_image = random_jitter(
            *batch, crop_size, mirror, draws, vertical_mirror=vertical_mirror, rotate=rotate
        )
        return update_networks(
            networks,
            to_network_range(input_image, formats.input),
            to_network_range(target_image, formats.target),
            l1_weight=l1_weight,
            loss_scale=1.0 / replicas,
            augment=lambda i, t, g: augment_pairs(i, t, g, diff_augment, draws),
        )

    @tf.function
    def distributed_step(batch: tuple[Any, Any], step: tf.Tensor) -> Losses:
        losses = strategy.run(replica_step, args=(batch, step))
        return {
            name: strategy.reduce(tf.distribute.ReduceOp.MEAN, losses[name], axis=None)
            for name in LOSS_NAMES
        }

    def train_step(batch: tuple[Any, Any], step: Any) -> Losses:
        # As a tensor: of a Python number, TensorFlow would trace a new graph for each value.
        return distributed_step(batch, tf.convert_to_tensor(step, tf.int64))

    return train_step


def simultaneous_update(
    networks: Networks,
    input_image: tf.Tensor,
    target_image: tf.Tensor,
    *,
    l1_weight: float,
    loss_scale: float = 1.0,
    augment: Augment = lambda *images: images,
) -> Losses:
    """Updates both networks from one snapshot. Images are float32 [B, H, W, C] in [-1, 1].

    `augment` gives (input, target, generated) as D is to see them.
    """
    with tf.GradientTape() as generator_tape, tf.GradientTape() as discriminator_tape:
        generated_image = networks.generator(input_image, training=True)
        judged_input, real, fake = augment(input_image, target_image, generated_image)
        real_logits = networks.discriminator([judged_input, real], training=True)
        fake_logits = networks.discriminator([judged_input, fake], training=True)
        losses = _generator_losses(fake_logits, target_image, generated_image, l1_weight)
        losses["discriminator_loss"] = adversarial_discriminator_loss(real_logits, fake_logits)
    # Both gradients before either update: the snapshot.
    generator_gradients = networks.generator_gradients(
        generator_tape, losses["generator_loss"], loss_scale
    )
    discriminator_gradients = networks.discriminator_gradients(
        discriminator_tape, losses["discriminator_loss"], loss_scale
    )
    networks.generator_optimizer.apply(generator_gradients)
    networks.discriminator_optimizer.apply(discriminator_gradients)
    return losses


def alternating_update(
    networks: Networks,
    input_image: tf.Tensor,
    target_image: tf.Tensor,
    *,
    l1_weight: float,
    loss_scale: float = 1.0,
    augment: Augment = lambda *images: images,
) -> Losses:
    """Updates D first, then G against the new D (paper, section 3.3). Images as above."""
    with tf.GradientTape() as generator_tape:
        generated_image = networks.generator(input_image, training=True)
        judged_input, real, fake = augment(input_image, target_image, generated_image)
        with generator_tape.stop_recording(), tf.GradientTape() as discriminator_tape:
            real_logits = networks.discriminator([judged_input, real], training=True)
            fake_logits = networks.discriminator([judged_input, fake], training=True)
            discriminator_loss = adversarial_discriminator_loss(real_logits, fake_logits)
        with generator_tape.stop_recording():
            networks.discriminator_optimizer.apply(
                networks.discriminator_gradients(discriminator_tape, discriminator_loss, loss_scale)
            )
        fake_logits = networks.discriminator([judged_input, fake], training=True)
        losses = _generator_losses(fake_logits, target_image, generated_image, l1_weight)
    networks.generator_optimizer.apply(
        networks.generator_gradients(generator_tape, losses["generator_loss"], loss_scale)
    )
    return losses | {"discriminator_loss": discriminator_loss}


def _generator_losses(
    fake_logits: tf.Tensor, target_image: tf.Tensor, generated_image: tf.Tensor, l1_weight: float
) -> Losses:
    adversarial = adversarial_generator_loss(fake_logits)
    l1 = l1_loss(target_image, generated_image)
    return {
        "generator_loss": adversarial + l1_weight * l1,
        "adversarial_loss": adversarial,
        "l1_loss": l1,
    }


def _gradients(
    tape: tf.GradientTape,
    loss: tf.Tensor,
    loss_scale: float,
    model: keras.Model,
    optimizer: keras.optimizers.Optimizer,
) -> list[tf.Tensor]:
    # Keras' optimizers take gradients in the order of the variables they were built with. For
    # float16 they want them scaled up, lest small ones vanish, and scale them back themselves.
    scale = optimizer.scale_loss(tf.constant(loss_scale))
    variables = [variable.value for variable in model.trainable_variables]
    return tape.gradient(loss, variables, output_gradients=scale)
