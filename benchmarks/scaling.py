"""Several workers: what one step of them takes here, and a model of what it takes elsewhere.

`python -m benchmarks.scaling` has one process and two, each on a core of its own, train in turn,
and prints the model's table. The model and its assumptions: docs/scaling.md.
"""

import argparse
import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

WORKER = "import sys; from benchmarks.scaling import work; work(*sys.argv[1:])"
# The paper's networks: weights, and operations of a step for one pair (see docs/speed.md).
WEIGHTS, FLOP = 54.4e6 + 2.8e6, 80.5e9
# Assumed of a GPU: operations a second in such steps.
RATE = 20e12
NODE = 8
# Assumed bandwidths of exchanges, bytes a second, and the seconds of one message.
NVLINK, NVLINK_LATENCY = 200e9, 5e-6
NETWORKS = {"100 Gb": (10e9, 20e-6), "25 Gb": (2.5e9, 20e-6)}


def exchange_seconds(members: int, data: float, bandwidth: float, latency: float) -> float:
    """Of a ring all-reduce: each sends 2 (n - 1) messages of 1/n of the data."""
    return 2 * (members - 1) * (data / members / bandwidth + latency)


def step_seconds(gpus: int, batch: int, network: str, *, weights: float = WEIGHTS) -> float:
    """The model: computing, then a ring in each node and one of the nodes, nothing at once.

    Args:
        gpus: all of them, 8 in each node or fewer in one.
        batch: pairs a GPU.
        network: of `NETWORKS`, between nodes.
        weights: of both networks, of which float32 gradients are exchanged.
    """
    inner, nodes = min(gpus, NODE), -(-gpus // NODE)
    data = 4 * weights
    within = exchange_seconds(inner, data, NVLINK, NVLINK_LATENCY)
    return batch * FLOP / RATE + within + exchange_seconds(nodes, data, *NETWORKS[network])


def table() -> str:
    """What the model predicts, as Markdown."""
    lines = ["| GPUs | pairs a GPU | 100 Gb, efficiency | pairs/s | 25 Gb, efficiency | pairs/s |"]
    lines.append("| --- | --- | --- | --- | --- | --- |")
    for batch in (1, 16):
        for gpus in (1, 8, 16, 32, 64):
            cells = []
            for network in NETWORKS:
                seconds = step_seconds(gpus, batch, network)
                alone = step_seconds(1, batch, network)
                cells += [
                    f"{alone / seconds:.0%}".replace("%", " %"),
                    f"{gpus * batch / seconds:.0f}",
                ]
            lines.append(f"| {gpus} | {batch} | {' | '.join(cells)} |")
    return "\n".join(lines)


# --- Measured here --------------------------------------------------------------------------------


def work(described: str) -> None:
    """Trains as a worker, or alone without TF_CONFIG, and prints medians as JSON."""
    order = json.loads(described)
    os.sched_setaffinity(0, {order["core"]})
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    shared = "TF_CONFIG" in os.environ
    strategy = (
        tf.distribute.MultiWorkerMirroredStrategy()
        if shared
        else tf.distribute.OneDeviceStrategy("/cpu:0")
    )
    step, variables = _step(strategy, order["size"], order["filters"])

    @tf.function
    def exchange() -> Any:
        def gradients() -> Any:
            zeros = [tf.zeros(shape) for shape in variables]
            context = tf.distribute.get_replica_context()
            return context.all_reduce(tf.distribute.ReduceOp.SUM, zeros)[0]

        return strategy.run(gradients)

    steps = order["steps"]
    found = {"step_s": _median(step, steps), "exchange_s": _median(exchange, steps)}
    found["gradient_bytes"] = 4 * sum(shape.num_elements() for shape in variables)
    print(json.dumps(found), flush=True)


def _step(strategy: Any, size: int, filters: int) -> tuple[Callable[[], Any], list[Any]]:
    import keras
    import tensorflow as tf

    from tfpix2pix.models import patchgan_discriminator, unet_generator
    from tfpix2pix.training.networks import Networks
    from tfpix2pix.training.optimizers import FusedAdam
    from tfpix2pix.training.step import make_train_step

    keras.utils.set_random_seed(0)
    with strategy.scope():
        models = (
            unet_generator(size, base_filters=filters),
            patchgan_discriminator(size, base_filters=filters),
        )
        networks = Networks(*models, *(FusedAdam(2e-4) for _ in range(2)))
        train_step = make_train_step(networks, crop_size=(size, size), strategy=strategy)
    images = strategy.experimental_distribute_values_from_function(
        lambda _: tf.zeros([1, size, size, 3], tf.uint8)
    )
    shapes = [v.shape for model in models for v in model.trainable_variables]
    shapes = [tf.TensorShape(shape) for shape in shapes]
    return lambda: float(train_step((images, images), 0)["generator_loss"]), shapes


def _median(do: Callable[[], Any], times: int) -> float:
    do()
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        do()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def measured(workers: int, **order: int) -> dict[str, float]:
    """What the first of so many workers finds, each on a core of its own."""
    places = [f"127.0.0.1:{port}" for port in _free_ports(workers)]
    processes = []
    for index in range(workers):
        task = {"cluster": {"worker": places}, "task": {"type": "worker", "index": index}}
        environment = {k: v for k, v in os.environ.items() if k != "TF_CONFIG"}
        if workers > 1:
            environment["TF_CONFIG"] = json.dumps(task)
        command = [sys.executable, "-c", WORKER, json.dumps(order | {"core": index})]
        processes.append(
            subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        )
    answers = [process.communicate()[0] for process in processes]
    for process in processes:
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, process.args)
    return json.loads(answers[0].splitlines()[-1])


def _free_ports(count: int) -> Iterator[int]:
    with contextlib.ExitStack() as stack:
        found = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        ports = [listener.getsockname()[1] for listener in found]
    yield from ports


def main() -> int:
    """Measures in turn and prints medians, and the model's table."""
    parser = argparse.ArgumentParser("python -m benchmarks.scaling", description=__doc__)
    for name, value, meaning in (
        ("rounds", 3, "turns of one process and of two; 0: the model alone"),
        ("steps", 20, "steps and exchanges a turn"),
        ("size", 256, "pixels"),
        ("filters", 64, "base_filters"),
    ):
        parser.add_argument(f"--{name}", type=int, default=value, help=f"{meaning} [{value}]")
    arguments = parser.parse_args()
    order = {name: getattr(arguments, name) for name in ("steps", "size", "filters")}
    found: dict[int, list[dict[str, float]]] = {1: [], 2: []}
    for _ in range(arguments.rounds):
        for workers, values in found.items():
            values.append(measured(workers, **order))
            print(workers, values[-1], flush=True)
    for workers, values in found.items():
        for name in values[0] if values else ():
            middle = statistics.median(value[name] for value in values)
            print(f"{workers} processes, {name}: {middle:.4g}")
    print(table())
    return 0


if __name__ == "__main__":
    sys.exit(main())
