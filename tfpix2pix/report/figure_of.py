"""A metric's value as the document's figure, and its interval."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tfpix2pix.errors import UserError
from tfpix2pix.evaluation.intervals import bootstrap
from tfpix2pix.evaluation.metrics import Metric
from tfpix2pix.report.document import Figure


def figure_of(name: str, metric: Metric, value: float, **more: Any) -> Figure:
    """The figure of all images that a metric gave; `more` are other attributes of it."""
    return Figure(
        name,
        metric.label,
        value,
        unit=metric.unit,
        digits=metric.digits,
        higher_is_better=metric.higher_is_better,
        **more,
    )


def interval_or_none(
    statistic: Callable[[np.ndarray], np.ndarray], figures: np.ndarray, seed: int
) -> tuple[float | None, float | None]:
    """The 95 % interval, where there are enough images for one."""
    try:
        interval = bootstrap(statistic, figures, seed=seed)
    except UserError:
        return None, None
    return interval.low, interval.high
