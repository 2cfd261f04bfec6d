"""The blocks of a U-Net, found by walking a graph backwards from the end of a block."""

import dataclasses
from typing import Any

import numpy as np

from tfpix2pix.models.exchange.tfjs_topology import Node, TopologyError

DOWN, UP = "Conv2D", "Conv2DTranspose"
NORMS = ("BatchNormalization", "BatchNormalizationV1", "BatchNormalizationV2")
DROPOUT = "Dropout"
# (Leaky) ReLUs by their slope below 0; 1 is no activation.
_SLOPES = {"linear": 1.0, "relu": 0.0}
# What a 4x4 convolution of stride 2 must be to be one of ours, and Keras' defaults.
_EXPECTED: dict[str, tuple[Any, Any]] = {
    "kernel_size": ([4, 4], None),
    "strides": ([2, 2], [1, 1]),
    "dilation_rate": ([1, 1], [1, 1]),
    "groups": (1, 1),
    "data_format": ("channels_last", "channels_last"),
    "output_padding": (None, None),
}
# SAME padding of such a convolution may be spelt as a layer of its own.
_PADDINGS = {DOWN: ("ZeroPadding2D", "padding"), UP: ("Cropping2D", "cropping")}
_ALL_ROUND = (1, [1, 1], [[1, 1], [1, 1]])


@dataclasses.dataclass(frozen=True)
class Block:
    """Convolution, norm, and then dropout and activation in any order, which is all the same.

    Attributes:
        conv: the (transposed) convolution.
        norm: BatchNorm, if there is one.
        dropout: if there is one.
        slope: of the activation below 0: 0 a ReLU, 1 none.
        source: whose result goes into the block.
        end: the last call of the block.
    """

    conv: Node
    norm: Node | None
    dropout: Node | None
    slope: float
    source: Node
    end: Node


def single(value: float) -> float:
    """The shortest number that is the same in float32: 0.3 for 0.30000001192092896."""
    return float(str(np.float32(value)))


def only_input(node: Node) -> Node:
    """Of a layer that takes one."""
    if len(node.inputs) != 1:
        raise TopologyError(
            f"{node.name} ({node.kind}) takes {len(node.inputs)} inputs: expected one"
        )
    return node.inputs[0]


def activations(node: Node) -> tuple[float, Node | None, Node]:
    """Walks back over activations and dropout.

    Returns:
        The slope of all activations together (ReLUs after each other multiply their slopes), the
        dropout if there is one, and the call before them.
    """
    slope, dropout = 1.0, None
    while True:
        if node.kind == DROPOUT:
            if dropout is not None:
                raise TopologyError(f"{node.name} and {dropout.name} drop out one after the other")
            dropout = node
        elif node.kind in _LAYER_SLOPES:
            slope *= _checked_slope(node, _LAYER_SLOPES[node.kind](node))
        else:
            return slope, dropout, node
        node = only_input(node)


def block(end: Node) -> Block:
    """The block that ends at a call.

    Raises:
        TopologyError: there is another layer in it, or one with other arguments.
    """
    slope, dropout, node = activations(end)
    norm = None
    if node.kind in NORMS:
        _check_norm(node)
        norm, node = node, only_input(node)
    conv, source = convolution(node)
    own = _checked_slope(conv, _named_slope(conv))
    if norm is not None and own != 1:
        raise TopologyError(
            f"{conv.name} has an activation before {norm.name}: expected it after the norm"
        )
    return Block(conv, norm, dropout, single(slope * own), source, end)


def convolution(node: Node) -> tuple[Node, Node]:
    """A 4x4 (transposed) convolution of stride 2, SAME or padded by 1, and what goes into it."""
    padding = "same"
    cropping = node if node.kind == _PADDINGS[UP][0] else None
    conv = only_input(node) if cropping else node
    expected = (UP,) if cropping else (DOWN, UP)
    if conv.kind not in expected:
        wanted = f"{' or '.join(expected)}, BatchNormalization, Dropout, ReLU or LeakyReLU"
        raise TopologyError(f"{conv.name} ({conv.kind}) is unexpected: expected {wanted} here")
    source = only_input(conv)
    around = source if conv.kind == DOWN and source.kind == _PADDINGS[DOWN][0] else cropping
    if around is not None:
        padding = "valid"
        source = only_input(around) if around is source else source
        if around.config.get(_PADDINGS[conv.kind][1]) not in _ALL_ROUND:
            raise TopologyError(f"{around.name} ({around.kind}) must be by 1 on each side")
    if conv.config.get("padding", "valid") != padding:
        raise TopologyError(f"{conv.name} has other padding than expected: 'same', or 1 all round")
    for name, (value, default) in _EXPECTED.items():
        found = conv.config.get(name, default)
        if found != value:
            raise TopologyError(
                f"{conv.name} has {name} {str(found)[:40]}: expected {value}, as in pix2pix"
            )
    return conv, source


def _check_norm(norm: Node) -> None:
    axis = norm.config.get("axis", -1)
    if axis not in (-1, 3, [-1], [3]) or norm.config.get("renorm"):
        raise TopologyError(f"{norm.name} must be a plain BatchNormalization over the channels")


def _named_slope(node: Node) -> float | None:
    name = node.config.get("activation", "linear")
    return _SLOPES.get(name) if isinstance(name, str) else None


def _relu_slope(node: Node) -> float | None:
    config = node.config
    if config.get("max_value") is not None or config.get("threshold"):
        return None
    return config.get("negative_slope") or 0.0


def _leaky_slope(node: Node) -> float | None:
    return node.config.get("alpha", node.config.get("negative_slope", 0.3))


_LAYER_SLOPES = {"Activation": _named_slope, "ReLU": _relu_slope, "LeakyReLU": _leaky_slope}


def _checked_slope(node: Node, slope: Any) -> float:
    if not isinstance(slope, int | float) or not 0 <= slope <= 1:
        raise TopologyError(
            f"{node.name} ({node.kind}) is another activation than a ReLU or leaky ReLU"
        )
    return slope
