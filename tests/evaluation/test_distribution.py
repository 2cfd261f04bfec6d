"""FID and KID against closed forms, scipy's matrix root, and loops over all pairs."""

import tracemalloc

import numpy as np
import pytest
from scipy import linalg

from tfpix2pix.errors import UserError
from tfpix2pix.evaluation.distribution import (
    Distribution,
    few_images_warning,
    frechet_distance,
    kernel_distance,
    squared_mmd,
)


def distribution(features, batch_size=7, keep_features=True):
    found = Distribution(keep_features=keep_features)
    for start in range(0, len(features), batch_size):
        found.add(features[start : start + batch_size])
    return found


def drawn(count, width=5, seed=0, shift=0.0):
    """Correlated features, float32 [count, width]."""
    mixing = np.random.default_rng(99).normal(size=(width, width))
    return (np.random.default_rng(seed).normal(shift, 1, (count, width)) @ mixing).astype("float32")


def exact(mean, covariance):
    """A distribution of just this mean and covariance."""
    return Distribution.from_parts(11, np.asarray(mean, float), np.asarray(covariance, float) * 10)


@pytest.mark.parametrize("batch_size", [1, 7, 40, 100])
def test_mean_and_covariance_are_numpys(batch_size):
    features = drawn(40)
    found = distribution(features, batch_size)
    assert found.count == 40
    np.testing.assert_allclose(found.mean, features.mean(axis=0, dtype=float), rtol=1e-12)
    np.testing.assert_allclose(found.covariance, np.cov(features.T.astype(float)), rtol=1e-12)
    np.testing.assert_array_equal(found.features, features)


def test_a_mean_far_off_costs_no_digits():
    """The sum of squares less the square of the sum would have lost them all."""
    features = drawn(1000).astype(float) + 1e8
    expected = np.cov((features - 1e8).T)
    np.testing.assert_allclose(distribution(features).covariance, expected, rtol=1e-6, atol=1e-6)


def test_memory_does_not_grow_with_the_images():
    batch = drawn(50, width=100)
    tracemalloc.start()
    found = Distribution()
    for _ in range(100):
        found.add(batch)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.features is None
    assert peak < 1e6  # the features are 2 MB


# --- FID ------------------------------------------------------------------------------------------


def test_fid_of_independent_features_is_the_closed_form():
    """The sum of (m - n)^2 + (s - t)^2 over the features."""
    s, t = np.array([1, 2, 0.5]), np.array([3, 2, 0])
    found = frechet_distance(exact([1, 2, 3], np.diag(s**2)), exact([1, 0, 6], np.diag(t**2)))
    assert found == pytest.approx(4 + 9 + 4 + 0.25, rel=1e-9)


@pytest.mark.parametrize("count", [200, 4], ids=["enough", "fewer than features"])
def test_fid_is_that_of_scipys_matrix_root(count):
    x, y = drawn(count), drawn(count + 3, seed=1, shift=0.5)
    c, d = np.cov(x.T.astype(float)), np.cov(y.T.astype(float))
    shift = np.sum((x.mean(0, dtype=float) - y.mean(0, dtype=float)) ** 2)
    expected = shift + np.trace(c + d - 2 * np.real(linalg.sqrtm(c @ d)))
    found = frechet_distance(distribution(x), distribution(y))
    assert found == pytest.approx(expected, rel=1e-5)
    assert frechet_distance(distribution(y), distribution(x)) == pytest.approx(found, rel=1e-6)


def test_fid_of_a_set_and_itself_is_none():
    features = drawn(30, width=60)
    assert frechet_distance(distribution(features), distribution(features)) < 1e-4
    assert frechet_distance(exact([1, 1], np.zeros((2, 2))), exact([1, 1], np.zeros((2, 2)))) == 0


# --- KID ------------------------------------------------------------------------------------------


def loop_mmd(x, y):
    def kernel(a, b):
        return (sum(float(p) * float(q) for p, q in zip(a, b, strict=True)) / len(a) + 1) ** 3

    def of_others(z):
        pairs = [(i, j) for i in range(len(z)) for j in range(len(z)) if i != j]
        return np.mean([kernel(z[i], z[j]) for i, j in pairs])

    return of_others(x) + of_others(y) - 2 * np.mean([kernel(a, b) for a in x for b in y])


def test_squared_mmd_is_a_loop_over_all_pairs():
    x, y = drawn(9), drawn(12, seed=1, shift=0.3)
    assert squared_mmd(x, y) == pytest.approx(loop_mmd(x, y), rel=1e-10)


@pytest.mark.parametrize("largest_kernel", [3000, 25], ids=["small sets", "large sets"])
def test_kid_is_the_mean_over_subsets(largest_kernel, monkeypatch):
    monkeypatch.setattr("tfpix2pix.evaluation.distribution.LARGEST_KERNEL", largest_kernel)
    x, y = drawn(20), drawn(30, seed=1, shift=0.3)
    found = kernel_distance(distribution(x), distribution(y), subset_size=6, subsets=5, seed=3)
    rng, distances = np.random.default_rng(3), []
    for _ in range(5):
        chosen_x, chosen_y = rng.permutation(20)[:6], rng.permutation(30)[:6]
        distances.append(loop_mmd(x[chosen_x], y[chosen_y]))
    assert found.value == pytest.approx(np.mean(distances), rel=1e-10)
    assert found.subset_deviation == pytest.approx(np.std(distances, ddof=1), rel=1e-9)
    assert found.standard_error == pytest.approx(found.subset_deviation * np.sqrt(6 / 14))
    assert found.subset_size == 6
    again = kernel_distance(distribution(x), distribution(y), subset_size=6, subsets=5, seed=4)
    assert again.value != found.value


def test_subsets_are_half_of_a_small_set_at_most():
    x, y = distribution(drawn(20)), distribution(drawn(11, seed=1))
    assert kernel_distance(x, y).subset_size == 5


@pytest.mark.parametrize("subset_size", [40, 10], ids=["halves", "tenths"])
def test_the_standard_error_is_how_kid_varies_over_sets(subset_size):
    found = [
        kernel_distance(
            distribution(drawn(100, seed=2 * trial)),
            distribution(drawn(100, seed=2 * trial + 1, shift=0.7)),
            subset_size=subset_size,
            subsets=30,
        )
        for trial in range(150)
    ]
    values = [kid.value for kid in found]
    assert np.mean([kid.standard_error for kid in found]) == pytest.approx(np.std(values), rel=0.3)


def test_kid_of_sets_of_one_source_is_none_on_average():
    values = [
        kernel_distance(
            distribution(drawn(40, seed=s)), distribution(drawn(40, seed=s + 500))
        ).value
        for s in range(100)
    ]
    assert abs(np.mean(values)) < 3 * np.std(values) / 10
    assert min(values) < 0 < max(values)


# --- What cannot be told --------------------------------------------------------------------------


def test_few_images_are_warned_about():
    assert "1999 images" in few_images_warning(1999)
    assert few_images_warning(2000) is None


def test_what_cannot_be_compared_is_refused():
    five, six = distribution(drawn(9)), distribution(drawn(9, width=6))
    with pytest.raises(UserError, match="5 and 6: take the same extractor"):
        frechet_distance(five, six)
    with pytest.raises(UserError, match=r"two images of each; there are \(9, 1\)"):
        frechet_distance(five, distribution(drawn(1)))
    with pytest.raises(UserError, match="keep_features=True"):
        kernel_distance(five, distribution(drawn(9), keep_features=False))
    with pytest.raises(UserError, match="four images"):
        kernel_distance(five, distribution(drawn(3)))
    with pytest.raises(UserError, match="5 features each, these have 6"):
        five.add(drawn(2, width=6))
    with pytest.raises(UserError, match="no numbers"):
        five.add(np.full((2, 5), np.nan))
