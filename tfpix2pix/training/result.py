"""How a run ended."""

import dataclasses
from pathlib import Path

from tfpix2pix.evaluation.validation import baseline_figures
from tfpix2pix.training.best import Standing
from tfpix2pix.training.datasets import RunData
from tfpix2pix.training.kept import best_paths
from tfpix2pix.training.reporter import Reporter
from tfpix2pix.training.run_folder import RunFolder
from tfpix2pix.training.signals import StopRequest


@dataclasses.dataclass(frozen=True)
class TrainResult:
    """How a run ended.

    Attributes:
        run_dir: the run folder.
        step: steps done.
        total_steps: steps to do.
        signal: number of the signal that asked to stop, or None.
        validation: figures of the last validation, images in [0, 1]; empty without held-out pairs.
        baseline: the same figures of always giving one answer, see `describe_baseline`.
        standing: which validation was the best; None without any.
        best_is_kept: whether the weights of that one are there.
        ended_early: whether the run ended before `total_steps`, since its validations no longer
            became better (`patience`).
    """

    run_dir: Path
    step: int
    total_steps: int
    signal: int | None = None
    validation: dict[str, float] = dataclasses.field(default_factory=dict)
    baseline: dict[str, float] = dataclasses.field(default_factory=dict)
    standing: Standing | None = None
    best_is_kept: bool = False
    ended_early: bool = False

    @property
    def stopped_by(self) -> int | None:
        """Number of the signal that stopped the run before its end, or None."""
        return None if self.step == self.total_steps or self.ended_early else self.signal


def conclude(
    folder: RunFolder,
    data: RunData,
    reporter: Reporter,
    stop: StopRequest,
    step: int,
    total_steps: int,
) -> TrainResult:
    """How a run ended that is at `step` of `total_steps`."""
    finished = step == total_steps or reporter.ends_early
    standing = reporter.standing
    return TrainResult(
        folder.path,
        step,
        total_steps,
        validation=reporter.validation,
        baseline=_baseline(data) if finished and reporter.validation else {},
        standing=standing,
        best_is_kept=standing is not None and standing.best_step in best_paths(folder.checkpoints),
        ended_early=step < total_steps and reporter.ends_early,
        signal=stop.signal,  # last: it may come as late as in the baseline
    )


def _baseline(data: RunData) -> dict[str, float]:
    return baseline_figures(
        data.plain_training_batches(), data.validation_batches(), data.formats.target
    )
