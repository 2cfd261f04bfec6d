"""The runs that are evaluated, and the pairs that they are evaluated on."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf

from tfpix2pix.config import DataSettings, Settings
from tfpix2pix.config.types import OnBad
from tfpix2pix.data.checking import usable_pairs
from tfpix2pix.data.formats import Colour, ImageFormat, PairFormat
from tfpix2pix.data.images import network_to_unit_range, to_network_range
from tfpix2pix.data.pairs import Pairs, open_splits
from tfpix2pix.data.pipeline import Fetch, evaluation_batches, fetcher
from tfpix2pix.data.sources import absolute_data
from tfpix2pix.errors import UserError
from tfpix2pix.inference.translator import Translator, load_translator
from tfpix2pix.places import as_place
from tfpix2pix.training.datasets import evaluation_resizing
from tfpix2pix.training.kept import find_checkpoint, step_of
from tfpix2pix.training.run_folder import RunFolder

SPLITS = ("val", "test")


@dataclasses.dataclass(frozen=True)
class Subject:
    """A run whose answers are judged.

    Attributes:
        name: short, and unlike the other's.
        folder: of the run.
        settings: of the run.
        formats: of its images.
        step: of the checkpoint.
        translator: answers as `predict` does.
    """

    name: str
    folder: RunFolder
    settings: Settings
    formats: PairFormat
    step: int
    translator: Translator

    def answer(self, input_image: tf.Tensor) -> tf.Tensor:
        """What the run makes of inputs as fetched, [B, H, W, C]: float32 in [-1, 1]."""
        seen = to_network_range(input_image, self.formats.input)
        return self.translator.generate(seen)["generated_image"]

    def answer_in_unit_range(self, input_image: tf.Tensor) -> tf.Tensor:
        """The same, [0, 1]."""
        return network_to_unit_range(self.answer(input_image), self.formats.target)


def load_subjects(run_dirs: Sequence[Path], checkpoint: str, seed: int) -> list[Subject]:
    """The runs, with the weights of a checkpoint, and dropout as their settings have it.

    Args:
        run_dirs: one or two run folders.
        checkpoint: `latest`, `best` or a step.
        seed: of dropout where it is on.

    Raises:
        UserError: there is no such run or checkpoint, the runs have other sizes or images, or
            answer with label maps.
    """
    subjects = []
    for run_dir, name in zip(run_dirs, _short_names(run_dirs), strict=True):
        folder = RunFolder(as_place(run_dir))
        settings, formats = folder.settings(), folder.formats()
        if formats.target.palette is not None:
            raise UserError(
                f"{run_dir} answers with label maps, and what is measured here is images: its "
                "pixel accuracy, class accuracy and class IoU are in metrics.csv; it can be the "
                "judge of other runs, with --fcn-score"
            )
        step = step_of(find_checkpoint(folder.checkpoints, checkpoint)[0])
        translator = load_translator(run_dir, dropout_at_prediction=None, checkpoint=checkpoint)
        translator.choose_draw(seed, 0)
        subjects.append(Subject(name, folder, settings, formats, step, translator))
    _check_comparable(subjects)
    return subjects


def _short_names(run_dirs: Sequence[Path]) -> list[str]:
    """The last parts of the paths, as many as tell them apart."""
    paths = [path.resolve() for path in run_dirs]
    for length in range(1, max(len(path.parts) for path in paths) + 1):
        names = ["/".join(path.parts[-length:]) for path in paths]
        if len(set(names)) == len(names):
            return names
    raise UserError(f"{run_dirs[0]} is given twice: a run cannot be compared with itself")


def _check_comparable(subjects: Sequence[Subject]) -> None:
    first, *others = subjects
    for other in others:
        directions = [s.settings.data.direction for s in (first, other)]
        if directions[0] != directions[1]:
            raise UserError(
                f"{first.folder.path} was trained {directions[0]} and {other.folder.path} "
                f"{directions[1]}: they answer other questions; compare runs of one direction"
            )
        if (first.formats, first.translator.size) != (other.formats, other.translator.size):
            shown = [
                f"{'x'.join(map(str, s.translator.size))} pixels, {s.formats.input.describe()} to "
                f"{s.formats.target.describe()}"
                for s in (first, other)
            ]
            raise UserError(
                f"{first.folder.path} and {other.folder.path} cannot be compared: {shown[0]}, and "
                f"{shown[1]}; runs are compared on images of one size and type"
            )


def other_pairs(subjects: Sequence[Subject]) -> list[str]:
    """Says in what the pairs of a second run differ from those of the first, if they do."""
    first, *others = (s.settings.data for s in subjects)
    names = ("data", "split", "layout", "resize", "load_size", "on_bad")
    return [
        f"{subjects[0].name} and {subject.name} were trained with another {name}: both get the "
        f"pairs as {subjects[0].name} has them"
        for subject, other in zip(subjects[1:], others, strict=True)
        for name in names
        if getattr(first, name) != getattr(other, name)
    ]


@dataclasses.dataclass(frozen=True)
class EvaluationPairs:
    """The pairs that runs are evaluated on.

    Attributes:
        settings: of the data.
        split: which.
        pairs: all of the split.
        count: how many of them are evaluated, the first ones.
        fetch: the i-th, at the size of the networks.
    """

    settings: DataSettings
    split: str
    pairs: Pairs
    count: int
    fetch: Fetch

    def batches(self, batch_size: int) -> tf.data.Dataset:
        """(input_image, target_image), [B, H, W, C] each, in the pairs' own order."""
        return evaluation_batches(self.fetch, self.count, batch_size=batch_size)

    def label_batches(self, batch_size: int, palette: tuple[Colour, ...]) -> tf.data.Dataset:
        """The classes that the inputs, RGB of 8 bits, show: uint8 [B, H, W, 1], in this order."""
        formats = PairFormat(ImageFormat(palette=palette), self.pairs.format.target)
        labelled = dataclasses.replace(self.pairs, format=formats)
        fetch = fetcher(labelled, evaluation_resizing(self.settings), cache_gib=0)
        labels = evaluation_batches(fetch, self.count, batch_size=batch_size)
        return labels.map(lambda classes, _: classes)


def open_test_pairs(
    subject: Subject,
    data: str | None = None,
    split: str | None = None,
    *,
    limit: int | None = None,
    on_bad: OnBad | None = None,
) -> EvaluationPairs:
    """Opens the pairs to evaluate on, as the run's settings say.

    Args:
        subject: the run; the first of two.
        data: another set than the run's own.
        split: of the set; by default `val`, or `test` where there is none.
        limit: use the first so many.
        on_bad: what becomes of pairs that cannot be used; by default as the run's settings say.

    Raises:
        UserError: there are no such pairs, or they are not what the run was trained on.
    """
    settings = subject.settings.data
    if data is not None:
        settings = absolute_data(dataclasses.replace(settings, data=data))
    if on_bad is not None:
        settings = dataclasses.replace(settings, on_bad=on_bad)
    split, pairs = _open(settings, split)
    if pairs.format != subject.formats:
        raise UserError(
            f"{pairs.origin} holds {pairs.format.input.describe()} to "
            f"{pairs.format.target.describe()}; {subject.folder.path} was trained on "
            f"{subject.formats.input.describe()} to {subject.formats.target.describe()}: give "
            "other --data, of such images"
        )
    fetch = fetcher(pairs, evaluation_resizing(settings), cache_gib=0)
    count = min(limit or len(pairs), len(pairs))
    return EvaluationPairs(settings, split, pairs, count, fetch)


def _open(settings: DataSettings, split: str | None) -> tuple[str, Pairs]:
    wanted = SPLITS if split is None else (split,)
    opened = open_splits(settings, usable_pairs(settings, wanted))
    found = next((name for name in wanted if name in opened), None)
    if found is None:
        raise UserError(
            f"{settings.data} has no {' or '.join(wanted)} split: expected one of "
            f"{', '.join(opened)}; give --split"
        )
    return found, opened[found]
