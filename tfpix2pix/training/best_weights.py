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
from tfpix2pix.errors import UserError
from tfpix2pix.files import PARTIAL, folder_written_atomically, writing
from tfpix2pix.training.state import TrainState, named_weights, predictor_key

BEST = "best"
_FILES = "weights"


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
            self._checkpoint.write(str(temporary / _FILES))

    def keep(self, steps: Collection[int | None]) -> None:
        """Removes all but those of these steps, and what a killed run left half written.

        Raises:
            UserError: they cannot be removed.
        """
        wanted = {self._folder / f"step-{step}" for step in steps}
        with writing(self._folder):
            for place in set(self._folder.glob("step-*")) - wanted:
                # Out of sight at once: killed in the middle, it leaves no half of a checkpoint.
                place.rename(place.with_name(f"{PARTIAL}{place.name}"))
            for remains in self._folder.glob(f"{PARTIAL}*"):
                shutil.rmtree(remains)


def best_paths(checkpoints: Path) -> dict[int, str]:
    """The path prefixes of best weights by their steps; the last is the best."""
    found = {
        int(folder.name.removeprefix("step-")): str(folder / _FILES)
        for folder in (checkpoints / BEST).glob("step-*")
        if folder.name.removeprefix("step-").isdecimal()
    }
    return dict(sorted(found.items()))


def find_checkpoint(checkpoints: Path, which: str | int) -> tuple[str, bool]:
    """The path prefix of a checkpoint of a run, and whether it holds the predictor alone.

    Args:
        checkpoints: the folder of checkpoints.
        which: `latest`, `best`, or a step.

    Raises:
        UserError: there is none such; with those that there are.
    """
    latest = tf.train.latest_checkpoint(str(checkpoints))
    if latest is None:
        raise UserError(
            f"{checkpoints} holds no complete checkpoint: train, or resume the run, first"
        )
    best = {str(step): (path, True) for step, path in best_paths(checkpoints).items()}
    whole = {str(step): (path, False) for step, path in _whole_paths(checkpoints).items()}
    named = {"latest": (latest, False)}
    if best:
        named[BEST] = list(best.values())[-1]
    found = (named | best | whole).get(str(which))
    if found is None:
        shown = [f"{name} (step {step_of(path)})" for name, (path, _) in named.items()]
        shown += sorted(best | whole, key=int)
        raise UserError(f"{checkpoints} holds no checkpoint {which}; it has {', '.join(shown)}")
    return found


def step_of(path: str) -> int:
    """The step of a checkpoint by its path prefix, `.../step-N` or `.../best/step-N/weights`."""
    return int(path.removesuffix(f"/{_FILES}").rpartition("-")[2])


def _whole_paths(checkpoints: Path) -> dict[int, str]:
    """The path prefixes of the checkpoints that are complete, by their steps."""
    state = tf.train.get_checkpoint_state(str(checkpoints))
    paths = state.all_model_checkpoint_paths if state else ()
    return {int(path.rpartition("-")[2]): path for path in paths if Path(f"{path}.index").exists()}
