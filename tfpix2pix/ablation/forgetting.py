"""Letting go of networks, so that a set of many runs needs no more memory than one run."""

import contextlib
import gc
from collections.abc import Iterator

import keras
from tensorflow.python.framework import ops


@contextlib.contextmanager
def networks_forgotten() -> Iterator[None]:
    """Frees what the block built: networks, graphs and, with them, the variables' memory.

    Each call of a `tf.custom_gradient` function in a graph, such as our convolutions, is registered
    for good under a name of its own, and holds on to the graph and all variables of its network: a
    gigabyte a run with the paper's networks. TensorFlow has no public way to take it back. After
    the block nobody differentiates its graphs any more; those made before it stay registered.
    """
    registered: dict[str, object] = ops.gradient_registry._registry
    before = set(registered)
    try:
        yield
    finally:
        for name in registered.keys() - before:
            if name.startswith("CustomGradient-"):
                del registered[name]
        keras.utils.clear_session()
        gc.collect()
