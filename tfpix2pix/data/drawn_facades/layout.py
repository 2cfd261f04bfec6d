"""The plan of a street, and its label map.

The label map is uint8 [CANVAS, CANVAS] and holds the numbers of `palette.Label`.
"""

import numpy as np

from tfpix2pix.data.drawn_facades.house import OVERHANG, draw_house
from tfpix2pix.data.drawn_facades.palette import Label
from tfpix2pix.data.drawn_facades.parts import CANVAS, Street, Trim, part_mask

GAP = 4  # columns of background that keep two houses apart in the label map
MARGIN = OVERHANG + 1  # columns that stay free at the canvas' sides


def draw_street(rng: np.random.Generator) -> Street:
    """Draws one house, or two or three in a row, with more or less sky beside them."""
    ground = int(rng.integers(228, 240))
    count = int(rng.choice([1, 2, 3], p=[0.45, 0.35, 0.2]))
    narrowest = {1: 120, 2: 200, 3: 236}[count]
    width = int(rng.integers(narrowest, CANVAS - 2 * MARGIN + 1))
    left = int(rng.integers(MARGIN, CANVAS - MARGIN - width + 1))
    shares = rng.uniform(0.75, 1.25, count)
    edges = left + np.round(np.cumsum([0, *shares / shares.sum()]) * width).astype(int)
    trims = rng.permutation(len(Trim))[:count]  # no two houses of a street are alike
    houses = []
    for trim, first, last in zip(trims, edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        right = last - GAP if last < edges[-1] else last
        houses.append(draw_house(rng, list(Trim)[trim], first, right, ground))
    return Street(ground, tuple(houses))


def draw_labels(street: Street) -> np.ndarray:
    """Fills every part's mask with its label: uint8 [CANVAS, CANVAS]."""
    labels = np.full((CANVAS, CANVAS), Label.BACKGROUND, dtype=np.uint8)
    for house in street.houses:
        for part in house.parts:
            labels[part.region][part_mask(part)] = part.label
    return labels
