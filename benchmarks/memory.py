"""Memory of training at large sizes: a step as it is, in parts, with features computed again.

`python -m benchmarks.memory` trains one step of each in a process of its own, one after the other.
"""

import argparse
import io
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tfpix2pix.files import write_atomically

STEP = "import sys; from benchmarks.memory import step; step(*sys.argv[1:])"


class Case(NamedTuple):
    """What is trained: square images of this size, and how."""

    size: int
    batch_size: int
    base_filters: int
    accumulate: int = 1
    recompute: bool = False


def cases(filters: dict[int, int]) -> list[Case]:
    """At each size, with so many filters: one pair and four, in all ways."""
    return [
        Case(size, batch, width, parts, recompute)
        for size, width in filters.items()
        for batch, parts in ((1, 1), (4, 1), (4, 4))
        for recompute in (False, True)
    ]


def step(described: str) -> None:
    """Takes one step and prints the peak of this process's memory, before and after, as JSON."""
    import keras
    import tensorflow as tf

    from benchmarks.worker import peak_gib
    from tfpix2pix.models import patchgan_discriminator, unet_generator
    from tfpix2pix.training.networks import Networks
    from tfpix2pix.training.optimizers import FusedAdam
    from tfpix2pix.training.step import make_train_step

    case = Case(**json.loads(described))
    imported = peak_gib()
    keras.utils.set_random_seed(0)
    networks = Networks(
        unet_generator(case.size, base_filters=case.base_filters),
        patchgan_discriminator(case.size, base_filters=case.base_filters),
        *(FusedAdam(2e-4) for _ in range(2)),
    )
    train_step = make_train_step(
        networks,
        crop_size=(case.size, case.size),
        accumulate=case.accumulate,
        recompute=case.recompute,
    )
    images = tf.zeros([case.batch_size, case.size, case.size, 3], tf.uint8)
    start = time.perf_counter()
    float(train_step((images, images), 0)["generator_loss"])
    seconds = time.perf_counter() - start
    print(json.dumps({"imported_gib": imported, "peak_gib": peak_gib(), "first_step_s": seconds}))


def measured(case: Case) -> dict[str, float]:
    """GiB, and the seconds of the first step, in another process."""
    command = [sys.executable, "-c", STEP, json.dumps(case._asdict())]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def table(found: Sequence[tuple[Case, dict[str, float]]]) -> str:
    """As Markdown."""
    text = io.StringIO()
    text.write(
        "| pixels | filters | batch | accumulate | recompute | peak, GiB | after imports |\n"
    )
    text.write("| --- | --- | --- | --- | --- | --- | --- |\n")
    for case, values in found:
        peak, imported = values["peak_gib"], values["imported_gib"]
        shown: list[Any] = [case.size, case.base_filters, case.batch_size, case.accumulate]
        shown += ["yes" if case.recompute else "no", f"{peak:.2f}", f"{peak - imported:.2f}"]
        text.write(f"| {' | '.join(map(str, shown))} |\n")
    return text.getvalue()


def main() -> int:
    """Measures and writes memory.md."""
    parser = argparse.ArgumentParser("python -m benchmarks.memory", description=__doc__)
    parser.add_argument(
        "--size", nargs="+", default=["512:64", "1024:64"], metavar="PIXELS:FILTERS",
        help="sizes, and base_filters at each [512:64 1024:64]",
    )  # fmt: skip
    parser.add_argument("--output", type=Path, default=Path("build/benchmarks"), metavar="DIR")
    arguments = parser.parse_args()
    filters = {int(size): int(width) for size, width in (x.split(":") for x in arguments.size)}
    found = []
    for case in cases(filters):
        found.append((case, measured(case)))
        print(case, found[-1][1], flush=True)
        arguments.output.mkdir(parents=True, exist_ok=True)
        write_atomically(arguments.output / "memory.md", "# Memory of a step\n\n" + table(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
