"""Intervals and comparisons against scipy, enumeration by hand, and what they promise: coverage."""

import itertools
import tracemalloc

import numpy as np
import pytest
from scipy import stats

from tfpix2pix.errors import UserError
from tfpix2pix.evaluation import intervals
from tfpix2pix.evaluation.intervals import Comparison, Interval, bootstrap, compare_runs, mean


def class_iou(confusions):
    """The mean over the classes of true positives / union, [R, K, K] -> [R]."""
    hits = np.diagonal(confusions, axis1=-2, axis2=-1)
    union = confusions.sum(axis=-1) + confusions.sum(axis=-2) - hits
    return (hits / union).mean(axis=-1)


def confusions(count, seed=0, right=0.7):
    """Of images of 64 pixels and 3 classes, [N, 3, 3]."""
    rng = np.random.default_rng(seed)
    odds = (np.eye(3) * right + (1 - right) / 3) / 3
    return rng.multinomial(64, odds.ravel() / odds.sum(), count).reshape(count, 3, 3)


def test_all_resamples_of_three_images_by_hand():
    means = [np.mean(chosen) for chosen in itertools.product([0, 3, 6], repeat=3)]
    found = bootstrap(mean, np.array([0, 3, 6]), resamples=200_000, confidence=0.8)
    assert found.value == 3
    assert (found.low, found.high) == tuple(np.quantile(means, [0.1, 0.9]))


def test_the_interval_of_a_mean_is_scipys():
    figures = np.random.default_rng(0).gamma(2, 1, 40)
    expected = stats.bootstrap(
        (figures,), np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(1)
    ).confidence_interval
    found = bootstrap(mean, figures, resamples=20_000)
    assert found.value == pytest.approx(figures.mean(), rel=1e-12)
    width = expected.high - expected.low
    assert found.low == pytest.approx(expected.low, abs=0.03 * width)
    assert found.high == pytest.approx(expected.high, abs=0.03 * width)


def test_the_interval_of_a_statistic_is_that_of_the_resampled_images():
    images = confusions(30)
    rng, drawn = np.random.default_rng(5), []
    for _ in range(5000):
        total = images[rng.integers(0, 30, 30)].sum(axis=0)
        drawn.append(np.mean([total[k, k] / (total[k].sum() + total[:, k].sum() - total[k, k])
                              for k in range(3)]))  # fmt: skip
    found = bootstrap(class_iou, images, resamples=5000)
    assert found.value == pytest.approx(class_iou(images.sum(axis=0)[None])[0], rel=1e-12)
    expected = np.quantile(drawn, [0.025, 0.975])
    np.testing.assert_allclose([found.low, found.high], expected, atol=0.06 * np.ptp(expected))


def test_intervals_hold_the_truth_as_often_as_they_say():
    rng = np.random.default_rng(0)
    hits = 0
    for trial in range(400):
        found = bootstrap(mean, rng.normal(5, 2, 60), resamples=1000, confidence=0.9, seed=trial)
        hits += found.low <= 5 <= found.high
    assert 0.86 < hits / 400 < 0.93


def test_the_seed_decides():
    figures = np.random.default_rng(0).normal(size=20)
    assert bootstrap(mean, figures, seed=1) == bootstrap(mean, figures, seed=1)
    assert bootstrap(mean, figures, seed=1) != bootstrap(mean, figures, seed=2)


def test_chunks_draw_what_the_whole_would(monkeypatch):
    first, second = confusions(9), confusions(9, seed=1)
    whole = bootstrap(class_iou, first, resamples=100)
    compared = compare_runs(class_iou, first, second, resamples=100)
    monkeypatch.setattr(intervals, "CHUNK_NUMBERS", 63)  # 7 resamples at once
    assert bootstrap(class_iou, first, resamples=100) == whole
    in_chunks = compare_runs(class_iou, first, second, resamples=100)
    assert in_chunks.p_value == compared.p_value
    assert in_chunks.difference.low == pytest.approx(compared.difference.low)


def test_memory_does_not_grow_with_the_resamples():
    figures = np.random.default_rng(0).normal(size=5000)
    tracemalloc.start()
    bootstrap(mean, figures, resamples=2000)
    compare_runs(mean, figures, figures[::-1], resamples=2000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100e6  # the counts of all resamples alone are 80 MB, and twice that to draw them


# --- Comparisons ----------------------------------------------------------------------------------


def test_the_exact_p_value_is_scipys():
    rng = np.random.default_rng(2)
    first = rng.normal(0, 1, 10)
    second = first + rng.normal(0.4, 0.6, 10)
    expected = stats.permutation_test(
        (second, first), lambda x, y, axis: np.mean(x - y, axis=axis), permutation_type="samples",
        vectorized=True, n_resamples=np.inf,
    )  # fmt: skip
    found = compare_runs(mean, first, second, resamples=1024)
    assert found.p_value == pytest.approx(expected.pvalue, abs=1e-12)
    assert found.difference.value == pytest.approx((second - first).mean(), rel=1e-12)
    expected = bootstrap(mean, second - first, resamples=1024)
    found_bounds = [found.difference.low, found.difference.high]
    np.testing.assert_allclose(found_bounds, [expected.low, expected.high], rtol=1e-12)


def test_random_exchanges_come_close_to_all_of_them():
    rng = np.random.default_rng(4)
    first, second = confusions(12), confusions(12, seed=3, right=0.72)
    exact = compare_runs(class_iou, first, second, resamples=4096)
    p_values = [
        compare_runs(class_iou, first, second, resamples=4095, seed=s).p_value for s in range(3)
    ]
    assert 0.01 < exact.p_value < 0.99
    np.testing.assert_allclose(p_values, exact.p_value, atol=0.03)
    # By hand, with the figures themselves exchanged.
    observed = abs(class_iou(second.sum(0)[None]) - class_iou(first.sum(0)[None]))
    as_large = 0
    for _ in range(4000):
        swapped = rng.integers(0, 2, 12).astype(bool)[:, None, None]
        x, y = np.where(swapped, second, first), np.where(swapped, first, second)
        as_large += abs(class_iou(y.sum(0)[None]) - class_iou(x.sum(0)[None])) >= observed - 1e-12
    assert exact.p_value == pytest.approx(as_large[0] / 4000, abs=0.03)


def test_of_equal_runs_one_in_twenty_is_taken_for_different_at_most():
    rng = np.random.default_rng(0)
    images = rng.normal(0, 3, (400, 40))
    found = [
        compare_runs(mean, base + rng.normal(0, 1, 40), base + rng.normal(0, 1, 40), resamples=500)
        for base in images
    ]
    assert 0.02 < np.mean([c.p_value <= 0.05 for c in found]) < 0.08
    assert np.mean([c.is_significant for c in found]) < 0.08


def test_pairing_finds_what_the_two_intervals_alone_hide():
    rng = np.random.default_rng(0)
    first = rng.normal(20, 3, 100)
    second = first + rng.normal(0.2, 0.2, 100)
    one, other = bootstrap(mean, first), bootstrap(mean, second)
    assert one.low < other.value < one.high
    found = compare_runs(mean, first, second)
    assert found.p_value == pytest.approx(1 / 10_001)
    assert found.verdict(higher_is_better=True) == "the second is better"
    assert found.verdict(higher_is_better=False) == "the first is better"
    turned = compare_runs(mean, second, first)
    assert turned.verdict(higher_is_better=True) == "the first is better"
    assert turned.difference.value == pytest.approx(-found.difference.value)


@pytest.mark.parametrize(
    ("low", "high", "p_value", "is_significant"),
    [(0.1, 1, 0.05, True), (-1, -0.1, 0.05, True), (0, 1, 0.01, False), (0.1, 1, 0.051, False)],
)
def test_a_difference_is_more_than_noise_if_both_say_so(low, high, p_value, is_significant):
    found = Comparison(Interval((low + high) / 2, low, high), p_value)
    assert found.is_significant == is_significant
    assert (found.verdict(higher_is_better=True) == "no more than noise") != is_significant


def test_a_run_does_not_differ_from_itself():
    figures = np.random.default_rng(0).normal(size=30)
    found = compare_runs(mean, figures, figures)
    assert found == Comparison(Interval(0, 0, 0), 1)
    assert not found.is_significant


# --- What cannot be told --------------------------------------------------------------------------


@pytest.mark.parametrize("figures", [[], [1.0]])
def test_one_image_tells_nothing(figures):
    with pytest.raises(UserError, match="two images or more"):
        bootstrap(mean, np.array(figures))


@pytest.mark.parametrize("bad", [np.inf, np.nan])
def test_infinite_figures_are_refused(bad):
    with pytest.raises(UserError, match=r"1 of 3 images.*number 1.*averageable"):
        bootstrap(mean, np.array([20.0, bad, 21.0]))


def test_other_images_are_refused():
    with pytest.raises(UserError, match=r"same images: .*\(3,\).*\(4,\)"):
        compare_runs(mean, np.ones(3), np.ones(4))


def test_a_statistic_that_is_no_number_is_refused():
    """A class that is in one image of four is in no image of many resamples."""
    images = np.zeros((4, 2, 2))
    images[:, 0, 0], images[0, 1, 1] = 1, 1
    with np.errstate(invalid="ignore"), pytest.raises(UserError, match="too few images"):
        bootstrap(class_iou, images)


def test_a_statistic_of_the_wrong_shape_is_refused():
    with pytest.raises(ValueError, match=r"one figure each"):
        bootstrap(mean, np.ones((4, 3)))
