"""The pieces a street is put together from, and the shapes they take.

Positions are whole pixels on a canvas of CANVAS x CANVAS, rows counted downwards. A `Part` is
the one source of both pictures: the label map fills its mask with its label, the photo fills
it with what its role's painter returns. That is what keeps the two aligned to the pixel.
"""

import enum
from typing import NamedTuple

import numpy as np

from tfpix2pix.data.drawn_facades.palette import Label

CANVAS = 256


class Trim(enum.Enum):
    """What frames the windows of a house, and so what its walls are made of.

    Every trim is plain to see beside nearly every window of its house, so a network that
    looks at a few dozen pixels of the label map can tell brick from plaster.
    """

    SILLS = "sills"  # red brick
    HOODS = "hoods"  # dark brick, a small cornice over each window
    SHUTTERS = "shutters"  # green plaster, blinds beside the windows
    ROLLERS = "rollers"  # blue plaster, blinds over the upper part of the windows
    DECO = "deco"  # ochre plaster, a panel over each window
    BALCONIES = "balconies"  # white render
    PILLARS = "pillars"  # blocks of pale stone
    BANDS = "bands"  # terracotta plaster, a moulding under each floor


class Part(NamedTuple):
    """One labelled piece; `shape` trims the corners of its top `rise` rows."""

    label: Label
    role: str
    top: int
    left: int
    bottom: int
    right: int
    shape: str = "box"
    rise: int = 0

    @property
    def height(self) -> int:
        """Rows of the box."""
        return self.bottom - self.top

    @property
    def width(self) -> int:
        """Columns of the box."""
        return self.right - self.left

    @property
    def region(self) -> tuple[slice, slice]:
        """Index of the box in a canvas."""
        return slice(self.top, self.bottom), slice(self.left, self.right)


class House(NamedTuple):
    """The parts of one house in painting order, and where its wall stands."""

    trim: Trim
    left: int
    right: int
    eaves: int
    parts: tuple[Part, ...]


class Street(NamedTuple):
    """One to three houses that stand on the row `ground`."""

    ground: int
    houses: tuple[House, ...]


def part_mask(part: Part) -> np.ndarray:
    """Which pixels of its box the part covers: bool [height, width]."""
    mask = np.ones((part.height, part.width), dtype=bool)
    if part.shape == "box":
        return mask
    # The share of the half width that is filled, for each of the shaped rows.
    depth = (np.arange(part.rise) + 0.5) / part.rise
    filled = _FILLED[part.shape](depth, part)
    offset = np.abs(np.arange(part.width) + 0.5 - part.width / 2) / (part.width / 2)
    mask[: part.rise] = offset[None, :] <= filled[:, None]
    return mask


def _hip(depth: np.ndarray, part: Part) -> np.ndarray:
    ridge = max(0.35, 1 - 1.7 * part.rise / part.width)
    return ridge + (1 - ridge) * depth


def _mansard(depth: np.ndarray, part: Part) -> np.ndarray:
    # Steep sides that lean in by a quarter of the height.
    return 1 - (1 - depth) * 0.5 * part.rise / part.width


_FILLED = {
    "arch": lambda depth, part: np.sqrt(1 - (1 - depth) ** 2),
    "gable": lambda depth, part: depth,
    "steps": lambda depth, part: np.ceil(depth * 5) / 5 * 0.86 + 0.06,
    "hip": _hip,
    "mansard": _mansard,
}
