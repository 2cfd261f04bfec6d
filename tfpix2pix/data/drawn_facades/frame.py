"""The measures of a random house, before it has any parts.

Positions are whole pixels on the canvas of `parts.py`, rows counted downwards.
"""

from typing import NamedTuple

import numpy as np

from tfpix2pix.data.drawn_facades.parts import Trim

MIN_TOP = 14  # rows of sky that stay free over every roof
CROWN = 7  # height of the cornice under the roof
ROOFS = ("flat", "hip", "mansard", "gable", "steps")


class Frame(NamedTuple):
    """The measures of a house that all of its parts hang on."""

    trim: Trim
    roof: str
    roof_height: int
    ground: int
    storeys: tuple[int, ...]  # rows of the floor lines, from the ground upwards to the eaves
    bays: tuple[int, ...]  # columns of the bay lines, from the left to the right wall
    window_width: float  # as a share of the bay
    arched: bool

    @property
    def eaves(self) -> int:
        """The row where the wall ends and the crown begins."""
        return self.storeys[-1]

    @property
    def left(self) -> int:
        """The first column of the wall."""
        return self.bays[0]

    @property
    def right(self) -> int:
        """The column after the last one of the wall."""
        return self.bays[-1]


def draw_frame(rng: np.random.Generator, trim: Trim, left: int, right: int, ground: int) -> Frame:
    """Draws the measures of a house between two columns that stands on the row `ground`."""
    width = right - left
    # Front gables look right on narrow houses only.
    roof = ROOFS[rng.integers(len(ROOFS) if width < 130 else 3)]
    roof_height = {
        "flat": 0,
        "hip": int(rng.integers(24, 38)),
        "mansard": int(rng.integers(28, 38)),
        "gable": int(np.clip(width * 0.5, 24, 62)),
        "steps": int(np.clip(width * 0.55, 30, 60)),
    }[roof]
    room = ground - MIN_TOP - CROWN - roof_height
    storeys = _draw_storeys(rng, width, ground, room)
    return Frame(
        trim=trim,
        roof=roof,
        roof_height=roof_height,
        ground=ground,
        storeys=storeys,
        bays=_draw_bays(rng, left, right, 34 if trim is Trim.SHUTTERS else 25),
        window_width=float(rng.uniform(0.46, 0.6)),
        arched=bool(trim in (Trim.SILLS, Trim.PILLARS, Trim.BANDS) and rng.random() < 0.45),
    )


def _draw_storeys(rng: np.random.Generator, width: int, ground: int, room: int) -> tuple[int, ...]:
    """Floor lines from the ground upwards; wide houses get more floors than narrow ones need."""
    ground_floor = int(rng.integers(38, 48))
    room -= ground_floor
    most = max(1, min(5, room // 29))
    floors = int(rng.integers(min(most, 1 + width // 90), most + 1))
    height = rng.uniform(0.8, 1) * min(54, room / floors)
    # The first floor is the tallest and the top floor the lowest, as on most town houses.
    heights = np.linspace(1.06, 0.94, floors) * max(height, min(29, room / floors))
    lines = ground - ground_floor - np.round(np.cumsum(heights)).astype(int)
    return (ground, ground - ground_floor, *lines.tolist())


def _draw_bays(rng: np.random.Generator, left: int, right: int, narrowest: int) -> tuple[int, ...]:
    width = right - left
    count = int(np.clip(round(width / rng.uniform(narrowest, 46)), 1, 7))
    while count > 1 and width / count < narrowest:
        count -= 1
    shares = np.ones(count)
    if count > 2:  # one bay, mostly the middle one, is wider than the others
        shares[count // 2 if rng.random() < 0.7 else rng.integers(count)] = rng.uniform(1, 1.3)
    lines = left + np.round(np.cumsum(shares) / shares.sum() * width).astype(int)
    return (left, *lines.tolist())
