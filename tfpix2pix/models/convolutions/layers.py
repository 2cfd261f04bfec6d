"""Keras' convolution layers, computed in the way that is fastest for their size and device."""

from typing import Any, Literal

import keras
from keras import ops

from tfpix2pix.models.convolutions.matmul import strided_convolution, transposed_convolution
from tfpix2pix.models.convolutions.winograd import winograd_convolution

Implementation = Literal["auto", "plain", "matmul", "winograd"]

# Where the other ways begin to win, found with `python -m benchmarks --layers 1`. Patches cost time
# by the pixel, what they save (laying out the kernel) by the channel.
MATMUL_CHANNELS_PER_PIXEL = 16
WINOGRAD_PIXELS = 16 * 16
WINOGRAD_CHANNELS = 128


@keras.saving.register_keras_serializable(package="tfpix2pix")
class Conv2D(keras.layers.Conv2D):
    """`keras.layers.Conv2D`: the same weights and the same results, on CPUs often sooner.

    Args:
        *args: Keras' own.
        implementation: `"auto"`: the fastest for the size and the device; or `"plain"` (Keras'
            own), `"matmul"` (4x4, stride 2, 'same', even sizes) or `"winograd"` (4x4, stride 1,
            'valid').
        **kwargs: Keras' own.
    """

    def __init__(self, *args: Any, implementation: Implementation = "auto", **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.implementation = implementation

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        """Convolves [B, H, W, C] features."""
        way = choose_implementation(self, inputs.shape)
        if way == "matmul":
            return strided_convolution(inputs, kernel)
        if way == "winograd":
            return winograd_convolution(inputs, kernel)
        return super().convolution_op(inputs, kernel)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return super().get_config() | {"implementation": self.implementation}


@keras.saving.register_keras_serializable(package="tfpix2pix")
class Conv2DTranspose(keras.layers.Conv2DTranspose):
    """`keras.layers.Conv2DTranspose`: the same weights and results, on CPUs often sooner.

    Args:
        *args: Keras' own.
        implementation: `"auto"`, `"plain"` or `"matmul"` (4x4, stride 2, 'same').
        **kwargs: Keras' own.
    """

    def __init__(self, *args: Any, implementation: Implementation = "auto", **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.implementation = implementation

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        """Convolves [B, H, W, C] features."""
        if choose_implementation(self, inputs.shape) == "matmul":
            return transposed_convolution(inputs, kernel)
        return ops.conv_transpose(
            inputs,
            kernel,
            strides=list(self.strides),
            padding=self.padding,
            output_padding=self.output_padding,
            dilation_rate=self.dilation_rate,
            data_format=self.data_format,
        )

    def call(self, inputs: Any) -> Any:
        """Convolves [B, H, W, C] features, adds the bias and activates."""
        return finish(self, self.convolution_op(inputs, self.kernel))

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return super().get_config() | {"implementation": self.implementation}


def finish(layer: Conv2D | Conv2DTranspose, x: Any) -> Any:
    """What follows a convolution, as in Keras: the bias and the activation, where there are."""
    if layer.use_bias:
        first = layer.data_format == "channels_first"
        x = ops.add(x, ops.reshape(layer.bias, (1, -1, 1, 1) if first else (1, 1, 1, -1)))
    return x if layer.activation is None else layer.activation(x)


def choose_implementation(
    layer: Conv2D | Conv2DTranspose, input_shape: tuple[Any, ...]
) -> Implementation:
    """The one place that decides how a convolution is computed; left to it, on GPUs `"plain"`.

    Args:
        layer: which has been built.
        input_shape: [B, H, W, C] of what it is called with, each a number or None (not known).

    Raises:
        ValueError: the layer wants a way that does not serve its kernel, stride or input.
    """
    possible = possible_implementation(layer, input_shape)
    if layer.implementation != "auto":
        if layer.implementation not in ("plain", possible):
            raise ValueError(
                f"{layer.name}: implementation={layer.implementation!r} does not serve a "
                f"{type(layer).__name__} of kernel {layer.kernel_size}, strides {layer.strides}, "
                f"padding {layer.padding!r} on {input_shape}"
            )
        return layer.implementation
    if possible == "plain" or keras.distribution.list_devices("gpu"):
        return "plain"
    _, height, width, channels = input_shape
    if possible == "winograd":
        pays = height * width >= WINOGRAD_PIXELS and channels >= WINOGRAD_CHANNELS <= layer.filters
        return "winograd" if pays else "plain"
    if isinstance(layer, Conv2D):
        height, width, channels = height // 2, width // 2, layer.filters
    return "matmul" if height * width * MATMUL_CHANNELS_PER_PIXEL <= channels else "plain"


def possible_implementation(
    layer: Conv2D | Conv2DTranspose, input_shape: tuple[Any, ...]
) -> Implementation:
    """What could be used instead of the plain layer, or `"plain"`."""
    usual = (
        layer.kernel_size == (4, 4)
        and layer.data_format == "channels_last"
        and layer.compute_dtype == "float32"  # in less, sums in another order differ visibly
        and layer.dilation_rate == (1, 1)
        and getattr(layer, "groups", 1) == 1
        and getattr(layer, "output_padding", None) is None
    )
    if not usual or None in input_shape[1:]:
        return "plain"
    even = input_shape[1] % 2 == input_shape[2] % 2 == 0
    if layer.strides == (2, 2) and layer.padding == "same":
        return "matmul" if even or isinstance(layer, Conv2DTranspose) else "plain"
    is_stride_1 = isinstance(layer, Conv2D) and layer.strides == (1, 1)
    return "winograd" if is_stride_1 and layer.padding == "valid" else "plain"
