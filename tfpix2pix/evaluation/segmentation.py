"""How well pixels are classified: confusion matrices, and the figures of the paper's FCN-score.

A confusion matrix is [K, K] whole numbers: at row i, column j the pixels of class i, by the label
map, that were answered with class j. Matrices of images are added up to that of a set, and figures
of a set are those of its sum, never means over images: rare classes occur in few of them.
"""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

import keras
import numpy as np
import tensorflow as tf

from tfpix2pix.data.formats import ImageFormat, PairFormat
from tfpix2pix.data.images import from_network_range, to_network_range
from tfpix2pix.evaluation.metrics import Metric

MatrixFunction = Callable[[np.ndarray], np.ndarray]


def confusion_matrices(labels: tf.Tensor, answers: tf.Tensor, classes: int) -> tf.Tensor:
    """The confusion matrix of each image.

    Args:
        labels: class numbers below `classes`, any integers [B, H, W].
        answers: the same.
        classes: K.

    Returns:
        int64 [B, K, K].
    """
    places = tf.cast(labels, tf.int32) * classes + tf.cast(answers, tf.int32)
    places = tf.reshape(places, [tf.shape(places)[0], -1])
    cells = classes * classes
    counts = tf.math.bincount(places, minlength=cells, maxlength=cells, dtype=tf.int64, axis=-1)
    return tf.reshape(counts, [-1, classes, classes])


def pixel_accuracy(matrices: np.ndarray) -> np.ndarray:
    """The share of pixels that are answered right: [..., K, K] -> float64 [...].

    Long et al. 2015, "Fully Convolutional Networks for Semantic Segmentation", section 5, as the
    others.
    """
    return _ratio(_right(matrices).sum(-1), np.sum(matrices, (-2, -1)))


def class_accuracy(matrices: np.ndarray) -> np.ndarray:
    """The share of each class's pixels that are answered right, in the mean over classes.

    Of the classes that occur in the label maps: for others the share is not defined.
    """
    return _mean(_ratio(_right(matrices), np.sum(matrices, -1)))


def class_iou(matrices: np.ndarray) -> np.ndarray:
    """Pixels right by pixels that are of a class or answered with it, in the mean over classes.

    Of the classes that occur in the label maps or the answers. One that is answered and does not
    occur counts with 0; one that is neither is left out. (The evaluation script of pix2pix counts
    the latter with 0 as well: the two differ only where a whole set lacks a class.)
    """
    right = _right(matrices)
    return _mean(_ratio(right, np.sum(matrices, -1) + np.sum(matrices, -2) - right))


@dataclasses.dataclass(frozen=True, kw_only=True)
class MatrixMetric(Metric):
    """A metric of a confusion matrix.

    Attributes:
        function: of matrices [..., K, K]: float64 [...] in [0, 1].
    """

    function: MatrixFunction


LABEL_METRICS: Mapping[str, MatrixMetric] = MappingProxyType(
    {
        "pixel_accuracy": MatrixMetric("pixel accuracy", True, 3, function=pixel_accuracy),
        "class_accuracy": MatrixMetric("class accuracy", True, 3, function=class_accuracy),
        "class_iou": MatrixMetric("class IoU", True, 3, function=class_iou),
    }
)


def segmentation_figures(matrix: np.ndarray) -> dict[str, float]:
    """All of `LABEL_METRICS` of one confusion matrix [K, K]; NaN of one without pixels."""
    return {name: float(metric.function(matrix)) for name, metric in LABEL_METRICS.items()}


def make_label_validator(
    generator: keras.Model, formats: PairFormat
) -> Callable[[tf.data.Dataset], dict[str, float]]:
    """Compiles a function that measures `LABEL_METRICS` over a data set.

    Args:
        generator: run as at inference, with statistics per image and without dropout.
        formats: of the images; the targets are label maps.

    Returns:
        A function of a dataset of (input_image, target_image) batches, [B, H, W, C], that returns
        the figures of all of them together.
    """
    classes = formats.target.network_channels

    @tf.function(reduce_retracing=True)
    def measure(input_image: tf.Tensor, target_image: tf.Tensor) -> tf.Tensor:
        generated_image = generator(to_network_range(input_image, formats.input), training=False)
        answers = from_network_range(generated_image, formats.target)
        return confusion_matrices(target_image[..., 0], answers[..., 0], classes)

    def validate(batches: tf.data.Dataset) -> dict[str, float]:
        return segmentation_figures(_total((measure(*batch) for batch in batches), classes))

    return validate


def commonest_class_figures(
    training_batches: tf.data.Dataset,
    validation_batches: tf.data.Dataset,
    target_format: ImageFormat,
) -> dict[str, float]:
    """Figures of always answering with the class that is commonest at each pixel in training.

    What a network must beat, as the mean picture is for images.

    Args:
        training_batches: (input_image, target_image), [B, H, W, C].
        validation_batches: the same, of the same size.
        target_format: of the targets, label maps.
    """
    classes = target_format.network_channels
    counts: tf.Tensor | int = 0
    for _, target_image in training_batches:
        counts += tf.reduce_sum(tf.one_hot(target_image[..., 0], classes, dtype=tf.int32), 0)
    commonest = tf.argmax(counts, axis=-1)

    def measure(target_image: tf.Tensor) -> tf.Tensor:
        labels = target_image[..., 0]
        answers = tf.broadcast_to(commonest, tf.shape(labels))
        return confusion_matrices(labels, answers, classes)

    return segmentation_figures(_total((measure(y) for _, y in validation_batches), classes))


def _total(matrices: Iterable[tf.Tensor], classes: int) -> np.ndarray:
    """The sum of the matrices [B, K, K] of all batches: int64 [K, K]."""
    total = np.zeros((classes, classes), np.int64)
    for of_batch in matrices:
        total += of_batch.numpy().sum(axis=0)
    return total


def _right(matrices: np.ndarray) -> np.ndarray:
    """Pixels of each class that are answered right: [..., K, K] -> [..., K]."""
    return np.diagonal(matrices, axis1=-2, axis2=-1)


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """In float64; NaN where there is nothing to divide by."""
    undefined = np.full(np.shape(whole), np.nan)
    return np.divide(part, whole, out=undefined, where=np.asarray(whole) > 0)


def _mean(shares: np.ndarray) -> np.ndarray:
    """Over the classes [..., K] whose share is defined; NaN where none is."""
    defined = ~np.isnan(shares)
    return _ratio(np.where(defined, shares, 0).sum(-1), defined.sum(-1))
