"""Writes all that shows an evaluation into a folder: the page, its JSON, the figures."""

import contextlib
import csv
import dataclasses
import io
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from tfpix2pix.files import files_written_together
from tfpix2pix.report.document import Document, Image
from tfpix2pix.report.figures import curves_figure, distributions_figure, save_figure
from tfpix2pix.report.page import write_page
from tfpix2pix.report.reading import to_json
from tfpix2pix.report.sheet import chosen_images, sheet_figure
from tfpix2pix.report.thumbnails import LONGEST, QUALITY, Thumbnails
from tfpix2pix.report.values import printable

PAGE = "evaluation.html"
JSON = "evaluation.json"
FIGURES = "figures.csv"


class Report:
    """Takes images one after another, and at last the document about them."""

    def __init__(self, folder: Path, thumbnails: Thumbnails):
        self._folder = folder
        self._thumbnails = thumbnails
        self._images: dict[str, Image] = {}
        self.finished = False

    def add(
        self,
        name: str,
        input_image: np.ndarray,
        target_image: np.ndarray,
        generated_images: Sequence[np.ndarray],
        figures: Sequence[Mapping[str, float | None]],
    ) -> None:
        """Adds a test image. Images are uint8 [H, W, 3], or [H, W, 1] for gray.

        Args:
            name: unlike all others.
            input_image: what was translated.
            target_image: what was expected.
            generated_images: what each run answered.
            figures: metric -> figure, for each run.

        Raises:
            ValueError: the name was there before, an image is of another form, or there are not
                as many figures as generated images.
        """
        name = printable(name)
        if name in self._images:
            raise ValueError(f"two images are called {name}")
        if len(generated_images) != len(figures):
            counts = f"{len(generated_images)} generated images and {len(figures)} sets of figures"
            raise ValueError(f"{name} has {counts}: expected one of each for each run")
        height, width = target_image.shape[:2]
        self._thumbnails.append([input_image, target_image, *generated_images])
        self._images[name] = Image(name, height, width, tuple(map(dict, figures)))

    def finish(self, document: Document) -> Document:
        """Writes the files.

        Args:
            document: without images.

        Returns:
            The document with its images.
        """
        document = dataclasses.replace(document, images=tuple(self._images.values()))
        with (self._folder / PAGE).open("wb") as file:
            write_page(file, document, self._thumbnails)
        (self._folder / JSON).write_text(to_json(document, indent=1) + "\n", "utf-8")
        (self._folder / FIGURES).write_text(_figures_csv(document), "utf-8")
        self._draw(document)
        self.finished = True
        return document

    def _draw(self, document: Document) -> None:
        if any(run.curves for run in document.runs):
            save_figure(lambda: curves_figure(document), self._folder / "curves")
        if document.images:
            save_figure(lambda: distributions_figure(document), self._folder / "distributions")
        numbers = {number for _, numbers in chosen_images(document) for number in numbers}
        if numbers:
            pictures = {number: self._thumbnails.read(number) for number in sorted(numbers)}
            save_figure(lambda: sheet_figure(document, pictures), self._folder / "examples")


@contextlib.contextmanager
def writing_report(
    folder: Path, *, longest: int = LONGEST, quality: int = QUALITY
) -> Iterator[Report]:
    """Gives a `Report`, whose files are in `folder` when the block has ended well.

    evaluation.html, evaluation.json, figures.csv, and as PNG and SVG: curves, distributions,
    examples. Pictures wait on the disk, not in memory, so there may be any number.

    Args:
        folder: where the files are to be; it may hold others.
        longest: pixels of a thumbnail's longer side, at the most.
        quality: of the thumbnails, as WebP has it: 0 to 100.

    Raises:
        UserError: the folder cannot be written or the disk is full; older files stay as they were.
        RuntimeError: the block ended without `Report.finish`.
    """
    with (
        files_written_together(folder) as temporary,
        tempfile.TemporaryFile(dir=temporary) as file,
        contextlib.closing(Thumbnails(file, longest, quality)) as thumbnails,
    ):
        report = Report(temporary, thumbnails)
        yield report
        if not report.finished:
            raise RuntimeError("Report.finish was not called: there is nothing to write")


def _figures_csv(document: Document) -> str:
    """A row for each image and run."""
    text = io.StringIO()
    names = [metric.name for metric in document.metrics]
    writer = csv.DictWriter(text, ["image", "run", *names], lineterminator="\n")
    writer.writeheader()
    for image in document.images:
        for run, figures in zip(document.runs, image.figures, strict=True):
            writer.writerow({"image": image.name, "run": run.name} | figures)
    return text.getvalue()
