"""How sure a figure is: bootstrap intervals over images, and paired comparisons of two runs.

Per-image figures are float arrays [N], or [N, ...] such as confusion matrices, [N, K, K]. A
statistic is made from their means over the images of each resample. All in float64 on the host,
in memory that does not grow with the number of resamples.
"""

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np

from tfpix2pix.errors import UserError

# Of means [R, ...] over the images of R resamples: R figures.
Statistic = Callable[[np.ndarray], np.ndarray]

RESAMPLES = 10_000
CONFIDENCE = 0.95
# Numbers in the largest array of a chunk of resamples: 16 MB.
CHUNK_NUMBERS = 2**21


@dataclasses.dataclass(frozen=True)
class Interval:
    """A figure of all images, and between which figures it lies as far as they can tell."""

    value: float
    low: float
    high: float
    confidence: float = CONFIDENCE


@dataclasses.dataclass(frozen=True)
class Comparison:
    """How a second run differs from a first one on the same images.

    Attributes:
        difference: second less first, with its bootstrap interval.
        p_value: how often a difference at least as large comes up where it is left to chance
            which of the two runs each image's figures are said to be of.
    """

    difference: Interval
    p_value: float

    @property
    def is_significant(self) -> bool:
        """Whether the difference is more than noise: so say the interval and the p-value."""
        excludes_zero = self.difference.low > 0 or self.difference.high < 0
        return excludes_zero and self.p_value <= 1 - self.difference.confidence

    def verdict(
        self, *, higher_is_better: bool, names: tuple[str, str] = ("the first", "the second")
    ) -> str:
        """For people: `the second is better`, by the runs' names, or `no more than noise`."""
        if not self.is_significant:
            return "no more than noise"
        second_is_better = (self.difference.value > 0) == higher_is_better
        return f"{names[second_is_better]} is better"


def mean(means: np.ndarray) -> np.ndarray:
    """The statistic of figures [N]: their mean."""
    return means


def bootstrap(
    statistic: Statistic,
    figures: np.ndarray,
    *,
    resamples: int = RESAMPLES,
    confidence: float = CONFIDENCE,
    seed: int = 0,
) -> Interval:
    """The percentile bootstrap interval (Efron 1979) of a statistic, resampling images.

    Args:
        statistic: such as `mean`, or class IoU of the mean confusion matrix.
        figures: of each image, [N, ...].
        resamples: how many.
        confidence: how often intervals like this one hold the true figure.
        seed: of the resamples.

    Raises:
        UserError: there are fewer than two images, a figure is infinite or no number, or the
            statistic of a resample is.
    """
    rows = _rows(figures)

    def of(means: np.ndarray) -> np.ndarray:
        return _applied(statistic, means.reshape(-1, *np.shape(figures)[1:]))

    drawn = [
        of(counts @ rows / len(rows))
        for counts in _resampled(len(rows), resamples, rows.size // len(rows), seed)
    ]
    return _interval(of(rows.mean(axis=0)[np.newaxis])[0], np.concatenate(drawn), confidence)


def compare_runs(
    statistic: Statistic,
    first: np.ndarray,
    second: np.ndarray,
    *,
    resamples: int = RESAMPLES,
    confidence: float = CONFIDENCE,
    seed: int = 0,
) -> Comparison:
    """Compares two runs on the same images, pair by pair.

    The interval is the percentile bootstrap's, resampling pairs. The p-value is the two-sided
    permutation test's that exchanges the two figures of an image (for a mean: flips the sign of
    their difference); exact where there are no more exchanges than `resamples`, else of that many
    random ones and the one observed (Phipson and Smyth 2010).

    Args:
        statistic: see `bootstrap`.
        first: of each image, [N, ...].
        second: the same, of the same images in the same order.
        resamples, confidence, seed: see `bootstrap`.

    Raises:
        UserError: see `bootstrap`, or the two are not of as many images.
    """
    if np.shape(first) != np.shape(second):
        raise UserError(
            f"two runs are compared on the same images: the first has figures of shape "
            f"{np.shape(first)}, the second of {np.shape(second)}"
        )
    rows, shape = np.stack([_rows(first), _rows(second)], axis=1), np.shape(first)[1:]

    def differences(means: np.ndarray) -> np.ndarray:
        pairs = means.reshape(-1, 2, *shape)
        return _applied(statistic, pairs[:, 1]) - _applied(statistic, pairs[:, 0])

    difference = bootstrap(differences, rows, resamples=resamples, confidence=confidence, seed=seed)
    return Comparison(difference, _p_value(differences, rows, difference.value, resamples, seed))


def _p_value(
    differences: Statistic, rows: np.ndarray, observed: float, resamples: int, seed: int
) -> float:
    """Of pairs of figures, [N, 2, F]."""
    count = len(rows)
    means, gaps = rows.mean(axis=0), rows[:, 1] - rows[:, 0]
    # Sums that differ in their last bits alone are equal.
    limit = abs(observed) * (1 - 1e-9)
    is_exact = 2**count <= resamples
    as_large = total = 0
    for exchanged in _exchanges(count, resamples, gaps.shape[1], seed):
        moved = exchanged @ gaps / count
        drawn = differences(np.stack([means[0] + moved, means[1] - moved], axis=1))
        as_large += int(np.count_nonzero(np.abs(drawn) >= limit))
        total += len(drawn)
    return float(as_large / total if is_exact else (as_large + 1) / (total + 1))


def _exchanges(count: int, resamples: int, width: int, seed: int) -> Iterator[np.ndarray]:
    """0 and 1, [R, N] in chunks: which images' figures change places; all ways if they are few."""
    if 2**count <= resamples:
        yield np.arange(2**count)[:, np.newaxis] >> np.arange(count) & 1
        return
    rng = np.random.default_rng([seed, 1])
    for size in _chunks(resamples, max(count, 2 * width)):
        yield rng.integers(0, 2, (size, count)).astype(np.float64)


def _resampled(count: int, resamples: int, width: int, seed: int) -> Iterator[np.ndarray]:
    """How often each image is in a resample, [R, N] in chunks, float64."""
    rng = np.random.default_rng([seed, 0])
    for size in _chunks(resamples, max(count, width)):
        drawn = rng.integers(0, count, (size, count)) + np.arange(size)[:, np.newaxis] * count
        counts = np.bincount(drawn.ravel(), minlength=size * count)
        yield counts.reshape(size, count).astype(np.float64)


def _chunks(resamples: int, numbers_each: int) -> Iterator[int]:
    size = max(1, CHUNK_NUMBERS // numbers_each)
    for start in range(0, resamples, size):
        yield min(size, resamples - start)


def _rows(figures: np.ndarray) -> np.ndarray:
    """[N, ...] -> float64 [N, F], checked."""
    array = np.asarray(figures, np.float64)
    if array.ndim == 0 or len(array) < 2:
        raise UserError("how sure a figure is can be told from two images or more")
    rows = array.reshape(len(array), -1)
    bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
    if len(bad):
        raise UserError(
            f"the figures of {len(bad)} of {len(rows)} images are infinite or no numbers, the "
            f"first those of number {bad[0]}: leave these out, or bring an infinite PSNR down "
            "with Metric.averageable"
        )
    return rows


def _applied(statistic: Statistic, means: np.ndarray) -> np.ndarray:
    values = np.asarray(statistic(means), np.float64)
    if values.shape != means.shape[:1]:
        raise ValueError(f"the statistic of means {means.shape} is {values.shape}: one figure each")
    if not np.isfinite(values).all():
        raise UserError(
            "the statistic of some resamples is infinite or no number, such as 0 / 0: there are "
            "too few images for it"
        )
    return values


def _interval(value: float, drawn: np.ndarray, confidence: float) -> Interval:
    tail = (1 - confidence) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return Interval(float(value), float(low), float(high), confidence)
