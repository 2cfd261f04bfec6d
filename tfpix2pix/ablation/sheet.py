"""The sheet of a set: a row for each pair; input, target, and the answer of each run side by side.

With many runs the columns are broken into blocks below each other, each with input and target
again. Images are uint8 RGB.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tfpix2pix.data.sheet_drawing import FONT_SIZE, LINE, MARGIN, TEXT, WHITE, load_font, write_line
from tfpix2pix.training.samples import GUTTER, image_grid

# Tiles are as wide as captions need, and no larger than a screen can show side by side.
SMALLEST_TILE, LARGEST_TILE = 96, 256
# Pixels of a block's width, at the most.
WIDTH = 2400


class Column(NamedTuple):
    """What stands in a column.

    Attributes:
        caption: lines of text.
        images: uint8 [N, H, W, 3].
    """

    caption: Sequence[str]
    images: np.ndarray


def comparison_sheet(common: Sequence[Column], answers: Sequence[Column]) -> np.ndarray:
    """Draws the sheet: uint8 [H, W, 3].

    Args:
        common: columns that every block begins with: input and target.
        answers: a column for each run, of as many images, of the same size.
    """
    columns = [Column(c.caption, _at_tile_size(c.images)) for c in (*common, *answers)]
    common, answers = columns[: len(common)], columns[len(common) :]
    width = columns[0].images.shape[2] + GUTTER
    fitting = max(1, WIDTH // width - len(common))
    # Blocks of equal width, rather than a last one of few columns.
    each = math.ceil(len(answers) / math.ceil(len(answers) / fitting))
    blocks = [
        _block([*common, *answers[first : first + each]]) for first in range(0, len(answers), each)
    ]
    return _stacked(blocks)


def _at_tile_size(images: np.ndarray) -> np.ndarray:
    """Enlarged by a whole number if small, shrunk if large, else as they are."""
    from PIL import Image

    height, width = images.shape[1:3]
    if max(height, width) > LARGEST_TILE:
        scale = LARGEST_TILE / max(height, width)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        shrunk = [Image.fromarray(i).resize(size, Image.Resampling.LANCZOS) for i in images]
        return np.stack([np.array(image) for image in shrunk])
    factor = math.ceil(SMALLEST_TILE / width)
    return images.repeat(factor, axis=1).repeat(factor, axis=2)


def _block(columns: Sequence[Column]) -> np.ndarray:
    """A grid of images with the captions above it, in a margin."""
    from PIL import Image, ImageDraw

    grid = image_grid([column.images for column in columns])
    tile = columns[0].images.shape[2]
    captions = [_wrapped(column.caption, tile) for column in columns]
    head = max(map(len, captions)) * LINE + GUTTER
    size = (grid.shape[1] + 2 * MARGIN, grid.shape[0] + head + 2 * MARGIN)
    block = Image.new("RGB", size, WHITE)
    block.paste(Image.fromarray(grid), (MARGIN, MARGIN + head))
    draw = ImageDraw.Draw(block)
    for place, lines in enumerate(captions):
        # Ending right above the images.
        top = MARGIN + head - GUTTER - len(lines) * LINE
        left = MARGIN + place * (tile + GUTTER)
        for number, line in enumerate(lines):
            write_line(draw, (left, top + number * LINE), line, TEXT)
    return np.array(block)


def _wrapped(lines: Sequence[str], width: int) -> list[str]:
    """Lines no wider than `width` pixels, broken where they must be."""
    font = load_font(FONT_SIZE)
    wrapped = []
    for line in lines:
        rest = line
        while rest:
            fitting = len(rest)
            while fitting > 1 and font.getlength(rest[:fitting]) > width:
                fitting -= 1
            wrapped.append(rest[:fitting])
            rest = rest[fitting:]
    return wrapped


def _stacked(blocks: Sequence[np.ndarray]) -> np.ndarray:
    """Below each other on white."""
    width = max(block.shape[1] for block in blocks)
    padded = [
        np.pad(block, ((0, 0), (0, width - block.shape[1]), (0, 0)), constant_values=255)
        for block in blocks
    ]
    return np.concatenate(padded)
