"""Images to measure with: smooth noise, which compresses about as photos do."""

import os
from collections.abc import Sequence
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


def write_jpeg_pairs(
    folder: Path, size: int, count: int, splits: Sequence[str] = ("train",)
) -> None:
    """Splits of so many side-by-side pairs, the same in each."""
    for split in splits:
        (folder / split).mkdir(parents=True)
        rng = np.random.default_rng(0)
        for number in range(count):
            jpeg = tf.io.encode_jpeg(smooth_noise(rng, size, 2 * size)).numpy()
            (folder / split / f"{number:04d}.jpg").write_bytes(jpeg)


def write_two_folders(folder: Path, size: int, count: int, different: int | None = None) -> None:
    """A training split of JPEG files in input/ and target/.

    Args:
        folder: to write into.
        size: of the images.
        count: of the pairs.
        different: how many of them are files of their own; the others are links to these.
    """
    rng = np.random.default_rng(0)
    for side in ("input", "target"):
        place = folder / "train" / side
        place.mkdir(parents=True)
        for number in range(count):
            file = place / f"{number:06d}.jpg"
            if different is None or number < different:
                file.write_bytes(tf.io.encode_jpeg(smooth_noise(rng, size, size)).numpy())
            else:
                os.link(place / f"{number % different:06d}.jpg", file)


def forget(folder: Path) -> None:
    """Asks the system to drop what it keeps in memory of the files in a folder."""
    for path in folder.rglob("*"):
        if path.is_file():
            file = os.open(path, os.O_RDONLY)
            os.fsync(file)  # what is not on the disk yet cannot be dropped
            os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(file)
