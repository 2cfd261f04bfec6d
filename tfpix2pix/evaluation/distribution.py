"""Distances between two sets of images, by their features [N, D]: FID and KID.

Features come in batches, float32 [B, D] as an extractor of `evaluation.features` gives them; the
rest is float64 on the host.
"""

import dataclasses
from collections.abc import Callable

import numpy as np

from tfpix2pix.errors import UserError

# With fewer images, FID is biased upwards by much and both distances are noisy.
FEW_IMAGES = 2000
KID_SUBSET_SIZE = 1000
KID_SUBSETS = 100
# Images of a set of which the kernel of all pairs is kept, 72 MB.
LARGEST_KERNEL = 3000

Kernels = tuple[np.ndarray, np.ndarray, np.ndarray]


class Distribution:
    """Mean and covariance of features that come in batches (Chan et al. 1979).

    Memory does not grow with the number of images: 32 MB for 2048 features; unless the features
    themselves are kept, as KID needs them, which takes 8 KB more for each image.

    Attributes:
        count: how many images so far.
        mean: float64 [D].
        scatter: float64 [D, D], the sum of outer products of differences from the mean.
    """

    def __init__(self, *, keep_features: bool = False) -> None:
        self.count = 0
        self.mean = np.zeros(0)
        self.scatter = np.zeros((0, 0))
        self._kept: list[np.ndarray] | None = [] if keep_features else None

    @classmethod
    def from_parts(
        cls, count: int, mean: np.ndarray, scatter: np.ndarray, features: np.ndarray | None = None
    ) -> "Distribution":
        """One that was taken in before."""
        distribution = cls(keep_features=features is not None)
        distribution.count, distribution.mean, distribution.scatter = count, mean, scatter
        if features is not None:
            distribution._kept = [features]
        return distribution

    def add(self, features: np.ndarray) -> None:
        """Takes in a batch, [B, D].

        Raises:
            UserError: they are not finite, or not as many as those before.
        """
        batch = np.asarray(features, np.float64)
        if self.count == 0:
            self.mean = np.zeros(batch.shape[1])
            self.scatter = np.zeros((batch.shape[1], batch.shape[1]))
        _check_features(batch, len(self.mean))
        centre = batch.mean(axis=0)
        differences, shift = batch - centre, centre - self.mean
        total = self.count + len(batch)
        self.scatter += differences.T @ differences
        self.scatter += np.outer(shift, shift) * (self.count * len(batch) / total)
        self.mean = self.mean + shift * (len(batch) / total)
        self.count = total
        if self._kept is not None:
            self._kept.append(batch.astype(np.float32))

    @property
    def covariance(self) -> np.ndarray:
        """The unbiased covariance, float64 [D, D]."""
        return self.scatter / (self.count - 1)

    @property
    def features(self) -> np.ndarray | None:
        """All features, float32 [N, D], if they were kept."""
        if self._kept is None:
            return None
        return np.concatenate(self._kept) if self._kept else np.zeros((0, 0), np.float32)


def few_images_warning(count: int) -> str | None:
    """What to say about FID and KID of so few images, if they are few."""
    if count >= FEW_IMAGES:
        return None
    return (
        f"FID and KID of {count} images: with fewer than {FEW_IMAGES:,} they are noisy, and FID is "
        "too high, the more so the fewer there are; compare it only between sets of equally many"
    )


def frechet_distance(real: Distribution, generated: Distribution) -> float:
    """FID (Heusel et al. 2017, equation 6): the squared Frechet distance of two Gaussians.

    `|m - n|^2 + trace(C + D - 2 (C D)^(1/2))`; 0 is perfect. The trace of `(C D)^(1/2)` is that of
    `(C^(1/2) D C^(1/2))^(1/2)`, whose root is of a symmetric matrix without negative eigenvalues,
    so that it is real and safe even where there are fewer images than features.

    Raises:
        UserError: one of them has fewer than two images, or they have other features.
    """
    _check_pair(real, generated)
    root = _symmetric_root(real.covariance)
    product = root @ generated.covariance @ root
    eigenvalues = np.linalg.eigvalsh((product + product.T) / 2)
    trace_of_root = np.sqrt(np.maximum(eigenvalues, 0)).sum()
    spread = np.trace(real.covariance) + np.trace(generated.covariance) - 2 * trace_of_root
    return max(0.0, float(np.sum((real.mean - generated.mean) ** 2) + spread))


@dataclasses.dataclass(frozen=True)
class KernelDistance:
    """KID and how sure it is.

    Attributes:
        value: the mean over the subsets; 0 is perfect, and it may be a little below.
        standard_error: of `value`, from what other images would have given (the jackknife that
            leaves all but a subset out, Shao and Wu 1989).
        subset_deviation: the standard deviation over the subsets, as papers often give it.
        subset_size: of the subsets.
    """

    value: float
    standard_error: float
    subset_deviation: float
    subset_size: int


def kernel_distance(
    real: Distribution,
    generated: Distribution,
    *,
    subset_size: int = KID_SUBSET_SIZE,
    subsets: int = KID_SUBSETS,
    seed: int = 0,
) -> KernelDistance:
    """KID (Binkowski et al. 2018): unbiased squared MMD with the kernel (x.y / D + 1)^3.

    Args:
        real: with its features kept.
        generated: the same.
        subset_size: images of each set in each subset; no more than half of the smaller set,
            since subsets that are all alike tell nothing of the error.
        subsets: how many, two or more; each drawn without repetition.
        seed: of the subsets.

    Raises:
        UserError: one of them has fewer than four images or no features, or they have others.
    """
    _check_pair(real, generated)
    x, y = real.features, generated.features
    if x is None or y is None:
        raise UserError("KID needs the features of all images: Distribution(keep_features=True)")
    smaller = min(len(x), len(y))
    if smaller < 4 or subset_size < 2 or subsets < 2:
        raise UserError("KID needs four images of each set or more, two a subset, and two subsets")
    size = min(subset_size, smaller // 2)
    rng, kernels = np.random.default_rng(seed), _kernels_of_subsets(x, y)
    distances = [
        _squared_mmd(*kernels(rng.permutation(len(x))[:size], rng.permutation(len(y))[:size]))
        for _ in range(subsets)
    ]
    deviation = float(np.std(distances, ddof=1))
    error = deviation * np.sqrt(size / (smaller - size))
    return KernelDistance(float(np.mean(distances)), float(error), deviation, size)


def squared_mmd(x: np.ndarray, y: np.ndarray) -> float:
    """The unbiased estimate of the squared MMD with KID's kernel, of [N, D] and [M, D].

    Gretton et al. 2012, equation 3: pairs of an image with itself are left out.
    """
    everything = slice(None)
    return _squared_mmd(*_kernels_of_subsets(x, y)(everything, everything))


def _squared_mmd(of_x: np.ndarray, of_y: np.ndarray, of_both: np.ndarray) -> float:
    """From the kernel of all pairs, [N, N], [M, M] and [N, M]."""
    return _mean_of_others(of_x) + _mean_of_others(of_y) - 2 * float(of_both.mean())


def _mean_of_others(kernel: np.ndarray) -> float:
    return float((kernel.sum() - np.trace(kernel)) / (len(kernel) * (len(kernel) - 1)))


def _kernels_of_subsets(x: np.ndarray, y: np.ndarray) -> Callable[..., Kernels]:
    """A function of which rows of `x` and of `y`: the kernel of their pairs.

    Subsets of small sets overlap by much, so that the kernel of all pairs is taken once.
    """
    if max(len(x), len(y)) > LARGEST_KERNEL:
        return lambda i, j: (_kernel(x[i], x[i]), _kernel(y[j], y[j]), _kernel(x[i], y[j]))
    of_x, of_y, of_both = _kernel(x, x), _kernel(y, y), _kernel(x, y)
    return lambda i, j: (of_x[i][:, i], of_y[j][:, j], of_both[i][:, j])


def _kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    x, y = x.astype(np.float64), y.astype(np.float64)
    base = x @ y.T / x.shape[1] + 1
    return base * base * base


def _symmetric_root(matrix: np.ndarray) -> np.ndarray:
    """The root of a covariance; eigenvalues below 0 are rounding errors."""
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T


def _check_features(batch: np.ndarray, width: int) -> None:
    if batch.shape[1] != width:
        raise UserError(f"the images before had {width} features each, these have {batch.shape[1]}")
    if not np.isfinite(batch).all():
        raise UserError(
            "the features of some images are infinite or no numbers: the images hold such values, "
            "or the extractor does not fit them"
        )


def _check_pair(real: Distribution, generated: Distribution) -> None:
    counts = real.count, generated.count
    if min(counts) < 2:
        raise UserError(f"a distance of two sets needs two images of each; there are {counts}")
    if len(real.mean) != len(generated.mean):
        raise UserError(
            f"the two sets have other features, {len(real.mean)} and {len(generated.mean)}: take "
            "the same extractor for both"
        )
