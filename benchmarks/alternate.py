"""Measures contenders in turn, so that a machine whose speed drifts is the same for all."""

import contextlib
import dataclasses
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from typing import Any

# Seconds and calls that a contender's turn takes at least, after one that is not counted.
TURN_SECONDS = 0.5
TURN_CALLS = 2


@dataclasses.dataclass(frozen=True)
class Task:
    """What a contender is to do: a function of a module that returns what does it once."""

    module: str
    name: str
    arguments: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Measurement:
    """Seconds of each call; seconds from the process' start to the end of the first call; memory.

    Attributes:
        seconds: of each call.
        first: seconds from the start of the process to the end of the first call.
        peak_gib: the most memory the process had.
        imported_gib: of that, what it had after its imports.
    """

    seconds: list[float]
    first: float
    peak_gib: float
    imported_gib: float

    @property
    def median(self) -> float:
        """Median seconds of a call."""
        return statistics.median(self.seconds)


class Worker:
    """A process that does a task."""

    def __init__(self, task: Task):
        order = {
            "module": task.module,
            "task": task.name,
            "arguments": dict(task.arguments),
            "started": time.time(),
        }
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115  (closed in `close`)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", json.dumps(order)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        self._ready = self._read()
        self._last: dict[str, Any] = {}
        self._seconds: list[float] = []

    def take_turn(self) -> None:
        """Does the task until the turn's time is over, as far as can be foreseen."""
        calls = max(TURN_CALLS, round(TURN_SECONDS / min(self._seconds, default=TURN_SECONDS)))
        assert self._process.stdin is not None
        self._process.stdin.write(f"{calls}\n")
        self._process.stdin.flush()
        self._last = self._read()
        self._seconds += self._last["seconds"]

    def measurement(self) -> Measurement:
        """Everything so far."""
        return Measurement(
            self._seconds,
            self._ready["first"],
            self._last["peak_gib"],
            self._ready["imported_gib"],
        )

    def close(self) -> None:
        """Ends the process."""
        self._process.communicate()
        self._errors.close()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            self._errors.seek(0)
            raise RuntimeError(f"a contender failed:\n{self._errors.read()[-3000:]}")
        return json.loads(line)


def alternate(tasks: Mapping[str, Task], rounds: int) -> dict[str, Measurement]:
    """Measures all tasks, one turn each in every round, another one first each time."""
    with contextlib.ExitStack() as stack:
        workers = {}
        for label, task in tasks.items():
            workers[label] = Worker(task)
            stack.callback(workers[label].close)
        for turn in range(rounds):
            for label in _rotated(list(workers), turn):
                workers[label].take_turn()
        return {label: worker.measurement() for label, worker in workers.items()}


def _rotated(labels: Sequence[str], by: int) -> list[str]:
    start = by % len(labels)
    return [*labels[start:], *labels[:start]]
