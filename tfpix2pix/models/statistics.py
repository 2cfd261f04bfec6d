"""Statistics of norms that are measured once and then used for other images.

By themselves, norms take the mean and the variance of the features of each image (section 3.2 of
the paper: those of the test batch, at batch size 1). Tiles of one large image, and the frames of
a film, look alike only if they share them.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from tfpix2pix.models.norms import BatchNorm

Statistics = list[tuple[np.ndarray, np.ndarray]]


def has_image_statistics(generator: keras.Model) -> bool:
    """Whether a network has norms that take statistics of each image."""
    return any(map(_takes_statistics, generator.layers))


def _takes_statistics(layer: Any) -> bool:
    if isinstance(layer, BatchNorm):
        return layer.inference_statistics == "image"
    return isinstance(layer, keras.layers.GroupNormalization)


class GivenNorm(keras.layers.Layer):
    """A norm with statistics that it was given: [B, H, W, C] -> the same.

    Attributes:
        mean, variance: float32 [C]; 0 and 1 until others are assigned.

    Args:
        norm: a built norm with statistics of images, whose scale and shift are used.
    """

    def __init__(self, norm: Any, channels: int):
        super().__init__(name=f"{norm.name}_given", dtype=norm.dtype_policy, trainable=False)
        self._norm = norm
        self.mean = self.add_weight(shape=(channels,), initializer="zeros", name="mean")
        self.variance = self.add_weight(shape=(channels,), initializer="ones", name="variance")
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Normalises features."""
        return _normalized(inputs, self._norm, self.mean, self.variance, self.compute_dtype)


def measuring_model(generator: keras.Model) -> keras.Model:
    """A model of [B, H, W, C] -> the statistics of each norm, over all of the batch.

    Each norm normalises by them, so that those of later norms are what they will be when all are
    used. Dropout is as at inference.

    Args:
        generator: with norms that take statistics of images.

    Returns:
        A model whose outputs are a list: mean and variance, float32 [C], of the first norm, of
        the second one, ...
    """
    found: list[Any] = []

    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        if not _takes_statistics(layer):
            return layer(*args, **kwargs)
        mean, variance = _moments(args[0], layer)
        found.extend((mean, variance))
        return _normalized(args[0], layer, mean, variance, layer.compute_dtype)

    return keras.Model(_cloned(generator, call).input, found)


def with_given_statistics(generator: keras.Model) -> keras.Model:
    """The same generator, sharing its weights, whose norms use statistics that they are given."""

    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        if not _takes_statistics(layer):
            return layer(*args, **kwargs)
        return GivenNorm(layer, args[0].shape[-1])(args[0])

    return _cloned(generator, call)


def as_statistics(outputs: Sequence[Any]) -> Statistics:
    """The outputs of a `measuring_model`, mean and variance of each norm in turn, as pairs."""
    values = [ops.convert_to_numpy(value) for value in outputs]
    return list(zip(values[::2], values[1::2], strict=True))


def give(model: keras.Model, statistics: Statistics) -> None:
    """Assigns statistics to the norms of a model from `with_given_statistics`, in their order."""
    norms = [layer for layer in model.layers if isinstance(layer, GivenNorm)]
    for norm, (mean, variance) in zip(norms, statistics, strict=True):
        norm.mean.assign(mean)
        norm.variance.assign(variance)


def pooled(several: Sequence[Statistics]) -> Statistics:
    """The statistics of several images of one size together, by the law of total variance."""
    together = []
    for norm in zip(*several, strict=True):
        means, variances = (np.stack(values) for values in zip(*norm, strict=True))
        together.append((means.mean(axis=0), variances.mean(axis=0) + means.var(axis=0)))
    return together


def _cloned(generator: keras.Model, call: Any) -> keras.Model:
    return keras.models.clone_model(
        generator, clone_function=lambda layer: layer, call_function=call
    )


def _moments(inputs: Any, norm: Any) -> tuple[Any, Any]:
    """Mean and variance [C] over batch, height, width and the channels of a group."""
    # In float32, whatever the precision of the features.
    x = ops.cast(inputs, "float32")
    channels = x.shape[-1]
    together = 1 if isinstance(norm, BatchNorm) or norm.groups == -1 else channels // norm.groups
    mean, variance = ops.moments(
        ops.reshape(x, (-1, *x.shape[1:3], channels // together, together)), axes=(0, 1, 2, 4)
    )
    return ops.repeat(mean, together), ops.repeat(variance, together)


def _normalized(inputs: Any, norm: Any, mean: Any, variance: Any, dtype: str) -> Any:
    scale = ops.rsqrt(variance + norm.epsilon)
    if norm.scale:
        scale = scale * norm.gamma
    x = (ops.cast(inputs, "float32") - mean) * scale
    return ops.cast(x + norm.beta if norm.center else x, dtype)
