"""Layers that Keras has not, as PyTorch computes them. Feature maps are float32 [B, H, W, C]."""

from typing import Any

import keras
from keras import ops

BY_ONE = ((0, 0), (1, 1), (1, 1), (0, 0))


@keras.saving.register_keras_serializable(package="tfpix2pix")
class ReflectionPadding2D(keras.layers.Layer):
    """Mirrors a map on beyond its borders, which are not repeated: PyTorch's ReflectionPad2d.

    Args:
        padding: pixels on each side, less than H and W.
        **kwargs: Keras' own.
    """

    def __init__(self, padding: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.padding = padding

    def call(self, inputs: Any) -> Any:
        """[B, H, W, C] -> [B, H + 2 padding, W + 2 padding, C]."""
        sides = (self.padding, self.padding)
        return ops.pad(inputs, ((0, 0), sides, sides, (0, 0)), mode="reflect")

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return super().get_config() | {"padding": self.padding}


@keras.saving.register_keras_serializable(package="tfpix2pix")
class Halve(keras.layers.Layer):
    """PyTorch's AvgPool2d(3, stride=2, padding=1, count_include_pad=False), in float32.

    Each value is the mean of a 3x3 window around every other pixel, of what of it lies inside.
    """

    def __init__(self, **kwargs: Any):
        super().__init__(**({"dtype": "float32"} | kwargs))

    def call(self, inputs: Any) -> Any:
        """[B, H, W, C] -> [B, ceil(H / 2), ceil(W / 2), C]."""
        inside = ops.ones_like(inputs[:1, :, :, :1])
        return self._pool(inputs) / self._pool(inside)

    def _pool(self, x: Any) -> Any:
        return ops.average_pool(ops.pad(x, BY_ONE), 3, 2, "valid")
