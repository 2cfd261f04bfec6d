"""One pass over the pairs: what each run answers, measured and shown, batch by batch."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

import numpy as np
import tensorflow as tf

from tfpix2pix.data.images import from_network_range, network_to_unit_range, to_unit_range
from tfpix2pix.errors import UserError
from tfpix2pix.evaluation.intervals import Statistic
from tfpix2pix.evaluation.metrics import ImageMetric, Metric, image_figures
from tfpix2pix.progress import track
from tfpix2pix.report.document import Figure
from tfpix2pix.report.subjects import EvaluationPairs, Subject
from tfpix2pix.report.writing import Report
from tfpix2pix.training.datasets import EVALUATION_BATCH
from tfpix2pix.training.samples import file_names, shown


class SetMetric(Protocol):
    """What looks at all images and gives figures of them together."""

    def add(self, batch: "Batch") -> None:
        """Takes in a batch."""

    def figures(self, run: int) -> list[Figure]:
        """What came out for the answers of a run, by its number."""

    def by_image(self) -> "ByImage":
        """What two runs can be compared by, image by image; nothing where that is not kept."""


@dataclasses.dataclass(frozen=True)
class Batch:
    """What the set metrics see.

    Attributes:
        input_images: as fetched, [B, H, W, C].
        target_images: float32 [B, H, W, C] in [0, 1].
        generated_images: the same, of each run.
        labels: the inputs' classes, uint8 [B, H, W, 1], or None where none are wanted.
    """

    input_images: tf.Tensor
    target_images: tf.Tensor
    generated_images: Sequence[tf.Tensor]
    labels: tf.Tensor | None


ImageFigures = dict[str, np.ndarray]
# By name: the metric, the statistic it is, and what it is of, [N, ...], in each of two runs.
ByImage = dict[str, tuple[Metric, Statistic, np.ndarray, np.ndarray]]
Answered = tuple[tf.Tensor, tf.Tensor, dict[str, tf.Tensor]]


def look_at_pairs(
    subjects: Sequence[Subject],
    pairs: EvaluationPairs,
    metrics: Mapping[str, ImageMetric],
    set_metrics: Sequence[SetMetric],
    report: Report,
    palette: tuple[tuple[int, int, int], ...] | None = None,
) -> list[ImageFigures]:
    """Lets the runs answer all inputs; memory does not grow with the pictures.

    Args:
        subjects: the runs.
        pairs: what they are evaluated on.
        metrics: with a figure for each image.
        set_metrics: with figures of all images; they are told of every batch.
        report: gets every image.
        palette: of the label maps, if the set metrics want the inputs' classes.

    Returns:
        For each run, by metric, the figures of all images, float64 [N].

    Raises:
        UserError: a pair cannot be used, or a run answers with values that are no numbers.
    """
    answer_with = [_answering(subject, metrics) for subject in subjects]
    found: list[dict[str, list[np.ndarray]]] = [{name: [] for name in metrics} for _ in subjects]
    names = iter(file_names(pairs.pairs.names[: pairs.count]))
    for inputs, targets, labels in batches_of(pairs, palette):
        answered = [answer(inputs, targets) for answer in answer_with]
        target_images = to_unit_range(targets, subjects[0].formats.target)
        for subject, (_, _, figures) in zip(subjects, answered, strict=True):
            _check_finite(subject, figures)
        batch = Batch(inputs, target_images, [unit for unit, _, _ in answered], labels)
        for metric in set_metrics:
            metric.add(batch)
        for per_run, (_, _, figures) in zip(found, answered, strict=True):
            for name, values in figures.items():
                per_run[name].append(values.numpy().astype(np.float64))
        _show(report, names, subjects[0], inputs, targets, answered)
    return [{name: np.concatenate(v) for name, v in per_run.items()} for per_run in found]


def _check_finite(subject: Subject, figures: Mapping[str, tf.Tensor]) -> None:
    """Refuses a run whose answers are no numbers: PSNR may be infinite, L1 may not."""
    if not np.isfinite(figures["l1"]).all():
        raise UserError(
            f"{subject.folder.path} answers with values that are no numbers at step "
            f"{subject.step}: its training diverged; try another --checkpoint"
        )


def batches_of(
    pairs: EvaluationPairs, palette: tuple[tuple[int, int, int], ...] | None
) -> Iterator[tuple[tf.Tensor, tf.Tensor, tf.Tensor | None]]:
    """Inputs, targets and, if wanted, the inputs' classes, with the progress shown."""
    dataset = pairs.batches(EVALUATION_BATCH)
    if palette is not None:
        labelled = tf.data.Dataset.zip(dataset, pairs.label_batches(EVALUATION_BATCH, palette))
        batches = ((inputs, targets, labels) for (inputs, targets), labels in labelled)
    else:
        batches = ((inputs, targets, None) for inputs, targets in dataset)
    done = 0
    try:
        for batch in track(batches, pairs.count, "image", size=lambda batch: len(batch[0])):
            done += len(batch[0])
            yield batch
    except tf.errors.OpError as error:
        # Batches keep the pairs' order: the broken one is in the first that has not arrived.
        suspects = range(done, min(done + EVALUATION_BATCH, pairs.count))
        raise (pairs.pairs.find_broken(suspects, pairs.fetch) or error) from error


def _answering(
    subject: Subject, metrics: Mapping[str, ImageMetric]
) -> Callable[[tf.Tensor, tf.Tensor], Answered]:
    """(inputs, targets) -> answers in [0, 1], the same as stored, and figures by metric, [B]."""
    target_format = subject.formats.target

    @tf.function(reduce_retracing=True)
    def answered(input_image: tf.Tensor, target_image: tf.Tensor) -> Answered:
        generated_image = subject.answer(input_image)
        unit = network_to_unit_range(generated_image, target_format)
        figures = image_figures(to_unit_range(target_image, target_format), unit, metrics)
        return unit, from_network_range(generated_image, target_format), figures

    return answered


def _show(
    report: Report,
    names: Iterator[str],
    subject: Subject,
    inputs: tf.Tensor,
    targets: tf.Tensor,
    answered: Sequence[Answered],
) -> None:
    formats = subject.formats
    for i in range(len(inputs)):
        report.add(
            next(names),
            shown(inputs[i].numpy(), formats.input),
            shown(targets[i].numpy(), formats.target),
            [shown(stored[i].numpy(), formats.target) for _, stored, _ in answered],
            [
                {name: float(values[i]) for name, values in figures.items()}
                for _, _, figures in answered
            ],
        )
