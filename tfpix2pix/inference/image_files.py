"""Stored images from files, and files from answers, by TensorFlow: as a run reads and writes them.

TensorFlow decodes PNG and JPEG, as in training on sets of these alone, and encodes PNG as exports
do; all other kinds are read and written in Python.
"""

import contextlib
import functools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfpix2pix.config.types import Interpolation
from tfpix2pix.data import arrays, images
from tfpix2pix.data.encoding import PNG, encode_image, image_suffix
from tfpix2pix.data.formats import ImageFormat
from tfpix2pix.data.reading import is_left_to_tensorflow, read_image
from tfpix2pix.errors import UserError, plain_reason


def read_input(source: Path, image_format: ImageFormat) -> np.ndarray:
    """Reads a file as [H, W, C] of the format's type; colours and bits may be reduced.

    Raises:
        OSError: it cannot be read.
        UserError: it is empty, no image, or not one that fits the format.
    """
    if source.stat().st_size == 0:
        raise UserError("the file is empty")
    by_tensorflow = image_format.dtype != "float32" and image_format.channels in (1, 3, 4)
    if by_tensorflow and is_left_to_tensorflow(source, image_format.channels):
        with tensorflow_refusals():
            return _decoder(image_format)(tf.constant(source.read_bytes())).numpy()
    return arrays.as_wanted(read_image(source), image_format)


# A dozen operations each: as one graph they take a third of the time, and give the same bits.


@functools.lru_cache
def _decoder(image_format: ImageFormat) -> tf.types.experimental.GenericFunction:
    decode = functools.partial(images.decode_image, image_format=image_format)
    return tf.function(decode, input_signature=[tf.TensorSpec([], tf.string)])


@functools.lru_cache
def _resizer(
    size: tuple[int, int], method: Interpolation, dtype: str, channels: int
) -> tf.types.experimental.GenericFunction:
    resize = functools.partial(images.resize, size=size, method=method)
    return tf.function(resize, input_signature=[tf.TensorSpec([None, None, channels], dtype)])


def resized(image: np.ndarray, size: tuple[int, int], method: Interpolation) -> np.ndarray:
    """A stored image [H, W, C] at another size, of the same type; see `images.resize`."""
    if image.shape[:2] == size:
        return image
    resizer = _resizer(size, method, image.dtype.name, image.shape[-1])
    return resizer(tf.constant(image)).numpy()


def encode_answer(image: np.ndarray) -> bytes:
    """An answer [H, W, C] as the content of a file; see `image_suffix`."""
    if image_suffix(image.shape[-1], image.dtype.name) == PNG:
        return tf.io.encode_png(image).numpy()
    return encode_image(image)[0]


@contextlib.contextmanager
def tensorflow_refusals() -> Iterator[None]:
    """Turns what TensorFlow raises into a `UserError` in plain words."""
    try:
        yield
    except tf.errors.InvalidArgumentError as error:
        raise UserError(f"not an image, or damaged: {plain_reason(error)}") from error
    except tf.errors.ResourceExhaustedError as error:
        raise UserError(
            "there is not enough memory for the network at this size: give a smaller "
            "--batch-size, --whole-up-to or --window"
        ) from error
    except tf.errors.OpError as error:
        raise UserError(plain_reason(error)) from error
