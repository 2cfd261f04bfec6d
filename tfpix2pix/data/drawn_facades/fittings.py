"""Painters of all that sits on or in a wall: windows, doors, trims, balconies and shops.

A painter takes (height, width, finish, rng) and returns a `Patch` (see `materials.py`): colour
in [0, 1] before light, relief in pixels above the wall.
"""

from itertools import pairwise

import numpy as np

from tfpix2pix.data.drawn_facades.materials import IRON, Colour, Finish, Patch, plain

GLASS_HIGH = np.array((0.62, 0.74, 0.84), dtype=np.float32)  # mirrors the sky
GLASS_LOW = np.array((0.13, 0.18, 0.23), dtype=np.float32)  # shows the dark room
TERRACOTTA: Colour = (0.66, 0.25, 0.14)
CURTAIN = np.array((0.86, 0.83, 0.77), dtype=np.float32)


def glass(height: int, width: int, rng: np.random.Generator) -> Patch:
    """A pane that mirrors the sky at its top, with a slanted gleam."""
    down = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    along = np.linspace(0, 1, width, dtype=np.float32)[None, :]
    mirrored = np.clip(0.75 - 0.75 * down + rng.uniform(-0.04, 0.04), 0, 1) * np.ones_like(along)
    gleam = np.abs(along + 0.6 * down - 0.75) < 0.14
    mirrored = mirrored + 0.14 * gleam
    pane = plain(height, width, (0, 0, 0), -3.0)
    pane.colour[...] = GLASS_LOW + (GLASS_HIGH - GLASS_LOW) * mirrored[..., None]
    return pane


def window(height: int, width: int, finish: Finish, rng: np.random.Generator) -> Patch:
    """Casement with a transom bar at a third of its height, and curtains at both sides."""
    pane = glass(height, width, rng)
    drawn = 2 + max(2, round(width * rng.uniform(0.16, 0.24)))
    for columns in (slice(2, drawn), slice(width - drawn, width - 2)):
        folds = 0.9 + 0.1 * (np.arange(drawn - 2) % 3 == 0)
        pane.colour[:, columns] *= 0.45
        pane.colour[:, columns] += 0.5 * CURTAIN * folds[None, :, None]
    bars = np.zeros((height, width), dtype=bool)
    bars[:, width // 2 - 1 : width // 2 + 1] = True
    if height >= 18:
        bars[height // 3 : height // 3 + 2] = True
    pane.colour[bars] = finish.frame
    pane.relief[bars] = -2.0
    return pane


def add_frame(patch: Patch, mask: np.ndarray, colour: Colour) -> None:
    """Paints a frame of two pixels along the inner edge of the mask, arched or not."""
    padded = np.pad(mask, 2)
    inner = padded[:-4, 2:-2] & padded[4:, 2:-2] & padded[2:-2, :-4] & padded[2:-2, 4:]
    rim = mask & ~inner
    patch.colour[rim] = colour
    patch.relief[rim] = -1.5


def door(height: int, width: int, finish: Finish, rng: np.random.Generator) -> Patch:
    """Panelled wood under a fanlight."""
    leaf = plain(height, width, finish.door, -2.0)
    light = height // 4
    leaf.colour[2:light, 2:-2] = glass(light - 2, width - 4, rng).colour
    leaf.relief[2:light, 2:-2] = -3.0
    rows = np.linspace(light + 3, height - 2, 4).astype(int).tolist()
    for top, bottom in pairwise(rows):
        for left, right in ((3, width // 2 - 1), (width // 2 + 1, width - 3)):
            leaf.relief[top : bottom - 2, left:right] = -3.0
            leaf.colour[top : bottom - 2, left:right] *= 1.12
    leaf.colour[light + 3 :, width // 2] *= 0.6
    middle = (light + height) // 2
    leaf.colour[middle : middle + 2, width // 2 + 2 : width // 2 + 4] = (0.85, 0.70, 0.35)
    return leaf


def cornice(height: int, width: int, finish: Finish, rng: np.random.Generator) -> Patch:
    """A stone ledge that steps out towards its top; a tall one stands on small brackets."""
    ledge = plain(height, width, finish.stone)
    ledge.relief[...] = np.linspace(4.5, 3.0, height)[:, None]
    if height >= 7:
        ledge.relief[4:, np.arange(width) % 6 < 2] = 0.5
        ledge.colour[4:, np.arange(width) % 6 < 2] *= 0.8
    return ledge


def coping(height: int, width: int, finish: Finish, rng: np.random.Generator) -> Patch:
    """The stone edge of a front gable."""
    return plain(height, width, finish.stone, 2.0)


def sill(height: int, width: int, finish: Finish, rng: np.random.Generator) -> Patch:
    """A slab that throws its shadow on the wall below."""
    return plain(height, width, finish.stone, 3.0)


def molding(height: int, width: int, finish: Finish, rng: np.random.Generator) -> Patch:
    """A string course with two steps."""
    band = plain(height, width, finish.stone, 2.0)
    band.relief[height // 2 :] = 1.0
    return band


def pillar(height: int, width: int, finish: Finish, rng: np.random.Generator) -> Patch:
    """A half column with base and capital."""
    shaft = plain(height, width, finish.stone, 3.0)
    across = np.linspace(-1, 1, width, dtype=np.float32)
    shaft.colour[...] *= (1.02 - 0.12 * across - 0.12 * across**2)[None, :, None]
    shaft.relief[5:-5, [0, -1]] = 1.5
    shaft.colour[[5, -6]] *= 0.75
    return shaft


def deco(height: int, width: int, finish: Finish, rng: np.random.Generator) -> Patch:
    """A framed panel with a row of carved lozenges."""
    panel = plain(height, width, TERRACOTTA, 1.5)
    rows = np.abs(np.arange(height) - (height - 1) / 2)[:, None] / max(height / 2 - 1, 1)
    period = max(6, width // max(1, width // 8))
    columns = np.abs(np.arange(width) % period - (period - 1) / 2)[None, :] / (period / 2)
    carved = rows + columns < 0.8
    carved[[0, -1]] = True
    carved[:, [0, -1]] = True
    panel.colour[carved] = finish.stone
    panel.relief[carved] = 2.5
    return panel


def shutter(height: int, width: int, finish: Finish, rng: np.random.Generator) -> Patch:
    """A louvred leaf, folded back against the wall."""
    leaf = plain(height, width, finish.blind, 1.5)
    louvres = np.arange(height) % 3 == 2
    louvres[[0, 1, -1, -2]] = False
    leaf.colour[louvres, 1:-1] *= 0.62
    middle = height // 2
    leaf.colour[middle : middle + 2] = finish.blind
    return leaf


def roller(height: int, width: int, finish: Finish, rng: np.random.Generator) -> Patch:
    """A slatted blind, let down part of the way."""
    blind = plain(height, width, finish.blind, -1.5)
    blind.colour[np.arange(height) % 4 == 3] *= 0.84
    blind.colour[:, :2] = blind.colour[:, -2:] = finish.frame
    blind.colour[-2:] *= 0.8
    return blind


def balcony(height: int, width: int, finish: Finish, rng: np.random.Generator) -> Patch:
    """An iron railing on a slab; the wall shows between the bars."""
    railing = plain(height, width, IRON, 4.0)
    opaque = np.zeros((height, width), dtype=bool)
    opaque[:2] = True
    opaque[:, np.arange(width) % 4 < 1] = True
    opaque[:, [0, 1, -1, -2]] = True
    railing.colour[-4:] = finish.stone
    railing.relief[-4:] = 6.0
    opaque[-4:] = True
    return Patch(railing.colour, railing.relief, opaque)


def shop(height: int, width: int, finish: Finish, rng: np.random.Generator) -> Patch:
    """Sign, striped awning, glazing with a lit display, stall riser."""
    front = plain(height, width, finish.shop)
    _sign(front, finish.shop, rng)
    panes = max(1, round(width / 30))
    lines = np.linspace(2, width - 2, panes + 1).astype(int).tolist()
    for left, right in pairwise(lines):
        _display(front, slice(17, height - 6), slice(left + 1, right - 1), rng)
    stripes = np.arange(width) // 5 % 2 == 0
    front.colour[9:18, stripes] = 0.25 * np.array(finish.shop) + 0.75 * np.array((1, 0.96, 0.88))
    front.colour[9:18] *= np.linspace(1.1, 0.9, 9)[:, None, None]
    front.relief[9:18] = np.linspace(2, 7, 9)[:, None]
    return front


def _sign(front: Patch, colour: Colour, rng: np.random.Generator) -> None:
    """A board with what reads as lettering from across the street."""
    width = front.relief.shape[1]
    front.relief[:8] = 1.5
    letters = np.arange(width) % 4 < 3
    letters[: width // 4] = letters[-(width // 4) :] = False
    letters &= np.repeat(rng.random(width // 4 + 1) < 0.85, 4)[:width]
    front.colour[2:6, letters] = 0.3 * np.array(colour) + 0.7 * np.array((0.95, 0.85, 0.60))


def _display(front: Patch, rows: slice, columns: slice, rng: np.random.Generator) -> None:
    """One shop window: glass, warmly lit from below, before a dim room."""
    height, width = rows.stop - rows.start, columns.stop - columns.start
    pane = glass(height, width, rng).colour * 0.75
    glow = np.linspace(0, 1, height, dtype=np.float32)[:, None, None] ** 2
    pane += glow * np.array((0.62, 0.47, 0.26), dtype=np.float32)
    front.colour[rows, columns] = pane
    front.relief[rows, columns] = -2.0
