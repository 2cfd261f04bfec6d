"""How a strategy has steps done: in one call of TensorFlow, or handed to workers one by one."""

import dataclasses
from collections.abc import Callable, Iterable

import tensorflow as tf

from tfpix2pix.config import TrainSettings
from tfpix2pix.data.order import WHOLE, Share
from tfpix2pix.losses.objective import Losses
from tfpix2pix.training.cluster import joined
from tfpix2pix.training.loop import execution
from tfpix2pix.training.networks import Networks
from tfpix2pix.training.parameter_servers import (
    STEPS_A_WORKER,
    coordinated_execution,
    is_asynchronous,
)
from tfpix2pix.training.strategies import share_of

MakeBatches = Callable[[Share], tf.data.Dataset]


@dataclasses.dataclass(frozen=True)
class Execution:
    """What `run_loop` takes of a strategy.

    Attributes:
        execute: does some steps, as `loop.execution` gives it.
        batches: of a function that makes a share of each, those that `execute` takes.
        most_steps: the most steps in one call.
    """

    execute: Callable[..., tf.Tensor]
    batches: Callable[[MakeBatches], Iterable]
    most_steps: int


def execution_on(
    strategy: tf.distribute.Strategy,
    settings: TrainSettings,
    train_step: Callable[..., Losses],
    networks: Networks,
) -> Execution:
    """How these settings run a step on a strategy.

    Args:
        strategy: of the run.
        settings: of the run.
        train_step: made in the strategy's scope.
        networks: what it trains.
    """
    most_steps = settings.steps_per_execution
    if not is_asynchronous(strategy):

        def distributed(make: MakeBatches) -> Iterable:
            return strategy.distribute_datasets_from_function(lambda c: make(share_of(c)))

        return Execution(execution(train_step), distributed, most_steps)
    cluster = joined(settings.strategy)
    assert cluster is not None, "a strategy of parameter servers comes of one"
    workers = cluster.workers[1:]
    execute = coordinated_execution(strategy, train_step, networks, workers)
    # The chief makes whole batches.
    return Execution(
        execute, lambda make: make(WHOLE), max(most_steps, STEPS_A_WORKER * len(workers))
    )
