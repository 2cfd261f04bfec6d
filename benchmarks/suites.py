"""What is measured: who does what at which sizes."""

import dataclasses
from typing import Any

from benchmarks.alternate import Task

PROJECT = "tfpix2pix"
TUTORIAL = "TensorFlow tutorial"
EAGER = "PyTorch reference"
COMPILED = "PyTorch, compiled"
TUNED = "PyTorch, tuned"
PYTORCH = (EAGER, COMPILED, TUNED)
MODULES = {
    PROJECT: "benchmarks.contenders.project",
    TUTORIAL: "benchmarks.contenders.tensorflow_tutorial",
    EAGER: "benchmarks.contenders.pytorch_reference",
    COMPILED: "benchmarks.contenders.pytorch_reference",
    TUNED: "benchmarks.contenders.pytorch_reference",
}
SIMULTANEOUS = "training step, both networks at once"
ALTERNATING = "training step, D before G"
SIZES = (64, 128, 256, 512)
PAPER_SIZE = 256
MATRIX_SIZE = 2048
# Of JPEG pairs, as benchmarks.pipeline writes them.
SOURCES = ("side by side", "two folders", "array_record", "tfrecord")


@dataclasses.dataclass(frozen=True)
class Case:
    """Tasks that are measured in turn.

    Attributes:
        suite: what they are a part of.
        title: what they do, the same for all.
        size: of the images, in pixels.
        batch_size: images a call.
        tasks: by contender.
    """

    suite: str
    title: str
    size: int
    batch_size: int
    tasks: dict[str, Task]


def all_cases() -> list[Case]:
    """Everything, in the order of the report."""
    cases = []
    for size, batch_size in ((PAPER_SIZE, 1), (PAPER_SIZE, 4), (64, 1), (128, 1), (512, 1)):
        # Compiling takes PyTorch most of a minute each time.
        torch = PYTORCH if size == PAPER_SIZE else (EAGER,)
        cases.append(_step(SIMULTANEOUS, size, batch_size, (TUTORIAL,)))
        cases.append(_step(ALTERNATING, size, batch_size, torch, update="alternating"))
    for batch_size in (1, 8):
        cases.append(
            _case("forward", "generator, forward", "generator_forward", PAPER_SIZE, batch_size,
                  (PROJECT, TUTORIAL, EAGER, COMPILED))
        )  # fmt: skip
    for batch_size in (1, 8):
        cases.append(
            _case("png", "saved model, PNG to PNG", "answer_png", PAPER_SIZE, batch_size,
                  (PROJECT, TUTORIAL))
        )  # fmt: skip
    return [*cases, _pipeline()]


def matrix_product() -> Task:
    """The machine's own rate, of which a step can reach a share."""
    return Task(MODULES[PROJECT], "matrix_product", {"size": MATRIX_SIZE})


def _step(title: str, size: int, batch_size: int, others: tuple[str, ...], **options: Any) -> Case:
    return _case("step", title, "train_step", size, batch_size, (PROJECT, *others), **options)


def _case(
    suite: str,
    title: str,
    task: str,
    size: int,
    batch_size: int,
    contenders: tuple[str, ...],
    **project_options: Any,
) -> Case:
    options = {PROJECT: project_options, COMPILED: {"compiled": True}, TUNED: {"tuned": True}}
    shape = {"size": size, "batch_size": batch_size}
    tasks = {name: Task(MODULES[name], task, shape | options.get(name, {})) for name in contenders}
    return Case(suite, title, size, batch_size, tasks)


def _pipeline() -> Case:
    ways: dict[str, dict[str, Any]] = {}
    for source in SOURCES:
        ways[source] = {"source": source}
        ways[f"{source}, cold"] = {"source": source, "cold": True}
        ways[f"{source}, from memory"] = {"source": source, "cached": True}
    tasks = {
        f"{PROJECT}, {name}": Task("benchmarks.pipeline", "Delivery", {"size": PAPER_SIZE} | way)
        for name, way in ways.items()
    }
    return Case("pipeline", "pipeline, 100 pairs", PAPER_SIZE, 1, tasks)
