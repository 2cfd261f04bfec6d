"""Which network of the PyTorch reference a state dict is of, from its keys and shapes alone."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

import numpy as np

from tfpix2pix.errors import UserError
from tfpix2pix.models.exchange.reference_discriminators import (
    DiscriminatorReference,
    PatchGanReference,
    PixelGanReference,
)
from tfpix2pix.models.exchange.reference_generators import (
    GLOBAL_BLOCKS,
    GLOBAL_DEPTH,
    RESNET_DEPTH,
    RESNET_NAMES,
    GeneratorReference,
    ResnetReference,
    UnetReference,
)
from tfpix2pix.models.exchange.slots import Norm

SUPPORTED = (
    "supported are state dicts of UnetGenerator, ResnetGenerator (6 or 9 blocks), "
    "NLayerDiscriminator (1 to 6 layers) and PixelDiscriminator of pytorch-CycleGAN-and-pix2pix, "
    "with batch norm or instance norm"
)
MOST_LAYERS = 6
DEEPEST_UNET = 12

Weights = Mapping[str, np.ndarray]
Reference = GeneratorReference | DiscriminatorReference


class _Keys:
    """The tensors of a state dict, with errors that name what is missing or strange."""

    def __init__(self, weights: Weights, path: Path):
        self._path = path
        self.weights = _without_leftovers(weights)

    def __contains__(self, key: str) -> bool:
        return key in self.weights

    def kernel(self, key: str) -> tuple[int, ...]:
        """The shape of a kernel, which must be there."""
        if key not in self.weights:
            self.refuse(f"{key} is missing")
        shape = self.weights[key].shape
        if len(shape) != 4:
            self.refuse(f"{key} has the shape {list(shape)}, not the four sides of a kernel")
        return shape

    def refuse(self, problem: str) -> NoReturn:
        raise UserError(f"{self._path}: {problem}; {SUPPORTED}")


def recognize(weights: Weights, path: Path) -> Reference:
    """Finds out which network the weights are of, and checks every key and shape.

    Args:
        weights: arrays by key, as `read_weights` gives them.
        path: of the file, for messages.

    Raises:
        UserError: they are of no network of the reference, or of one that has no like here; the
            message names the first key that does not fit.
    """
    keys = _Keys(weights, path)
    reference = _read_off(keys)
    expected = {slot.key: slot.shape for slot in reference.slots()}
    found = {key: array.shape for key, array in keys.weights.items()}
    seen_as = f"in the weights of {reference.describe()}"
    for key, shape in expected.items():
        if key not in found:
            keys.refuse(f"{key} is missing, {list(shape)} {seen_as}")
        if found[key] != shape:
            keys.refuse(f"{key} has the shape {list(found[key])}, not {list(shape)} as {seen_as}")
    for key in found:
        if key not in expected:
            keys.refuse(f"{key} is unexpected {seen_as}")
    return reference


def recognize_generator(weights: Weights, path: Path) -> GeneratorReference:
    """`recognize`, and a generator it must be."""
    reference = recognize(weights, path)
    if isinstance(reference, UnetReference | ResnetReference):
        return reference
    raise UserError(
        f"{path} holds a discriminator, {reference.describe()}: give the generator's file "
        "(latest_net_G.pth) first, and this one as --discriminator"
    )


def recognize_discriminator(weights: Weights, path: Path) -> DiscriminatorReference:
    """`recognize`, and a discriminator it must be."""
    reference = recognize(weights, path)
    if isinstance(reference, PatchGanReference | PixelGanReference):
        return reference
    raise UserError(
        f"{path} holds a generator, {reference.describe()}: --discriminator takes the "
        "discriminator's file (latest_net_D.pth)"
    )


def _without_leftovers(weights: Weights) -> dict[str, np.ndarray]:
    """Instance norms of old checkpoints hold running averages that nothing uses: a norm without
    a scale has no variables."""
    return {
        key: array
        for key, array in weights.items()
        if not key.endswith((".running_mean", ".running_var"))
        or f"{key.rpartition('.')[0]}.weight" in weights
    }


def _read_off(keys: _Keys) -> Reference:
    if any(key.startswith("model.model.") for key in keys.weights):
        return _unet(keys)
    if any(".conv_block." in key for key in keys.weights):
        return _resnet(keys)
    if any(key.startswith("net.") for key in keys.weights):
        return _pixelgan(keys)
    if "model.0.weight" in keys:
        return _patchgan(keys)
    first = next(iter(keys.weights), None)
    keys.refuse(f"{first} is of no known network" if first else "there are no weights in it")


def _unet(keys: _Keys) -> UnetReference:
    first, last = keys.kernel("model.model.0.weight"), keys.kernel("model.model.3.weight")
    depth, level = 1, "model.model.1.model"
    while any(key.startswith(f"{level}.") for key in keys.weights):
        depth, innermost, level = depth + 1, level, f"{level}.3.model"
    if not 2 <= depth <= DEEPEST_UNET:
        keys.refuse(f"this is a U-Net of depth {depth}, not 2 to {DEEPEST_UNET}")
    norm: Norm = "batch" if f"{innermost}.4.weight" in keys else "instance"
    return UnetReference(first[1], last[1], first[0], depth, norm)


def _resnet(keys: _Keys) -> ResnetReference:
    first = keys.kernel("model.1.weight")
    found = [re.match(r"model\.(\d+)\.conv_block\.(\d+)\.", key) for key in keys.weights]
    places = {(int(match[1]), int(match[2])) for match in found if match}
    if not places:
        keys.refuse("there are conv_blocks, but none model.N.conv_block.N")
    blocks = sorted({block for block, _ in places})
    # Before the blocks: padding, convolution, norm, ReLU; three of these for each halving.
    depth, rest = divmod(blocks[0] - 4, 3)
    known = (depth == RESNET_DEPTH and len(blocks) in RESNET_NAMES) or (
        (depth, len(blocks)) == (GLOBAL_DEPTH, GLOBAL_BLOCKS)
    )
    if rest or not known:
        keys.refuse(
            f"this is a ResNet of {len(blocks)} blocks (model.{blocks[0]}.conv_block on), not of "
            "6 or 9 after 2 halvings"
        )
    norm: Norm = "batch" if "model.2.weight" in keys else "instance"
    # Dropout, where it is, moves the second convolution on by one.
    sixth = keys.weights.get(f"model.{blocks[0]}.conv_block.6.weight", np.zeros(0))
    dropout = sixth.ndim == 4
    last = keys.kernel(f"model.{blocks[-1] + 3 * depth + 2}.weight")
    return ResnetReference(first[1], last[0], first[0], len(blocks), norm, dropout, depth)


def _pixelgan(keys: _Keys) -> PixelGanReference:
    first = keys.kernel("net.0.weight")
    norm: Norm = "batch" if "net.3.weight" in keys else "instance"
    return PixelGanReference(first[1], first[0], norm)


def _patchgan(keys: _Keys) -> PatchGanReference:
    first = keys.kernel("model.0.weight")
    indices = [re.fullmatch(r"model\.(\d+)\.weight", key) for key in keys.weights]
    last = max(int(match[1]) for match in indices if match)
    n_layers, rest = divmod(last - 2, 3)
    if rest or not 1 <= n_layers <= MOST_LAYERS:
        keys.refuse(f"model.{last}.weight is the last of no discriminator")
    norm: Norm = "batch" if "model.3.weight" in keys else "instance"
    return PatchGanReference(first[1], first[0], n_layers, norm)
