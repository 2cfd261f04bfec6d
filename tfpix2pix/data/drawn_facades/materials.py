"""Colours and surfaces: what walls and roofs are made of.

A surface is a `Patch`: colour as float32 RGB [H, W, 3] in [0, 1] before light falls on it, and
relief as float32 [H, W], the height above the wall in pixels, for `lighting.py` to shade.
Random numbers only vary a surface by a few percent; what it is made of follows from the trim
of its house, which the label map shows.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from tfpix2pix.data.drawn_facades.parts import Trim

Colour = tuple[float, float, float]


class Patch(NamedTuple):
    """A painted surface; where `opaque` is False, what lies behind shows through."""

    colour: np.ndarray
    relief: np.ndarray
    opaque: np.ndarray | None = None


class Finish(NamedTuple):
    """The colours of one house."""

    wall: Callable[[int, int, Colour, np.random.Generator], Patch]
    wall_colour: Colour
    stone: Colour  # cornices, sills, mouldings, pillars and panels
    frame: Colour  # of the windows
    door: Colour
    blind: Colour
    shop: Colour


def plain(height: int, width: int, colour: Colour, relief: float = 0.0) -> Patch:
    """One colour at one height."""
    return Patch(
        np.full((height, width, 3), colour, dtype=np.float32),
        np.full((height, width), relief, dtype=np.float32),
    )


def soft_noise(rng: np.random.Generator, height: int, width: int, cell: int) -> np.ndarray:
    """Smooth noise in [-1, 1], [H, W]: random values every `cell` pixels, interpolated."""
    rows, columns = np.arange(height) / cell, np.arange(width) / cell
    grid = rng.uniform(-1, 1, (height // cell + 2, width // cell + 2)).astype(np.float32)
    row, column = rows.astype(int), columns.astype(int)
    down, right = _eased(rows - row)[:, None], _eased(columns - column)[None, :]
    above = grid[row][:, column] * (1 - right) + grid[row][:, column + 1] * right
    below = grid[row + 1][:, column] * (1 - right) + grid[row + 1][:, column + 1] * right
    return (above * (1 - down) + below * down).astype(np.float32)


def _eased(share: np.ndarray) -> np.ndarray:
    """Smoothstep: leaves 0 and reaches 1 with no slope, so that the grid cannot be seen."""
    return share * share * (3 - 2 * share)


def _courses(
    height: int, width: int, course: int, length: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Running bond: whether a pixel is joint, and a random value in [-1, 1] for its brick.

    Courses are counted from the ground, and joints from the left edge of the wall, so that
    where they lie follows from the label map.
    """
    rows = (height - 1 - np.arange(height))[:, None]
    row = rows // course
    columns = np.arange(width)[None, :] + (row % 2) * (length // 2)
    joint = (rows % course == course - 1) | (columns % length == 0)
    shade = rng.uniform(-1, 1, (height // course + 1, width // length + 2)).astype(np.float32)
    return joint, shade[row, columns // length]


def brick(height: int, width: int, colour: Colour, rng: np.random.Generator) -> Patch:
    """Small bricks in running bond; no two have quite the same colour."""
    joint, shade = _courses(height, width, 5, 12, rng)
    wall = plain(height, width, colour)
    wall.colour[...] *= (1 + 0.10 * shade)[..., None]
    mortar = 0.68 * np.array(colour) + 0.32 * np.array((0.74, 0.70, 0.65))
    wall.colour[joint] = mortar
    wall.relief[joint] = -0.5
    return wall


def blocks(height: int, width: int, colour: Colour, rng: np.random.Generator) -> Patch:
    """Large cut stones with deep joints."""
    joint, shade = _courses(height, width, 12, 26, rng)
    wall = plain(height, width, colour)
    wall.colour[...] *= (1 + 0.035 * shade)[..., None]
    wall.colour[joint] *= 0.80
    wall.relief[joint] = -1.0
    return wall


def plaster(height: int, width: int, colour: Colour, rng: np.random.Generator) -> Patch:
    """An even coat with faint clouds."""
    wall = plain(height, width, colour)
    wall.colour[...] *= (1 + 0.02 * soft_noise(rng, height, width, 17))[..., None]
    return wall


def tiles(height: int, width: int, colour: Colour, rng: np.random.Generator) -> Patch:
    """Roof tiles in rows that overlap downwards."""
    rows = np.arange(height)[:, None]
    columns = np.arange(width)[None, :] + (rows // 5 % 2) * 3
    roof = plain(height, width, colour)
    shade = rng.uniform(-1, 1, (height // 5 + 1, width // 6 + 2)).astype(np.float32)
    curve = np.abs(columns % 6 - 2.5) / 2.5
    tone = 1 + 0.07 * shade[rows // 5, columns // 6] - 0.16 * curve**2 - 0.3 * (rows % 5 == 0)
    # Roofs lean back and catch more of the sky towards the ridge.
    tone = tone * np.linspace(1.08, 0.92, height)[:, None]
    roof.colour[...] *= tone[..., None]
    return roof


STONE: Colour = (0.86, 0.83, 0.75)
WHITE: Colour = (0.93, 0.93, 0.91)
CLAY_TILES: Colour = (0.64, 0.31, 0.20)
SLATES: Colour = (0.33, 0.37, 0.43)
IRON: Colour = (0.11, 0.12, 0.14)

FINISHES = {
    Trim.SILLS: Finish(
        brick, (0.50, 0.17, 0.12), STONE, WHITE,
        door=(0.09, 0.24, 0.19), blind=WHITE, shop=(0.10, 0.27, 0.22),
    ),
    Trim.HOODS: Finish(
        brick, (0.23, 0.22, 0.25), (0.78, 0.76, 0.72), WHITE,
        door=(0.66, 0.14, 0.12), blind=WHITE, shop=(0.52, 0.12, 0.11),
    ),
    Trim.SHUTTERS: Finish(
        plaster, (0.50, 0.66, 0.44), (0.92, 0.91, 0.82), WHITE,
        door=(0.45, 0.25, 0.13), blind=(0.12, 0.33, 0.25), shop=(0.13, 0.32, 0.25),
    ),
    Trim.ROLLERS: Finish(
        plaster, (0.27, 0.44, 0.63), (0.88, 0.90, 0.91), WHITE,
        door=(0.12, 0.20, 0.36), blind=(0.93, 0.88, 0.74), shop=(0.13, 0.20, 0.38),
    ),
    Trim.DECO: Finish(
        plaster, (0.91, 0.68, 0.25), (0.95, 0.90, 0.78), (0.40, 0.23, 0.14),
        door=(0.40, 0.22, 0.12), blind=WHITE, shop=(0.45, 0.12, 0.16),
    ),
    Trim.BALCONIES: Finish(
        plaster, (0.97, 0.95, 0.91), (0.70, 0.69, 0.68), (0.22, 0.23, 0.25),
        door=(0.80, 0.42, 0.14), blind=WHITE, shop=(0.24, 0.25, 0.28),
    ),
    Trim.PILLARS: Finish(
        blocks, (0.78, 0.72, 0.61), (0.93, 0.90, 0.82), (0.30, 0.21, 0.15),
        door=(0.28, 0.17, 0.11), blind=WHITE, shop=(0.28, 0.18, 0.12),
    ),
    Trim.BANDS: Finish(
        plaster, (0.79, 0.45, 0.37), (0.95, 0.89, 0.80), WHITE,
        door=(0.10, 0.34, 0.38), blind=WHITE, shop=(0.10, 0.34, 0.38),
    ),
}  # fmt: skip
