"""Sample grids: a row for each pair, input | generated | target."""

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from tfpix2pix.data.images import from_network_range, to_network_range

GUTTER = 4
WHITE = 255


def sample_grid(
    generator: keras.Model, input_images: np.ndarray, target_images: np.ndarray
) -> np.ndarray:
    """Translates the inputs and lays out the grid.

    Args:
        generator: run as at inference.
        input_images: uint8 [N, H, W, 3].
        target_images: uint8 [N, H, W, 3].

    Returns:
        uint8 [N * (H + gutter) - gutter, 3 * (W + gutter) - gutter, 3].
    """
    generated = [
        from_network_range(generator(to_network_range(image[np.newaxis]), training=False))[0]
        for image in input_images
    ]
    return image_grid([input_images, np.stack(generated), target_images])


def image_grid(columns: Sequence[np.ndarray]) -> np.ndarray:
    """Lays columns of N images each, uint8 [N, H, W, 3], side by side on white."""
    count, height, width, channels = np.shape(columns[0])
    full_height = count * (height + GUTTER) - GUTTER
    full_width = len(columns) * (width + GUTTER) - GUTTER
    grid = np.full((full_height, full_width, channels), WHITE, np.uint8)
    for c, column in enumerate(columns):
        for r, image in enumerate(column):
            top, left = r * (height + GUTTER), c * (width + GUTTER)
            grid[top : top + height, left : left + width] = image
    return grid


def png_bytes(image: np.ndarray) -> bytes:
    """uint8 [H, W, 3] as PNG."""
    return tf.io.encode_png(image).numpy()
