"""Figures beside the page: curves, and how a metric spreads over the images."""

import io
import math
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tfpix2pix.files import write_atomically
from tfpix2pix.report.document import Document, Metric, Panel, Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = ("tab:blue", "tab:orange", "tab:green", "tab:purple")
DASHES = ("-", "--", ":", "-.")
BINS = 20
DPI = 120

# Names of files may hold dollar signs, and equal documents give equal files.
_DRAWING: Any = {"text.parse_math": False, "svg.hashsalt": "tfpix2pix"}


def save_figure(draw: Callable[[], "Figure"], path: Path) -> None:
    """Writes `path`.png and `path`.svg.

    Args:
        draw: makes the figure.
        path: without a suffix.

    Raises:
        UserError: the folder cannot be written.
    """
    import matplotlib

    with matplotlib.rc_context(_DRAWING), warnings.catch_warnings():
        # A name's letters that the font lacks are drawn as boxes: no reason to talk.
        warnings.filterwarnings("ignore", message="Glyph")
        figure = draw()
        for suffix in ("png", "svg"):
            file = io.BytesIO()
            metadata = {"Date": None} if suffix == "svg" else {}
            figure.savefig(file, format=suffix, dpi=DPI, metadata=metadata)
            write_atomically(path.with_name(f"{path.name}.{suffix}"), file.getvalue())


def panels_of(document: Document) -> list[Panel]:
    """The document's panels that have curves, and one for each curve that stands in none."""
    measured = {name: None for run in document.runs for name, line in run.curves.items() if line}
    placed = {name for panel in document.panels for name in panel.names}
    others = [Panel(name, (name,)) for name in measured if name not in placed]
    return [panel for panel in (*document.panels, *others) if set(panel.names) & set(measured)]


def curves_figure(document: Document) -> "Figure":
    """Losses and metrics over the steps, the same panels as the page's.

    With one run each name has its colour; with two each run has, and names differ by dashes.
    """
    panels = panels_of(document)
    figure, grid = _grid(len(panels))
    for axes, panel in zip(grid, panels, strict=True):
        for order, name in enumerate(panel.names):
            for index, run in enumerate(document.runs):
                _draw_curve(axes, run, name, order, index if len(document.runs) > 1 else None)
        axes.set_title(panel.title)
        axes.set_xlabel("step")
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small")
    return figure


def _draw_curve(axes: Any, run: Run, name: str, order: int, index: int | None) -> None:
    points = np.array(run.curves.get(name, ()), float).reshape(-1, 2)
    if len(points):
        axes.plot(
            *points.T,
            label=name if index is None else f"{name}, {run.name}",
            color=COLOURS[(order if index is None else index) % len(COLOURS)],
            linestyle=DASHES[0 if index is None else order % len(DASHES)],
            marker="." if len(points) < 40 else None,
        )


def distributions_figure(document: Document) -> "Figure":
    """A histogram of each metric over the images, with its mean (line) and interval (band).

    Infinite figures (PSNR where images are equal) and missing ones are counted in the title.
    """
    figure, grid = _grid(len(document.metrics))
    for axes, metric in zip(grid, document.metrics, strict=True):
        values = [_values(document, metric, index) for index in range(len(document.runs))]
        finite = [figures[np.isfinite(figures)] for figures in values]
        left_out = sum(map(len, values)) - sum(map(len, finite))
        together = np.concatenate(finite)
        edges = np.histogram_bin_edges(together, BINS if len(together) else 1)
        for index, run in enumerate(document.runs):
            axes.hist(finite[index], edges, alpha=0.5, color=COLOURS[index], label=run.name)
            _draw_interval(axes, run, metric, COLOURS[index])
        axes.set_title(metric.label + (f" ({left_out} not finite, left out)" if left_out else ""))
        better = "higher" if metric.higher_is_better else "lower"
        unit = f"{metric.unit}, " if metric.unit else ""
        axes.set_xlabel(f"{unit}{better} is better")
        axes.set_ylabel("images")
        axes.legend(fontsize="small")
    return figure


def _values(document: Document, metric: Metric, index: int) -> np.ndarray:
    figures = [image.figures[index].get(metric.name) for image in document.images]
    return np.array([math.nan if figure is None else figure for figure in figures])


def _draw_interval(axes: Any, run: Run, metric: Metric, colour: str) -> None:
    for summary in run.summaries:
        if summary.metric == metric.name and math.isfinite(summary.value):
            axes.axvline(summary.value, color=colour)
            ends = (summary.low, summary.high)
            if all(end is not None and math.isfinite(end) for end in ends):
                axes.axvspan(*ends, color=colour, alpha=0.25, linewidth=0)


def _grid(count: int) -> "tuple[Figure, Iterator[Any]]":
    """A figure of `count` panels, two side by side."""
    # No pyplot, which keeps figures alive.
    from matplotlib.figure import Figure

    columns = min(2, count)
    rows = math.ceil(count / columns)
    figure = Figure(figsize=(5.5 * columns, 3.2 * rows), layout="constrained")
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for unused in axes[count:]:
        unused.remove()
    return figure, iter(axes[:count])
