"""The networks that are trained, with their optimizers."""

import dataclasses
import functools
from typing import NamedTuple

import keras
import tensorflow as tf

from tfpix2pix.losses.objective import Judgement
from tfpix2pix.models.discriminators import feature_model
from tfpix2pix.training.recomputation import Recompute, recomputed


class Gradients(NamedTuple):
    """A network's gradients.

    Attributes:
        values: as its optimizer takes them.
        scale: the factor in them.
    """

    values: list[tf.Tensor]
    scale: tf.Tensor

    @classmethod
    def zeros(cls, model: keras.Model) -> "Gradients":
        """Where a sum of a model's gradients begins."""
        values = [tf.zeros(v.shape, v.dtype) for v in model.trainable_variables]
        return cls(values, tf.zeros([]))

    def norm(self) -> tf.Tensor:
        """Of all of them together without the factor, before any clipping, a scalar.

        Infinite or NaN where one overflows float16: a step that the optimizer leaves out.
        """
        return tf.linalg.global_norm(self.values) / self.scale


@dataclasses.dataclass(frozen=True)
class Networks:
    """The two networks and their optimizers.

    Attributes:
        generator: of input images.
        discriminator: of `[input_image, image]`, or of `[image]` alone.
        generator_optimizer: the generator's.
        discriminator_optimizer: the discriminator's.
        average: a second generator, built like the first, for the moving average of its weights.
    """

    generator: keras.Model
    discriminator: keras.Model
    generator_optimizer: keras.optimizers.Optimizer
    discriminator_optimizer: keras.optimizers.Optimizer
    average: keras.Model | None = None

    def build_optimizers(self) -> None:
        """Makes the optimizers' variables, which must exist before a checkpoint restores them."""
        for optimizer, model in (
            (self.generator_optimizer, self.generator),
            (self.discriminator_optimizer, self.discriminator),
        ):
            if not optimizer.built:
                optimizer.build(model.trainable_variables)

    def answer(self, input_image: tf.Tensor, *, recompute: Recompute = "no") -> tf.Tensor:
        """The generator's answer, in training, to input images [B, H, W, C].

        Args:
            input_image: float32.
            recompute: whether its features are computed again for the gradients; see `recomputed`.
        """
        if recompute == "no":
            return self.generator(input_image, training=True)
        (answer,) = recomputed(self.generator, recompute)([input_image])
        return answer

    def judge(
        self,
        input_image: tf.Tensor,
        image: tf.Tensor,
        *,
        features: bool = False,
        recompute: Recompute = "no",
    ) -> Judgement:
        """The discriminator's answer, in training, to the target or to a generated image.

        Args:
            input_image: float32 [B, H, W, C]; ignored by a discriminator of images alone.
            image: float32 [B, H, W, C'].
            features: whether its layers' outputs are wanted too; then they are kept.
            recompute: as of `answer`; then there are no second derivatives.
        """
        inputs = [input_image, image][-len(self.discriminator.inputs) :]
        if features:
            scales = self.feature_model(inputs, training=True)
            return Judgement([s[-1] for s in scales], [list(s[:-1]) for s in scales])
        if recompute != "no":
            return Judgement(recomputed(self.discriminator, recompute)(inputs), [])
        logits = self.discriminator(inputs, training=True)
        return Judgement(list(logits) if isinstance(logits, (list, tuple)) else [logits], [])

    @functools.cached_property
    def feature_model(self) -> keras.Model:
        """The discriminator, answering with its layers' outputs."""
        return feature_model(self.discriminator)

    def generator_gradients(
        self, tape: tf.GradientTape, loss: tf.Tensor, scale: float
    ) -> Gradients:
        """Of `scale` times the loss, for the generator's optimizer."""
        return _gradients(tape, loss, scale, self.generator, self.generator_optimizer)

    def discriminator_gradients(
        self, tape: tf.GradientTape, loss: tf.Tensor, scale: float
    ) -> Gradients:
        """Of `scale` times the loss, for the discriminator's optimizer."""
        return _gradients(tape, loss, scale, self.discriminator, self.discriminator_optimizer)


def _gradients(
    tape: tf.GradientTape,
    loss: tf.Tensor,
    loss_scale: float,
    model: keras.Model,
    optimizer: keras.optimizers.Optimizer,
) -> Gradients:
    # Keras' optimizers take gradients in the order of the variables they were built with. For
    # float16 they want them scaled up, lest small ones vanish, and scale them back themselves.
    scale = optimizer.scale_loss(tf.constant(loss_scale))
    variables = [variable.value for variable in model.trainable_variables]
    return Gradients(tape.gradient(loss, variables, output_gradients=scale), scale)
