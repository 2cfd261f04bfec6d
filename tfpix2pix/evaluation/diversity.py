"""How much the answers to one input differ, over draws of the generator's dropout.

The paper's generator has no other noise (section 3.2), and it found its answers to vary little.
"""

import itertools
from collections.abc import Mapping
from types import MappingProxyType

import tensorflow as tf

from tfpix2pix.errors import UserError
from tfpix2pix.evaluation.metrics import ImageMetric, Metric

# More diverse is not better in itself: noise is diverse.
DIVERSITY_METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        "diversity_l1": Metric("L1 between draws", True, 4),
        "diversity_std": Metric("deviation between draws", True, 4),
        "diversity_lpips": Metric("LPIPS between draws", True, 4),
    }
)


def sample_diversity(draws: tf.Tensor, lpips: ImageMetric | None = None) -> dict[str, tf.Tensor]:
    """How much draws differ from each other, for each input.

    Args:
        draws: N >= 2 of each of B inputs, float32 [N, B, H, W, C] in [0, 1].
        lpips: as `lpips_metric` gives it, if wanted.

    Returns:
        [B] each: `diversity_l1`, the mean absolute difference over all pairs of draws;
        `diversity_std`, the mean over values of the standard deviation over draws (divided by N,
        as `predict --samples` writes it); with `lpips`, `diversity_lpips`, its mean over all pairs.

    Raises:
        UserError: there is one draw only.
    """
    draws = tf.convert_to_tensor(draws)
    count = int(draws.shape[0])
    if count < 2:
        raise UserError("diversity is told from two draws of each input or more")
    figures = {
        "diversity_l1": tf.reduce_mean(_mean_pairwise_distance(draws, count), axis=(1, 2, 3)),
        "diversity_std": tf.reduce_mean(tf.math.reduce_std(draws, axis=0), axis=(1, 2, 3)),
    }
    if lpips is not None:
        pairs = itertools.combinations(tf.unstack(draws), 2)
        distances = [lpips.function(first, second) for first, second in pairs]
        figures["diversity_lpips"] = tf.reduce_mean(tf.stack(distances), axis=0)
    return figures


def _mean_pairwise_distance(draws: tf.Tensor, count: int) -> tf.Tensor:
    """The mean of |x - y| over all pairs of draws, at each value: [N, ...] -> [...].

    In ascending order, the k-th of N is the larger one in k pairs and the smaller one in
    N - 1 - k: no pair is formed.
    """
    ordered = tf.sort(draws, axis=0)
    factors = tf.cast(2 * tf.range(count) - (count - 1), draws.dtype)
    return tf.tensordot(factors, ordered, 1) / (count * (count - 1) / 2)
