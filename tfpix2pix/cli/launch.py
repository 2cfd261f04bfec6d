"""`tfpix2pix launch`."""

import argparse
import contextlib
import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import IO, Any

from tfpix2pix.cli.parsing import Parser, count, whole
from tfpix2pix.errors import SettingsError
from tfpix2pix.training.cluster import VARIABLE

SUMMARY = "Train with several workers on this computer, as on several machines."

EXAMPLES = """examples:
  tfpix2pix launch --workers 2 -- --data PATH --run-dir RUN --batch-size 4
  tfpix2pix launch --workers 2 -- --run-dir RUN --resume
  tfpix2pix launch --workers 2 --parameter-servers 1 -- \\
      --strategy parameter_server --data PATH --run-dir RUN

Behind -- stands what `tfpix2pix train` takes. Each worker is a process that computes its part of
every batch; TF_CONFIG tells it which it is. One of them says what happens, and writes the run
folder. If one stops or dies, all stop, and go on with --resume. On a computer with several GPUs,
--strategy mirrored is faster.

With parameter servers, which hold the weights, each worker takes whole steps by itself, and a chief
beside them hands out the steps. No two such runs are the same bit for bit, and weights are changed
by gradients of older ones: worth it only where workers are of unlike speed, or come and go. If a
worker dies, the others go on. See docs/many_machines.md.
"""

HOST = "127.0.0.1"
POLL = 0.1
# Seconds for the others to notice by themselves that a worker is gone, and then to stop.
TO_NOTICE, TO_STOP = 60.0, 30.0
EXIT_SIGNAL = 128


@dataclasses.dataclass
class Worker:
    """A process and, but for the chief, what it says to stderr.

    Attributes:
        name: for messages.
        serves: whether it is told what to do by the chief, and ends with it.
    """

    name: str
    serves: bool
    process: subprocess.Popen
    said: IO[bytes] | None


def add_arguments(parser: Parser) -> None:
    """Adds the command's arguments."""
    parser.usage = "%(prog)s --workers N -- [TRAIN ...]"
    parser.add_argument(
        "--workers", type=count, required=True, metavar="N", help="processes to start"
    )
    parser.add_argument(
        "--parameter-servers",
        type=whole,
        default=0,
        metavar="N",
        help="processes besides that hold the weights, for --strategy parameter_server [0]",
    )
    parser.add_argument(
        "arguments", nargs="*", metavar="TRAIN", help="behind --: what `tfpix2pix train` takes"
    )


def run(arguments: argparse.Namespace) -> int:
    """Starts the workers and waits for them; returns the exit status of the first that failed."""
    if "--run-dir" not in arguments.arguments:
        raise SettingsError("launch needs --run-dir behind --: one folder for all workers")
    with contextlib.ExitStack() as stack:
        workers = [
            stack.enter_context(_started(task, arguments.arguments))
            for task in _tasks(arguments.workers, arguments.parameter_servers)
        ]
        with _signals_forwarded(workers):
            failed = _first_to_fail(workers)
            if failed is None:
                return 0
            _end(workers)
        _tell(workers)
        status = workers[failed].process.returncode
        return status if status >= 0 else EXIT_SIGNAL - status


def _tasks(workers: int, servers: int) -> list[dict[str, Any]]:
    """What TF_CONFIG holds for each process, the chief's first."""
    sizes = {"chief": 1, "worker": workers, "ps": servers} if servers else {"worker": workers}
    places = iter(_free_places(sum(sizes.values())))
    cluster = {kind: [next(places) for _ in range(size)] for kind, size in sizes.items()}
    return [
        {"cluster": cluster, "task": {"type": kind, "index": index}}
        for kind, size in sizes.items()
        for index in range(size)
    ]


def _free_places(number: int) -> list[str]:
    """Addresses at which nobody listens now."""
    with contextlib.ExitStack() as stack:
        listeners = [stack.enter_context(socket.create_server((HOST, 0))) for _ in range(number)]
        return [f"{HOST}:{listener.getsockname()[1]}" for listener in listeners]


@contextlib.contextmanager
def _started(task: dict[str, Any], arguments: Sequence[str]) -> Iterator[Worker]:
    kind, index = task["task"]["type"], task["task"]["index"]
    has_servers = "ps" in task["cluster"]
    is_chief = kind == "chief" or (index == 0 and not has_servers)
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "tfpix2pix", "train", *arguments],
            env=os.environ | {VARIABLE: json.dumps(task)},
            stdout=None if is_chief else subprocess.DEVNULL,
            stderr=None if is_chief else said,
            # Ctrl-C comes to this process alone, which hands it on once.
            start_new_session=True,
        )
        name = f"{'parameter server' if kind == 'ps' else kind} {index}"
        serves = has_servers and not is_chief
        try:
            yield Worker(name, serves, process, None if is_chief else said)
        finally:
            process.kill()
            process.wait()


@contextlib.contextmanager
def _signals_forwarded(workers: Sequence[Worker]) -> Iterator[None]:
    def forward(number: int, frame: FrameType | None) -> None:
        for worker in workers:
            # Those that serve do so until the chief has written its checkpoint.
            if worker.process.poll() is None and not worker.serves:
                worker.process.send_signal(number)

    before = {n: signal.signal(n, forward) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _first_to_fail(workers: Sequence[Worker]) -> int | None:
    """Waits until all are done, or one has failed; its number. Those that serve do not count."""
    while True:
        states = [0 if worker.serves else worker.process.poll() for worker in workers]
        for index, state in enumerate(states):
            if state:
                return index
        if all(state == 0 for state in states):
            return None
        time.sleep(POLL)


def _end(workers: Sequence[Worker]) -> None:
    """Waits for the others, who notice by themselves; then tells them, then ends them."""
    for patience, act in ((TO_NOTICE, "terminate"), (TO_STOP, "kill")):
        until = time.monotonic() + patience
        while time.monotonic() < until:
            if all(worker.serves or worker.process.poll() is not None for worker in workers):
                return
            time.sleep(POLL)
        for worker in workers:
            if worker.process.poll() is None:
                getattr(worker.process, act)()


def _tell(workers: Sequence[Worker]) -> None:
    """How each ended: the last line that it said, or that it was killed."""
    for worker in workers:
        status = worker.process.poll()
        if status is None:
            continue  # it still serves
        if status < 0:
            print(f"{worker.name} was ended by {signal.Signals(-status).name}", file=sys.stderr)
        elif worker.said is not None and status:
            worker.said.seek(0)
            lines = worker.said.read().decode(errors="replace").strip().splitlines()
            errors = [line for line in lines if line.startswith("error: ")]
            shown = (errors or lines or [f"status {status}"])[-1]
            print(f"{worker.name}: {shown}", file=sys.stderr)
