"""Metrics against the target. Images are float32 [B, H, W, C] in [0, 1]; one figure per image."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

import keras
import numpy as np
import tensorflow as tf

from tfpix2pix.data.formats import RGB_PAIRS, PairFormat
from tfpix2pix.data.images import network_to_unit_range, to_network_range, to_unit_range

ImageFunction = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]

SSIM_WINDOW = 11
# Wang et al. 2003, section 3.2: how much each of the five scales counts.
MS_SSIM_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
MS_SSIM_SMALLEST_SIDE = (SSIM_WINDOW - 1) * 2 ** (len(MS_SSIM_WEIGHTS) - 1) + 1
# Equal images have an infinite PSNR. 100 dB is that of a 224x224 RGB image of which a single value
# is off by one level of 255.
HIGHEST_PSNR = 100.0


@dataclasses.dataclass(frozen=True)
class Metric:
    """What a figure is, for people and for comparisons.

    Attributes:
        label: its name for people.
        higher_is_better: whether more of it is better.
        digits: after the decimal point, where people read it.
        unit: such as `dB`, or nothing.
        highest: a mean counts higher figures as this one.
    """

    label: str
    higher_is_better: bool
    digits: int
    unit: str = ""
    highest: float = np.inf

    def text(self, value: float) -> str:
        """For people: `19.20 dB`."""
        return f"{value:.{self.digits}f} {self.unit}".rstrip()

    def averageable(self, figures: np.ndarray | tf.Tensor) -> np.ndarray:
        """Figures of images as float64, those above `highest` brought down to it."""
        return np.minimum(np.asarray(figures, np.float64), self.highest)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageMetric(Metric):
    """A metric with a figure for each image.

    Attributes:
        function: of (target_image, generated_image), float32 [B, H, W, C] in [0, 1]: float32 [B].
        smallest_side: of images that it can measure.
        channels: how many such images may have, or None for any number.
    """

    function: ImageFunction
    smallest_side: int = 1
    channels: tuple[int, ...] | None = None


def l1(target_image: tf.Tensor, generated_image: tf.Tensor) -> tf.Tensor:
    """Mean absolute difference, [B]; 0 is perfect."""
    return tf.reduce_mean(tf.abs(target_image - generated_image), axis=(1, 2, 3))


def l2(target_image: tf.Tensor, generated_image: tf.Tensor) -> tf.Tensor:
    """Mean squared difference, [B]; 0 is perfect."""
    return tf.reduce_mean(tf.math.squared_difference(target_image, generated_image), axis=(1, 2, 3))


def psnr(target_image: tf.Tensor, generated_image: tf.Tensor) -> tf.Tensor:
    """Peak signal-to-noise ratio in dB, [B]; more is better, infinite where images are equal.

    Means count images above `HIGHEST_PSNR` as that, or one of them would hide all others.
    """
    return tf.image.psnr(target_image, generated_image, max_val=1.0)


def ssim(target_image: tf.Tensor, generated_image: tf.Tensor) -> tf.Tensor:
    """Structural similarity (Wang et al. 2004: 11x11 Gaussian window, sigma 1.5), [B]; 1 is best.

    The mean over the channels; images must be at least 11x11.
    """
    return tf.image.ssim(target_image, generated_image, max_val=1.0)


def ms_ssim(target_image: tf.Tensor, generated_image: tf.Tensor) -> tf.Tensor:
    """Structural similarity at five scales (Wang et al. 2003, equation 7), [B]; 1 is best.

    The product of contrast and structure at each scale, halved in size from one to the next, and
    of luminance at the last, raised to `MS_SSIM_WEIGHTS`; negative ones count as 0. The mean over
    the channels; images must be at least 161x161, that the window fits into the smallest.
    """
    return tf.image.ssim_multiscale(
        target_image, generated_image, max_val=1.0, power_factors=MS_SSIM_WEIGHTS
    )


METRICS: Mapping[str, ImageMetric] = MappingProxyType(
    {
        "l1": ImageMetric("L1", False, 4, function=l1),
        "l2": ImageMetric("L2", False, 5, function=l2),
        "psnr": ImageMetric("PSNR", True, 2, "dB", HIGHEST_PSNR, function=psnr),
        "ssim": ImageMetric("SSIM", True, 3, function=ssim, smallest_side=SSIM_WINDOW),
        "ms_ssim": ImageMetric(
            "MS-SSIM", True, 3, function=ms_ssim, smallest_side=MS_SSIM_SMALLEST_SIDE
        ),
    }
)
# Figures of a whole set of images.
SET_METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        "fid": Metric("FID", False, 2),
        "kid": Metric("KID", False, 5),
        "lab_l": Metric("L histogram intersection", True, 3),
        "lab_a": Metric("a histogram intersection", True, 3),
        "lab_b": Metric("b histogram intersection", True, 3),
    }
)
# What is measured during training.
TRAINING_METRICS: Mapping[str, ImageMetric] = MappingProxyType(
    {name: METRICS[name] for name in ("l1", "psnr", "ssim")}
)


def measurable(
    shape: tuple[int, int, int], metrics: Mapping[str, ImageMetric] = METRICS
) -> dict[str, ImageMetric]:
    """Those of `metrics` that can measure images of `shape`, (height, width, channels)."""
    *size, channels = shape
    return {
        name: metric
        for name, metric in metrics.items()
        if min(size) >= metric.smallest_side
        and (metric.channels is None or channels in metric.channels)
    }


def image_figures(
    target_image: tf.Tensor, generated_image: tf.Tensor, metrics: Mapping[str, ImageMetric]
) -> dict[str, tf.Tensor]:
    """Each metric of each image, [B], of images [B, H, W, C] in [0, 1]."""
    return {
        name: metric.function(target_image, generated_image) for name, metric in metrics.items()
    }


def make_validator(
    generator: keras.Model, formats: PairFormat = RGB_PAIRS
) -> Callable[[tf.data.Dataset], dict[str, float]]:
    """Compiles a function that averages `TRAINING_METRICS` over a data set.

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
        return image_figures(target, answer, TRAINING_METRICS)

    def validate(batches: tf.data.Dataset) -> dict[str, float]:
        return mean_figures(measure(*batch) for batch in batches)

    return validate


def mean_figures(
    measured: Iterable[dict[str, tf.Tensor]], metrics: Mapping[str, ImageMetric] = METRICS
) -> dict[str, float]:
    """Averages each metric over all images of all batches, [B] figures each, in float64.

    An infinite PSNR counts as `HIGHEST_PSNR`.
    """
    batches = list(measured)
    return {
        name: float(metrics[name].averageable(np.concatenate([b[name] for b in batches])).mean())
        for name in batches[0]
    }


def describe_figures(figures: Mapping[str, float], metrics: Mapping[str, Metric] = METRICS) -> str:
    """For people: `L1 0.0712, PSNR 19.20 dB, SSIM 0.612`, in the order of `figures`."""
    return ", ".join(
        f"{metrics[name].label} {metrics[name].text(value)}" for name, value in figures.items()
    )
