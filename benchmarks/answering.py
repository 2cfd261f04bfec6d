"""An exported network, run by its own runtime alone: no TensorFlow where it needs none."""

from collections.abc import Callable

import numpy as np

from tfpix2pix.inference.runtimes import load_network


def answer(path: str, size: tuple[int, int], batch_size: int) -> Callable[[], None]:
    """One answer of a file to a fixed batch of random float images."""
    network = load_network(path)
    shape = (batch_size, *size, 3)
    images = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)

    def once() -> None:
        network(images)

    return once
