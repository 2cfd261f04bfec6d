"""The loop around the step, and the losses it collects."""

import math
import time
from collections.abc import Callable, Iterable
from typing import Protocol

import numpy as np

from tfpix2pix.errors import UserError
from tfpix2pix.training.signals import StopRequest
from tfpix2pix.training.state import TrainState
from tfpix2pix.training.step import LOSS_NAMES, Losses


class NonFiniteLossError(UserError):
    """A loss or a weight is NaN or infinite."""


class LossRecorder:
    """Collects the losses of the steps since the last look, without waiting for each."""

    def __init__(self, batch_size: int):
        self._batch_size = batch_size
        self._pending: list[tuple[int, Losses]] = []
        self._seen: list[dict[str, float]] = []
        self._seconds = 0.0
        self.last: dict[str, float] = {}

    def add(self, step: int, losses: Losses, seconds: float) -> None:
        """Takes the losses of a step and the time since the step before."""
        self._pending.append((step, losses))
        self._seconds += seconds

    def fetch(self) -> str | None:
        """Fetches what is pending; says which is the first step with a loss that is no number."""
        start = time.perf_counter()
        for step, losses in self._pending:
            values = {name: float(losses[name]) for name in LOSS_NAMES}
            if not all(math.isfinite(value) for value in values.values()):
                shown = ", ".join(f"{name} {value:.4g}" for name, value in values.items())
                return f"step {step}: a loss is not a finite number: {shown}"
            self._seen.append(values)
            self.last = values
        self._pending.clear()
        self._seconds += time.perf_counter() - start
        return None

    def take(self) -> tuple[dict[str, float], float]:
        """The mean losses fetched since the last call, and the images per second."""
        means = {name: float(np.mean([v[name] for v in self._seen])) for name in LOSS_NAMES}
        rate = len(self._seen) * self._batch_size / max(self._seconds, 1e-9)
        self._seen.clear()
        self._seconds = 0.0
        return means, rate


class Observer(Protocol):
    """What the loop tells of each step; the reporter is one."""

    def after_step(self, step: int, losses: Losses, seconds: float, *, last: bool) -> None:
        """Told the number of steps done, the last one's losses and how long it took."""


def run_loop(
    state: TrainState,
    train_step: Callable[..., Losses],
    batches: Iterable,
    *,
    total_steps: int,
    reporter: Observer,
    stop: StopRequest,
) -> None:
    """Trains until `total_steps`, or until asked to stop.

    Args:
        state: updated in place, its `step` too.
        train_step: (batch, step) -> losses.
        batches: those that follow `state.step`.
        total_steps: the run's length.
        reporter: told of each step; it logs, validates, draws and checkpoints when due.
        stop: looked at after each step.
    """
    step = state.steps_done
    mark = time.perf_counter()
    for batch in batches:
        losses = train_step(batch, step)
        step += 1
        state.step.assign(step)
        reporter.after_step(step, losses, time.perf_counter() - mark, last=step == total_steps)
        if stop.signal is not None:
            return
        mark = time.perf_counter()
