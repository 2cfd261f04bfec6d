"""Renders the photo of a street.

The photo is uint8 RGB [CANVAS, CANVAS, 3]. Everything in it follows from the street's plan but
for what `rng` adds: a few percent of brightness and hue per house, single bricks, clouds.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from tfpix2pix.data.drawn_facades import fittings, materials
from tfpix2pix.data.drawn_facades.lighting import blur, light
from tfpix2pix.data.drawn_facades.materials import FINISHES, Finish, Patch
from tfpix2pix.data.drawn_facades.parts import CANVAS, House, Part, Street, part_mask

ZENITH = np.array((0.33, 0.56, 0.87), dtype=np.float32)
HORIZON = np.array((0.88, 0.92, 0.95), dtype=np.float32)
HEDGE = (0.24, 0.36, 0.17)
PAVEMENT = (0.68, 0.66, 0.62)
KERB = (0.82, 0.81, 0.78)
ASPHALT = (0.33, 0.33, 0.35)
SHADE = (0.16, 0.16, 0.19)  # between two houses
CHIMNEY_BRICK = (0.50, 0.27, 0.21)
HEDGE_ROWS = 18
PAVEMENT_ROWS = 11
PLINTH_ROWS = 7
# What the rows of pavement in front of a house keep of their light, from the wall outwards.
FOOT_SHADOW = (0.55, 0.68, 0.80, 0.90, 0.96)

PAINTERS = {
    "window": fittings.window,
    "door": fittings.door,
    "cornice": fittings.cornice,
    "coping": fittings.coping,
    "sill": fittings.sill,
    "molding": fittings.molding,
    "pillar": fittings.pillar,
    "deco": fittings.deco,
    "shutter": fittings.shutter,
    "roller": fittings.roller,
    "balcony": fittings.balcony,
    "shop": fittings.shop,
}


class Canvas(NamedTuple):
    """What has been painted so far; where `solid` is False, the sky will show."""

    colour: np.ndarray  # float32 [CANVAS, CANVAS, 3]
    relief: np.ndarray  # float32 [CANVAS, CANVAS]
    solid: np.ndarray  # bool [CANVAS, CANVAS]


def draw_photo(street: Street, rng: np.random.Generator) -> np.ndarray:
    """Paints all parts, lights them, and puts the sky behind."""
    canvas = Canvas(
        *materials.plain(CANVAS, CANVAS, ASPHALT)[:2], np.zeros((CANVAS, CANVAS), dtype=bool)
    )
    _paint_hedge(canvas, street.ground, rng)
    _paint_ground(canvas, street, rng)
    _paint_gaps(canvas, street)
    for house in street.houses:
        _paint_house(canvas, house, rng)
    lit = light(canvas.colour, canvas.relief)
    image = np.where(canvas.solid[..., None], lit, _sky(street.ground, rng))
    down, along = np.mgrid[0:CANVAS, 0:CANVAS].astype(np.float32) / CANVAS
    image = image * (1.04 - 0.05 * down - 0.05 * along)[..., None]
    # A lens is softer than a pixel grid; half a blur takes the edge off.
    image = 0.5 * image + 0.5 * blur(image)
    return np.round(np.clip(image, 0, 1) * 255).astype(np.uint8)


def _paint_house(canvas: Canvas, house: House, rng: np.random.Generator) -> None:
    finish = FINISHES[house.trim]
    tint = 1 + rng.uniform(-0.03, 0.03) + rng.uniform(-0.015, 0.015, 3)
    for part in house.parts:
        mask = part_mask(part)
        patch = _paint(part, finish, rng)
        if part.role in ("window", "door"):
            fittings.add_frame(patch, mask, finish.frame)
        if patch.opaque is not None:
            mask &= patch.opaque
        colour = patch.colour * tint.astype(np.float32)
        np.copyto(canvas.colour[part.region], colour, where=mask[..., None])
        np.copyto(canvas.relief[part.region], patch.relief, where=mask)
        canvas.solid[part.region] |= mask


def _paint(part: Part, finish: Finish, rng: np.random.Generator) -> Patch:
    size = part.height, part.width
    if part.role == "wall":
        wall = finish.wall(*size, finish.wall_colour, rng)
        wall.colour[-PLINTH_ROWS:] = 0.6 * np.array(finish.wall_colour) + 0.14
        wall.relief[-PLINTH_ROWS:] = 1.0
        return wall
    if part.role == "chimney":
        return materials.brick(*size, CHIMNEY_BRICK, rng)
    if part.role == "hip":
        return materials.tiles(*size, materials.CLAY_TILES, rng)
    if part.role == "mansard":
        return materials.tiles(*size, materials.SLATES, rng)
    return PAINTERS[part.role](*size, finish, rng)


def _paint_hedge(canvas: Canvas, ground: int, rng: np.random.Generator) -> None:
    """Round bushes along the horizon, as wide as the canvas."""
    columns = np.arange(CANVAS) + rng.integers(40)
    tops = 5 * np.abs(columns % 40 / 20 - 1) ** 2 + 3 * np.abs(columns % 23 / 11.5 - 1) ** 2
    rows = np.arange(HEDGE_ROWS)[:, None]
    where = slice(ground - HEDGE_ROWS, ground)
    leaves = 0.14 * materials.soft_noise(rng, HEDGE_ROWS, CANVAS, 4)
    tone = np.linspace(1.25, 0.75, HEDGE_ROWS)[:, None] + leaves
    canvas.colour[where] = np.array(HEDGE, dtype=np.float32) * tone[..., None]
    canvas.solid[where] = rows >= tops[None, :]


def _paint_ground(canvas: Canvas, street: Street, rng: np.random.Generator) -> None:
    """Pavement, kerb and road, with the shadow at the feet of the houses."""
    ground, kerb = street.ground, street.ground + PAVEMENT_ROWS
    colour = canvas.colour
    canvas.solid[ground:] = True
    colour[ground:kerb] = PAVEMENT
    colour[ground:kerb, np.arange(CANVAS) % 18 == 0] *= 0.88
    colour[kerb : kerb + 2] = KERB
    colour[kerb + 2 : kerb + 4] *= 0.75
    colour[kerb + 2 :] *= 1 + 0.03 * rng.uniform(-1, 1, (CANVAS - kerb - 2, CANVAS, 1))
    for house in street.houses:
        for row, light_left in enumerate(FOOT_SHADOW):
            colour[ground + row, house.left + row : house.right + row] *= light_left


def _paint_gaps(canvas: Canvas, street: Street) -> None:
    """The narrow gaps between houses lie in deep shade, up to the lower one's eaves."""
    for house, neighbour in pairwise(street.houses):
        gap = (
            slice(max(house.eaves, neighbour.eaves), street.ground),
            slice(house.right, neighbour.left),
        )
        canvas.colour[gap], canvas.relief[gap], canvas.solid[gap] = SHADE, -2.0, True


def _sky(ground: int, rng: np.random.Generator) -> np.ndarray:
    """Blue that pales towards the ground and the sun, with soft clouds: [CANVAS, CANVAS, 3]."""
    down = np.arange(CANVAS, dtype=np.float32)[:, None] / ground
    along = np.arange(CANVAS, dtype=np.float32)[None, :] / CANVAS
    haze = np.clip(down + 0.22 * (1 - along) - 0.1, 0, 1)[..., None]
    sky = ZENITH + (HORIZON - ZENITH) * haze
    clouds = materials.soft_noise(rng, CANVAS, CANVAS, 52)
    clouds = clouds + 0.6 * materials.soft_noise(rng, CANVAS, CANVAS, 22)
    clouds = clouds + 0.3 * materials.soft_noise(rng, CANVAS, CANVAS, 9)
    cover = np.clip(clouds - 0.15, 0, 1)[..., None]
    return sky + 0.5 * cover * (0.97 - sky)
