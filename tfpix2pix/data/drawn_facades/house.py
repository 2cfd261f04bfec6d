"""A random house: roof, floors and ground floor as lists of parts.

Positions are whole pixels on the canvas of `parts.py`. Nothing here knows about colours; all
that the photo will show of a house, but for small variations, follows from these parts.
"""

from itertools import pairwise

import numpy as np

from tfpix2pix.data.drawn_facades.frame import CROWN, Frame, draw_frame
from tfpix2pix.data.drawn_facades.palette import Label
from tfpix2pix.data.drawn_facades.parts import House, Part, Trim

MIN_DETAIL = 4  # pixels; smaller parts would be lost when the pair is shrunk to 128 x 128
OVERHANG = 3  # how far crowns and sills stick out sideways


def draw_house(rng: np.random.Generator, trim: Trim, left: int, right: int, ground: int) -> House:
    """Draws a house that fills the columns left..right and stands on the row `ground`."""
    frame = draw_frame(rng, trim, left, right, ground)
    parts = [
        *_roof(rng, frame),
        *_bands(frame),
        *_upper_floors(rng, frame),
        *_pillars(frame),
        *_ground_floor(rng, frame),
        *_crown(frame),
    ]
    return House(frame.trim, left, right, frame.eaves, tuple(parts))


def _roof(rng: np.random.Generator, frame: Frame) -> list[Part]:
    """Wall and roof, with chimneys behind the roof and dormers on it."""
    top, left, right = frame.eaves - CROWN - frame.roof_height, frame.left, frame.right
    if frame.roof in ("gable", "steps"):
        rise = frame.roof_height
        coping = Part(Label.CORNICE, "coping", top, left, frame.eaves, right, frame.roof, rise)
        wall = coping._replace(label=Label.FACADE, role="wall", top=top + 5, bottom=frame.ground)
        middle, eye = (left + right) // 2, max(MIN_DETAIL + 2, frame.roof_height // 4)
        window = Part(
            Label.WINDOW, "window", frame.eaves - CROWN - int(1.5 * eye), middle - eye // 2 - 1,
            frame.eaves - CROWN, middle + eye // 2 + 1, "arch", eye // 2,
        )  # fmt: skip
        return [coping, wall, window]
    wall = Part(Label.FACADE, "wall", frame.eaves, left, frame.ground, right)
    if frame.roof == "flat":
        return [*_pediment(rng, frame), wall]
    eaves = frame.eaves - CROWN
    roof = Part(Label.FACADE, frame.roof, top, left, eaves, right, frame.roof, frame.roof_height)
    chimneys = [
        Part(Label.FACADE, "chimney", top - 9, column, eaves - 4, column + 9)
        for column in (left + (right - left) * np.array([0.28, 0.66])).astype(int).tolist()
        if right - left > 60 and rng.random() < 0.5
    ]
    return [*chimneys, roof, *(_dormers(frame) if frame.roof == "mansard" else []), wall]


def _pediment(rng: np.random.Generator, frame: Frame) -> list[Part]:
    """A small gable with an eye in the middle of a wide flat front."""
    middle, half = (frame.left + frame.right) // 2, (frame.right - frame.left) // 5
    rise, bottom = half * 2 // 3, frame.eaves - CROWN
    top = bottom - rise
    if half < 20 or top < MIN_DETAIL or rng.random() < 0.4:
        return []
    coping = Part(Label.CORNICE, "coping", top, middle - half, bottom, middle + half, "gable", rise)
    field = coping._replace(label=Label.FACADE, role="wall", top=top + 5, bottom=frame.eaves)
    eye = Part(Label.DECO, "deco", bottom - 9, middle - 6, bottom - 2, middle + 6, "arch", 4)
    return [coping, field, eye] if half > 22 else [coping, field]


def _dormers(frame: Frame) -> list[Part]:
    bottom, parts = frame.eaves - CROWN, []
    top = bottom - int(frame.roof_height * 0.62)
    for left, right in list(pairwise(frame.bays))[:: 1 if len(frame.bays) < 5 else 2]:
        middle, half = (left + right) // 2, min(8, (right - left) // 4)
        parts += [
            Part(Label.CORNICE, "cornice", top - 5, middle - half - 4, top, middle + half + 4),
            Part(Label.WINDOW, "window", top, middle - half, bottom, middle + half),
        ]
    return parts


def _crown(frame: Frame) -> list[Part]:
    """The cornice along the eaves; a front gable has its coping instead."""
    if frame.roof in ("gable", "steps"):
        return []
    return [
        Part(Label.CORNICE, "cornice", frame.eaves - CROWN, frame.left - OVERHANG,
             frame.eaves, frame.right + OVERHANG)
    ]  # fmt: skip


def _bands(frame: Frame) -> list[Part]:
    """Mouldings along the floor lines: all of them, or only the one over the ground floor."""
    lines = {
        Trim.BANDS: frame.storeys[1:-1],
        Trim.DECO: frame.storeys[1:2],
        Trim.PILLARS: frame.storeys[1:2],
        Trim.HOODS: frame.storeys[1:2],
    }.get(frame.trim, ())
    return [
        Part(Label.MOLDING, "molding", row - 3, frame.left, row + 2, frame.right) for row in lines
    ]


def _pillars(frame: Frame) -> list[Part]:
    if frame.trim is not Trim.PILLARS:
        return []
    columns = [frame.left + 3, *frame.bays[1:-1], frame.right - 3]
    return [
        Part(Label.PILLAR, "pillar", frame.eaves, column - 3, frame.storeys[1] - 3, column + 3)
        for column in columns
    ]


def _upper_floors(rng: np.random.Generator, frame: Frame) -> list[Part]:
    parts = []
    for floor, (bottom, top) in enumerate(pairwise(frame.storeys[1:])):
        for left, right in pairwise(frame.bays):
            parts += _trimmed(rng, frame, _window(frame, top, left, bottom, right))
        if frame.trim is not Trim.BALCONIES and floor == 0 and rng.random() < 0.3:
            middle = (len(frame.bays) - 1) // 2
            parts += _balcony(bottom, frame.bays[middle] + 3, frame.bays[middle + 1] - 3)
        if frame.trim is Trim.BALCONIES:
            parts += _balconies(rng, frame, bottom)
    return parts


def _window(frame: Frame, top: int, left: int, bottom: int, right: int) -> Part:
    height, middle = bottom - top, (left + right) / 2
    head = {Trim.DECO: 0.36, Trim.HOODS: 0.3}.get(frame.trim, 0.2)
    foot = 0.06 if frame.trim is Trim.BALCONIES else 0.24
    width = (right - left) * frame.window_width * (0.8 if frame.trim is Trim.SHUTTERS else 1)
    rows = height - round(head * height) - round(foot * height)
    half = max(6, round(min(width / 2, 0.46 * rows)))
    shape, rise = ("arch", round(half * 0.6)) if frame.arched else ("box", 0)
    return Part(
        Label.WINDOW, "window", top + round(head * height), round(middle) - half,
        bottom - round(foot * height), round(middle) + half, shape, rise,
    )  # fmt: skip


def _trimmed(rng: np.random.Generator, frame: Frame, window: Part) -> list[Part]:
    """A window with all that its house's trim puts around it."""
    top, left, bottom, right = window.top, window.left, window.bottom, window.right
    sill = _sill(window)
    if frame.trim is Trim.HOODS:
        hood = Part(Label.CORNICE, "cornice", top - 5, left - 3, top, right + 3)
        return [window, hood, sill]
    if frame.trim is Trim.DECO:
        height = max(7, round(0.36 * window.height))
        panel = Part(Label.DECO, "deco", top - height, left - 2, top, right + 2)
        return [window, panel, sill]
    if frame.trim is Trim.SHUTTERS:
        leaf = max(MIN_DETAIL, round(window.width * 0.42))
        shutter = Part(Label.BLIND, "shutter", top, left - leaf, bottom, left)
        return [window, shutter, shutter._replace(left=right, right=right + leaf)]
    if frame.trim is Trim.ROLLERS:
        drop = max(MIN_DETAIL + 2, round(window.height * rng.choice([0.35, 0.5, 0.7])))
        return [window, window._replace(label=Label.BLIND, role="roller", bottom=top + drop)]
    return [window, sill] if frame.trim is Trim.SILLS else [window]


def _sill(window: Part) -> Part:
    left, right = window.left - OVERHANG, window.right + OVERHANG
    return Part(Label.SILL, "sill", window.bottom, left, window.bottom + 4, right)


def _balcony(floor: int, left: int, right: int) -> list[Part]:
    return [Part(Label.BALCONY, "balcony", floor - 14, left, floor + 2, right)]


def _balconies(rng: np.random.Generator, frame: Frame, floor: int) -> list[Part]:
    """Balconies along one floor: one for all bays, or one for each."""
    if rng.random() < 0.35:
        return _balcony(floor, frame.left + 4, frame.right - 4)
    bays = pairwise(frame.bays)
    return [part for left, right in bays for part in _balcony(floor, left + 3, right - 3)]


def _ground_floor(rng: np.random.Generator, frame: Frame) -> list[Part]:
    """A door in one bay, and shop fronts or windows in the others."""
    bays = len(frame.bays) - 1
    door_bay = int(rng.integers(bays))
    shop = bays > 1 and rng.random() < 0.45
    arched = frame.arched or rng.random() < 0.25
    others = _shops(frame, door_bay) if shop else _ground_windows(frame, door_bay)
    return [*_door(frame, door_bay, arched), *others]


def _shops(frame: Frame, door_bay: int) -> list[Part]:
    """A shop front on each side of the door that has any bay left."""
    top = frame.storeys[1] + 5
    sides = ((frame.left, frame.bays[door_bay]), (frame.bays[door_bay + 1], frame.right))
    return [
        Part(Label.SHOP, "shop", top, left + 4, frame.ground, right - 4)
        for left, right in sides
        if left < right
    ]


def _ground_windows(frame: Frame, door_bay: int) -> list[Part]:
    top, parts = frame.storeys[1], []
    height = frame.ground - top
    for bay, (left, right) in enumerate(pairwise(frame.bays)):
        if bay == door_bay:
            continue
        window = _window(frame, top, left, frame.ground - 4, right)
        window = window._replace(
            top=top + round(0.26 * height), bottom=frame.ground - round(0.32 * height)
        )
        parts.append(window)
        if frame.trim in (Trim.SILLS, Trim.HOODS, Trim.DECO):
            parts.append(_sill(window))
    return parts


def _door(frame: Frame, bay: int, arched: bool) -> list[Part]:
    left, right = frame.bays[bay], frame.bays[bay + 1]
    middle = (left + right) // 2
    half = int(np.clip((right - left) * 0.26, 7, 10))
    top = frame.storeys[1] + 9
    door = Part(Label.DOOR, "door", top, middle - half, frame.ground, middle + half)
    if arched:
        return [door._replace(shape="arch", rise=half)]
    hood = Part(Label.CORNICE, "cornice", top - 4, middle - half - 4, top, middle + half + 4)
    return [hood, door]
