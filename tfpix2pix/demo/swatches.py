"""The colours that the page offers: the classes of label maps, else those of the examples.

Pictures are uint8 RGB [H, W, 3].
"""

import collections
import dataclasses
from collections.abc import Sequence

import numpy as np

from tfpix2pix.data.drawn_facades.palette import PALETTE as CMP_PALETTE
from tfpix2pix.data.drawn_facades.palette import Label
from tfpix2pix.data.formats import Colour, ImageFormat

CMP = tuple((int(r), int(g), int(b)) for r, g, b in CMP_PALETTE)
GRAYS = {"black": 0, "dark gray": 64, "gray": 128, "light gray": 192, "white": 255}
BASIC = {
    "black": (0, 0, 0),
    "white": (255, 255, 255),
    "gray": (128, 128, 128),
    "red": (220, 40, 40),
    "orange": (240, 150, 30),
    "yellow": (250, 220, 60),
    "green": (50, 150, 60),
    "blue": (40, 90, 200),
    "brown": (130, 85, 50),
}
# How far from a colour a JPEG's pixels of it may be, for each channel; which share of the pixels of
# all examples has a colour that is offered; how many are; and which share of the pixels they have
# together: 77 % in the published facades' label maps, 35 % in their photos.
NOISE = 24
LEAST_SHARE = 0.001
MOST_COLOURS = 12
FLAT_SHARE = 0.6


@dataclasses.dataclass(frozen=True)
class Swatches:
    """What can be drawn with.

    Attributes:
        colours: RGB, by their names.
        paper: what the canvas is before it is drawn on, and where it is erased.
    """

    colours: dict[str, Colour]
    paper: Colour


def swatches_of(source: ImageFormat, examples: Sequence[np.ndarray]) -> Swatches:
    """The colours for inputs of a format; `examples` are some of them."""
    if source.palette:
        return Swatches(_classes(source.palette), source.palette[0])
    if source.channels == 1:
        return Swatches({name: (g, g, g) for name, g in GRAYS.items()}, (255, 255, 255))
    if examples:
        pixels = np.concatenate([picture[::2, ::2].reshape(-1, 3) for picture in examples])
        if _share_near(pixels, CMP) >= FLAT_SHARE:
            return Swatches(_classes(CMP), CMP[Label.BACKGROUND])
        flat = _flat_colours(pixels)
        if flat and _share_near(pixels, flat) >= FLAT_SHARE:
            return Swatches({_hex(colour): colour for colour in flat}, flat[0])
    return Swatches(dict(BASIC), BASIC["white"])


def _classes(palette: Sequence[Colour]) -> dict[str, Colour]:
    if tuple(palette) == CMP:
        return {label.name.lower(): CMP[label] for label in Label}
    return {f"class {number} {_hex(colour)}": colour for number, colour in enumerate(palette)}


def _share_near(pixels: np.ndarray, colours: Sequence[Colour]) -> float:
    """Which share of pixels [N, 3] is of one of the colours, but for noise."""
    near = np.zeros(len(pixels), bool)
    for colour in colours:
        near |= (np.abs(pixels.astype(np.int16) - np.array(colour, np.int16)) <= NOISE).all(axis=1)
    return float(near.mean())


def _flat_colours(pixels: np.ndarray) -> list[Colour]:
    """The commonest colours, the most common first, none within the noise of another."""
    counts = collections.Counter(map(tuple, pixels.tolist()))
    found: list[Colour] = []
    for colour, count in counts.most_common():
        if len(found) == MOST_COLOURS or count < LEAST_SHARE * len(pixels):
            break
        if all(max(map(_distance, colour, other)) > NOISE for other in found):
            found.append(colour)
    return found


def _distance(one: int, other: int) -> int:
    return abs(one - other)


def _hex(colour: Colour) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)
