"""A whole run: from settings to a run folder full of checkpoints, figures and pictures."""

import contextlib
import dataclasses
import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

from tfpix2pix.config import Settings, TrainSettings
from tfpix2pix.config.network_sizes import check_image_size
from tfpix2pix.data.order import Share
from tfpix2pix.data.sources import absolute_data, absolute_place
from tfpix2pix.errors import UserError
from tfpix2pix.models.pretrained import IMAGENET
from tfpix2pix.places import as_place
from tfpix2pix.progress import Progress
from tfpix2pix.training.checkpoints import Checkpoints
from tfpix2pix.training.datasets import RunData, open_run_data
from tfpix2pix.training.device import choose_jit
from tfpix2pix.training.executions import Execution, execution_on
from tfpix2pix.training.length import check_length, check_patience, run_length
from tfpix2pix.training.loop import run_loop
from tfpix2pix.training.objectives import build_objective, build_perceptual
from tfpix2pix.training.parameter_servers import is_asynchronous
from tfpix2pix.training.reporter import Reporter
from tfpix2pix.training.result import TrainResult, conclude
from tfpix2pix.training.resuming import as_begun, say_where_it_resumes
from tfpix2pix.training.run_folder import RunFolder
from tfpix2pix.training.signals import StopRequest, stop_on_signals
from tfpix2pix.training.state import TrainState
from tfpix2pix.training.step import TrainStep, make_train_step
from tfpix2pix.training.strategies import (
    agreed,
    choose_strategy,
    devices_shown,
    give_own_noise,
    has_workers,
)
from tfpix2pix.training.workers import (
    GONE,
    folder_to_write,
    in_turn,
    is_chief,
    naming_lost_workers,
)

# Gradient norms are measured in one of so many steps, so that they cost little; see `Plan`.
NORMS_EVERY = 10


def train(settings: Settings, run_dir: str | Path, *, or_resume: bool = False) -> TrainResult:
    """Starts a run in a new run folder and trains to its end, or until SIGINT or SIGTERM.

    Args:
        settings: of the run.
        run_dir: the run folder.
        or_resume: whether a run that was begun there with these settings goes on; without it a
            folder that holds a run is refused.

    Raises:
        UserError: the folder holds a run already, or one of other settings; the data cannot be
            used, or a loss became NaN.
    """
    settings = _absolute(settings)
    if not settings.data.takes_size_from_pairs:
        check_image_size(settings.model, settings.data.crop_size)
    folder = RunFolder(as_place(run_dir))
    # Several workers' comes before all else of TensorFlow.
    strategy = choose_strategy(
        settings.train.strategy, settings.train.batch_size, settings.train.accumulate
    )
    with naming_lost_workers(strategy, folder.path):
        # What the chief sees holds: another worker may look a little later.
        sees_run = or_resume and is_chief(strategy) and folder.exists()
        resumes, train_on = bool(agreed(strategy, int(sees_run))), False
        if resumes:
            settings, train_on = as_begun(settings, folder)
        with folder_to_write(strategy, folder, resumes=resumes) as own:
            data = in_turn(strategy, lambda: open_run_data(settings.data))
            return _train(settings, own, data, strategy, restore=resumes, train_on=train_on)


def resume(
    run_dir: str | Path,
    *,
    steps: int | None = None,
    changes: Mapping[str, Any] | None = None,
) -> TrainResult:
    """Continues the run in a run folder with its own settings, as if it had never stopped.

    Args:
        run_dir: the run folder.
        steps: a new length in steps, to train longer; a run that ended early goes on, too.
        changes: settings by name, of a run of imported weights that has not trained yet.

    Raises:
        UserError: there is no run, its data have changed, or a loss became NaN.
    """
    folder = RunFolder(as_place(run_dir))
    settings = folder.settings(changes)
    if changes:
        settings = _absolute(settings)
    if steps is not None:
        length = dataclasses.replace(settings.train, steps=steps, epochs=None)
        settings = dataclasses.replace(settings, train=length)
    strategy = choose_strategy(
        settings.train.strategy, settings.train.batch_size, settings.train.accumulate
    )
    with (
        naming_lost_workers(strategy, folder.path),
        folder_to_write(strategy, folder, resumes=True) as own,
    ):
        data = in_turn(strategy, lambda: open_run_data(settings.data))
        return _train(settings, own, data, strategy, restore=True, train_on=steps is not None)


def _absolute(settings: Settings) -> Settings:
    """With places that are found from any working folder, so that the run can be resumed there."""
    weights = settings.train.vgg_weights
    weights = weights if weights == IMAGENET else absolute_place(weights)
    return dataclasses.replace(
        settings,
        data=absolute_data(settings.data),
        train=dataclasses.replace(settings.train, vgg_weights=weights),
    )


def _train(
    settings: Settings,
    folder: RunFolder,
    data: RunData,
    strategy: tf.distribute.Strategy,
    *,
    restore: bool,
    train_on: bool = False,
) -> TrainResult:
    folder.check_same_data(data.train.pairs)
    check_patience(settings.train, is_validated=data.validation is not None)
    total_steps = run_length(settings.train, len(data.train.pairs))
    # The pairs may have decided the size of the networks.
    settings = dataclasses.replace(settings, data=data.settings)
    check_image_size(settings.model, settings.data.crop_size)
    wanted = "off" if is_asynchronous(strategy) else settings.train.jit
    jit, shown = choose_jit(wanted, total_steps)
    # What auto came to goes into config.yaml: the resumed run computes as this one.
    chosen = dataclasses.replace(settings.train, jit="on" if jit else "off")
    settings = dataclasses.replace(settings, train=chosen)
    if settings.train.deterministic:
        tf.config.experimental.enable_op_determinism()
    with strategy.scope():
        state = TrainState(settings, total_steps, data.formats)
        train_step = _train_step(settings, state, data, strategy)
        execution = execution_on(strategy, settings.train, train_step, state.networks)
    checkpoints = Checkpoints(state, folder.checkpoints, settings.train.keep_checkpoints)
    naming = _naming_broken_pairs(data, settings.train, state, strategy, execution.most_steps)
    with naming, stop_on_signals() as stop:
        if restore:
            say_where_it_resumes(checkpoints.restore_latest(), state.steps_done)
            check_length(state.steps_done, total_steps)
        give_own_noise(strategy, state.networks.generator)
        # Only now: settings that build no networks leave no run behind.
        folder.describe(settings, data.train.pairs)
        with contextlib.closing(Progress(state.steps_done, total_steps)) as progress:
            reporter = Reporter(settings, folder, state, data, checkpoints, progress)
            reporter.describe(f"{settings.train.precision}, {shown}{devices_shown(strategy)}")
            if train_on:
                reporter.train_on()
            _run(settings, state, data, execution, strategy, total_steps, reporter, stop)
        return conclude(folder, data, reporter, stop, state.steps_done, total_steps)


def _train_step(
    settings: Settings, state: TrainState, data: RunData, strategy: tf.distribute.Strategy
) -> TrainStep:
    """The step that the settings describe.

    Raises:
        UserError: the perceptual loss does not fit the images, or lacks its weights.
    """
    return make_train_step(
        state.networks,
        crop_size=settings.data.crop_size,
        mirror=settings.data.mirror,
        vertical_mirror=settings.data.vertical_mirror,
        rotate=settings.data.rotate,
        formats=data.formats,
        diff_augment=settings.train.diff_augment,
        objective=build_objective(settings.train),
        perceptual=build_perceptual(settings, data.formats),
        update=settings.train.update,
        pool=state.pool,
        ema_decay=settings.train.ema_decay,
        norms_every=min(settings.train.log_every, NORMS_EVERY),
        accumulate=settings.train.accumulate,
        recompute=settings.train.recompute,
        seed=settings.train.seed,
        strategy=strategy,
        jit=settings.train.jit == "on",
    )


def _run(
    settings: Settings,
    state: TrainState,
    data: RunData,
    execution: Execution,
    strategy: tf.distribute.Strategy,
    total_steps: int,
    reporter: Reporter,
    stop: StopRequest,
) -> None:
    """Trains from the step that the state is at, to the end or until asked to stop."""

    def batches(share: Share) -> tf.data.Dataset:
        return data.training_batches(settings.train, state.steps_done, total_steps, share)

    if state.steps_done == 0:
        reporter.start()
    run_loop(
        state,
        execution.execute,
        execution.batches(batches),
        total_steps=total_steps,
        steps_per_execution=execution.most_steps,
        reporter=reporter,
        stop=stop,
        agree=functools.partial(agreed, strategy),
    )
    if stop.signal is not None:
        reporter.save_checkpoint()


@contextlib.contextmanager
def _naming_broken_pairs(
    data: RunData,
    settings: TrainSettings,
    state: TrainState,
    strategy: tf.distribute.Strategy,
    most_steps: int,
) -> Iterator[None]:
    """Sets too large to keep in memory are decoded on the way: names the file that cannot be."""
    try:
        yield
    except tf.errors.ResourceExhaustedError as error:
        raise UserError(
            "out of memory: try accumulate or recompute, or a smaller crop_size or base_filters"
        ) from error
    except tf.errors.OpError as error:
        if isinstance(error, GONE) and (has_workers(strategy) or is_asynchronous(strategy)):
            raise
        raise (data.broken_pair(settings, state.steps_done, most_steps) or error) from error
