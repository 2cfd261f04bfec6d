"""How a large image is cut into overlapping tiles, and the answers to them blended. NumPy alone.

Along each side, the weights of all tiles sum to one at every pixel, so that answers that agree are
given back as they are. Between two tiles they follow a raised cosine: no edge, and no kink.
"""

import dataclasses
import math
from collections.abc import Callable, Iterator

import numpy as np


@dataclasses.dataclass(frozen=True)
class Side:
    """One side of an image, cut.

    Attributes:
        length: of the side.
        window: length of a tile.
        starts: of the tiles; the last one ends with the side.
        weights: float64 [window] for each tile.
    """

    length: int
    window: int
    starts: tuple[int, ...]
    weights: tuple[np.ndarray, ...]


def cut(length: int, window: int, overlap: int) -> Side:
    """Cuts a side into tiles, each `overlap` beyond the start of the next one, the last one more.

    Raises:
        ValueError: the window is longer than the side, or not longer than the overlap.
    """
    if not 0 <= overlap < window <= length:
        raise ValueError(f"expected 0 <= overlap {overlap} < window {window} <= length {length}")
    stride = window - overlap
    count = math.ceil((length - window) / stride) + 1
    starts = tuple(min(number * stride, length - window) for number in range(count))
    total = np.zeros(length)
    ramps = []
    for start in starts:
        ramp = _ramp(window, overlap, falls=(start > 0, start + window < length))
        total[start : start + window] += ramp
        ramps.append(ramp)
    weights = [r / total[s : s + window] for s, r in zip(starts, ramps, strict=True)]
    return Side(length, window, starts, tuple(weights))


def spread(length: int, window: int, count: int) -> list[int]:
    """Starts of so many tiles, evenly spread over a side from its beginning to its end."""
    return [round(start) for start in np.linspace(0, length - window, count)]


def blended(
    rows: Side, columns: Side, answer: Callable[[int, int], np.ndarray]
) -> Iterator[tuple[int, np.ndarray]]:
    """Blends the answers to all tiles, row by row of them.

    Args:
        rows: the height, cut.
        columns: the width, cut.
        answer: for the first row and column of a tile, the answer to it: [window, window', K].

    Yields:
        The number of the first row and the rows, float64 [rows, W, K], from top to bottom: those
        on which no later tile has a say. No more is held than two rows of tiles.
    """
    band: np.ndarray | None = None
    for number, (start, weight) in enumerate(zip(rows.starts, rows.weights, strict=True)):
        strip = _strip(columns, [answer(start, column) for column in columns.starts])
        strip *= weight[:, np.newaxis, np.newaxis]
        if band is not None:
            strip[: len(band)] += band
        last = number + 1 == len(rows.starts)
        done = rows.window if last else rows.starts[number + 1] - start
        yield start, strip[:done]
        band = strip[done:].copy()


def _strip(columns: Side, answers: list[np.ndarray]) -> np.ndarray:
    height, _, channels = answers[0].shape
    strip = np.zeros((height, columns.length, channels))
    for start, weight, tile in zip(columns.starts, columns.weights, answers, strict=True):
        strip[:, start : start + columns.window] += tile * weight[:, np.newaxis]
    return strip


def _ramp(window: int, overlap: int, falls: tuple[bool, bool]) -> np.ndarray:
    """1, falling as a raised cosine over the overlap on the sides where another tile goes on."""
    ramp = np.ones(window)
    edge = np.sin((np.arange(overlap) + 0.5) / max(overlap, 1) * np.pi / 2) ** 2
    if falls[0]:
        ramp[:overlap] *= edge
    if falls[1]:
        ramp[window - overlap :] *= edge[::-1]
    return ramp
