"""The sheet of examples: the worst, median and best images by the main metric."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tfpix2pix.report.document import Document, Metric

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Images of each kind.
EACH = 3
# Inches: a picture's width, between two, a caption's height, the title with the first captions.
WIDTH, GAP, LINE, HEAD = 2.2, 0.1, 0.3, 0.7
# So many of a caption's letters fit over a picture.
LETTERS = 36


def main_metric(document: Document) -> Metric:
    """The metric that images are sorted by."""
    return next(m for m in document.metrics if m.name == document.main_metric)


def chosen_images(document: Document, each: int = EACH) -> list[tuple[str, list[int]]]:
    """What the sheet shows: a title and numbers of images, worst first.

    Chosen by the main metric of the first run. Images without a figure are left out, and no image
    is shown twice: few images are all shown under one title.
    """
    metric = main_metric(document)
    figures = [image.figures[0].get(metric.name) for image in document.images]
    known = [i for i, figure in enumerate(figures) if figure is not None and not math.isnan(figure)]
    known.sort(key=lambda i: figures[i], reverse=not metric.higher_is_better)  # type: ignore[arg-type, return-value]
    if len(known) <= 3 * each:
        return [("worst to best", known)] if known else []
    middle = (len(known) - each) // 2
    return [
        ("worst", known[:each]),
        ("median", known[middle : middle + each]),
        ("best", known[-each:]),
    ]


def sheet_figure(document: Document, pictures: Mapping[int, Sequence[np.ndarray]]) -> "Figure":
    """Draws the images of `chosen_images`: input, what each run generated, target.

    Args:
        document: with its images.
        pictures: number of an image -> input, target and generated ones, uint8 [H, W, 3].
    """
    from matplotlib.figure import Figure

    rows = [(title, number) for title, numbers in chosen_images(document) for number in numbers]
    columns = 2 + len(document.runs)
    ratio = max(image.height / image.width for image in document.images)
    size = (WIDTH * columns + GAP, (WIDTH * ratio + LINE) * len(rows) + HEAD)
    figure = Figure(figsize=size)
    # Places by hand: a layout engine takes seconds to find the same.
    places = {
        "left": GAP / size[0],
        "right": 1 - GAP / size[0],
        "bottom": GAP / size[1],
        "top": 1 - HEAD / size[1],
        "wspace": GAP / WIDTH,
        "hspace": LINE / (WIDTH * ratio),
    }
    grid = figure.subplots(len(rows), columns, squeeze=False, gridspec_kw=places)
    for axes in grid.flat:
        axes.axis("off")
    figure.suptitle(f"{document.title}: by {main_metric(document).label}", y=1 - 0.15 / size[1])
    for row, (title, number) in zip(grid, rows, strict=True):
        _draw_row(row, document, number, title, pictures[number])
    return figure


def _draw_row(
    row: Sequence[Any], document: Document, number: int, title: str, pictures: Sequence[np.ndarray]
) -> None:
    first, target, *generated = pictures
    image = document.images[number]
    metric = main_metric(document)
    names = [run.name for run in document.runs] if len(document.runs) > 1 else ["generated"]
    captions = []
    for name, figures in zip(names, image.figures, strict=True):
        figure = figures.get(metric.name)
        text = "none" if figure is None else f"{figure:.{metric.digits}f}"
        captions.append(f"{name}: {metric.label} {text}")
    shown = [
        (f"{title}: {image.name}", first),
        *zip(captions, generated, strict=True),
        ("target", target),
    ]
    for axes, (caption, pixels) in zip(row, shown, strict=True):
        axes.imshow(pixels)
        axes.set_title(_shortened(caption), fontsize=8)


def _shortened(caption: str) -> str:
    return caption if len(caption) <= LETTERS else f"{caption[: LETTERS - 1]}…"
