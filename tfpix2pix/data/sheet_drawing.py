"""Draws contact sheets: cells of two images with text below them. No TensorFlow here."""

import functools
import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image as Sheet
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont
    from PIL.ImageFont import ImageFont as BitmapFont

COLUMNS = 4
IMAGE = 160
GAP = 4
MARGIN = 16
CELL_WIDTH = 2 * IMAGE + GAP
LINE = 15
LINES = 5
TITLE = 34
FONT_SIZE = 12
TITLE_SIZE = 18
# So many characters of the font fit below a cell's images.
LINE_LENGTH = 50

WHITE, TEXT, FAINT, EMPTY, RED = (
    *((255, 255, 255), (40, 40, 40), (130, 130, 130), (235, 235, 235), (214, 39, 40)),
)


class Cell(NamedTuple):
    """A pair on a contact sheet.

    Attributes:
        name: of the pair.
        input, target: [H, W, 3] uint8, or None where they cannot be read.
        section: the title that it stands under, such as its split.
        size: as text.
        problem: why it cannot be used; empty: it can.
    """

    name: str
    input: np.ndarray | None
    target: np.ndarray | None
    section: str = ""
    size: str = ""
    problem: str = ""


def contact_sheet(cells: Sequence[Cell], *, title: str = "", columns: int = COLUMNS) -> np.ndarray:
    """Draws cells in the order given, with a title where a section begins: uint8 [H, W, 3].

    Args:
        cells: the pairs.
        title: of the whole sheet.
        columns: how many cells are side by side.
    """
    from PIL import Image, ImageDraw

    columns = min(columns, max(1, len(cells)))
    rows = [*filter(None, [title]), *_rows(cells, columns)]
    heights = [_row_height(row) for row in rows]
    cells_width = MARGIN + columns * (CELL_WIDTH + MARGIN)
    width = max(cells_width, 2 * MARGIN + round(load_font(TITLE_SIZE).getlength(_drawable(title))))
    sheet = Image.new("RGB", (width, MARGIN + sum(heights)), WHITE)
    draw = ImageDraw.Draw(sheet)
    top = MARGIN
    for row, height in zip(rows, heights, strict=True):
        if isinstance(row, str):
            write_line(draw, (MARGIN, top + 4), row, TEXT, size=TITLE_SIZE)
        else:
            for place, cell in enumerate(row):
                left = MARGIN + place * (CELL_WIDTH + MARGIN)
                _draw_cell(sheet, draw, cell, left, top, _images_height(row))
        top += height
    return np.array(sheet)


def shrunk(image: np.ndarray) -> np.ndarray:
    """The image as small as it is shown, uint8 [H, W, 3]; one that is smaller stays as it is."""
    from PIL import Image

    height, width = _fitted(image)
    if max(image.shape[:2]) <= IMAGE:
        return image
    return np.array(Image.fromarray(image).resize((width, height), Image.Resampling.LANCZOS))


def _rows(cells: Sequence[Cell], columns: int) -> Iterator[str | list[Cell]]:
    """Titles and rows of cells."""
    row: list[Cell] = []
    section = ""
    for cell in cells:
        if row and (len(row) == columns or cell.section != section):
            yield row
            row = []
        if cell.section != section:
            section = cell.section
            yield section
        row.append(cell)
    if row:
        yield row


def _row_height(row: str | list[Cell]) -> int:
    if isinstance(row, str):
        return TITLE
    return _images_height(row) + max(len(_text_lines(cell)) for cell in row) * LINE + MARGIN


def _images_height(row: Sequence[Cell]) -> int:
    images = [image for cell in row for image in (cell.input, cell.target)]
    return max(IMAGE if image is None else _fitted(image)[0] for image in images)


def _fitted(image: np.ndarray) -> tuple[int, int]:
    """The size at which an image is shown; small ones are enlarged by a whole number."""
    height, width = image.shape[:2]
    scale = IMAGE / max(height, width)
    scale = int(scale) if scale > 1 else scale
    return max(1, round(height * scale)), max(1, round(width * scale))


def _draw_cell(
    sheet: "Sheet", draw: "ImageDraw", cell: Cell, left: int, top: int, height: int
) -> None:
    from PIL import Image

    for place, image in enumerate((cell.input, cell.target)):
        corner = (left + place * (IMAGE + GAP), top)
        if image is None:
            draw.rectangle((*corner, corner[0] + IMAGE - 1, top + height - 1), EMPTY)
            continue
        shown = Image.fromarray(shrunk(image))
        sheet.paste(shown.resize(_fitted(image)[::-1], Image.Resampling.NEAREST), corner)
    if cell.problem:
        box = (left - 4, top - 4, left + CELL_WIDTH + 3, top + height + 3)
        draw.rectangle(box, outline=RED, width=3)
    for number, (line, colour) in enumerate(_text_lines(cell)):
        write_line(draw, (left, top + height + 5 + number * LINE), line, colour)


def _text_lines(cell: Cell) -> list[tuple[str, tuple[int, int, int]]]:
    name = cell.name
    if len(name) > LINE_LENGTH:
        name = "..." + name[3 - LINE_LENGTH :]
    reason = textwrap.wrap(cell.problem, LINE_LENGTH, max_lines=LINES - 2, placeholder=" ...")
    lines = [(name, TEXT), (cell.size, FAINT), *((line, RED) for line in reason)]
    return [line for line in lines if line[0]]


def write_line(
    draw: "ImageDraw",
    place: tuple[int, int],
    text: str,
    colour: tuple[int, int, int],
    size: int = FONT_SIZE,
) -> None:
    """Draws a line of text, its top left corner at `place`."""
    draw.text(place, _drawable(text), fill=colour, font=load_font(size))


def _drawable(text: str) -> str:
    """File names may hold bytes that are no text."""
    return text.encode(errors="replace").decode()


@functools.cache
def load_font(size: int) -> "FreeTypeFont | BitmapFont":
    """The font of sheets, in pixels."""
    from PIL import ImageFont

    return ImageFont.load_default(size)
