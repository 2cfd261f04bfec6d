"""Many draws of one answer, with dropout on: the draws, their mean and their standard deviation.

The paper's generator has no other noise than dropout (section 3.2).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import numpy as np

from tfpix2pix.data.encoding import TIFF
from tfpix2pix.data.geotiff import with_place_of
from tfpix2pix.files import files_written_together

MEAN, DEVIATION = "mean", "std"


class Drawing(Protocol):
    """What draws answers: a run with dropout on, see `inference.files.FileTranslator`."""

    def samples(self, source: Path, count: int, seed: int = 0) -> Iterator[np.ndarray]:
        """So many draws of the answer to a file, float32 [H, W, C] in the targets' values."""
        ...

    def encode_values(self, values: np.ndarray) -> bytes:
        """Such values, rounded as the targets are, as the content of a file."""
        ...


class Spread:
    """Mean and standard deviation of arrays of one shape, taken in one by one (Welford 1962).

    Attributes:
        mean: float64, the mean so far.
    """

    def __init__(self) -> None:
        self._count = 0
        self.mean = np.zeros(())
        self._squares = np.zeros(())

    def add(self, values: np.ndarray) -> None:
        """Takes in one array of any float type."""
        self._count += 1
        difference = values.astype(np.float64) - self.mean
        self.mean = self.mean + difference / self._count
        self._squares = self._squares + difference * (values - self.mean)

    @property
    def deviation(self) -> np.ndarray:
        """The population standard deviation so far: divided by how many there are; 0 of one."""
        return np.sqrt(self._squares / self._count)


def sample_paths(target: Path, count: int) -> list[Path]:
    """The files for `count` draws of what would be `target`, and for their mean and deviation.

    `photo.png` becomes `photo_01.png`, ..., `photo_12.png`, `photo_mean.png`, `photo_std.png`;
    numbers have as many digits as the last one, so that they sort.
    """
    numbers = [f"{number:0{len(str(count))}}" for number in range(1, count + 1)]
    return [
        target.with_name(f"{target.stem}_{what}{target.suffix}")
        for what in (*numbers, MEAN, DEVIATION)
    ]


def write_samples(
    translator: Drawing, source: Path, target: Path, count: int, seed: int = 0
) -> Path:
    """Writes the draws of one file's answer to `sample_paths(target, count)`: all, or none.

    Mean and standard deviation are those of the answers before they are rounded, in the targets'
    values: a deviation of 12 gray levels is a pixel of 12. Memory does not grow with `count`. TIFF
    files keep the place of a GeoTIFF of the same size.

    Args:
        translator: with dropout on.
        source: the file to translate.
        target: where a single answer would go.
        count: how many draws.
        seed: of the draws.

    Returns:
        Where the mean is.

    Raises:
        OSError, UserError: the file cannot be read or answered, or it cannot be written.
    """
    *draws, mean, deviation = sample_paths(target, count)
    answers = translator.samples(source, count, seed)
    spread = Spread()

    def encoded(values: np.ndarray) -> bytes:
        content = translator.encode_values(values)
        return with_place_of(source, content) if target.suffix == TIFF else content

    with files_written_together(target.parent) as folder:
        for path, values in zip(draws, answers, strict=True):
            spread.add(values)
            (folder / path.name).write_bytes(encoded(values))
        (folder / deviation.name).write_bytes(encoded(spread.deviation))
        (folder / mean.name).write_bytes(encoded(spread.mean))
    return mean
