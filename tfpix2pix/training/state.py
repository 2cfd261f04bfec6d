"""What a run carries from step to step."""

import keras
import tensorflow as tf

from tfpix2pix.config import Settings, TrainSettings
from tfpix2pix.data.formats import RGB_PAIRS, PairFormat
from tfpix2pix.training.build import build_discriminator, build_generator
from tfpix2pix.training.device import precision_scope
from tfpix2pix.training.optimizers import FusedAdam
from tfpix2pix.training.schedules import learning_rate_schedule
from tfpix2pix.training.step import Networks

# PyTorch's and the authors' epsilon; Keras' own default is 1e-7.
ADAM_EPSILON = 1e-8


class TrainState:
    """The networks, their optimizers and the number of steps done."""

    def __init__(self, settings: Settings, total_steps: int, formats: PairFormat = RGB_PAIRS):
        """Builds everything for images of these formats, with weights drawn from the run's seed.

        Call it inside the strategy's scope.
        """
        keras.utils.set_random_seed(settings.train.seed)
        with precision_scope(settings.train.precision):
            generator = build_generator(settings.model, settings.data.crop_size, formats)
            discriminator = build_discriminator(settings.model, settings.data.crop_size, formats)
        self.networks = Networks(
            generator,
            discriminator,
            _optimizer(settings.train, total_steps),
            _optimizer(settings.train, total_steps),
        )
        self.networks.build_optimizers()
        self.step = tf.Variable(0, dtype=tf.int64, trainable=False, name="step")

    @property
    def steps_done(self) -> int:
        """The number of steps done."""
        return int(self.step.numpy())

    def checkpoint(self) -> tf.train.Checkpoint:
        """The checkpointed variables, under names that say where they are."""
        networks = self.networks
        return tf.train.Checkpoint(
            step=self.step,
            generator=named_variables(networks.generator),
            discriminator=named_variables(networks.discriminator),
            generator_optimizer=_numbered_variables(networks.generator_optimizer),
            discriminator_optimizer=_numbered_variables(networks.discriminator_optimizer),
        )

    def is_finite(self) -> bool:
        """Whether every weight of both networks is a number."""
        models = (self.networks.generator, self.networks.discriminator)
        return all(
            bool(tf.reduce_all(tf.math.is_finite(variable.value)))
            for model in models
            for variable in model.trainable_variables
        )


def _optimizer(settings: TrainSettings, total_steps: int) -> keras.optimizers.Optimizer:
    adam = FusedAdam(
        learning_rate_schedule(settings, total_steps),
        beta_1=settings.beta_1,
        beta_2=settings.beta_2,
        epsilon=ADAM_EPSILON,
    )
    if settings.precision == "mixed_float16":
        # Its smallest gradients would be 0.
        return keras.optimizers.LossScaleOptimizer(adam)
    return adam


def named_variables(model: keras.Model) -> dict[str, tf.Variable]:
    """All variables of a model, dropout's random states too, by layer and name."""
    return {
        f"{layer.name}.{variable.name}": variable.value
        for layer in model.layers
        for variable in layer.variables
    }


def _numbered_variables(optimizer: keras.optimizers.Optimizer) -> dict[str, tf.Variable]:
    return {f"{i:04d}": variable.value for i, variable in enumerate(optimizer.variables)}
