"""What a set of pairs loads, eagerly and inside tf.data."""

import functools

import numpy as np
import tensorflow as tf


def eagerly(pairs):
    return [
        tuple(image.numpy() for image in pairs.load(tf.constant(index, tf.int64)))
        for index in range(len(pairs))
    ]


def in_tf_data(pairs, *, sizes_may_be_known=False):
    """Files may be of any size; in records it may be known."""
    dataset = tf.data.Dataset.range(len(pairs)).map(pairs.load)
    for spec, image_format in zip(
        dataset.element_spec, (pairs.format.input, pairs.format.target), strict=True
    ):
        assert spec.shape.rank == 3
        assert sizes_may_be_known or spec.shape[:2].as_list() == [None, None]
        assert spec.shape[2] == image_format.channels
        assert spec.dtype == image_format.dtype
    return list(dataset.as_numpy_iterator())


def assert_loads(pairs, expected, **sizes):
    """Values, shapes and types."""
    for load in (eagerly, functools.partial(in_tf_data, **sizes)):
        for found, images in zip(load(pairs), expected, strict=True):
            for image, wanted in zip(found, images, strict=True):
                assert image.dtype == wanted.dtype
                np.testing.assert_array_equal(image, wanted)
