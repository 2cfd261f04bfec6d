"""Pairs in files: decoded by TensorFlow where it can, by the libraries in `reading` otherwise."""

import os
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from tfpix2pix.config import DataSettings
from tfpix2pix.config.types import Layout
from tfpix2pix.data import images
from tfpix2pix.data.detect import detect_format
from tfpix2pix.data.folders import PairFiles
from tfpix2pix.data.formats import ImageFormat, PairFormat
from tfpix2pix.data.pairs import ImagePair, Load, Pairs
from tfpix2pix.data.reading import conform, read_image, tensorflow_suffixes
from tfpix2pix.data.sources import Listing
from tfpix2pix.errors import UserError
from tfpix2pix.places import as_place

Decode = Callable[[tf.Tensor], tf.Tensor]


def open_file_splits(
    settings: DataSettings, listing: Listing, splits: Sequence[str] | None = None
) -> dict[str, Pairs]:
    """Opens splits of a folder or a manifest; see `open_splits`."""
    wanted = splits or list(listing.splits)
    pair_format = listing.format
    if pair_format is None:
        first = listing.splits.get("train") or listing.splits[wanted[0]]
        pair_format = detect_format(settings, first)
    return {
        split: _file_pairs(
            settings, listing.splits[split], f"{listing.origin}/{split}", pair_format
        )
        for split in wanted
    }


def _file_pairs(
    settings: DataSettings, pairs: Sequence[PairFiles], origin: str, pair_format: PairFormat
) -> Pairs:
    in_order = settings.direction == "AtoB"
    formats = (pair_format.input, pair_format.target)
    reduce = (settings.input_channels is not None, settings.output_channels is not None)
    (format_a, format_b), (reduce_a, reduce_b) = (
        (formats, reduce) if in_order else (formats[::-1], reduce[::-1])
    )
    paths_a = [pair.a for pair in pairs]
    paths_b = [pair.b for pair in pairs if pair.b is not None]
    decode_a = _decoder(paths_a, format_a, reduce_a)
    decode_b = _decoder(paths_b or paths_a, format_b, reduce_b)
    if paths_b:
        load = _load_two(paths_a, paths_b, decode_a, decode_b)
    else:
        same = _decoded_to(format_a, reduce_a) == _decoded_to(format_b, reduce_b)
        load = _load_one(paths_a, decode_a, None if same else decode_b, settings.layout)

    def directed(index: tf.Tensor) -> ImagePair:
        a, b = load(index)
        return (a, b) if in_order else (b, a)

    return Pairs(tuple(pair.name for pair in pairs), directed, origin, pair_format)


def _decoded_to(image_format: ImageFormat, reduce: bool) -> tuple[int, str, bool]:
    return image_format.channels, image_format.dtype, reduce


def _load_two(
    paths_a: Sequence[str], paths_b: Sequence[str], decode_a: Decode, decode_b: Decode
) -> Load:
    a, b = _as_tensor(paths_a), _as_tensor(paths_b)
    return lambda index: (decode_a(a[index]), decode_b(b[index]))


def _load_one(
    paths: Sequence[str], decode_a: Decode, decode_b: Decode | None, layout: Layout
) -> Load:
    """Of files that hold both; decoded twice only where the two sides differ in format."""
    files = _as_tensor(paths)

    def load(index: tf.Tensor) -> ImagePair:
        a, b = images.split_pair(decode_a(files[index]), layout)
        if decode_b is not None:
            b = images.split_pair(decode_b(files[index]), layout)[1]
        return a, b

    return load


def _as_tensor(paths: Sequence[str]) -> tf.Tensor:
    return tf.constant([os.fsencode(path) for path in paths])


def _decoder(paths: Sequence[str], image_format: ImageFormat, reduce: bool) -> Decode:
    """From a path to its image, as the format says; refuses what would lose colours or bits.

    Args:
        paths: of all files, which decide who decodes them.
        image_format: what the images become.
        reduce: whether colours may become gray, as where the user has said so.
    """
    if all(path.lower().endswith(tensorflow_suffixes(image_format.channels)) for path in paths):
        return lambda path: images.decode_without_loss(
            tf.io.read_file(path), image_format, reduce=reduce
        )

    def read(path: bytes | np.ndarray) -> np.ndarray:
        # Bytes inside tf.data, an array of them when called eagerly.
        image = read_image(as_place(os.fsdecode(np.asarray(path).item())))
        return conform(image, image_format.channels, image_format.dtype, reduce=reduce)

    def decode_in_python(path: tf.Tensor) -> tf.Tensor:
        try:
            image = tf.numpy_function(read, [path], tf.as_dtype(image_format.dtype))
        except UserError as error:  # eagerly; in a graph TensorFlow makes it an error of its own
            raise tf.errors.InvalidArgumentError(None, None, str(error)) from error
        return tf.ensure_shape(image, [None, None, image_format.channels])

    return decode_in_python
