"""Normalisation of feature maps, float32 [B, H, W, C], by name."""

from typing import Any

import keras
from keras import ops

from tfpix2pix.config.sizes import ImageSizeError
from tfpix2pix.models.options import BlockOptions

# Wu and He 2018, section 4.1, compare fixed channels a group; 16 is their best.
GROUP_CHANNELS = 16


@keras.saving.register_keras_serializable(package="tfpix2pix")
class BatchNorm(keras.layers.BatchNormalization):
    """BatchNorm with the statistics of the batch in training and of each image at inference.

    The paper evaluates with the statistics of the test batch, at batch size 1 (section 3.2).
    Taken per image, an answer never depends on what else is in the batch. The moving averages
    are kept up to date in training for those who want them: `inference_statistics="moving"`.
    """

    def __init__(self, *, inference_statistics: str = "image", **kwargs: Any):
        super().__init__(**kwargs)
        if inference_statistics not in ("image", "moving"):
            raise ValueError(
                f"inference_statistics must be 'image' or 'moving', not {inference_statistics!r}"
            )
        self.inference_statistics = inference_statistics

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Normalises [B, H, W, C] features."""
        # As in Keras, a frozen layer is at inference even while the rest trains.
        learns = training and self.trainable
        if learns or self.inference_statistics == "moving":
            return super().call(inputs, training=training, mask=mask)
        # In float32 at least, whatever the precision of the features.
        x = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))
        mean, variance = ops.moments(x, axes=(1, 2), keepdims=True)
        x = (x - mean) * (self.gamma * ops.rsqrt(variance + self.epsilon)) + self.beta
        return ops.cast(x, self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return super().get_config() | {"inference_statistics": self.inference_statistics}


def normalization(x: Any, options: BlockOptions, *, name: str) -> Any:
    """The norm that the options name, in a layer `{name}_norm`.

    Raises:
        ValueError: the norm would make zeros of every such map.
    """
    return NORMS[options.norm](x, options, f"{name}_norm")


def _batch_norm(x: Any, options: BlockOptions, name: str) -> Any:
    """By default as in the authors' code: epsilon 1e-5, momentum 0.9, scale N(1, 0.02)."""
    return BatchNorm(
        epsilon=options.norm_epsilon,
        momentum=options.norm_momentum,
        gamma_initializer=keras.initializers.RandomNormal(1.0, options.norm_scale_stddev),
        inference_statistics=options.norm_statistics,
        synchronized=options.sync_norm,
        name=name,
    )(x)


def _instance_norm(x: Any, options: BlockOptions, name: str) -> Any:
    """Without scale and shift, as in the PyTorch reference and pix2pixHD."""
    _refuse_single_values(x, 1, name)
    return keras.layers.GroupNormalization(
        -1, epsilon=options.norm_epsilon, center=False, scale=False, name=name
    )(x)


def _group_norm(x: Any, options: BlockOptions, name: str) -> Any:
    """Groups of 16 channels, or of the most below that which divide the channels evenly."""
    channels = x.shape[-1]
    together = max(n for n in range(1, GROUP_CHANNELS + 1) if channels % n == 0)
    _refuse_single_values(x, together, name)
    return keras.layers.GroupNormalization(
        channels // together, epsilon=options.norm_epsilon, name=name
    )(x)


def _no_norm(x: Any, options: BlockOptions, name: str) -> Any:
    return x


NORMS = {
    "batch": _batch_norm,
    "instance": _instance_norm,
    "group": _group_norm,
    "none": _no_norm,
}


def _refuse_single_values(x: Any, channels: int, name: str) -> None:
    """A value less the mean of itself alone is 0, whatever the image."""
    if x.shape[1] == x.shape[2] == channels == 1:
        raise ImageSizeError(
            f"{name} would make zeros of its map of one pixel: use larger images, fewer stride-2 "
            "layers, no norm there, or norm batch"
        )
