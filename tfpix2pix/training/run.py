"""A whole run: from settings to a run folder full of checkpoints, figures and pictures."""

import contextlib
import dataclasses
import math
from pathlib import Path

import tensorflow as tf

from tfpix2pix.config import Settings, TrainSettings
from tfpix2pix.data.pairs import absolute_source
from tfpix2pix.errors import UserError
from tfpix2pix.evaluation.baseline import mean_image_figures
from tfpix2pix.progress import Progress
from tfpix2pix.training.checkpoints import Checkpoints
from tfpix2pix.training.datasets import RunData, open_run_data
from tfpix2pix.training.loop import run_loop
from tfpix2pix.training.reporter import Reporter
from tfpix2pix.training.run_folder import RunFolder
from tfpix2pix.training.signals import stop_on_signals
from tfpix2pix.training.state import TrainState
from tfpix2pix.training.step import make_train_step


@dataclasses.dataclass(frozen=True)
class TrainResult:
    """How a run ended.

    Attributes:
        run_dir: the run folder.
        step: steps done.
        total_steps: steps to do.
        stopped_by: number of the signal that stopped the run, or None.
        validation: figures of the last validation, images in [0, 1]; empty without held-out pairs.
        baseline: the same figures of always answering with the mean training picture.
    """

    run_dir: Path
    step: int
    total_steps: int
    stopped_by: int | None = None
    validation: dict[str, float] = dataclasses.field(default_factory=dict)
    baseline: dict[str, float] = dataclasses.field(default_factory=dict)


def train(settings: Settings, run_dir: str | Path) -> TrainResult:
    """Starts a run in a new run folder and trains to its end, or until SIGINT or SIGTERM.

    Raises:
        UserError: the folder holds a run already, the data cannot be used, or a loss became NaN.
    """
    folder = RunFolder(Path(run_dir))
    folder.check_free()
    # So that the run can be resumed from any folder.
    where = dataclasses.replace(settings.data, data=absolute_source(settings.data.data))
    settings = dataclasses.replace(settings, data=where)
    return _train(settings, folder, open_run_data(settings.data), restore=False)


def resume(run_dir: str | Path, *, steps: int | None = None) -> TrainResult:
    """Continues the run in a run folder with its own settings, as if it had never stopped.

    Args:
        run_dir: the run folder.
        steps: a new length in steps, to train longer.

    Raises:
        UserError: there is no run, its data have changed, or a loss became NaN.
    """
    folder = RunFolder(Path(run_dir))
    settings = folder.settings()
    data = open_run_data(settings.data)
    if steps is not None:
        length = dataclasses.replace(settings.train, steps=steps, epochs=None)
        settings = dataclasses.replace(settings, train=length)
    return _train(settings, folder, data, restore=True)


def run_length(settings: TrainSettings, pairs: int) -> int:
    """The steps of a run: as given, or enough for the epochs over so many pairs.

    Raises:
        UserError: neither steps nor epochs are given.
    """
    if settings.steps is not None:
        return settings.steps
    if settings.epochs is not None:
        return math.ceil(settings.epochs * pairs / settings.batch_size)
    raise UserError("how long to train? Give --steps, --epochs or a --preset")


def _check_length(done: int, total_steps: int) -> None:
    if done > total_steps:
        raise UserError(
            f"the run has done {done} steps already, more than the {total_steps} asked for: give "
            "--steps a larger number to train longer, or nothing to leave it as it is"
        )


def one_device_strategy() -> tf.distribute.Strategy:
    """The simplest strategy: everything on the first GPU, or on the CPU."""
    has_gpu = bool(tf.config.list_logical_devices("GPU"))
    return tf.distribute.OneDeviceStrategy("/gpu:0" if has_gpu else "/cpu:0")


def _train(settings: Settings, folder: RunFolder, data: RunData, *, restore: bool) -> TrainResult:
    total_steps = run_length(settings.train, len(data.train.pairs))
    if settings.train.deterministic:
        tf.config.experimental.enable_op_determinism()
    strategy = one_device_strategy()
    with strategy.scope():
        state = TrainState(settings, total_steps)
    checkpoints = Checkpoints(state, folder.checkpoints, settings.train.keep_checkpoints)
    if restore:
        checkpoints.restore_latest()
        _check_length(state.steps_done, total_steps)
    # Only now: settings that build no networks leave no run behind.
    folder.describe(settings, data.train.pairs)
    with contextlib.closing(Progress(state.steps_done, total_steps)) as progress:
        reporter = Reporter(settings, folder, state, data, checkpoints, progress)
        stopped_by = _run(settings, state, data, strategy, total_steps, reporter)
    finished = stopped_by is None or state.steps_done == total_steps
    return TrainResult(
        folder.path,
        state.steps_done,
        total_steps,
        None if finished else stopped_by,
        reporter.validation,
        _baseline(data) if finished and reporter.validation else {},
    )


def _run(
    settings: Settings,
    state: TrainState,
    data: RunData,
    strategy: tf.distribute.Strategy,
    total_steps: int,
    reporter: Reporter,
) -> int | None:
    """Trains from the step that the state is at; returns the signal that stopped it, if one did."""
    train_step = make_train_step(
        state.networks,
        crop_size=settings.data.crop_size,
        mirror=settings.data.mirror,
        l1_weight=settings.train.l1_weight,
        update=settings.train.update,
        seed=settings.train.seed,
        strategy=strategy,
        jit=settings.train.jit,
    )
    batches = data.training_batches(settings.train, state.steps_done, total_steps)
    with stop_on_signals() as stop:
        if state.steps_done == 0:
            reporter.start()
        try:
            run_loop(
                state,
                train_step,
                strategy.experimental_distribute_dataset(batches),
                total_steps=total_steps,
                reporter=reporter,
                stop=stop,
            )
        except tf.errors.InvalidArgumentError as error:
            # Sets too large to keep in memory are decoded on the way.
            broken = data.broken_pair(settings.train, state.steps_done)
            raise (broken or error) from error
        if stop.signal is not None:
            reporter.save_checkpoint()
        return stop.signal


def _baseline(data: RunData) -> dict[str, float]:
    return mean_image_figures(data.plain_training_batches(), data.validation_batches())
