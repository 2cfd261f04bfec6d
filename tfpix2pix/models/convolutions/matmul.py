"""The 4x4 convolution of stride 2 and its adjoint, each as one matrix product.

For small maps with many channels a CPU's convolution spends its time on laying out the kernel
anew in each call. A product of the kernel as it is stored with patches of the image, which are
small there, is the same sum.
"""

from typing import Any

from keras import ops

from tfpix2pix.models.convolutions.windows import crop, overlap_add, windows

PADDING = ((0, 0), (1, 1), (1, 1), (0, 0))


def strided_convolution(x: Any, kernel: Any) -> Any:
    """A 4x4 convolution of stride 2, padded 'same'.

    Args:
        x: [B, H, W, C], H and W even.
        kernel: [4, 4, C, K].

    Returns:
        [B, H / 2, W / 2, K].
    """
    _, height, width, channels = x.shape
    patches = ops.transpose(windows(ops.pad(x, PADDING), 2), (0, 1, 3, 2, 4, 5))
    patches = ops.reshape(patches, (-1, 16 * channels))
    y = ops.matmul(patches, ops.reshape(kernel, (16 * channels, -1)))
    return ops.reshape(y, (-1, height // 2, width // 2, kernel.shape[3]))


def transposed_convolution(x: Any, kernel: Any) -> Any:
    """A 4x4 transposed convolution of stride 2, padded 'same'.

    Args:
        x: [B, H, W, C].
        kernel: [4, 4, K, C].

    Returns:
        [B, 2 H, 2 W, K].
    """
    _, height, width, channels = x.shape
    # The kernel comes first: as the second factor it would be laid out anew in each call.
    patches = ops.transpose(
        ops.matmul(
            ops.reshape(kernel, (-1, channels)), ops.transpose(ops.reshape(x, (-1, channels)))
        )
    )
    taps = ops.reshape(patches, (-1, height, width, 4, 4, kernel.shape[2]))
    return crop(overlap_add(ops.transpose(taps, (0, 1, 3, 2, 4, 5)), 2), PADDING)
