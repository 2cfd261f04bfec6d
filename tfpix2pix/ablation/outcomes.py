"""What a run of a set came to, read from its run folder: figures, sizes, time, and pictures."""

import dataclasses

import numpy as np
import tensorflow as tf

from tfpix2pix.ablation.recipe import Recipe
from tfpix2pix.config import DataSettings, Settings
from tfpix2pix.data.formats import PairFormat
from tfpix2pix.data.pairs import Pairs
from tfpix2pix.errors import UserError
from tfpix2pix.evaluation.validation import VALIDATION_METRICS, baseline_figures
from tfpix2pix.inference.segmenter import Segmenter
from tfpix2pix.inference.translator import load_translator
from tfpix2pix.report.fcn_score import fcn_scores
from tfpix2pix.training.best import ended_early
from tfpix2pix.training.build import build_discriminator, build_generator
from tfpix2pix.training.datasets import open_run_data
from tfpix2pix.training.length import run_length
from tfpix2pix.training.records import MetricsFile, Row
from tfpix2pix.training.run_folder import RunFolder
from tfpix2pix.training.samples import label_colours, shown, stored_shown


@dataclasses.dataclass(frozen=True)
class Outcome:
    """A run as the table and the sheet show it; what is not known is None or empty.

    Attributes:
        recipe: which run.
        status: `done`, `failed` or `waiting`.
        steps: steps done, as of the last checkpoint.
        figures: the last validation, by metric, images in [0, 1]; empty without held-out pairs.
        generator_parameters: trainable ones.
        discriminator_parameters: of the discriminator too; None where the run has none.
        minutes: spent on training steps, without validation, drawing and checkpoints.
        answers: uint8 [N, H, W, 3], to the inputs of the common pairs.
        ceiling: the FCN-score of the real photos, where a judge was given.
        reason: why it failed.
    """

    recipe: Recipe
    status: str
    steps: int = 0
    figures: dict[str, float] = dataclasses.field(default_factory=dict)
    generator_parameters: int | None = None
    discriminator_parameters: int | None = None
    minutes: float | None = None
    answers: np.ndarray | None = None
    ceiling: dict[str, float] = dataclasses.field(default_factory=dict)
    reason: str = ""


@dataclasses.dataclass(frozen=True)
class CommonPairs:
    """What all runs of a set share.

    Attributes:
        settings: of the data; where `resize` leaves the size to the pairs, with that size.
        training: the pairs to train on.
        formats: of the images.
        inputs, targets: some held-out pairs (or training pairs, where none are held out), as
            fetched, [N, H, W, C].
        baseline: figures of always giving one answer, see `baseline_figures`; empty without
            held-out pairs.
    """

    settings: DataSettings
    training: Pairs
    formats: PairFormat
    inputs: np.ndarray
    targets: np.ndarray
    baseline: dict[str, float]

    def shown(self) -> tuple[np.ndarray, np.ndarray]:
        """Inputs and targets as pictures, uint8 [N, H, W, 3]."""
        sides = (self.inputs, self.formats.input), (self.targets, self.formats.target)
        inputs, targets = (np.stack([shown(image, f) for image in side]) for side, f in sides)
        return inputs, targets


def open_common_pairs(settings: Settings) -> CommonPairs:
    """Opens the data of a set, as settings of any of its runs name them.

    Raises:
        UserError: they cannot be found or read, or some cannot be used.
    """
    # Looked at once: each run keeps its own pairs in memory.
    data = open_run_data(dataclasses.replace(settings.data, cache_gib=0))
    _, inputs, targets = data.sample_pairs(settings.train.sample_pairs)
    held_out = data.validation_batches()
    baseline = {}
    if held_out is not None:
        plain = data.plain_training_batches()
        baseline = baseline_figures(plain, held_out, data.formats.target)
    return CommonPairs(data.settings, data.train.pairs, data.formats, inputs, targets, baseline)


def read_outcome(
    recipe: Recipe, folder: RunFolder, pairs: CommonPairs, judge: Segmenter | None = None
) -> Outcome:
    """What a run has come to: `done`, or `waiting` where it has steps to do.

    Args:
        recipe: which run.
        folder: its folder.
        pairs: what it shares with the others.
        judge: for the FCN-score, if one is wanted.

    Raises:
        UserError: the folder's files are damaged, or the pairs have changed since.
    """
    folder.check_same_data(pairs.training)
    steps = _steps_done(folder)
    rows = MetricsFile(folder.metrics).read()
    train = recipe.settings.train
    if steps != run_length(train, len(pairs.training)) and not ended_early(
        rows, recipe.settings.best_metric, train.patience, steps
    ):
        return Outcome(recipe, "waiting", steps)
    generator, discriminator = _parameters(recipe.settings, pairs)
    score, ceiling = ({}, {}) if judge is None else fcn_scores(folder.path, judge)
    return Outcome(
        recipe,
        "done",
        steps,
        _last_validation(rows) | score,
        generator,
        discriminator,
        _seconds(rows, recipe.settings.train.batch_size) / 60,
        _answers(folder, pairs),
        ceiling,
    )


def read_failure(recipe: Recipe, folder: RunFolder, error: UserError) -> Outcome:
    """A run that `error` ended."""
    return Outcome(recipe, "failed", _steps_done(folder), reason=str(error))


def _steps_done(folder: RunFolder) -> int:
    latest = tf.train.latest_checkpoint(str(folder.checkpoints))
    return int(latest.rpartition("-")[2]) if latest else 0


def _last_validation(rows: list[Row]) -> dict[str, float]:
    validations = (
        {name: row[f"val_{name}"] for name in VALIDATION_METRICS if f"val_{name}" in row}
        for row in reversed(rows)
    )
    return next(filter(None, validations), {})


def _seconds(rows: list[Row], batch_size: int) -> float:
    """Of training, from the images per second of each row, which are those since the last one."""
    seconds, last = 0.0, 0.0
    for row in rows:
        if "images_per_second" in row:
            seconds += (row["step"] - last) * batch_size / row["images_per_second"]
            last = row["step"]
    return seconds


def _parameters(settings: Settings, pairs: CommonPairs) -> tuple[int, int | None]:
    """Of the generator, and of the discriminator where there is one."""
    networks = (settings.model, pairs.settings.crop_size, pairs.formats)
    generator = _count(build_generator(*networks).trainable_variables)
    if not settings.train.has_discriminator:
        return generator, None
    return generator, _count(build_discriminator(*networks).trainable_variables)


def _count(variables: list) -> int:
    return sum(int(np.prod(variable.shape)) for variable in variables)


def _answers(folder: RunFolder, pairs: CommonPairs) -> np.ndarray:
    """Of the last checkpoint, as `predict` gives them, uint8 [N, H, W, 3]."""
    translator = load_translator(folder.path, dropout_at_prediction=None)
    translator.choose_draw(0, 0)
    answers = []
    for image in pairs.inputs:
        stored = label_colours(image, pairs.formats.input)[np.newaxis]
        answer = translator.translate_images(stored)["generated_image"][0].numpy()
        answers.append(stored_shown(answer, translator.formats.target))
    return np.stack(answers)
