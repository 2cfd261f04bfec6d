"""Many draws of one answer, with dropout on: the draws, their mean and their standard deviation.

The paper's generator has no other noise than dropout (section 3.2).
"""

from pathlib import Path

import numpy as np

from tfpix2pix.files import files_written_together
from tfpix2pix.inference.files import FileTranslator

MEAN, DEVIATION = "mean", "std"


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
    translator: FileTranslator, source: Path, target: Path, count: int, seed: int = 0
) -> Path:
    """Writes the draws of one file's answer to `sample_paths(target, count)`: all, or none.

    Mean and standard deviation are those of the answers before they are rounded, in the targets'
    values: a deviation of 12 gray levels is a pixel of 12. Memory does not grow with `count`.

    Args:
        translator: with dropout on.
        source: the file to translate.
        target: where a single answer would go.
        count: how many draws.
        seed: of the draws.

    Returns:
        Where the mean is.

    Raises:
        OSError, UserError, tf.errors.OpError: see `FileTranslator`, or it cannot be written.
    """
    *draws, mean, deviation = sample_paths(target, count)
    answers = translator.samples(source, count, seed)
    spread = Spread()
    with files_written_together(target.parent) as folder:
        for path, values in zip(draws, answers, strict=True):
            spread.add(values)
            (folder / path.name).write_bytes(translator.encode(values))
        (folder / deviation.name).write_bytes(translator.encode(spread.deviation))
        (folder / mean.name).write_bytes(translator.encode(spread.mean))
    return mean
