"""The paper's generator in every format: size of its files, difference, time of an answer."""

import dataclasses
import functools
import tempfile
from pathlib import Path

import keras
import numpy as np

from benchmarks.alternate import Task, alternate
from tfpix2pix.data.formats import RGB
from tfpix2pix.export.checking import Difference, measure_difference
from tfpix2pix.export.exporting import export_network
from tfpix2pix.export.formats import NETWORK_FORMATS
from tfpix2pix.export.samples import Samples, noise_samples
from tfpix2pix.export.savedmodel import write_savedmodel
from tfpix2pix.inference.runtimes import load_network
from tfpix2pix.inference.served import ServedModel
from tfpix2pix.models import unet_generator

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
        difference: of random weights to the Keras generator.
        trained: the same of a trained run, or None.
        milliseconds: of an answer, median, by images a call.
    """

    name: str
    megabytes: float
    difference: Difference
    trained: Difference | None
    milliseconds: dict[int, float]


def measure_formats(rounds: int, run_dir: Path | None = None) -> list[FormatRow]:
    """A row for each format and quantization.

    Args:
        rounds: turns of each.
        run_dir: a trained run, of which differences are told too, or None.
    """
    keras.utils.set_random_seed(0)
    generator = unet_generator(SIZE)
    samples = noise_samples(RGB, (SIZE, SIZE), max(CALIBRATION, COMPARED))
    compared = Samples(samples.images[:COMPARED], samples.origin)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        files = _written(generator, samples.images[:CALIBRATION], folder)
        expected = functools.partial(generator, training=False)
        differences = {}
        for name, path in files.items():
            differences[name] = measure_difference(load_network(path), expected, compared)
            print(f"{name}, {SIZE} px: {differences[name].describe()}", flush=True)
        trained = _trained_differences(run_dir, folder / "trained") if run_dir else {}
        times = {size: _times(files, size, rounds) for size in BATCH_SIZES}
        return [
            FormatRow(
                name,
                _bytes(folder / name) / 1e6,
                differences[name],
                trained.get(name),
                {size: times[size][name] for size in BATCH_SIZES},
            )
            for name in files
        ]


def table(rows: list[FormatRow]) -> list[str]:
    """The rows as Markdown."""
    head = ["format", "MB", "largest", "mean", "largest, trained", "mean, trained"]
    head += [f"ms, batch {size}" for size in BATCH_SIZES]
    lines = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
    for row in rows:
        cells = [row.name, f"{row.megabytes:.1f}"]
        for difference in (row.difference, row.trained):
            found = () if difference is None else (difference.largest, difference.mean)
            cells += [f"{value:.1e}" for value in found] or ["", ""]
        cells += [f"{row.milliseconds[size]:.0f}" for size in BATCH_SIZES]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _quantizations() -> list[tuple[str, str, str]]:
    """A name for each format and quantization, and the two."""
    return [
        (name if quantize == "float32" else f"{name} {quantize}", name, quantize)
        for name, chosen in NETWORK_FORMATS.items()
        for quantize in chosen.quantizations
    ]


def _written(generator: keras.Model, calibration: np.ndarray, folder: Path) -> dict[str, Path]:
    """The files by name, each in a folder of that name."""
    files = {SAVEDMODEL: write_savedmodel(ServedModel(generator), folder / SAVEDMODEL)}
    for name, format_name, quantize in _quantizations():
        (folder / name).mkdir()
        chosen = NETWORK_FORMATS[format_name]
        files[name] = folder / name / chosen.file_name
        chosen.write(generator, files[name], quantize, calibration)
    return files


def _trained_differences(run_dir: Path, folder: Path) -> dict[str, Difference]:
    return {
        name: export_network(run_dir, folder / name, format_name, quantize=quantize).difference
        for name, format_name, quantize in _quantizations()
    }


def _times(files: dict[str, Path], batch_size: int, rounds: int) -> dict[str, float]:
    shape = {"size": SIZE, "batch_size": batch_size}
    tasks = {
        name: Task("benchmarks.answering", "answer", shape | {"path": str(path)})
        for name, path in files.items()
    }
    return {name: 1e3 * one.median for name, one in alternate(tasks, rounds).items()}


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
