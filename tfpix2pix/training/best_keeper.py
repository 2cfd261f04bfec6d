"""Keeps the weights of the best validation, so that they are those of the run's own course.

A run that was killed goes on from a checkpoint, and what it had validated after that is no longer
its course. So the best weights as of the last checkpoint stay until the next one is complete.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from tfpix2pix.config import Settings
from tfpix2pix.training.best import (
    Standing,
    after_row,
    ended_early,
    has_run_out,
    standing_of,
)
from tfpix2pix.training.best_weights import BestWeights
from tfpix2pix.training.records import Row, as_written
from tfpix2pix.training.state import TrainState


class BestKeeper:
    """Takes validations, and keeps the weights of the best one."""

    def __init__(
        self, state: TrainState, settings: Settings, checkpoints: Path, rows: Sequence[Row]
    ):
        """Takes up where `rows` of metrics.csv end, and removes weights of any later step.

        Args:
            state: whose predictor's weights are kept.
            settings: of the run.
            checkpoints: the folder of checkpoints.
            rows: those up to the state's step.
        """
        self._weights = BestWeights(state, settings.train, checkpoints)
        self._metric = settings.best_metric
        self._patience = settings.train.patience
        self.standing = standing_of(rows, self._metric, self._patience)
        self.has_run_out = ended_early(rows, self._metric, self._patience, state.steps_done)
        self._best_at_checkpoint: int | None = None
        # Without its rows nobody knows which validation was the best: then none is let go.
        if rows or state.steps_done == 0:
            self.after_checkpoint()

    def take(self, step: int, figures: Mapping[str, float]) -> Standing | None:
        """Takes the validation of a step, and writes the weights if it is the best.

        Raises:
            UserError: the weights cannot be written.
        """
        # As it is written: a resumed run reads it back so.
        row = as_written({"step": step} | {f"val_{name}": v for name, v in figures.items()})
        before = self.standing
        self.standing = after_row(before, row, metric=self._metric, patience=self._patience)
        self.has_run_out = has_run_out(self.standing, self._patience)
        if self.standing is not None and self.standing != before and self.standing.is_best:
            self._weights.save()
            self._weights.keep((self._best_at_checkpoint, step))
        return self.standing

    def after_checkpoint(self) -> None:
        """Lets go of all but the best weights: a run that is resumed now does so from here."""
        self._best_at_checkpoint = None if self.standing is None else self.standing.best_step
        self._weights.keep((self._best_at_checkpoint,))
