"""Asynchronous training: workers compute steps, parameter servers hold the weights.

The chief coordinates: it makes the batches, in the one order, hands a step to whichever worker is
free, and alone writes the run folder. A step begins with the weights as they are and ends by
changing them as they then are: which steps came between is chance.
"""

import signal
import socket
import time
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from tfpix2pix.errors import SettingsError, UserError
from tfpix2pix.losses.objective import STEP_NAMES, Losses
from tfpix2pix.training.cluster import Cluster
from tfpix2pix.training.networks import Networks

# Steps of each worker in one call; rows, validation and signals wait until all are done.
STEPS_A_WORKER = 8
POLL = 0.005
# Seconds of waiting before the workers are asked whether they live, and for one to answer.
TO_DOUBT, TO_ANSWER = 60.0, 5.0


def join_servers(cluster: Cluster) -> tf.distribute.ParameterServerStrategy:
    """The strategy, in the chief; workers and parameter servers serve it until they are ended.

    Raises:
        SettingsError: a worker has several GPUs.
    """
    resolver = tf.distribute.cluster_resolver.TFConfigClusterResolver()
    if not cluster.is_chief:
        # In TensorFlow's call Python would never come to act upon them.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        tf.distribute.Server(
            resolver.cluster_spec(),
            job_name=resolver.task_type,
            task_index=resolver.task_id,
            protocol="grpc",
        ).join()
    strategy = tf.distribute.ParameterServerStrategy(resolver)
    if strategy.num_replicas_in_sync > 1:
        raise SettingsError(
            "strategy parameter_server takes one GPU a worker: start a worker for each, with "
            "CUDA_VISIBLE_DEVICES"
        )
    return strategy


def is_asynchronous(strategy: tf.distribute.Strategy) -> bool:
    """Whether parameter servers hold the weights."""
    return isinstance(strategy, tf.distribute.ParameterServerStrategy)


def coordinated_execution(
    strategy: tf.distribute.Strategy,
    train_step: Callable[..., Losses],
    networks: Networks,
    workers: Sequence[str],
) -> Callable[..., tf.Tensor]:
    """As `loop.execution`: hands the steps of one call to the workers, and waits for all.

    Args:
        strategy: the chief's.
        train_step: made in its scope.
        networks: what it trains.
        workers: their addresses.
    """
    coordinator = tf.distribute.coordinator.ClusterCoordinator(strategy)

    @tf.function
    def one_step(batch: tuple[tf.Tensor, tf.Tensor], step: tf.Tensor) -> tf.Tensor:
        losses = train_step(batch, step)
        return tf.stack([losses[name] for name in STEP_NAMES if name in losses])

    def execute(iterator: Any, first_step: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
        first, number = int(first_step), int(count)
        rows = [
            coordinator.schedule(one_step, (next(iterator), tf.constant(step, tf.int64)))
            for step in range(first, first + number)
        ]
        _wait(coordinator, workers)
        for optimizer in (networks.generator_optimizer, networks.discriminator_optimizer):
            # Two workers that count at the same time count one.
            if int(optimizer.iterations) > 0:
                optimizer.iterations.assign(first + number)
        return tf.stack(coordinator.fetch(rows))

    return execute


def _wait(
    coordinator: tf.distribute.coordinator.ClusterCoordinator, workers: Sequence[str]
) -> None:
    """Until all is done: TensorFlow would wait for ever where no worker is left.

    Raises:
        UserError: none is.
    """
    looked = time.monotonic()
    while not coordinator.done():
        time.sleep(POLL)
        if time.monotonic() - looked > TO_DOUBT:
            if not any(map(_answers, workers)):
                raise UserError(
                    f"no worker is left: {', '.join(workers)} do not answer. Start all again with "
                    "--resume, and the run goes on from the last checkpoint"
                )
            looked = time.monotonic()
    coordinator.join()  # raises what a step raised


def _answers(place: str) -> bool:
    host, port = place.rsplit(":", 1)
    try:
        with socket.create_connection((host, int(port)), TO_ANSWER):
            return True
    except OSError:
        return False
