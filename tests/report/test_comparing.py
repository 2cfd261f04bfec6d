"""Two runs are compared by what each image says of both."""

import numpy as np
import pytest
import tensorflow as tf

from tfpix2pix.evaluation.metrics import METRICS
from tfpix2pix.evaluation.segmentation import LABEL_METRICS
from tfpix2pix.inference.segmenter import Segmenter
from tfpix2pix.report.comparing import comparison
from tfpix2pix.report.fcn_score import FcnScore
from tfpix2pix.report.looking import Batch

NAMES = ("one", "other")
COUNT = 40


@pytest.fixture
def score():
    """Two classes, black and white; the first run gets a quarter of the pixels right, the second
    three quarters."""
    labels = np.random.default_rng(0).integers(0, 2, (COUNT, 4, 4, 1)).astype(np.uint8)
    right = labels.astype(np.float32).repeat(3, axis=-1)
    first, second = right.copy(), right.copy()
    first[:, 1:] = 1 - first[:, 1:]
    second[:, 3:] = 1 - second[:, 3:]
    judge = Segmenter(lambda photos: tf.stack([1 - photos[..., 0], photos[..., 0]], -1), 2, (4, 4))
    score = FcnScore(judge, 2, seed=0)
    for part in (slice(0, 30), slice(30, None)):
        score.add(Batch(labels[part], right[part], [first[part], second[part]], labels[part]))
    return score


def compared(score, figures):
    metrics = {"l1": METRICS["l1"]}
    return comparison(NAMES, metrics, figures, [score], seed=0)


def test_the_fcn_score_of_two_runs_is_compared(score):
    same = {"l1": np.linspace(0.1, 0.2, COUNT)}
    found = compared(score, (same, same))
    by_name = {difference.metric: difference for difference in found.differences}
    assert by_name.keys() == {"l1", *LABEL_METRICS}
    assert by_name["pixel_accuracy"].value == pytest.approx(0.5)
    assert by_name["pixel_accuracy"].p < 0.001
    for name in LABEL_METRICS:
        of_first, of_second = (score.values(run)[0][name] for run in (0, 1))
        assert by_name[name].value == pytest.approx(of_second - of_first)
        assert by_name[name].low > 0
        assert by_name[name].verdict == "other is better"
    # Each image has the same share of right pixels, not of right classes.
    assert by_name["class_iou"].low < by_name["class_iou"].value < by_name["class_iou"].high
    assert by_name["l1"].verdict == "no more than noise"
    assert "class IoU: other is better" in found.verdict


def test_one_image_tells_nothing(score):
    one = {"l1": np.array([0.1])}
    assert compared(score, (one, one)) is None


def test_what_too_few_images_show_is_left_out():
    class Rare:
        """Of classes that some resamples lack altogether."""

        def by_image(self):
            matrices = np.zeros((3, 2, 2), np.int64)
            metric = LABEL_METRICS["class_iou"]
            return {"class_iou": (metric, metric.function, matrices, matrices)}

    figures = {"l1": np.array([0.1, 0.2, 0.3])}
    found = compared(Rare(), (figures, figures))
    assert [difference.metric for difference in found.differences] == ["l1"]
