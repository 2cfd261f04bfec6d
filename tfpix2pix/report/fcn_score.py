"""The paper's FCN-score (section 4.1): what a judge sees in the answers, by the label maps."""

import dataclasses
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfpix2pix.config import resolve
from tfpix2pix.data.formats import PairFormat, palette_colours
from tfpix2pix.data.images import to_unit_range
from tfpix2pix.errors import UserError
from tfpix2pix.evaluation.segmentation import (
    LABEL_METRICS,
    confusion_matrices,
    segmentation_figures,
)
from tfpix2pix.inference.segmenter import Segmenter, load_segmenter
from tfpix2pix.report.document import GENERATED, REAL, Figure
from tfpix2pix.report.figure_of import figure_of, interval_or_none
from tfpix2pix.report.looking import Batch, ByImage, batches_of
from tfpix2pix.report.subjects import load_subjects, open_test_pairs


class FcnScore:
    """The paper's FCN-score (section 4.1): what a judge sees in the answers, by the label maps."""

    def __init__(self, judge: Segmenter, runs: int, seed: int):
        self._judge = judge
        self._real: list[np.ndarray] = []
        self._generated: list[list[np.ndarray]] = [[] for _ in range(runs)]
        self._seed = seed

    def add(self, batch: Batch) -> None:
        """Takes in a batch with its inputs' classes."""
        assert batch.labels is not None, "the pass was told the palette"
        labels = batch.labels[..., 0]
        self._real.append(self._matrices(labels, batch.target_images))
        for matrices, images in zip(self._generated, batch.generated_images, strict=True):
            matrices.append(self._matrices(labels, images))

    def _matrices(self, labels: tf.Tensor, photos: tf.Tensor) -> np.ndarray:
        return confusion_matrices(labels, self._judge(photos), self._judge.classes).numpy()

    def figures(self, run: int) -> list[Figure]:
        """Of the answers, and of the real photos: the ceiling."""
        return [
            self._figure(name, np.concatenate(matrices), pictures)
            for matrices, pictures in ((self._generated[run], GENERATED), (self._real, REAL))
            for name in LABEL_METRICS
        ]

    def by_image(self) -> ByImage:
        """The confusion matrices of two runs' answers."""
        first, second = (np.concatenate(matrices) for matrices in self._generated)
        return {
            name: (metric, metric.function, first, second) for name, metric in LABEL_METRICS.items()
        }

    def values(self, run: int) -> tuple[dict[str, float], dict[str, float]]:
        """By metric, of the answers of a run and of the real photos."""
        generated, real = (
            segmentation_figures(np.concatenate(matrices).sum(axis=0))
            for matrices in (self._generated[run], self._real)
        )
        return generated, real

    def _figure(self, name: str, matrices: np.ndarray, pictures: str) -> Figure:
        metric = LABEL_METRICS[name]
        value = float(metric.function(matrices.sum(axis=0)))
        low, high = interval_or_none(metric.function, matrices, self._seed)
        return figure_of(
            name, metric, value, low=low, high=high, group="FCN-score", pictures=pictures
        )


def load_judge(place: Path, colours: str | None = None, flag: str = "--palette") -> Segmenter:
    """The judge with the colours of its classes.

    Args:
        place: a run folder of a segmenter, or a .keras model.
        colours: of the label maps, as `--palette` takes them, for a .keras model.
        flag: that gives the colours.

    Raises:
        UserError: there is no such segmenter, or the colours are missing, not as many as its
            classes, or not its own.
        SettingsError: the palette cannot be read.
    """
    judge = load_segmenter(place)
    palette = judge.palette
    if palette is not None and colours is not None:
        raise UserError(
            f"{flag}: {place} is a run, which knows the colours of its classes: leave it out"
        )
    if colours is not None:
        flags = {"input_encoding": "labels", "palette": colours}
        palette = palette_colours(resolve(flags=flags).data)
    if palette is None:
        raise UserError(
            f"--fcn-score {place}: which colours do its {judge.classes} classes have in "
            f"the label maps? Give {flag}: cmp, or #RRGGBB,#RRGGBB,..."
        )
    if len(palette) != judge.classes:
        raise UserError(
            f"--fcn-score {place}: it tells {judge.classes} classes apart, and the palette "
            f"has {len(palette)} colours: give one for each class, in their order"
        )
    return dataclasses.replace(judge, palette=palette)


def check_judged(judge: Segmenter, formats: PairFormat, size: tuple[int, int]) -> None:
    """Refuses images that the judge cannot judge, before anything slow.

    Args:
        judge: with the colours of its classes.
        formats: of the runs' images.
        size: height and width of the answers.

    Raises:
        UserError: with what is expected.
    """
    source, target = formats.input, formats.target
    if target.palette is not None or target.channels != 3:
        raise UserError(
            f"--fcn-score judges RGB photos, and the targets are {target.describe()}: leave it out"
        )
    if source.channels != 3 or source.dtype != "uint8":
        raise UserError(
            "--fcn-score goes by the label maps that the answers are made from, RGB of 8 bits, and "
            f"the inputs are {source.describe()}: leave it out"
        )
    try:
        judge(tf.zeros((1, *size, 3)))
    except (tf.errors.OpError, ValueError, TypeError) as error:
        raise UserError(
            f"--fcn-score: the judge does not take images of {size[0]}x{size[1]}: give one that "
            "does, such as a run of preset segmenter"
        ) from error


def fcn_scores(run_dir: Path, judge: Segmenter) -> tuple[dict[str, float], dict[str, float]]:
    """The FCN-score of a run on its held-out pairs, by its last checkpoint.

    Args:
        run_dir: the run folder.
        judge: with the colours of its classes.

    Returns:
        By metric, of the answers and of the real photos.

    Raises:
        UserError: the run or its pairs cannot be used.
    """
    (subject,) = load_subjects([run_dir], "latest", 0)
    pairs = open_test_pairs(subject)
    score = FcnScore(judge, 1, 0)
    for inputs, targets, labels in batches_of(pairs, judge.palette):
        target_images = to_unit_range(targets, subject.formats.target)
        score.add(Batch(inputs, target_images, [subject.answer_in_unit_range(inputs)], labels))
    return score.values(0)
