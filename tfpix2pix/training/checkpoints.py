"""Checkpoints of a run.

A checkpoint holds every variable of both networks (weights, BatchNorm averages, dropout's random
states), of both optimizers, of the generator's average and the pool if there are such, and the
step: all that makes a resumed run end as one never stopped.
"""

from pathlib import Path

import keras
import tensorflow as tf

from tfpix2pix.config import Settings
from tfpix2pix.data.formats import RGB_PAIRS, PairFormat
from tfpix2pix.errors import UserError
from tfpix2pix.files import writing
from tfpix2pix.places import as_place
from tfpix2pix.training.build import build_generator
from tfpix2pix.training.kept import find_checkpoint, foreign_checkpoint
from tfpix2pix.training.state import TrainState, named_weights, predictor_key


class Checkpoints:
    """The checkpoints in a folder; the last few are kept."""

    def __init__(self, state: TrainState, folder: Path, keep: int):
        self._state = state
        self.folder = folder
        self._checkpoint = state.checkpoint()
        _refuse_foreign(folder)
        self._manager = tf.train.CheckpointManager(
            self._checkpoint, str(folder), max_to_keep=keep, checkpoint_name="step"
        )

    @property
    def latest(self) -> str | None:
        """The path prefix of the last complete checkpoint."""
        return self._manager.latest_checkpoint

    def _path(self, steps_done: int) -> str:
        return str(self.folder / f"step-{steps_done}")

    def save(self) -> None:
        """Writes a checkpoint, unless that of this step is there already.

        The one before stays the latest until the new one is complete.

        Raises:
            UserError: it cannot be written.
        """
        steps_done = self._state.steps_done
        if self.latest == self._path(steps_done):
            return  # to write it again would put a complete checkpoint at risk
        with writing(self.folder, tf.errors.OpError):
            self._manager.save(checkpoint_number=steps_done, options=self._state.file_options)

    def restore_latest(self) -> bool:
        """Restores every variable from the last complete checkpoint.

        Returns:
            Whether there was one; a run killed before its first starts from its seed again.

        Raises:
            UserError: it is damaged, does not fit the settings, or cannot be told from others.
        """
        if self.latest is not None:
            # Before the first step the pool is empty, and of imported weights may be of another
            # size than that which they are trained at.
            untrained = self.latest == self._path(0)
            parts = self._state.checkpoint(with_pool=False) if untrained else self._checkpoint
            restore_exactly(parts, self.latest, self._state.file_options)
            return True
        # A run killed while it wrote its first checkpoint leaves one index, and no state file.
        if (self.folder / "checkpoint").exists() or len(list(self.folder.glob("*.index"))) > 1:
            raise UserError(
                f"{self.folder} holds checkpoints, but the file `checkpoint` that names the last "
                "one is missing or damaged. Write it anew: "
                'model_checkpoint_path: "step-N", with the largest N that has an .index file'
            )
        return False


def _refuse_foreign(folder: Path) -> None:
    """TensorFlow deletes what the state file names, once there are newer ones, wherever it is.

    Raises:
        UserError: it names checkpoints of another folder.
    """
    state = tf.train.get_checkpoint_state(str(folder))
    named = [state.model_checkpoint_path, *state.all_model_checkpoint_paths] if state else []
    for path in filter(None, named):
        if as_place(path).parent != folder:
            raise foreign_checkpoint(folder, path)


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
        UserError: there is no such checkpoint, or it does not fit the settings.
    """
    path, _ = find_checkpoint(checkpoint_folder, checkpoint)
    size = image_size or settings.data.crop_size
    generator = build_generator(
        settings.model, size, formats, dropout_at_prediction=dropout_at_prediction
    )
    weights = {predictor_key(settings.train): named_weights(generator)}
    restore_exactly(tf.train.Checkpoint(**weights), path)
    return generator
