"""Figures of all images together: colours, FID and KID, FCN-score, diversity.

Each is told of batch after batch, and says at last what came out for each run.
"""

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfpix2pix.data.images import to_unit_range
from tfpix2pix.errors import UserError
from tfpix2pix.evaluation.color import LabHistograms
from tfpix2pix.evaluation.distribution import (
    Distribution,
    few_images_warning,
    frechet_distance,
    kernel_distance,
)
from tfpix2pix.evaluation.diversity import DIVERSITY_METRICS, sample_diversity
from tfpix2pix.evaluation.features import (
    FeatureExtractor,
    inception_extractor,
    keras_extractor,
)
from tfpix2pix.evaluation.intervals import mean
from tfpix2pix.evaluation.metrics import SET_METRICS, ImageMetric
from tfpix2pix.evaluation.reference import reference_distribution
from tfpix2pix.inference.segmenter import Segmenter
from tfpix2pix.inference.translator import load_translator
from tfpix2pix.report.document import Figure
from tfpix2pix.report.fcn_score import FcnScore
from tfpix2pix.report.figure_of import figure_of, interval_or_none
from tfpix2pix.report.looking import Batch, ByImage, SetMetric
from tfpix2pix.report.options import EvaluationOptions
from tfpix2pix.report.subjects import EvaluationPairs, Subject
from tfpix2pix.training.datasets import EVALUATION_BATCH

# What KID can be told from at all.
SMALLEST_SET = 4


class _OfAllImages:
    """Keeps nothing of single images."""

    def by_image(self) -> ByImage:
        """Nothing."""
        return {}


class Colours(_OfAllImages):
    """How alike the colours of answers and targets are (the paper's Figure 7)."""

    def __init__(self, runs: int, *, is_gray: bool):
        self._is_gray = is_gray
        self._real = LabHistograms()
        self._generated = [LabHistograms() for _ in range(runs)]

    def add(self, batch: Batch) -> None:
        """Takes in a batch."""
        self._real.add(batch.target_images)
        for histograms, images in zip(self._generated, batch.generated_images, strict=True):
            histograms.add(images)

    def figures(self, run: int) -> list[Figure]:
        """Of L, a and b."""
        shared = self._generated[run].intersections(self._real)
        # Gray has neither a nor b.
        names = ("lab_l",) if self._is_gray else tuple(shared)
        return [figure_of(name, SET_METRICS[name], shared[name], group="Colours") for name in names]


class Distributions(_OfAllImages):
    """FID and KID."""

    def __init__(self, extractor: FeatureExtractor, real: Distribution, runs: int, seed: int):
        self._extractor = extractor
        self._real = real
        self._generated = [Distribution(keep_features=True) for _ in range(runs)]
        self._seed = seed

    def add(self, batch: Batch) -> None:
        """Takes in the answers; the targets' features are known already."""
        for distribution, images in zip(self._generated, batch.generated_images, strict=True):
            distribution.add(self._extractor(images))

    def figures(self, run: int) -> list[Figure]:
        """FID, and KID with its standard error."""
        generated, count = self._generated[run], self._real.count
        where = {"group": f"Distribution, by {self._extractor.name}"}
        note = few_images_warning(count) or ""
        kid = kernel_distance(self._real, generated, seed=self._seed)
        fid = frechet_distance(self._real, generated)
        return [
            figure_of("fid", SET_METRICS["fid"], fid, note=note, **where),
            figure_of("kid", SET_METRICS["kid"], kid.value, error=kid.standard_error, **where),
        ]


class Diversity:
    """How much the answers to one input differ over draws of dropout."""

    def __init__(
        self, subjects: Sequence[Subject], options: EvaluationOptions, lpips: ImageMetric | None
    ):
        # With dropout on, whatever the runs' settings say.
        self._subjects = [
            dataclasses.replace(
                subject,
                translator=load_translator(
                    subject.folder.path, dropout_at_prediction=True, checkpoint=options.checkpoint
                ),
            )
            for subject in subjects
        ]
        for subject in self._subjects:
            if not subject.translator.draws:
                raise UserError(
                    f"--samples: the generator of {subject.folder.path} has no dropout, so all its "
                    "answers to an image are the same; leave --samples out"
                )
        self._draws = options.samples
        self._seed = options.seed
        self._lpips = lpips
        self._found: list[dict[str, list[np.ndarray]]] = [{} for _ in subjects]

    def add(self, batch: Batch) -> None:
        """Lets each run answer the inputs of a batch several times."""
        for subject, found in zip(self._subjects, self._found, strict=True):
            answers = []
            for draw in range(self._draws):
                subject.translator.choose_draw(self._seed, draw)
                answers.append(subject.answer_in_unit_range(batch.input_images))
            for name, values in sample_diversity(tf.stack(answers), self._lpips).items():
                found.setdefault(name, []).append(values.numpy())

    def figures(self, run: int) -> list[Figure]:
        """Means over the images."""
        return [
            self._figure(name, np.concatenate(values)) for name, values in self._found[run].items()
        ]

    def by_image(self) -> ByImage:
        """Nothing: more diverse is not better, so no run wins by it."""
        return {}

    def _figure(self, name: str, values: np.ndarray) -> Figure:
        metric = DIVERSITY_METRICS[name]
        low, high = interval_or_none(mean, values, self._seed)
        # More is not better in itself: noise is diverse.
        figure = figure_of(name, metric, float(values.mean()), low=low, high=high)
        group = f"Diversity of {self._draws} answers to each input"
        return dataclasses.replace(figure, group=group, higher_is_better=None)


def set_metrics(
    subjects: Sequence[Subject],
    pairs: EvaluationPairs,
    options: EvaluationOptions,
    judge: Segmenter | None,
    lpips: ImageMetric | None,
) -> list[SetMetric]:
    """Those that the options ask for, and colours, where images have them.

    Raises:
        UserError: weights cannot be had, or images are not what a metric measures.
    """
    runs, target = len(subjects), subjects[0].formats.target
    if options.fid and pairs.count < SMALLEST_SET:
        raise UserError(
            f"--fid: KID needs {SMALLEST_SET} images or more, and there are {pairs.count}"
        )
    found: list[SetMetric] = (
        [Colours(runs, is_gray=target.channels == 1)] if target.channels in (1, 3) else []
    )
    if options.fid:
        extractor = _extractor(options)
        real = reference_distribution(
            lambda: (
                to_unit_range(targets, target) for _, targets in pairs.batches(EVALUATION_BATCH)
            ),
            extractor,
            _cache_folder(),
            keep_features=True,
        )
        found.append(Distributions(extractor, real, runs, options.seed))
    if judge is not None:
        found.append(FcnScore(judge, runs, options.seed))
    if options.samples:
        found.append(Diversity(subjects, options, lpips))
    return found


def _extractor(options: EvaluationOptions) -> FeatureExtractor:
    if options.features is not None:
        return keras_extractor(options.features)
    return inception_extractor(options.inception_weights)


def _cache_folder() -> Path:
    """Where features of targets are kept, as the XDG base directory specification has it."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "tfpix2pix" / "features"
