"""Draws (label map, photo) pairs: uint8 RGB [size, size, 3] each, from a seed alone."""

import numpy as np

from tfpix2pix.data.drawn_facades.layout import draw_labels, draw_street
from tfpix2pix.data.drawn_facades.palette import PALETTE
from tfpix2pix.data.drawn_facades.parts import CANVAS
from tfpix2pix.data.drawn_facades.photo import draw_photo


def draw_pair(seed: int, size: int = CANVAS) -> tuple[np.ndarray, np.ndarray]:
    """Returns label map and photo, uint8 RGB [size, size, 3]; the same for the same arguments.

    The plan of the street and what varies between two photos of one plan have random streams
    of their own, so that either can be drawn anew without the other.
    """
    if size < 1:
        raise ValueError(f"size must be at least 1 pixel, got {size}")
    plan_stream, photo_stream = np.random.SeedSequence(seed).spawn(2)
    street = draw_street(np.random.default_rng(plan_stream))
    photo = draw_photo(street, np.random.default_rng(photo_stream))
    return PALETTE[_nearest(draw_labels(street), size)], _area_mean(photo, size)


def _nearest(labels: np.ndarray, size: int) -> np.ndarray:
    """Takes the label in the middle of each new pixel: labels must not be mixed."""
    middle = (2 * np.arange(size) + 1) * CANVAS // (2 * size)
    return labels[middle][:, middle]


def _area_mean(photo: np.ndarray, size: int) -> np.ndarray:
    """Means over the area of each new pixel, by differences of running sums."""
    if size == CANVAS:
        return photo
    edges = np.arange(size + 1) * (CANVAS / size)
    whole = np.minimum(edges.astype(int), CANVAS - 1)
    part = (edges - whole)[:, None, None]
    image = photo.astype(np.float64)
    for _ in ("rows", "columns"):
        sums = np.insert(np.cumsum(image, axis=0), 0, 0, axis=0)
        at_edges = sums[whole] * (1 - part) + sums[whole + 1] * part
        image = np.diff(at_edges, axis=0).swapaxes(0, 1) * (size / CANVAS)
    return np.round(image).astype(np.uint8)
