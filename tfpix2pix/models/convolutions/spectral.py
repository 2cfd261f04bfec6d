"""Convolutions whose kernel is divided by its largest singular value.

Spectral normalisation (Miyato et al., "Spectral Normalization for Generative Adversarial
Networks", 2018, section 2.1): W / sigma(W), with sigma from one step of the power iteration a
training call. The stored weights are W; what is convolved with is W / sigma(W).
"""

from typing import Any

import keras
from keras import ops

from tfpix2pix.models.convolutions.layers import Conv2D, Conv2DTranspose, finish

LEAST_NORM = 1e-12


class _Spectral(keras.layers.Layer):
    """The state of both kinds: u, the direction that the power iteration has come to."""

    def build(self, input_shape: Any) -> None:
        """Makes the weights: kernel, bias, u [filters]."""
        super().build(input_shape)
        self.u = self.add_weight(
            name="u",
            shape=(self.filters,),
            initializer=_random_direction,
            dtype="float32",
            trainable=False,
            autocast=False,
            # All replicas have the same kernel and the same u, and so the same next one.
            aggregation="only_first_replica",
        )

    def save_own_variables(self, store: Any) -> None:
        """All weights; Keras' convolutions would save kernel and bias alone."""
        keras.layers.Layer.save_own_variables(self, store)

    def load_own_variables(self, store: Any) -> None:
        """All weights."""
        keras.layers.Layer.load_own_variables(self, store)


@keras.saving.register_keras_serializable(package="tfpix2pix")
class SpectralConv2D(_Spectral, Conv2D):
    """`Conv2D` with a spectrally normalised kernel; `u` is a weight that does not train."""

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Convolves [B, H, W, C] features; in training, u goes on by one step."""
        kernel, u = spectrally_normalized(self.kernel, self.u)
        if training:
            self.u.assign(u)
        return finish(self, self.convolution_op(inputs, kernel))


@keras.saving.register_keras_serializable(package="tfpix2pix")
class SpectralConv2DTranspose(_Spectral, Conv2DTranspose):
    """`Conv2DTranspose` with a spectrally normalised kernel; see `SpectralConv2D`."""

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Convolves [B, H, W, C] features; in training, u goes on by one step."""
        # The kernel is [h, w, out, in] here.
        kernel, u = spectrally_normalized(ops.swapaxes(self.kernel, 2, 3), self.u)
        if training:
            self.u.assign(u)
        return finish(self, self.convolution_op(inputs, ops.swapaxes(kernel, 2, 3)))


def spectrally_normalized(kernel: Any, u: Any) -> tuple[Any, Any]:
    """The kernel over its largest singular value, as one step of the power iteration knows it.

    Gradients flow through the kernel in sigma = u' W v, with u and v as constants.

    Args:
        kernel: [h, w, in, out], as a matrix W [out, h w in].
        u: float32 [out], where the iteration has come to.

    Returns:
        The normalised kernel, of the kernel's type, and the new u, float32 [out].
    """
    weights = ops.cast(kernel, "float32")
    matrix = ops.reshape(weights, (-1, kernel.shape[-1]))
    fixed = ops.stop_gradient(matrix)
    # A moving average of u is none of unit length: so it is normalised here as well.
    v = _unit(ops.matmul(fixed, _unit(ops.convert_to_tensor(u))))
    u = _unit(ops.matmul(v, fixed))
    sigma = ops.sum(ops.matmul(v, matrix) * u)
    return ops.cast(weights / sigma, kernel.dtype), u


def _unit(x: Any) -> Any:
    return x / ops.maximum(ops.sqrt(ops.sum(ops.square(x))), LEAST_NORM)


def _random_direction(shape: tuple[int, ...], dtype: Any = None) -> Any:
    return _unit(keras.initializers.RandomNormal(0.0, 1.0)(shape, dtype))
