"""From an input file to what the page shows: `predict`'s own answers, and pictures of them."""

import contextlib
import dataclasses
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tfpix2pix.data import arrays
from tfpix2pix.data.encoding import encode_image, to_display
from tfpix2pix.data.formats import ImageFormat, PairFormat
from tfpix2pix.demo.canvas import snapped
from tfpix2pix.errors import UserError
from tfpix2pix.inference.answering import ArrayTranslator
from tfpix2pix.inference.samples import Drawing

# The longer side of a picture in the page; larger ones are shown reduced.
MOST_SHOWN = 1024


@dataclasses.dataclass(frozen=True)
class Picture:
    """An answer.

    Attributes:
        file: what `predict` would write.
        shown: a PNG to look at.
    """

    file: bytes
    shown: bytes


@dataclasses.dataclass(frozen=True)
class Answered:
    """What became of one input.

    Attributes:
        source: the input as the network takes it, a PNG to look at.
        pictures: the answer or, with dropout on, so many draws of it.
        size: height and width of the answers.
        seconds: from the input file to the answers' files.
    """

    source: bytes
    pictures: list[Picture]
    size: tuple[int, int]
    seconds: float


@contextlib.contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(f"it cannot be read: {error.strerror or error}") from error


class Answering:
    """Answers input files, one at a time, from any thread.

    Args:
        translator: a run or an export.
        formats: of its images.
        drawing: the same run, where its dropout is on, for several draws; else None.
    """

    def __init__(
        self, translator: ArrayTranslator, formats: PairFormat, drawing: Drawing | None = None
    ):
        self.formats = formats
        self.suffix = translator.suffix
        self.draws = drawing is not None
        self._translator = translator
        self._drawing = drawing
        # The choice of dropout's masks, and the runtimes' own state, belong to one answer.
        self._lock = threading.Lock()

    def look(self, source: Path) -> np.ndarray:
        """A file as the network takes it, to look at: uint8 RGB [H, W, 3].

        Raises:
            UserError: as `answer` does.
        """
        with self._lock, _readable():
            image = self._translator.read(source)
        return to_look_at(image, self.formats.input, MOST_SHOWN)

    def answer(self, source: Path, samples: int = 1, seed: int = 0) -> Answered:
        """Answers a file.

        Args:
            source: the input.
            samples: how many draws, where dropout is on.
            seed: of the draws.

        Raises:
            UserError: it is no image that the network can take, or cannot be read.
        """
        with self._lock, _readable():
            start = time.perf_counter()
            image = self._translator.read(source)
            answers = self._answers(source, image, samples, seed)
            seconds = time.perf_counter() - start
        target = self.formats.target
        pictures = [Picture(file, shown_png(pixels, target)) for pixels, file in answers]
        height, width = answers[0][0].shape[:2]
        return Answered(shown_png(image, self.formats.input), pictures, (height, width), seconds)

    def warm_up(self, folder: Path, size: tuple[int, int], samples: int = 1) -> None:
        """Answers an input of zeros, as the first answer takes seconds more than the others.

        Args:
            folder: for its file.
            size: its height and width.
            samples: how many draws, where dropout is on.
        """
        source = self.formats.input
        content, suffix = encode_image(np.zeros((*size, source.channels), source.dtype))
        file = folder / f"zeros{suffix}"
        file.write_bytes(content)
        self.answer(file, samples)

    def _answers(
        self, source: Path, image: np.ndarray, samples: int, seed: int
    ) -> list[tuple[np.ndarray, bytes]]:
        """Answers [H, W, C] in the targets' values, with their files."""
        if self._drawing is not None:
            draws = self._drawing.samples(source, samples, seed)
            return [(values, self._drawing.encode_values(values)) for values in draws]
        answer = self._translator.translate(image[np.newaxis])[0]
        return [(answer, self._translator.encode(answer))]


def to_look_at(pixels: np.ndarray, image_format: ImageFormat, longest: int) -> np.ndarray:
    """A picture [h, w, C] in the format's values as uint8 RGB [H, W, 3], reduced if it is large."""
    if image_format.palette:
        shown = snapped(pixels, image_format.palette)
    else:
        shown = to_display(pixels, image_format.value_range)
    height, width = shown.shape[:2]
    scale = longest / max(height, width)
    if scale >= 1:
        return shown
    size = max(1, round(height * scale)), max(1, round(width * scale))
    return arrays.resize(shown, size, image_format.resized_by("area"))


def shown_png(pixels: np.ndarray, image_format: ImageFormat, longest: int = MOST_SHOWN) -> bytes:
    """The same as a PNG."""
    return encode_image(to_look_at(pixels, image_format, longest))[0]
