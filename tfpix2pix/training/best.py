"""Which validation was the best so far, and when one without improvement ends the run.

All of it follows from the rows of metrics.csv, whose figures have six digits. A resumed run drops
the rows after its checkpoint and so counts on exactly as one that never stopped.
"""

import dataclasses
import functools
import math
from collections.abc import Iterable

from tfpix2pix.evaluation.validation import VALIDATION_METRICS
from tfpix2pix.training.records import Row


@dataclasses.dataclass(frozen=True)
class Standing:
    """How the validations of a run stand, by one metric.

    Attributes:
        metric: its name.
        best_step: the step of the best validation, the first of equally good ones.
        best: its figure, as metrics.csv has it.
        last_step: the step of the last validation.
        idle: validations since the best one; or, in a run that had ended early and was told to
            train longer, since it went on.
    """

    metric: str
    best_step: int
    best: float
    last_step: int
    idle: int = 0

    @property
    def is_best(self) -> bool:
        """Whether the last validation is the best."""
        return self.best_step == self.last_step

    def describe_best(self) -> str:
        """For people: `ssim 0.6123 at step 3000`."""
        return f"{self.metric} {self.best:.4g} at step {self.best_step}"


def standing_of(rows: Iterable[Row], metric: str, patience: int) -> Standing | None:
    """How the validations in rows of metrics.csv stand; None without any that is a number."""
    advance = functools.partial(after_row, metric=metric, patience=patience)
    return functools.reduce(advance, rows, None)


def after_row(
    standing: Standing | None, row: Row, *, metric: str, patience: int
) -> Standing | None:
    """How they stand after one more row, whose figures are as metrics.csv has them."""
    value = row.get(f"val_{metric}", math.nan)
    if f"val_{metric}" not in row or (standing is None and math.isnan(value)):
        return standing
    step = int(row["step"])
    if standing is None or _is_better(metric, value, standing.best):
        return Standing(metric, step, value, step)
    # There is a row after the one that ended the run: it was told to train longer.
    idle = 0 if has_run_out(standing, patience) else standing.idle
    return dataclasses.replace(standing, last_step=step, idle=idle + 1)


def has_run_out(standing: Standing | None, patience: int) -> bool:
    """Whether the last validations, `patience` in number, were all without improvement."""
    return standing is not None and 0 < patience <= standing.idle


def ended_early(rows: Iterable[Row], metric: str, patience: int, step: int) -> bool:
    """Whether a run whose last checkpoint is of `step` ended there for want of improvement."""
    standing = standing_of(rows, metric, patience)
    return standing is not None and standing.last_step == step and has_run_out(standing, patience)


def _is_better(metric: str, value: float, than: float) -> bool:
    return value > than if VALIDATION_METRICS[metric].higher_is_better else value < than
