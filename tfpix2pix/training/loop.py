"""The loop around the step, and the figures it collects."""

import math
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from tfpix2pix.errors import UserError
from tfpix2pix.losses.objective import LOSS_NAMES, STEP_NAMES, Losses
from tfpix2pix.training.signals import StopRequest
from tfpix2pix.training.state import TrainState


class NonFiniteLossError(UserError):
    """A loss or a weight is NaN or infinite."""


class LossRecorder:
    """Collects losses and balance of the steps since the last look, without waiting for each."""

    def __init__(self, batch_size: int, names: Sequence[str]):
        """Takes the names of what is measured, in the order of `STEP_NAMES`."""
        self._batch_size = batch_size
        self._names = names
        self._pending: list[tuple[int, tf.Tensor]] = []
        self._seen: list[dict[str, float]] = []
        self._seconds = 0.0
        self.last: dict[str, float] = {}

    def add(self, step: int, losses: tf.Tensor, seconds: float) -> None:
        """Takes the figures [N, K] of the last N of `step` steps, and the time they took."""
        self._pending.append((step, losses))
        self._seconds += seconds

    def fetch(self) -> str | None:
        """Fetches what is pending; says which is the first step with a loss that is no number."""
        start = time.perf_counter()
        for last_step, figures in self._pending:
            rows = figures.numpy().tolist()
            for step, row in enumerate(rows, start=last_step - len(rows) + 1):
                values = dict(zip(self._names, row, strict=True))
                losses = {name: value for name, value in values.items() if name in LOSS_NAMES}
                if not all(math.isfinite(value) for value in losses.values()):
                    shown = ", ".join(f"{name} {value:.4g}" for name, value in losses.items())
                    return f"step {step}: a loss is not a finite number: {shown}"
                self._seen.append(values)
                self.last = losses
        self._pending.clear()
        self._seconds += time.perf_counter() - start
        return None

    def take(self) -> tuple[dict[str, float], float]:
        """The means of what was fetched since the last call, and the images per second.

        Gradient norms are means over the steps that measured them; without any they are left out.
        """
        means = {}
        for name in self._names:
            measured = [v[name] for v in self._seen if math.isfinite(v[name])]
            if measured:
                means[name] = float(np.mean(measured))
        rate = len(self._seen) * self._batch_size / max(self._seconds, 1e-9)
        self._seen.clear()
        self._seconds = 0.0
        return means, rate


class Observer(Protocol):
    """What the loop tells of its steps; the reporter is one."""

    def steps_until_due(self, step: int) -> int:
        """How many steps may be done after `step` before there is something to do."""

    def after_steps(self, step: int, losses: tf.Tensor, seconds: float, *, last: bool) -> None:
        """Told the number of steps done, the figures [N, K] of the last N, and their time."""

    @property
    def ends_early(self) -> bool:
        """Whether the run is at its end, whatever its length."""


def execution(train_step: Callable[..., Losses]) -> Callable[..., tf.Tensor]:
    """Some steps in one call: (iterator, first step, N) -> figures [N, K].

    K are those that the step gives, in the order of `STEP_NAMES`.
    """

    @tf.function
    def execute(iterator: Any, first_step: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
        rows = tf.TensorArray(tf.float32, count)
        for i in tf.range(count):
            losses = train_step(next(iterator), first_step + tf.cast(i, tf.int64))
            measured = [losses[name] for name in STEP_NAMES if name in losses]
            rows = rows.write(i, tf.stack(measured))
        return rows.stack()

    return execute


def run_loop(
    state: TrainState,
    execute: Callable[..., tf.Tensor],
    batches: Iterable,
    *,
    total_steps: int,
    steps_per_execution: int = 1,
    reporter: Observer,
    stop: StopRequest,
    agree: Callable[[int], int] = lambda number: number,
) -> None:
    """Trains until `total_steps`, until the reporter ends the run, or until asked to stop.

    Args:
        state: updated in place, its `step` too.
        execute: does some steps, as `execution` gives it.
        batches: those that follow `state.step`.
        total_steps: the step to stop at.
        steps_per_execution: the most steps done in one call of TensorFlow; fewer where the
            reporter has something to do in between.
        reporter: told of the steps; it logs, validates, draws and checkpoints when due, and may
            end the run early.
        stop: looked at after each execution.
        agree: gives the largest of all workers' numbers, so that all stop at the same step.
    """
    iterator = iter(batches)
    step = state.steps_done
    mark = time.perf_counter()
    goes_on = not reporter.ends_early and stop.signal is None
    while step < total_steps and goes_on:
        count = min(steps_per_execution, reporter.steps_until_due(step), total_steps - step)
        # As tensors: of Python numbers, TensorFlow would trace a new graph for each value.
        losses = execute(iterator, tf.constant(step, tf.int64), tf.constant(count))
        step += count
        state.step.assign(step)
        reporter.after_steps(step, losses, time.perf_counter() - mark, last=step == total_steps)
        stop.signal = agree(stop.signal or 0) or None
        goes_on = not reporter.ends_early and stop.signal is None
        mark = time.perf_counter()
