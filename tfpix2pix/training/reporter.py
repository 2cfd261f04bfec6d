"""What a run leaves behind on its way: rows, plots, sample grids, checkpoints."""

import tensorflow as tf

from tfpix2pix.config import Settings
from tfpix2pix.data.encoding import encode_image
from tfpix2pix.evaluation.metrics import TRAINING_METRICS
from tfpix2pix.evaluation.segmentation import LABEL_METRICS
from tfpix2pix.evaluation.validation import describe_validation, validator
from tfpix2pix.files import write_atomically, writing
from tfpix2pix.progress import Progress
from tfpix2pix.training.best import Standing
from tfpix2pix.training.best_keeper import BestKeeper
from tfpix2pix.training.checkpoints import Checkpoints
from tfpix2pix.training.datasets import RunData
from tfpix2pix.training.loop import LossRecorder, NonFiniteLossError
from tfpix2pix.training.objectives import build_objective
from tfpix2pix.training.pairs_sheet import pairs_sheet
from tfpix2pix.training.records import MetricsFile, Row, plot_losses
from tfpix2pix.training.run_folder import RunFolder
from tfpix2pix.training.samples import (
    drop_samples,
    file_names,
    label_colours,
    png_bytes,
    sample_grid,
    samples_spacing,
)
from tfpix2pix.training.state import TrainState
from tfpix2pix.training.tensorboard import TensorBoard
from tfpix2pix.training.winner import WinnerWatch, winner_warning


class Reporter:
    """Writes into the run folder what is due after each step."""

    def __init__(
        self,
        settings: Settings,
        folder: RunFolder,
        state: TrainState,
        data: RunData,
        checkpoints: Checkpoints,
        progress: Progress,
    ):
        self._settings = settings
        self._folder = folder
        self._state = state
        self._data = data
        self._objective = build_objective(settings.train)
        self._recorder = LossRecorder(settings.train.batch_size, self._objective.step_names)
        self._checkpoints = checkpoints
        self._progress = progress
        self._metrics = MetricsFile(folder.metrics)
        self._metrics.truncate(self._step if self._step > 0 else -1)
        rows = self._metrics.read()
        self._best = BestKeeper(state, settings, folder.checkpoints, rows)
        self._watch = WinnerWatch(self._objective, settings.model.discriminator_scales)
        for row in rows:
            self._watch.tells(row)  # so that what was told before is not told again
        self._tensorboard = TensorBoard(folder.tensorboard)
        measured = LABEL_METRICS if data.formats.target.palette else TRAINING_METRICS
        self._tensorboard.hyperparameters(settings, [f"val_{name}" for name in measured])
        self._validate = validator(state.predictor, data.formats)
        self._names, self._inputs, self._targets = data.sample_pairs(settings.train.sample_pairs)
        self._row: Row = {}
        self.validation: dict[str, float] = {}
        self._goes_on = False
        train = settings.train
        # In this order: a checkpoint comes last, so that a run resumed from it lacks nothing.
        self._schedule = (
            (train.validate_every, self.validate),  # first: it may end the run
            (train.log_every, self.log),
            (train.sample_every, self.draw),
            (train.checkpoint_every, self.save_checkpoint),
        )

    def steps_until_due(self, step: int) -> int:
        """How many steps may be done after `step` before something is due."""
        return min(every - step % every for every, _ in self._schedule)

    def after_steps(self, step: int, losses: tf.Tensor, seconds: float, *, last: bool) -> None:
        """Notes the figures [N, K] of the last N steps, and does what is due after `step`."""
        self._recorder.add(step, losses, seconds)
        self._progress.advance(len(losses))
        for every, action in self._schedule:
            # What comes after a validation that ends the run is due, too.
            if step % every == 0 or last or self.ends_early:
                action()
        self._write_row()
        if self._goes_on:  # a checkpoint past its end says that it was told to
            self._goes_on = False
            self.save_checkpoint()

    def start(self) -> None:
        """Before the first step: some pairs to look at, and how bad untrained networks are."""
        write_atomically(self._folder.pairs_sheet, png_bytes(pairs_sheet(self._data)))
        inputs = self._folder.samples / "inputs"
        for name, image in zip(file_names(self._names), self._inputs, strict=True):
            content, suffix = encode_image(label_colours(image, self._data.formats.input))
            write_atomically(inputs / f"{name}{suffix}", content)
        self._tensorboard.graph(self._state.predictor)
        self.validate()
        self._draw_samples()  # there are no curves yet

    def describe(self, how: str) -> None:
        """Says on what, what and how the run trains."""
        data, networks = self._data, self._state.networks
        held_out = data.validation.pairs if data.validation else ()
        generator, discriminator = (
            f"{model.count_params() / 1e6:.1f} M parameters"
            for model in (networks.generator, networks.discriminator)
        )
        if not self._objective.has_discriminator:
            discriminator = "none"
        self._progress.say(
            f"{len(data.train.pairs)} pairs to train on, {len(held_out)} to validate with; "
            f"{data.formats.input.describe()} to {data.formats.target.describe()}; "
            f"generator {generator}, discriminator {discriminator}; {how}"
        )

    def train_on(self) -> None:
        """Lets a run that ended early go on, until so many more validations bring nothing."""
        self._goes_on = self._best.has_run_out
        self._best.has_run_out = False

    def log(self) -> None:
        """Adds the mean losses since the last time to the row."""
        self._check_losses()
        figures, images_per_second = self._recorder.take()
        optimizer = self._state.networks.generator_optimizer
        self._row |= figures | {
            "learning_rate": float(tf.convert_to_tensor(optimizer.learning_rate)),
            "images_per_second": images_per_second,
        }
        losses = {name: figures[name] for name in self._objective.loss_names}
        self._progress.losses(self._step, losses, images_per_second)
        row = {"step": float(self._step)} | figures
        if self._watch.tells(row):
            self._progress.say(winner_warning(row, self._settings))

    def validate(self) -> None:
        """Adds the metrics over the whole validation split to the row; keeps the best weights."""
        batches = self._data.validation_batches()
        if batches is None:
            return
        self.validation = self._validate(batches)
        self._row |= {f"val_{name}": value for name, value in self.validation.items()}
        standing = self._best.take(self._step, self.validation)
        shown, place = describe_validation(self.validation), _place(standing)
        self._progress.say(f"step {self._step}: validation {shown}{place}")
        metric = self._settings.best_metric
        self._progress.validation(
            f"{metric} {self.validation[metric]:.4g} at step {self._step}{place}"
        )

    def _write_row(self) -> None:
        """Writes the row, if there is something in it."""
        if not self._row:
            return
        pairs = len(self._data.train.pairs)
        epoch = self._step * self._settings.train.batch_size / pairs
        row = {"step": self._step, "epoch": epoch} | self._row
        self._metrics.append(row)
        self._tensorboard.scalars(row)
        self._row = {}

    def draw(self) -> None:
        """Writes a sample grid and the curves."""
        self._draw_samples()
        plot_losses(self._metrics.read(), self._folder.losses_plot)

    def _draw_samples(self) -> None:
        self._write_row()
        grid = sample_grid(self._state.predictor, self._inputs, self._targets, self._data.formats)
        png = png_bytes(grid)
        write_atomically(self._folder.samples / f"step_{self._step:07d}.png", png)
        write_atomically(self._folder.samples / "latest.png", png)
        train = self._settings.train
        spacing = samples_spacing(self._step, train.sample_every, train.keep_samples)
        with writing(self._folder.samples):
            drop_samples(self._folder.samples, self._step, spacing)
        if self._step % spacing == 0:  # TensorBoard's files only grow
            self._tensorboard.image("input_generated_target", grid, self._step)

    def save_checkpoint(self) -> None:
        """Writes a checkpoint, unless there is something wrong with the weights.

        Raises:
            NonFiniteLossError: a loss or a weight is NaN or infinite.
        """
        self._write_row()
        self._check_losses()
        if not self._state.is_finite():
            losses = ", ".join(f"{k} {v:.4g}" for k, v in self._recorder.last.items())
            raise self._non_finite(f"step {self._step}: a weight is not a finite number: {losses}")
        self._checkpoints.save()
        self._best.after_checkpoint()

    @property
    def standing(self) -> Standing | None:
        """How the validations stand; None without held-out pairs."""
        return self._best.standing

    @property
    def ends_early(self) -> bool:
        """Whether the last validations were all without improvement (`patience`)."""
        return self._best.has_run_out

    def _check_losses(self) -> None:
        problem = self._recorder.fetch()
        if problem:
            raise self._non_finite(problem)

    def _non_finite(self, problem: str) -> NonFiniteLossError:
        return NonFiniteLossError(
            f"{problem}. The last good checkpoint is {self._checkpoints.latest or 'none'}. Look "
            "for broken pairs, or try a lower learning_rate, in a new run"
        )

    @property
    def _step(self) -> int:
        return self._state.steps_done


def _place(standing: Standing | None) -> str:
    """Where the last validation stands."""
    if standing is None:
        return ""
    return " (the best so far)" if standing.is_best else f" (best {standing.describe_best()})"
