"""Metrics against the target. Images are float32 [B, H, W, C] in [0, 1]; one figure per image."""

from collections.abc import Callable, Iterable

import keras
import tensorflow as tf

from tfpix2pix.data.formats import RGB_PAIRS, PairFormat
from tfpix2pix.data.images import network_to_unit_range, to_network_range, to_unit_range

ImageMetric = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def l1(target_image: tf.Tensor, generated_image: tf.Tensor) -> tf.Tensor:
    """Mean absolute difference, [B]; 0 is perfect."""
    return tf.reduce_mean(tf.abs(target_image - generated_image), axis=(1, 2, 3))


def psnr(target_image: tf.Tensor, generated_image: tf.Tensor) -> tf.Tensor:
    """Peak signal-to-noise ratio in dB, [B]; more is better, infinite where images are equal."""
    return tf.image.psnr(target_image, generated_image, max_val=1.0)


def ssim(target_image: tf.Tensor, generated_image: tf.Tensor) -> tf.Tensor:
    """Structural similarity (Wang et al. 2004: 11x11 Gaussian window, sigma 1.5), [B]; 1 is best.

    The mean over the channels; images must be at least 11x11.
    """
    return tf.image.ssim(target_image, generated_image, max_val=1.0)


METRICS: dict[str, ImageMetric] = {"l1": l1, "psnr": psnr, "ssim": ssim}


def make_validator(
    generator: keras.Model, formats: PairFormat = RGB_PAIRS
) -> Callable[[tf.data.Dataset], dict[str, float]]:
    """Compiles a function that averages `METRICS` over a data set.

    Args:
        generator: run as at inference, with statistics per image and without dropout.
        formats: of the images; the target's value range becomes [0, 1].

    Returns:
        A function of a dataset of (input_image, target_image) batches, [B, H, W, C], that
        returns the mean of each metric over all images.
    """

    @tf.function(reduce_retracing=True)
    def measure(input_image: tf.Tensor, target_image: tf.Tensor) -> dict[str, tf.Tensor]:
        generated_image = generator(to_network_range(input_image, formats.input), training=False)
        target = to_unit_range(target_image, formats.target)
        answer = network_to_unit_range(generated_image, formats.target)
        return {name: metric(target, answer) for name, metric in METRICS.items()}

    def validate(batches: tf.data.Dataset) -> dict[str, float]:
        return mean_figures(measure(*batch) for batch in batches)

    return validate


def mean_figures(measured: Iterable[dict[str, tf.Tensor]]) -> dict[str, float]:
    """Averages each metric over all images of all batches, [B] figures each."""
    batches = list(measured)
    return {
        name: float(tf.reduce_mean(tf.concat([batch[name] for batch in batches], 0)))
        for name in METRICS
    }


def describe_figures(figures: dict[str, float]) -> str:
    """For people: `L1 0.0712, PSNR 19.20 dB, SSIM 0.612`."""
    return f"L1 {figures['l1']:.4f}, PSNR {figures['psnr']:.2f} dB, SSIM {figures['ssim']:.3f}"
