"""Which devices train: TensorFlow's strategies, and what they ask of a run."""

import keras
import tensorflow as tf

from tfpix2pix.data.pipeline import Share
from tfpix2pix.errors import SettingsError
from tfpix2pix.training.device import has_gpu

# By which the seeds of replicas' dropout differ: a prime, so that they meet in no few steps.
APART = 1_000_003


def choose_strategy(name: str, batch_size: int) -> tf.distribute.Strategy:
    """The strategy that a setting names.

    Args:
        name: `"one"`: the first GPU, or the CPU; `"mirrored"`: all GPUs, or all logical CPUs where
            there is no GPU; `"auto"`: mirrored where there are several GPUs that share batches
            evenly.
        batch_size: pairs in a batch of all devices.

    Raises:
        SettingsError: mirrored, with fewer than two devices, or a batch that they cannot share.
    """
    gpus = [device.name for device in tf.config.list_logical_devices("GPU")]
    if name == "one" or (name == "auto" and (len(gpus) < 2 or batch_size % len(gpus))):
        return tf.distribute.OneDeviceStrategy("/gpu:0" if has_gpu() else "/cpu:0")
    devices = gpus or [device.name for device in tf.config.list_logical_devices("CPU")]
    if len(devices) < 2:
        raise SettingsError(
            "strategy mirrored shares each batch among the GPUs of this machine, and TensorFlow "
            f"sees {'one' if gpus else 'none'}: use auto, or one"
        )
    if batch_size % len(devices):
        raise SettingsError(
            f"batch_size {batch_size} cannot be shared evenly by {len(devices)} devices: give a "
            f"multiple of {len(devices)}, or strategy one"
        )
    return tf.distribute.MirroredStrategy(devices)


def devices_shown(strategy: tf.distribute.Strategy) -> str:
    """For the log; nothing where there is but one."""
    replicas = strategy.num_replicas_in_sync
    return f", batches shared by {replicas} devices" if replicas > 1 else ""


def share_of(context: tf.distribute.InputContext) -> Share:
    """The part of each batch that a pipeline of a strategy makes."""
    return Share(
        context.num_input_pipelines, context.input_pipeline_id, context.num_replicas_in_sync
    )


def give_own_noise(strategy: tf.distribute.Strategy, model: keras.Model) -> None:
    """Has each replica's dropout draw masks of its own, which otherwise are the same in all.

    To be called after weights are made or restored: checkpoints keep the first replica's seeds.
    """
    if strategy.num_replicas_in_sync == 1:
        return
    for layer in model.layers:
        if isinstance(layer, keras.layers.Dropout) and layer.rate > 0:
            states = strategy.experimental_local_results(layer.seed_generator.state.value)
            seed, used = states[0].numpy()
            for replica, own in enumerate(states):
                own.assign([seed + APART * replica, used])
