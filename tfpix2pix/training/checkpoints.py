"""Checkpoints of a run.

A checkpoint holds every variable of both networks (weights, BatchNorm averages, dropout's random
states), of both optimizers, of the generator's average and the pool if there are such, and the
step: all that makes a resumed run end as one never stopped. Its checksums lie beside it.
"""

import shutil
from pathlib import Path

import keras
import tensorflow as tf

from tfpix2pix.config import Settings
from tfpix2pix.data.formats import RGB_PAIRS, PairFormat
from tfpix2pix.errors import UserError
from tfpix2pix.files import writing
from tfpix2pix.progress import say
from tfpix2pix.training.build import build_generator
from tfpix2pix.training.checksums import find_damage, remove_checkpoint, write_checksums
from tfpix2pix.training.kept import (
    STATE_FILE,
    begun_steps,
    check_whole,
    find_checkpoint,
    named_steps,
    summed_steps,
    write_state,
)
from tfpix2pix.training.state import TrainState, named_weights, predictor_key


class Checkpoints:
    """The checkpoints in a folder; the last few are kept.

    Each is whole before the state file names it, and goes only when that no longer does: a kill at
    any moment leaves a named one that is whole. Nothing here goes by a clock.
    """

    def __init__(self, state: TrainState, folder: Path, keep: int):
        self._state = state
        self.folder = folder
        self._checkpoint = state.checkpoint()
        self._keep = keep
        self._steps = named_steps(folder)
        self._damaged: list[int] = []

    @property
    def latest(self) -> str | None:
        """The path prefix of the last complete checkpoint."""
        return self._path(self._steps[-1]) if self._steps else None

    def _path(self, steps_done: int) -> str:
        return str(self.folder / f"step-{steps_done}")

    def save(self) -> None:
        """Writes a checkpoint, unless that of this step is there already.

        The one before stays the latest until the new one is complete.

        Raises:
            UserError: it cannot be written; then nothing is left of it.
        """
        step = self._state.steps_done
        if self._steps[-1:] == [step]:
            return  # to write it again would put a complete checkpoint at risk
        steps = [*(one for one in self._steps if one != step), step]
        kept = steps[-self._keep :]
        with writing(self.folder, tf.errors.OpError):
            try:
                self._checkpoint.write(self._path(step), self._state.file_options)
                write_checksums(self._path(step))
                write_state(self.folder, kept)
            except (OSError, UserError, tf.errors.OpError):
                self._remove(step)  # the room may be wanted
                raise
            self._steps = kept
            # A run that was killed here has left some that are named no more.
            left = (one for one in begun_steps(self.folder) if one < kept[0])
            for old in {*steps, *left, *self._damaged}.difference(kept):
                self._remove(old)
            self._damaged = []

    def _remove(self, step: int) -> None:
        remove_checkpoint(self._path(step))
        # Where TensorFlow writes first.
        shutil.rmtree(f"{self._path(step)}_temp", ignore_errors=True)

    def restore_latest(self) -> bool:
        """Restores every variable from the last checkpoint that is whole, and says which are not.

        Returns:
            Whether there was one; a run killed before its first starts from its seed again.

        Raises:
            UserError: none is whole, it does not fit the settings, or the last cannot be told.
        """
        path = self._last_whole()
        if path is None:
            return False
        # Before the first step the pool is empty, and of imported weights may be of another
        # size than that which they are trained at.
        untrained = path == self._path(0)
        parts = self._state.checkpoint(with_pool=False) if untrained else self._checkpoint
        restore_exactly(parts, path, self._state.file_options)
        return True

    def _last_whole(self) -> str | None:
        """The last checkpoint that is whole; from now on the state file names none after it."""
        steps = self._steps or self._unnamed_steps()
        while steps:
            damage = find_damage(self._path(steps[-1]))
            if damage is None:
                break
            self._damaged.append(steps.pop())
            if not steps:
                raise UserError(
                    f"{damage}, and there is no checkpoint before it: put it back from a copy, or "
                    "start a new run"
                )
            say(f"{damage}: going on from the checkpoint before it, of step {steps[-1]}")
        if steps and (self._damaged or steps != self._steps):
            write_state(self.folder, steps)
        self._steps = steps
        return self.latest

    def _unnamed_steps(self) -> list[int]:
        """The steps of complete checkpoints where no state file tells; [] if there is none.

        Raises:
            UserError: there are some of an earlier version, which do not tell themselves.
        """
        steps = summed_steps(self.folder)
        state = self.folder / STATE_FILE
        if steps:
            say(
                f"{state} does not say which checkpoint is the last: step {steps[-1]} is the latest"
            )
            return steps
        # A run killed while it wrote its first checkpoint leaves one index, and no state file.
        if state.exists() or len(list(self.folder.glob("*.index"))) > 1:
            raise UserError(
                f"{self.folder} holds checkpoints, but the file `checkpoint` that names the last "
                "one is missing or damaged. Write it anew: "
                'model_checkpoint_path: "step-N", with the largest N that has an .index file'
            )
        return []


def restore_exactly(
    checkpoint: tf.train.Checkpoint, path: str, options: tf.train.CheckpointOptions | None = None
) -> None:
    """Restores every variable of `checkpoint` from `path`.

    Args:
        checkpoint: whose variables are there already.
        path: as TensorFlow names checkpoints.
        options: how files are read.

    Raises:
        UserError: the file is damaged or lacks some of the variables.
    """
    try:
        status = checkpoint.read(path, options)
        status.assert_existing_objects_matched().expect_partial()
    except (tf.errors.OpError, AssertionError, ValueError, IndexError) as error:
        raise UserError(
            f"cannot restore the checkpoint {path}: it is damaged or of other networks than "
            "config.yaml describes"
        ) from error


def load_generator(
    settings: Settings,
    checkpoint_folder: Path,
    formats: PairFormat = RGB_PAIRS,
    image_size: tuple[int, int] | None = None,
    *,
    checkpoint: str | int = "latest",
    dropout_at_prediction: bool | None = None,
) -> keras.Model:
    """Builds the generator that predicts, and restores its weights from a checkpoint.

    They are the moving average's in runs that have one (`ema_decay`).

    Args:
        settings: of the run.
        checkpoint_folder: of the run.
        formats: of the run's images.
        image_size: height and width; default: the run's own.
        checkpoint: `latest`, `best` (by the run's `best_metric`), or the step of one that is kept.
        dropout_at_prediction: whether dropout stays on; default: as the settings say.

    Raises:
        UserError: there is no such checkpoint, it is damaged, or it does not fit the settings.
    """
    path, _ = find_checkpoint(checkpoint_folder, checkpoint)
    check_whole(path)
    size = image_size or settings.data.crop_size
    generator = build_generator(
        settings.model, size, formats, dropout_at_prediction=dropout_at_prediction
    )
    weights = {predictor_key(settings.train): named_weights(generator)}
    restore_exactly(tf.train.Checkpoint(**weights), path)
    return generator
