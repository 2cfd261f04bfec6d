"""The 4x4 convolution of stride 1 with a quarter of the multiplications.

Winograd's minimal filtering F(3x3, 4x4) (Lavin and Gray, "Fast Algorithms for Convolutional
Neural Networks", 2016): tiles of 6x6 pixels and the kernel are taken to a space in which the
convolution is a product for each of 36 positions, and 3x3 outputs a tile are taken back.
"""

import functools
from typing import Any

import numpy as np
from keras import ops

from tfpix2pix.models.convolutions.windows import crop, windows

TAPS = 4
OUTPUTS = 3
# Small numbers keep the rounding errors small; one more point lies at infinity.
POINTS = (0.0, 1.0, -1.0, 2.0, -0.5)


def winograd_convolution(x: Any, kernel: Any) -> Any:
    """A 4x4 convolution of stride 1, padded 'valid'.

    Args:
        x: float32 [B, H, W, C]; H and W at least 4.
        kernel: float32 [4, 4, C, K].

    Returns:
        float32 [B, H - 3, W - 3, K].
    """
    _, height, width, channels = x.shape
    filters = kernel.shape[3]
    to_outputs, of_kernel, of_tiles = _transforms()
    h, w = (-(-(side - TAPS + 1) // OUTPUTS) for side in (height, width))
    below, right = OUTPUTS * (h + 1) - height, OUTPUTS * (w + 1) - width
    padding = ((0, 0), (0, below), (0, right), (0, 0))
    tiles = ops.transpose(windows(ops.pad(x, padding), OUTPUTS), (2, 4, 0, 1, 3, 5))
    tiles = ops.matmul(of_tiles, ops.reshape(tiles, (len(of_tiles), -1)))
    kernel = ops.matmul(of_kernel, ops.reshape(kernel, (TAPS**2, -1)))
    y = ops.matmul(
        ops.reshape(tiles, (len(of_tiles), -1, channels)),
        ops.reshape(kernel, (len(of_tiles), channels, filters)),
    )
    y = ops.matmul(to_outputs, ops.reshape(y, (len(of_tiles), -1)))
    y = ops.reshape(y, (OUTPUTS, OUTPUTS, -1, h, w, filters))
    y = ops.reshape(ops.transpose(y, (2, 3, 0, 4, 1, 5)), (-1, OUTPUTS * h, OUTPUTS * w, filters))
    return crop(y, padding)


@functools.cache
def _transforms() -> list[np.ndarray]:
    """Of a product to outputs [9, 36], of the kernel [36, 16] and of tiles [36, 36], float32.

    Cook and Toom's construction: a convolution is a product of polynomials, which is known from
    its values at as many points as it has coefficients.
    """
    count = len(POINTS)
    to_outputs = np.zeros((OUTPUTS, count + 1))
    of_kernel = np.zeros((count + 1, TAPS))
    of_tiles = np.zeros((count + 1, count + 1))
    for i, point in enumerate(POINTS):
        others = np.delete(POINTS, i)
        to_outputs[:, i] = point ** np.arange(OUTPUTS)
        of_kernel[i] = point ** np.arange(TAPS) / np.prod(point - others)
        of_tiles[i, :-1] = np.polynomial.polynomial.polyfromroots(others)
    # At infinity a polynomial's value is its highest coefficient.
    to_outputs[-1, -1] = of_kernel[-1, -1] = 1.0
    of_tiles[-1] = np.polynomial.polynomial.polyfromroots(POINTS)
    return [np.kron(m, m).astype(np.float32) for m in (to_outputs, of_kernel, of_tiles)]
