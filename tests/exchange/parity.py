"""How closely networks here compute what the PyTorch reference computes, with the same weights.

`python tests/exchange/parity.py` prints the table of docs/weights.md: full-size networks.
"""

import copy
import dataclasses
import itertools
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import keras
import numpy as np
import torch
from torch import nn
from torch_reference import PatchGan, PixelGan, Resnet, Unet, draw

from tfpix2pix.config import resolve
from tfpix2pix.models import BatchNorm
from tfpix2pix.models.exchange.recognize import recognize
from tfpix2pix.models.exchange.transfer import set_weights
from tfpix2pix.training.build import build_discriminator, build_generator

NORMS = ("batch", "instance")


@dataclasses.dataclass(frozen=True)
class Architecture:
    """A network of the reference: how to make it, of filters and norm, and sizes of its images."""

    name: str
    make: Callable[[int, str], nn.Module]
    size: int
    small_size: int


GENERATORS = (
    Architecture("unet_128", partial(Unet, 7), 128, 128),
    Architecture("unet_256", partial(Unet, 8), 256, 256),
    Architecture("resnet_6blocks", partial(Resnet, 6), 256, 32),
    Architecture("resnet_9blocks", partial(Resnet, 9, dropout=0.0), 256, 32),
)
GLOBAL = Architecture(
    "pix2pixHD's global generator", partial(Resnet, 9, dropout=0.0, depth=4), 256, 64
)
DISCRIMINATORS = (
    *(
        Architecture(f"NLayerDiscriminator({n})", partial(PatchGan, n), 256, max(24, 3 * 2**n))
        for n in range(1, 7)
    ),
    Architecture("PixelDiscriminator", PixelGan, 256, 24),
)


def arrays(network: nn.Module) -> dict[str, np.ndarray]:
    """Its state dict, as `read_weights` would give it."""
    state = network.state_dict().items()
    return {key: tensor.numpy().copy() for key, tensor in state if tensor.is_floating_point()}


def same_network(network: nn.Module, size: int, **options: object) -> keras.Model:
    """The network here that has the weights of that one there."""
    weights = arrays(network)
    reference = recognize(weights, Path("in memory"))
    flags = reference.settings() | options
    if reference.role == "discriminator":
        # A generator that takes images of any size.
        flags |= {"norm": reference.norm, "depth": 1}
    settings = resolve(flags=flags).model
    build = build_generator if reference.role == "generator" else build_discriminator
    model = build(settings, (size, size))
    set_weights(model, reference.slots(), weights)
    return model


def without_dropout(network: nn.Module) -> nn.Module:
    """The network in its mode of training or evaluation, but for its dropout, which is off."""
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.eval()
    return network


def answer(network: nn.Module, images: np.ndarray) -> np.ndarray:
    """Of a network there to [B, H, W, C] images."""
    with torch.no_grad():
        return network(torch.from_numpy(images.transpose(0, 3, 1, 2))).numpy().transpose(0, 2, 3, 1)


def differences(network: nn.Module, size: int, batch_size: int = 2) -> dict[str, float]:
    """The largest difference of any output value, by mode.

    evaluation: BatchNorm with its moving averages. training: with the statistics of the batch,
    dropout off. test: as the reference's test.py has BatchNorm, one image with its own statistics.
    """
    generates = isinstance(network, Unet | Resnet)
    channels = 3 if generates else 6
    random = np.random.default_rng(0)
    images = random.uniform(-1, 1, (batch_size, size, size, channels)).astype(np.float32)
    off = {"dropout": 0.0} if generates else {}
    model = same_network(network, size, **off)

    def difference(images: np.ndarray, *, statistics: str, trains: bool, mode: bool) -> float:
        for layer in model.layers:
            if isinstance(layer, BatchNorm):
                layer.inference_statistics = statistics
        given = images if generates else [images[..., :3], images[..., 3:]]
        # A copy: training moves its averages.
        expected = answer(without_dropout(copy.deepcopy(network).train(mode)), images)
        return float(np.abs(np.array(model(given, training=trains)) - expected).max())

    one = images[:1]
    return {
        "test": difference(one, statistics="image", trains=False, mode=True),
        "evaluation": difference(images, statistics="moving", trains=False, mode=False),
        "training": difference(images, statistics="moving", trains=True, mode=True),
    }


def table(base_filters: int) -> Iterator[str]:
    """A Markdown table of the differences of all architectures."""
    yield "| network of the reference | norm | parameters | test | evaluation | training |"
    yield "| --- | --- | --- | --- | --- | --- |"
    architectures = (*GENERATORS, GLOBAL, *DISCRIMINATORS)
    for architecture, norm in itertools.product(architectures, NORMS):
        network = draw(architecture.make(base_filters, norm))
        parameters = sum(weights.numel() for weights in network.parameters())
        found = differences(network, architecture.size)
        shown = " | ".join(f"{value:.1e}" for value in found.values())
        yield f"| {architecture.name} | {norm} | {parameters / 1e6:.3f} M | {shown} |"


if __name__ == "__main__":
    for line in table(base_filters=64):
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
