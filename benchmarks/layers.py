"""Each convolution of the paper's networks, in Keras' way and in ours: `... layers`.

Where the ways of tfpix2pix.models.convolutions begin to pay was found with this.
"""

import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfpix2pix.models import patchgan_discriminator, unet_generator
from tfpix2pix.models.convolutions import Conv2D, Conv2DTranspose
from tfpix2pix.models.convolutions.layers import (
    choose_implementation,
    possible_implementation,
)

CALLS = 7


def measure_layers(size: int, batch_size: int) -> Iterator[dict[str, Any]]:
    """Median milliseconds of a convolution and of its gradients, a row for each layer and way."""
    for model in (unet_generator(size), patchgan_discriminator(size)):
        for layer in model.layers:
            if isinstance(layer, Conv2D | Conv2DTranspose):
                yield from _measure(model.name, layer, batch_size)


def _measure(model: str, layer: Any, batch_size: int) -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(0)
    shape = (batch_size, *layer.input.shape[1:])
    image = tf.constant(rng.normal(size=shape).astype(np.float32))
    upstream = tf.constant(
        rng.normal(size=(batch_size, *layer.output.shape[1:])).astype(np.float32)
    )
    chosen = choose_implementation(layer, layer.input.shape)
    for way in dict.fromkeys(("plain", possible_implementation(layer, layer.input.shape))):
        layer.implementation = way
        kernel = layer.kernel.value

        @tf.function
        def forward(layer: Any = layer) -> Any:
            return layer(image)

        @tf.function
        def gradients(layer: Any = layer, kernel: Any = kernel) -> Any:
            with tf.GradientTape() as tape:
                tape.watch(image)
                output = layer(image)
            return tape.gradient(output, [image, kernel], upstream)

        yield {
            "layer": f"{model} {layer.name}",
            "input": "x".join(map(str, shape)),
            "filters": layer.filters,
            "way": way,
            "chosen": way == chosen,
            "forward_ms": _milliseconds(forward),
            "gradients_ms": _milliseconds(gradients),
        }


def _milliseconds(function: Callable[[], Any]) -> float:
    seconds = []
    for _ in range(CALLS + 2):
        start = time.perf_counter()
        keras.tree.map_structure(lambda tensor: tensor.numpy(), function())
        seconds.append(time.perf_counter() - start)
    return 1e3 * statistics.median(seconds[2:])
