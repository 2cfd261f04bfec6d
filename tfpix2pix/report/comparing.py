"""Two runs on the same images: how they differ, and whether that is more than noise."""

from collections.abc import Mapping, Sequence

import numpy as np

from tfpix2pix.errors import UserError
from tfpix2pix.evaluation.intervals import Statistic, compare_runs, mean
from tfpix2pix.evaluation.metrics import ImageMetric, Metric
from tfpix2pix.report.document import Comparison, Difference
from tfpix2pix.report.looking import ByImage, ImageFigures, SetMetric

METHOD = (
    "Paired over the images: the interval is of 95 %, from a bootstrap of the pairs; p is how "
    "often chance alone gives a difference as large, from exchanging the runs' figures at "
    "random. Several metrics are looked at, so a lone small p may be chance."
)


def comparison(
    names: tuple[str, str],
    metrics: Mapping[str, ImageMetric],
    figures: tuple[ImageFigures, ImageFigures],
    set_metrics: Sequence[SetMetric],
    seed: int,
) -> Comparison | None:
    """Compares two runs by all that is measured image by image.

    Args:
        names: of the runs.
        metrics: with a figure for each image.
        figures: of each run, by metric.
        set_metrics: of which those count that keep what they found of each image.
        seed: of the resamples.

    Returns:
        None of a single image.
    """
    first, second = figures
    if len(next(iter(first.values()))) < 2:
        return None
    compared: ByImage = {
        name: (metric, mean, metric.averageable(first[name]), metric.averageable(second[name]))
        for name, metric in metrics.items()
    }
    for set_metric in set_metrics:
        compared |= set_metric.by_image()
    found = [
        (form, _difference(name, names, form, statistic, (one, other), seed))
        for name, (form, statistic, one, other) in compared.items()
    ]
    differences = [(form, difference) for form, difference in found if difference is not None]
    return Comparison(
        tuple(difference for _, difference in differences),
        "; ".join(f"{form.label}: {difference.verdict}" for form, difference in differences),
        METHOD,
    )


def _difference(
    name: str,
    names: tuple[str, str],
    metric: Metric,
    statistic: Statistic,
    figures: tuple[np.ndarray, np.ndarray],
    seed: int,
) -> Difference | None:
    """None where there are too few images for the statistic, as with classes that none shows."""
    try:
        compared = compare_runs(statistic, *figures, seed=seed)
    except UserError:
        return None
    verdict = compared.verdict(higher_is_better=metric.higher_is_better, names=names)
    interval = compared.difference
    return Difference(name, interval.value, interval.low, interval.high, compared.p_value, verdict)
