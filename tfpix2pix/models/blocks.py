"""The blocks that the networks are made of. Feature maps are float32 [B, H, W, C]."""

from typing import Any

import keras
from keras import ops

from tfpix2pix.models.convolutions import Conv2D, Conv2DTranspose

# The authors' initialisation (paper, section 6.2) and, as in their code, BatchNorm's scale.
KERNEL_STDDEV = 0.02
LEAKY_SLOPE = 0.2


def layer_width(base_filters: int, layer: int) -> int:
    """Filters of stride-2 layer 1, 2, ...: C64-C128-C256-C512-C512-... (paper, section 6.1)."""
    return base_filters * min(2 ** (layer - 1), 8)


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


def batch_norm(x: Any, *, name: str) -> Any:
    """BatchNorm as the authors' code has it: epsilon 1e-5, momentum 0.9, scale N(1, 0.02)."""
    return BatchNorm(
        epsilon=1e-5,
        momentum=0.9,
        gamma_initializer=keras.initializers.RandomNormal(1.0, KERNEL_STDDEV),
        name=f"{name}_norm",
    )(x)


def convolution(
    x: Any,
    filters: int,
    *,
    kernel_size: int = 4,
    strides: int = 1,
    padding: str = "same",
    use_bias: bool = True,
    dtype: str | None = None,
    name: str,
) -> Any:
    """A convolution with weights N(0, 0.02)."""
    return Conv2D(
        filters,
        kernel_size,
        strides,
        padding,
        use_bias=use_bias,
        kernel_initializer=keras.initializers.RandomNormal(0.0, KERNEL_STDDEV),
        dtype=dtype,
        name=f"{name}_conv",
    )(x)


def transposed_convolution(x: Any, filters: int, *, use_bias: bool = True, name: str) -> Any:
    """A 4x4 transposed convolution of stride 2 with weights N(0, 0.02): [H, W] -> [2H, 2W]."""
    return Conv2DTranspose(
        filters,
        4,
        2,
        "same",
        use_bias=use_bias,
        kernel_initializer=keras.initializers.RandomNormal(0.0, KERNEL_STDDEV),
        name=f"{name}_conv",
    )(x)


def leaky_relu(x: Any, *, name: str) -> Any:
    """Leaky ReLU of the paper's slope, 0.2 (Keras' own default is 0.3)."""
    return keras.layers.LeakyReLU(negative_slope=LEAKY_SLOPE, name=f"{name}_leaky_relu")(x)


def relu(x: Any, *, name: str) -> Any:
    """Plain ReLU."""
    return keras.layers.ReLU(name=f"{name}_relu")(x)


def downsample(x: Any, filters: int, *, norm: bool = True, name: str) -> tuple[Any, Any]:
    """The paper's Ck: 4x4 convolution of stride 2, BatchNorm, leaky ReLU.

    The convolution has a bias only where no BatchNorm follows, which would cancel it.

    Args:
        x: [B, H, W, C] features, H and W even.
        filters: k.
        norm: whether BatchNorm follows the convolution.
        name: of the block; its layers are `{name}_conv`, `{name}_norm`, `{name}_leaky_relu`.

    Returns:
        The features after and before the activation, both [B, H/2, W/2, filters].
    """
    x = convolution(x, filters, strides=2, use_bias=not norm, name=name)
    if norm:
        x = batch_norm(x, name=name)
    return leaky_relu(x, name=name), x


def upsample(x: Any, filters: int, *, norm: bool = True, dropout: float = 0.0, name: str) -> Any:
    """The decoder's CDk: 4x4 transposed convolution of stride 2, BatchNorm, dropout, ReLU.

    Args:
        x: [B, H, W, C] features.
        filters: k.
        norm: whether BatchNorm follows the transposed convolution.
        dropout: rate, 0 for none (the paper: 0.5 in the first three layers).
        name: of the block; its layers are `{name}_conv`, `{name}_norm`, and so on.

    Returns:
        [B, 2H, 2W, filters] features.
    """
    x = transposed_convolution(x, filters, use_bias=not norm, name=name)
    if norm:
        x = batch_norm(x, name=name)
    if dropout:
        x = keras.layers.Dropout(dropout, name=f"{name}_dropout")(x)
    return relu(x, name=name)
