"""Which devices train: TensorFlow's strategies, and what they ask of a run."""

import signal
import threading

import keras
import tensorflow as tf

from tfpix2pix.data.order import Share
from tfpix2pix.errors import SettingsError
from tfpix2pix.training.cluster import VARIABLE, joined
from tfpix2pix.training.device import has_gpu
from tfpix2pix.training.parameter_servers import is_asynchronous, join_servers

# By which the seeds of replicas' dropout differ: a prime, so that they meet in no few steps.
APART = 1_000_003


def choose_strategy(name: str, batch_size: int, parts: int = 1) -> tf.distribute.Strategy:
    """The strategy that a setting names; several workers' comes before all else of TensorFlow.

    Args:
        name: `"one"`: the first GPU, or the CPU; `"mirrored"`: all GPUs, or all logical CPUs where
            there is no GPU; `"multiworker"`: those of all workers; `"parameter_server"`: each
            worker by itself, see `join_servers`, which returns in the chief alone; `"auto"`: one
            of these two where TF_CONFIG names several workers, mirrored where several GPUs share
            batches evenly, else one.
        batch_size: pairs in a batch of all devices.
        parts: in how many each device cuts its share of a batch.

    Raises:
        SettingsError: there are no such devices or workers, or they cannot share the batch.
    """
    cluster = joined(name)
    if cluster is not None and cluster.servers:
        return join_servers(cluster)
    if cluster is not None:
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
        _give_sigterm_back()
        return _shared(strategy, batch_size, parts)
    if name in ("multiworker", "parameter_server"):
        servers = " --parameter-servers 1" if name == "parameter_server" else ""
        raise SettingsError(
            f"strategy {name} needs several workers, which {VARIABLE} names: start them with "
            f"tfpix2pix launch --workers 2{servers}, or use auto"
        )
    gpus = [device.name for device in tf.config.list_logical_devices("GPU")]
    if name == "one" or (name == "auto" and (len(gpus) < 2 or batch_size % (len(gpus) * parts))):
        return tf.distribute.OneDeviceStrategy("/gpu:0" if has_gpu() else "/cpu:0")
    devices = gpus or [device.name for device in tf.config.list_logical_devices("CPU")]
    if len(devices) < 2:
        raise SettingsError(
            "strategy mirrored shares each batch among the GPUs of this machine, and TensorFlow "
            f"sees {'one' if gpus else 'none'}: use auto, or one"
        )
    return _shared(tf.distribute.MirroredStrategy(devices), batch_size, parts)


def _give_sigterm_back() -> None:
    """TensorFlow takes SIGTERM for its own notices of preemption, and does nothing."""
    handler = signal.getsignal(signal.SIGTERM)
    if handler is not None and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, handler)


def _shared(
    strategy: tf.distribute.Strategy, batch_size: int, parts: int
) -> tf.distribute.Strategy:
    replicas = strategy.num_replicas_in_sync
    if batch_size % (replicas * parts):
        shown = f" in {parts} parts each (accumulate)" if parts > 1 else ""
        raise SettingsError(
            f"batch_size {batch_size} cannot be shared evenly by {replicas} devices{shown}: give a "
            f"multiple of {replicas * parts}, or strategy one"
        )
    return strategy


def devices_shown(strategy: tf.distribute.Strategy) -> str:
    """For the log; nothing where there is but one."""
    if is_asynchronous(strategy):
        return ", steps by several workers, each by itself: not reproducible"
    replicas = strategy.num_replicas_in_sync
    return f", batches shared by {replicas} devices" if replicas > 1 else ""


def share_of(context: tf.distribute.InputContext) -> Share:
    """The part of each batch that a pipeline of a strategy makes."""
    return Share(
        context.num_input_pipelines, context.input_pipeline_id, context.num_replicas_in_sync
    )


def replica_numbers(strategy: tf.distribute.Strategy) -> tf.Tensor:
    """The number of each replica, in all workers: a value for each, as `strategy.run` takes it."""
    if is_asynchronous(strategy):  # each worker has but one
        return tf.constant(0)
    return strategy.experimental_distribute_values_from_function(
        lambda context: tf.constant(context.replica_id_in_sync_group)
    )


def give_own_noise(strategy: tf.distribute.Strategy, model: keras.Model) -> None:
    """Has each replica's dropout draw masks of its own, which otherwise are the same in all.

    To be called after weights are made or restored: checkpoints keep the first replica's seeds.
    """
    if strategy.num_replicas_in_sync == 1:
        return
    numbers = strategy.experimental_local_results(replica_numbers(strategy))
    for layer in model.layers:
        if isinstance(layer, keras.layers.Dropout) and layer.rate > 0:
            states = strategy.experimental_local_results(layer.seed_generator.state.value)
            seed, used = states[0].numpy()
            for number, own in zip(numbers, states, strict=True):
                own.assign([seed + APART * int(number), used])


def has_workers(strategy: tf.distribute.Strategy) -> bool:
    """Whether it is one of several workers'."""
    return isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)


def agreed(strategy: tf.distribute.Strategy, number: int) -> int:
    """The largest of all workers' numbers; waits until all have said theirs."""
    if not has_workers(strategy):
        return number
    values = strategy.experimental_distribute_values_from_function(
        lambda context: tf.one_hot(
            context.replica_id_in_sync_group, strategy.num_replicas_in_sync, float(number), 0.0
        )
    )
    everyone = strategy.reduce(tf.distribute.ReduceOp.SUM, values, axis=None)
    return int(tf.reduce_max(everyone))
