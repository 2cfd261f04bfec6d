"""Files through a network in this process: read ahead, batched, encoded, in order.

One thread runs the network; others decode what comes next and encode what is done. What is held
does not grow with the number of files: so many images, and so many bytes of them.
"""

import collections
import dataclasses
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path

import numpy as np

from tfpix2pix.data.encoding import TIFF
from tfpix2pix.data.geotiff import with_place_of
from tfpix2pix.errors import UserError
from tfpix2pix.inference.answering import Answer, ArrayTranslator
from tfpix2pix.inference.threads import BYTES_AHEAD, THREADS, in_order, thread_pool

# Batches that are read ahead, among which images of one size are looked for.
BATCHES_AHEAD = 4


@dataclasses.dataclass
class _Item:
    """A file on its way: first its image, then the answer to it, or why there is none."""

    source: Path
    image: np.ndarray | None = None
    answer: np.ndarray | None = None
    failure: str | None = None

    @property
    def nbytes(self) -> int:
        return sum(array.nbytes for array in (self.image, self.answer) if array is not None)


class StreamingAnswerer:
    """An `Answerer` over an `ArrayTranslator`.

    Answers in TIFF to GeoTIFF files of the same size keep their place on earth.

    Args:
        translator: reads, translates and encodes.
        batch_size: how many images of one size are translated together. With 1, an answer has the
            very bits that the image has alone. With more, sums are taken in another order, and a
            value that lies half way between two gray levels may be rounded to the other one.
    """

    def __init__(self, translator: ArrayTranslator, batch_size: int = 1):
        self._translator = translator
        self._batch_size = batch_size
        self.suffix = translator.suffix

    def answers(self, sources: Iterable[Path]) -> Generator[Answer, None, None]:
        """One answer for each file, in their order."""
        ahead = max(2 * THREADS, BATCHES_AHEAD * self._batch_size)
        with thread_pool() as pool:
            read = in_order(pool, self._read, sources, ahead, lambda item: item.nbytes, BYTES_AHEAD)
            encoded = in_order(
                pool,
                self._encoded,
                self._translated(read),
                2 * THREADS,
                lambda sized: sized[0],
                BYTES_AHEAD,
            )
            for _, answer in encoded:
                yield answer

    def _read(self, source: Path) -> _Item:
        try:
            return _Item(source, self._translator.read(source))
        except OSError as error:
            return _Item(source, failure=f"cannot be read: {error.strerror}")
        except UserError as error:
            return _Item(source, failure=str(error))

    def _translated(self, read: Iterator[_Item]) -> Iterator[_Item]:
        """The items in their order, each with its answer; later ones may be translated earlier."""
        window: collections.deque[_Item] = collections.deque()
        while True:
            self._fill(window, read)
            if not window:
                return
            if window[0].image is not None:
                self._translate_those_like_the_first(window)
            yield window.popleft()

    def _fill(self, window: collections.deque[_Item], read: Iterator[_Item]) -> None:
        longest = 1 if self._batch_size == 1 else BATCHES_AHEAD * self._batch_size
        while len(window) < longest and sum(item.nbytes for item in window) < BYTES_AHEAD:
            item = next(read, None)
            if item is None:
                return
            window.append(item)

    def _translate_those_like_the_first(self, window: collections.deque[_Item]) -> None:
        shape = _image(window[0]).shape
        batch = [item for item in window if item.image is not None and item.image.shape == shape]
        self._translate(batch[: self._batch_size])

    def _translate(self, batch: list[_Item]) -> None:
        try:
            answers = self._translator.translate(np.stack([_image(item) for item in batch]))
        except UserError as error:
            if len(batch) > 1:  # one of them may be to blame
                for item in batch:
                    self._translate([item])
                return
            batch[0].image, batch[0].failure = None, str(error)
            return
        for item, answer in zip(batch, answers, strict=True):
            item.image, item.answer = None, answer

    def _encoded(self, item: _Item) -> tuple[int, Answer]:
        """With the bytes that it held on to."""
        return item.nbytes, self._encode(item)

    def _encode(self, item: _Item) -> Answer:
        if item.answer is None:
            return Answer(item.source, None, item.failure)
        try:
            content = self._translator.encode(item.answer)
            if self.suffix == TIFF:
                content = with_place_of(item.source, content)
        except OSError as error:
            return Answer(item.source, None, f"cannot be read: {error.strerror}")
        except UserError as error:
            return Answer(item.source, None, str(error))
        return Answer(item.source, content)


def _image(item: _Item) -> np.ndarray:
    assert item.image is not None, "the caller asks for images"
    return item.image
