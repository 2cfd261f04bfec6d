"""A generator in every format: size of its files, difference, time of an answer."""

import dataclasses
import functools
import tempfile
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

from benchmarks.alternate import Task, alternate
from tfpix2pix.data.formats import RGB, RGB_PAIRS
from tfpix2pix.export.checking import Difference, measure_difference
from tfpix2pix.export.exporting import CALIBRATION_IMAGES
from tfpix2pix.export.formats import NETWORK_FORMATS
from tfpix2pix.export.samples import (
    Samples,
    calibration_images,
    held_out_samples,
    noise_samples,
    open_data,
)
from tfpix2pix.export.savedmodel import write_savedmodel
from tfpix2pix.inference.runtimes import load_network
from tfpix2pix.inference.served import ServedModel
from tfpix2pix.inference.translator import load_run_generator
from tfpix2pix.models import unet_generator
from tfpix2pix.training.run_folder import RunFolder

SIZE = 256
BATCH_SIZES = (1, 8)
# Noise that int8 is calibrated on and that answers are compared on: it is the time that is asked.
CALIBRATION, COMPARED = 4, 3
SAVEDMODEL = "savedmodel"


@dataclasses.dataclass(frozen=True)
class FormatRow:
    """What was found of a format.

    Attributes:
        name: of the format, and how it is quantized.
        megabytes: of its files.
        difference: to the Keras generator.
        milliseconds: of an answer, median, by images a call.
    """

    name: str
    megabytes: float
    difference: Difference
    milliseconds: dict[int, float]


class Subject(NamedTuple):
    """What is exported, and the images that it is calibrated on and compared with."""

    generator: keras.Model
    calibration: np.ndarray
    compared: Samples


def measure_formats(rounds: int, run_dir: Path | None = None) -> list[FormatRow]:
    """A row for each format and quantization.

    Args:
        rounds: turns of each.
        run_dir: a trained run, which is compared on its validation inputs; None: the paper's
            generator with random weights, on noise.
    """
    subject = _random() if run_dir is None else _trained(run_dir)
    size = subject.generator.input_shape[1:3]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        files = _written(subject, folder)
        expected = functools.partial(subject.generator, training=False)
        differences = {}
        for name, path in files.items():
            network = load_network(path)
            differences[name] = measure_difference(network, expected, subject.compared)
            print(f"{name}, {size[0]}x{size[1]}: {differences[name].describe()}", flush=True)
        times = {batch: _times(files, batch, rounds, size) for batch in BATCH_SIZES}
        return [
            FormatRow(
                name,
                _bytes(folder / name) / 1e6,
                differences[name],
                {batch: times[batch][name] for batch in BATCH_SIZES},
            )
            for name in files
        ]


def table(rows: list[FormatRow]) -> list[str]:
    """The rows as Markdown."""
    head = ["format", "MB", "largest difference", "mean"]
    head += [f"ms, batch {size}" for size in BATCH_SIZES]
    lines = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
    for row in rows:
        cells = [row.name, f"{row.megabytes:.1f}"]
        cells += [f"{value:.1e}" for value in (row.difference.largest, row.difference.mean)]
        cells += [f"{row.milliseconds[size]:.0f}" for size in BATCH_SIZES]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _random() -> Subject:
    keras.utils.set_random_seed(0)
    samples = noise_samples(RGB, (SIZE, SIZE), max(CALIBRATION, COMPARED))
    compared = Samples(samples.images[:COMPARED], f"{COMPARED} images of noise")
    return Subject(unet_generator(SIZE), samples.images[:CALIBRATION], compared)


def _trained(run_dir: Path) -> Subject:
    run = RunFolder(run_dir)
    if run.formats() != RGB_PAIRS:
        raise SystemExit(f"error: --run {run_dir}: expected a run on RGB images of 8 bits")
    data = open_data(run.settings().data, run.formats())
    return Subject(
        load_run_generator(run_dir),
        calibration_images(data, CALIBRATION_IMAGES),
        held_out_samples(data),
    )


def _quantizations() -> list[tuple[str, str, str]]:
    """A name for each format and quantization, and the two."""
    return [
        (name if quantize == "float32" else f"{name} {quantize}", name, quantize)
        for name, chosen in NETWORK_FORMATS.items()
        for quantize in chosen.quantizations
    ]


def _written(subject: Subject, folder: Path) -> dict[str, Path]:
    """The files by name, each in a folder of that name."""
    generator = subject.generator
    files = {SAVEDMODEL: write_savedmodel(ServedModel(generator), folder / SAVEDMODEL)}
    for name, format_name, quantize in _quantizations():
        (folder / name).mkdir()
        chosen = NETWORK_FORMATS[format_name]
        files[name] = folder / name / chosen.file_name
        chosen.write(generator, files[name], quantize, subject.calibration)
    return files


def _times(
    files: dict[str, Path], batch_size: int, rounds: int, size: tuple[int, int]
) -> dict[str, float]:
    shape = {"size": size, "batch_size": batch_size}
    tasks = {
        name: Task("benchmarks.answering", "answer", shape | {"path": str(path)})
        for name, path in files.items()
    }
    return {name: 1e3 * one.median for name, one in alternate(tasks, rounds).items()}


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
