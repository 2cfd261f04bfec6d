"""The weights of the best validation, kept beside the checkpoints that a run resumes from.

They are the predictor's alone, a third or less of a whole checkpoint: enough to predict, export
and evaluate with, not to train on. Each lies in a folder of its own, `best/step-N/`, which appears
whole or not at all.
"""

import shutil
from collections.abc import Collection
from pathlib import Path

import tensorflow as tf

from tfpix2pix.config import TrainSettings
from tfpix2pix.files import folder_written_atomically, writing
from tfpix2pix.places.trees import PARTIAL, remove_tree
from tfpix2pix.training.checksums import write_checksums
from tfpix2pix.training.kept import BEST, BEST_FILES
from tfpix2pix.training.state import TrainState, named_weights, predictor_key


class BestWeights:
    """The best weights in a folder of checkpoints."""

    def __init__(self, state: TrainState, settings: TrainSettings, checkpoints: Path):
        self._state = state
        self._folder = checkpoints / BEST
        weights = {predictor_key(settings): named_weights(state.predictor)}
        self._checkpoint = tf.train.Checkpoint(step=state.step, **weights)

    def save(self) -> None:
        """Writes those of the state's step.

        Raises:
            UserError: they cannot be written.
        """
        place = self._folder / f"step-{self._state.steps_done}"
        with folder_written_atomically(place, tf.errors.OpError) as temporary:
            path = str(temporary / BEST_FILES)
            self._checkpoint.write(path, self._state.file_options)
            write_checksums(path)

    def keep(self, steps: Collection[int | None]) -> None:
        """Removes all but those of these steps, and what a killed run left half written.

        Raises:
            UserError: they cannot be removed.
        """
        wanted = {self._folder / f"step-{step}" for step in steps}
        with writing(self._folder):
            for place in set(self._folder.glob("step-*")) - wanted:
                # Out of sight at once: killed in the middle, it leaves no half of a checkpoint.
                remove_tree(place)
            for remains in self._folder.glob(f"{PARTIAL}*"):
                shutil.rmtree(remains)
