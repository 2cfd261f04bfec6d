"""Images to measure with: smooth noise, which compresses about as photos do."""

from pathlib import Path

import numpy as np
import tensorflow as tf


def smooth_noise(rng: np.random.Generator, height: int, width: int) -> tf.Tensor:
    """uint8 [height, width, 3]."""
    coarse = rng.integers(0, 256, (height // 8, width // 8, 3)).astype(np.float32)
    image = tf.image.resize(coarse, (height, width), "bicubic")
    return tf.cast(tf.clip_by_value(image, 0, 255), tf.uint8)


def png_images(size: int, count: int) -> list[bytes]:
    """Encoded square images."""
    rng = np.random.default_rng(0)
    return [tf.io.encode_png(smooth_noise(rng, size, size)).numpy() for _ in range(count)]


def write_jpeg_pairs(folder: Path, size: int, count: int) -> None:
    """A training split of side-by-side pairs."""
    (folder / "train").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(count):
        jpeg = tf.io.encode_jpeg(smooth_noise(rng, size, 2 * size)).numpy()
        (folder / "train" / f"{number:04d}.jpg").write_bytes(jpeg)
