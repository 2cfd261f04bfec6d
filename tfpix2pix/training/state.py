"""What a run carries from step to step."""

import keras
import tensorflow as tf

from tfpix2pix.config import Settings, TrainSettings
from tfpix2pix.data.formats import RGB_PAIRS, PairFormat
from tfpix2pix.training.averaging import copy_weights
from tfpix2pix.training.build import build_discriminator, build_generator
from tfpix2pix.training.device import precision_scope
from tfpix2pix.training.networks import Networks
from tfpix2pix.training.optimizers import FusedAdam
from tfpix2pix.training.parameter_servers import is_asynchronous
from tfpix2pix.training.pool import ImagePool
from tfpix2pix.training.schedules import learning_rate_schedule


class TrainState:
    """The networks, their optimizers, the pool if there is one, and the number of steps done."""

    def __init__(self, settings: Settings, total_steps: int, formats: PairFormat = RGB_PAIRS):
        """Builds everything for images of these formats, with weights drawn from the run's seed.

        Call it inside the strategy's scope.
        """
        keras.utils.set_random_seed(settings.train.seed)
        self.networks = _build_networks(settings, total_steps, formats)
        self.networks.build_optimizers()
        self.pool = _build_pool(settings, formats)
        self.file_options = _file_options()
        self.step = tf.Variable(0, dtype=tf.int64, trainable=False, name="step")

    @property
    def predictor(self) -> keras.Model:
        """The generator that validates, draws samples and predicts: the average if there is one."""
        return self.networks.average or self.networks.generator

    @property
    def steps_done(self) -> int:
        """The number of steps done."""
        return int(self.step.numpy())

    def checkpoint(self, *, with_pool: bool = True) -> tf.train.Checkpoint:
        """The checkpointed variables, under names that say where they are."""
        networks = self.networks
        parts = {
            "step": self.step,
            "generator": named_variables(networks.generator),
            "discriminator": named_variables(networks.discriminator),
            "generator_optimizer": _numbered_variables(networks.generator_optimizer),
            "discriminator_optimizer": _numbered_variables(networks.discriminator_optimizer),
        }
        if networks.average is not None:
            parts["generator_ema"] = named_weights(networks.average)
        if self.pool is not None and with_pool:
            parts["pool"] = self.pool.variables
        return tf.train.Checkpoint(**parts)

    def is_finite(self) -> bool:
        """Whether every weight of all networks is a number."""
        networks = self.networks
        models = (networks.generator, networks.discriminator, networks.average)
        return all(
            bool(tf.reduce_all(tf.math.is_finite(variable.value)))
            for model in models
            if model is not None
            for variable in model.trainable_variables
        )


def _file_options() -> tf.train.CheckpointOptions | None:
    """Parameter servers would each write their own weights, where they run: the chief does."""
    if is_asynchronous(tf.distribute.get_strategy()):
        return tf.train.CheckpointOptions(experimental_io_device="/job:chief/replica:0/task:0")
    return None


def predictor_key(settings: TrainSettings) -> str:
    """Under which key a checkpoint of such a run holds the weights of `TrainState.predictor`."""
    return "generator_ema" if settings.ema_decay else "generator"


def _build_networks(settings: Settings, total_steps: int, formats: PairFormat) -> Networks:
    train = settings.train
    image_size = settings.data.crop_size
    average = None
    with precision_scope(train.precision):
        generator = build_generator(settings.model, image_size, formats)
        discriminator = build_discriminator(settings.model, image_size, formats)
        if train.ema_decay:
            average = build_generator(settings.model, image_size, formats)
            copy_weights(generator, average)
    return Networks(
        generator,
        discriminator,
        _optimizer(train, total_steps, train.learning_rate),
        _optimizer(train, total_steps, train.discriminator_learning_rate or train.learning_rate),
        average,
    )


def _build_pool(settings: Settings, formats: PairFormat) -> ImagePool | None:
    if not settings.train.pool_size:
        return None
    channels = formats.input.network_channels, formats.target.network_channels
    return ImagePool(settings.train.pool_size, settings.data.crop_size, *channels)


def _optimizer(
    settings: TrainSettings, total_steps: int, learning_rate: float
) -> keras.optimizers.Optimizer:
    adam = FusedAdam(
        learning_rate_schedule(settings, total_steps, learning_rate),
        beta_1=settings.beta_1,
        beta_2=settings.beta_2,
        epsilon=settings.adam_epsilon,
        epsilon_hat=settings.epsilon_hat,
        global_clipnorm=settings.clip_norm,
    )
    if settings.precision == "mixed_float16":
        # Its smallest gradients would be 0.
        return keras.optimizers.LossScaleOptimizer(adam)
    return adam


def named_variables(model: keras.Model) -> dict[str, tf.Variable]:
    """All variables of a model, dropout's random states too, by layer and name."""
    return _by_name(model, "variables")


def named_weights(model: keras.Model) -> dict[str, tf.Variable]:
    """The weights of a model, without random states, by the same names."""
    return _by_name(model, "weights")


def _by_name(model: keras.Model, kind: str) -> dict[str, tf.Variable]:
    return {
        f"{layer.name}.{variable.name}": variable.value
        for layer in model.layers
        for variable in getattr(layer, kind)
    }


def _numbered_variables(optimizer: keras.optimizers.Optimizer) -> dict[str, tf.Variable]:
    return {f"{i:04d}": variable.value for i, variable in enumerate(optimizer.variables)}
