"""What a run is validated by: metrics of images or, where its targets are label maps, of classes.

The one place where that is decided.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import keras
import tensorflow as tf

from tfpix2pix.data.formats import RGB, RGB_PAIRS, ImageFormat, PairFormat
from tfpix2pix.evaluation.baseline import mean_image_figures
from tfpix2pix.evaluation.metrics import (
    TRAINING_METRICS,
    Metric,
    describe_figures,
    make_validator,
)
from tfpix2pix.evaluation.segmentation import (
    LABEL_METRICS,
    commonest_class_figures,
    make_label_validator,
)

VALIDATION_METRICS: Mapping[str, Metric] = MappingProxyType({**TRAINING_METRICS, **LABEL_METRICS})


def validator(
    generator: keras.Model, formats: PairFormat = RGB_PAIRS
) -> Callable[[tf.data.Dataset], dict[str, float]]:
    """See `make_validator` and `make_label_validator`, one of which makes it."""
    make = make_label_validator if formats.target.palette else make_validator
    return make(generator, formats)


def baseline_figures(
    training_batches: tf.data.Dataset,
    validation_batches: tf.data.Dataset,
    target_format: ImageFormat = RGB,
) -> dict[str, float]:
    """The same figures of one answer to every input; see `describe_baseline`."""
    measure = commonest_class_figures if target_format.palette else mean_image_figures
    return measure(training_batches, validation_batches, target_format)


def describe_validation(figures: Mapping[str, float]) -> str:
    """For people: as `describe_figures`, or `pixel accuracy 0.712, class accuracy 0.401, ...`."""
    return describe_figures(figures, VALIDATION_METRICS)


def describe_baseline(figures: Mapping[str, float]) -> str:
    """Which answer `baseline_figures` are of."""
    if LABEL_METRICS.keys() <= figures.keys():
        return "always each pixel's commonest class in training"
    return "always the mean training picture"
