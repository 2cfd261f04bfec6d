"""Diversity over draws against loops over all pairs."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from tfpix2pix.errors import UserError
from tfpix2pix.evaluation.diversity import DIVERSITY_METRICS, sample_diversity
from tfpix2pix.evaluation.metrics import METRICS


def draws(count, channels=3):
    rng = np.random.default_rng(0)
    return rng.uniform(0, 1, (count, 2, 8, 6, channels)).astype(np.float32)


@pytest.mark.parametrize("count", [2, 3, 6])
@pytest.mark.parametrize("channels", [1, 3, 5])
def test_diversity_is_a_loop_over_pairs(count, channels):
    samples = draws(count, channels)
    figures = sample_diversity(samples, lpips=METRICS["l2"])
    pairs = list(itertools.combinations(samples.astype(float), 2))
    expected = {
        "diversity_l1": np.mean([np.abs(x - y).mean(axis=(1, 2, 3)) for x, y in pairs], axis=0),
        "diversity_std": samples.astype(float).std(axis=0).mean(axis=(1, 2, 3)),
        "diversity_lpips": np.mean([((x - y) ** 2).mean(axis=(1, 2, 3)) for x, y in pairs], axis=0),
    }
    assert set(figures) == set(expected) == set(DIVERSITY_METRICS)
    for name, value in expected.items():
        np.testing.assert_allclose(figures[name], value, rtol=1e-5)


def test_equal_draws_are_not_diverse():
    figures = sample_diversity(tf.repeat(draws(1), 4, axis=0))
    assert set(figures) == {"diversity_l1", "diversity_std"}
    np.testing.assert_allclose(figures["diversity_l1"], [0, 0], atol=1e-7)
    np.testing.assert_allclose(figures["diversity_std"], [0, 0], atol=1e-7)


def test_by_hand():
    """Of 0, 0 and 0.6: differences 0, 0.6, 0.6; mean 0.2, variance (0.04 + 0.04 + 0.16) / 3."""
    values = tf.reshape(tf.constant([0, 0, 0.6]), [3, 1, 1, 1, 1]) * tf.ones([3, 1, 4, 4, 3])
    figures = sample_diversity(values)
    assert float(figures["diversity_l1"][0]) == pytest.approx(0.4)
    assert float(figures["diversity_std"][0]) == pytest.approx(0.08**0.5)


def test_one_draw_is_refused():
    with pytest.raises(UserError, match="two draws"):
        sample_diversity(draws(1))
