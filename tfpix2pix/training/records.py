"""What a run writes down of its figures: metrics.csv and losses.png."""

import csv
import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfpix2pix.errors import UserError
from tfpix2pix.evaluation.segmentation import LABEL_METRICS
from tfpix2pix.evaluation.validation import VALIDATION_METRICS
from tfpix2pix.files import write_atomically, writing
from tfpix2pix.losses.objective import STEP_NAMES

Row = dict[str, float]

LABEL_NAMES = tuple(f"val_{name}" for name in LABEL_METRICS)
VALIDATION_NAMES = tuple(f"val_{name}" for name in VALIDATION_METRICS)
COLUMNS = ("step", "epoch", "learning_rate", "images_per_second", *STEP_NAMES, *VALIDATION_NAMES)

# Of a curve in losses.png: more than its pixels show, and drawing does not take ever longer.
MOST_POINTS = 1000
GRADIENTS = "gradient norms (logarithmic)"
# What losses.png shows in which panel; those that are not usual appear where they were measured.
# Where classes are validated, none is usual.
PANELS = {
    "GAN losses": ("adversarial_loss", "discriminator_loss"),
    "L1 (training in [-1, 1], validation in [0, 1])": ("l1_loss", "val_l1"),
    "L2 and Charbonnier (in [-1, 1])": ("l2_loss", "charbonnier_loss"),
    "cross-entropy, nats": ("cross_entropy_loss",),
    "losses of features": ("feature_matching_loss", "perceptual_loss"),
    "penalties on D's gradient": ("gradient_penalty", "r1_penalty"),
    "D's accuracy": ("real_accuracy", "fake_accuracy"),
    "D's mean logits": ("real_logit_mean", "fake_logit_mean"),
    GRADIENTS: ("generator_gradient_norm", "discriminator_gradient_norm"),
    "validation SSIM": ("val_ssim",),
    "validation PSNR, dB": ("val_psnr",),
    "accuracy and IoU of validation": LABEL_NAMES,
}
USUAL_PANELS = [title for title in PANELS if title.startswith(("GAN", "L1", "validation"))]


class MetricsFile:
    """metrics.csv: a row every so many steps; what was not measured at a step is left empty."""

    def __init__(self, path: Path):
        self.path = path

    def truncate(self, last_step: int) -> None:
        """Drops the rows after `last_step`, those of steps that a resumed run does anew."""
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(_formatted(row) for row in self.read() if row["step"] <= last_step)
        write_atomically(self.path, text.getvalue())

    def append(self, row: Row) -> None:
        """Adds a row."""
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        with writing(self.path), self.path.open("a") as file:
            if file.tell() == 0:
                writer.writeheader()
            writer.writerow(_formatted(row))
            file.write(text.getvalue())

    def read(self) -> list[Row]:
        """All complete rows, with the figures they hold.

        Raises:
            UserError: the file is damaged.
        """
        if not self.path.exists():
            return []
        try:
            text = self.path.read_text()
            complete = text[: text.rfind("\n") + 1]  # a killed run may leave half a line
            # By the file's own header: an earlier version had fewer columns.
            rows = csv.DictReader(io.StringIO(complete))
            if complete and "step" not in (rows.fieldnames or ()):
                raise ValueError("there is no column of steps")
            return [_figures(row) for row in rows]
        except (OSError, ValueError, csv.Error) as error:
            raise UserError(f"{self.path} is damaged: move it away to go on without it") from error


def _figures(row: dict[str, str]) -> Row:
    """The numbers in a row as the file has it; one without a step is none of ours."""
    figures = {name: float(row[name]) for name in COLUMNS if row.get(name)}
    if not math.isfinite(figures.get("step", math.nan)):
        raise ValueError("a row without a step")
    return figures


def as_written(row: Row) -> Row:
    """A row with its figures as they will be read back: of six digits."""
    return {name: float(text) for name, text in _formatted(row).items()}


def _formatted(row: Row) -> dict[str, str]:
    return {
        name: str(int(value)) if name == "step" else f"{value:.6g}" for name, value in row.items()
    }


def plot_losses(rows: list[Row], path: Path) -> None:
    """Draws losses, the networks' balance and validation figures over the steps, as PNG."""
    # Imported here: it takes half a second, and no pyplot, which keeps figures alive.
    from matplotlib.figure import Figure

    measured = {name for row in rows for name in row}
    usual = () if measured & set(LABEL_NAMES) else USUAL_PANELS
    panels = {
        title: names for title, names in PANELS.items() if title in usual or measured & set(names)
    }
    height = math.ceil(len(panels) / 2)
    figure = Figure(figsize=(10, 3 * height))
    # Fixed margins in inches, for a layout engine takes longer than all the drawing.
    inches = {"bottom": 0.5 / (3 * height), "top": 1 - 0.3 / (3 * height), "hspace": 0.8 / 2.2}
    grid = figure.subplots(height, 2, gridspec_kw=inches | {"left": 0.07, "right": 0.98})
    for axes in list(grid.flat)[len(panels) :]:
        axes.remove()
    for axes, (title, names) in zip(grid.flat, panels.items(), strict=False):
        _draw_panel(axes, title, names, rows)
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=100)
    write_atomically(path, png.getvalue())


def _draw_panel(axes: Any, title: str, names: Sequence[str], rows: list[Row]) -> None:
    for name in names:
        points = np.array([(row["step"], row[name]) for row in rows if name in row])
        if len(points):
            points = _thinned(points)
            marker = "." if name in VALIDATION_NAMES else None
            axes.plot(points[:, 0], points[:, 1], label=name, marker=marker)
    axes.set_title(title)
    axes.set_xlabel("step")
    axes.grid(alpha=0.3)
    if axes.lines:
        axes.legend()
        if title == GRADIENTS:
            axes.set_yscale("log", nonpositive="mask")


def _thinned(points: np.ndarray) -> np.ndarray:
    """[N, 2] -> at most `MOST_POINTS` of them: means over as many neighbours as it takes."""
    together = math.ceil(len(points) / MOST_POINTS)
    starts = np.arange(0, len(points), together)
    counts = np.diff(starts, append=len(points))
    return np.add.reduceat(points, starts) / counts[:, np.newaxis]
