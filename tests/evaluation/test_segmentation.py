"""Confusion matrices and their figures, by hand and against counting pixel by pixel."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfpix2pix.data.formats import RGB, RGB_PAIRS, ImageFormat, PairFormat
from tfpix2pix.evaluation import validation
from tfpix2pix.evaluation.segmentation import (
    LABEL_METRICS,
    class_accuracy,
    class_iou,
    commonest_class_figures,
    confusion_matrices,
    make_label_validator,
    pixel_accuracy,
    segmentation_figures,
)

CLASSES = 5
PALETTE = ((0, 0, 0), (0, 0, 255), (0, 255, 0), (255, 0, 0))
LABELS = ImageFormat(palette=PALETTE)


def counted(labels, answers, classes=CLASSES):
    matrix = np.zeros((classes, classes), np.int64)
    for label, answer in zip(labels.ravel(), answers.ravel(), strict=True):
        matrix[label, answer] += 1
    return matrix


@pytest.mark.parametrize("dtype", [np.uint8, np.int64])
def test_matrices_are_counted_for_each_image(dtype):
    rng = np.random.default_rng(0)
    labels, answers = rng.integers(0, CLASSES, (2, 3, 7, 4)).astype(dtype)
    labels[1] = 4  # the last class alone
    matrices = confusion_matrices(tf.constant(labels), tf.constant(answers), CLASSES)
    assert matrices.dtype == tf.int64
    expected = [counted(*pair) for pair in zip(labels, answers, strict=True)]
    np.testing.assert_array_equal(matrices, expected)


def test_256_classes_do_not_run_over():
    labels = tf.constant([[[255, 255, 0]]], tf.uint8)
    answers = tf.constant([[[255, 1, 254]]], tf.uint8)
    matrix = confusion_matrices(labels, answers, 256)[0].numpy()
    assert matrix.shape == (256, 256)
    assert [matrix[255, 255], matrix[255, 1], matrix[0, 254], matrix.sum()] == [1, 1, 1, 3]


def test_figures_worked_out_by_hand():
    """Long et al. 2015: 10 pixels of class 0, 4 of class 1, 6 of class 2."""
    matrix = np.array([[8, 2, 0], [1, 3, 0], [3, 0, 3]])
    assert pixel_accuracy(matrix) == pytest.approx(14 / 20)
    assert class_accuracy(matrix) == pytest.approx((8 / 10 + 3 / 4 + 3 / 6) / 3)
    assert class_iou(matrix) == pytest.approx((8 / 14 + 3 / 6 + 3 / 6) / 3)


def test_classes_that_do_not_occur():
    """Class 2 is answered and never right; class 3 is nowhere."""
    matrix = np.array([[6, 0, 2, 0], [1, 3, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]])
    assert class_accuracy(matrix) == pytest.approx((6 / 8 + 3 / 4) / 2)
    assert class_iou(matrix) == pytest.approx((6 / 9 + 3 / 4 + 0) / 3)


def test_figures_of_many_matrices_are_those_of_each():
    matrices = np.random.default_rng(1).integers(0, 3, (6, CLASSES, CLASSES))
    matrices[0] = 0
    for metric in LABEL_METRICS.values():
        each = [metric.function(matrix) for matrix in matrices]
        np.testing.assert_array_equal(metric.function(matrices), each)
        assert np.isnan(each[0])  # no pixels, no figure, no warning
        assert not np.isnan(each[1:]).any()


def test_perfect_answers_are_1():
    assert set(segmentation_figures(np.diag([3, 0, 7])).values()) == {1.0}


def recolouring():
    """Answers with what each of 4 gray levels stands for, but confuses the first two."""
    inputs = keras.Input([None, None, 1])
    near = keras.layers.Conv2D(4, 1)
    model = keras.Model(inputs, keras.layers.Softmax()(near(keras.layers.Dropout(0.99)(inputs))))
    levels = np.array([-3, -1 / 3, 1 / 3, 1])  # class 0, of level -1, is nearest to class 1
    # -(x - level)^2, without what all classes share.
    near.set_weights([2 * 50 * levels[None, None, None], -50 * levels**2])
    return model


GRAYS = PairFormat(ImageFormat(1), LABELS)


@pytest.mark.parametrize("batch_size", [1, 2, 5])
def test_figures_of_a_set_are_of_all_its_pixels_together(batch_size):
    """Image by image they would be others: each has its own classes."""
    labels = np.random.default_rng(2).integers(0, 4, (5, 8, 6, 1)).astype(np.uint8)
    labels[0] = 3
    labels[1] = 0
    batches = tf.data.Dataset.from_tensor_slices((labels * 85, labels)).batch(batch_size)
    answers = np.where(labels == 0, 1, labels)
    expected = segmentation_figures(counted(labels, answers, 4))
    assert expected["class_accuracy"] == 0.75
    assert make_label_validator(recolouring(), GRAYS)(batches) == expected
    assert validation.validator(recolouring(), GRAYS)(batches) == expected


@pytest.mark.parametrize("batch_size", [1, 2, 3])
def test_the_baseline_is_each_pixels_commonest_class(batch_size):
    """By hand: at the left class 1 twice of three, at the right 3 twice."""
    training = np.uint8([[1, 3], [1, 3], [0, 2]])[:, None, :, None]
    held_out = np.uint8([[1, 2], [0, 3]])[:, None, :, None]
    batches = [
        tf.data.Dataset.from_tensor_slices((labels, labels)).batch(batch_size)
        for labels in (training, held_out)
    ]
    figures = commonest_class_figures(*batches, LABELS)
    assert figures == validation.baseline_figures(*batches, LABELS)
    iou = (0 + 1 / 2 + 0 + 1 / 2) / 4
    assert figures == {"pixel_accuracy": 0.5, "class_accuracy": 0.5, "class_iou": iou}


def test_figures_for_people():
    figures = {"pixel_accuracy": 0.71234, "class_accuracy": 0.4, "class_iou": 0.3456}
    shown = "pixel accuracy 0.712, class accuracy 0.400, class IoU 0.346"
    assert validation.describe_validation(figures) == shown
    assert "commonest class" in validation.describe_baseline(figures)
    figures = {"l1": 0.07123, "psnr": 19.204, "ssim": 0.6118}
    assert validation.describe_validation(figures) == "L1 0.0712, PSNR 19.20 dB, SSIM 0.612"
    assert "mean training picture" in validation.describe_baseline(figures)


def test_images_are_validated_as_images():
    inputs = keras.Input([None, None, 3])
    generator = keras.Model(inputs, keras.layers.Rescaling(1.0)(inputs))
    images = np.random.default_rng(3).integers(0, 256, (2, 16, 16, 3)).astype(np.uint8)
    batches = tf.data.Dataset.from_tensor_slices((images, images)).batch(2)
    assert validation.validator(generator, RGB_PAIRS)(batches)["ssim"] == pytest.approx(1)
    assert set(validation.baseline_figures(batches, batches, RGB)) == {"l1", "psnr", "ssim"}
