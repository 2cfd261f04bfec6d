"""What a network must beat: always answering with the mean training picture."""

from collections.abc import Iterable

import tensorflow as tf

from tfpix2pix.data.formats import RGB, ImageFormat
from tfpix2pix.data.images import to_unit_range
from tfpix2pix.evaluation.metrics import TRAINING_METRICS, image_figures, mean_figures

# (input_image, target_image), [B, H, W, C].
Batches = Iterable[tuple[tf.Tensor, tf.Tensor]]


def mean_image_figures(
    training_batches: Batches,
    validation_batches: Batches,
    target_format: ImageFormat = RGB,
) -> dict[str, float]:
    """Metrics of the mean target of the one set as the answer to every input of the other.

    On tasks with many right answers this scores well in L1 and PSNR and badly in SSIM.

    Args:
        training_batches: (input_image, target_image), [B, H, W, C].
        validation_batches: the same, of the same size.
        target_format: of the targets.

    Returns:
        The mean of each metric over all validation images.
    """
    total, count = 0.0, 0
    for _, target_image in training_batches:
        total += tf.reduce_sum(to_unit_range(target_image, target_format), axis=0)
        count += int(target_image.shape[0])
    mean_image = total / count

    @tf.function(reduce_retracing=True)
    def measure(target_image: tf.Tensor) -> dict[str, tf.Tensor]:
        target = to_unit_range(target_image, target_format)
        answer = tf.broadcast_to(mean_image, tf.shape(target))
        return image_figures(target, answer, TRAINING_METRICS)

    return mean_figures(measure(target_image) for _, target_image in validation_batches)
