"""Which U-Net the graph of a Keras model is, found by walking from its output to its input.

Layers are known by what they do, not by their names. What the U-Nets here cannot be is refused
with the layer's name.
"""

import dataclasses
from typing import Any, Literal

from tfpix2pix.models.blocks import layer_width
from tfpix2pix.models.exchange import tfjs_settings
from tfpix2pix.models.exchange.tfjs_blocks import (
    DOWN,
    UP,
    Block,
    activations,
    block,
    convolution,
    only_input,
)
from tfpix2pix.models.exchange.tfjs_topology import INPUT, Node, TopologyError

DEEPEST = 12

Shape = tuple[int, ...]
SkipOrder = Literal["decoder_first", "encoder_first"]


@dataclasses.dataclass(frozen=True)
class Joint:
    """Where a skip joins a decoder layer: the encoder's half, its order and the Concatenate."""

    half: Block
    order: SkipOrder
    node: Node


@dataclasses.dataclass(frozen=True)
class Unet:
    """A U-Net or, without skips, an encoder-decoder.

    Attributes:
        downs: the encoder's blocks, outermost first.
        ups: the decoder's blocks, innermost first; the last one makes the image.
        joints: of each block of `ups` but the last: the skip joined to it, or None.
        input: the InputLayer.
    """

    downs: list[Block]
    ups: list[Block]
    joints: list[Joint | None]
    input: Node

    @property
    def depth(self) -> int:
        """Stride-2 layers."""
        return len(self.downs)

    @property
    def channels(self) -> tuple[int, int]:
        """Of its input and its output."""
        return _input_shape(self.input)[2], self.ups[-1].conv.config["filters"]

    @property
    def image_size(self) -> tuple[int, int] | None:
        """H and W, if the input has them."""
        height, width, _ = _input_shape(self.input)
        return (height, width) if height and width else None

    def settings(self) -> dict[str, Any]:
        """The settings of section `model` that make the same network, by name."""
        return tfjs_settings.settings(self)

    def defaults(self) -> dict[str, Any]:
        """The settings that say how it predicts, which its weights leave open."""
        return tfjs_settings.defaults(self)

    def layers(self) -> dict[str, tuple[Node, Shape]]:
        """For the name of each layer with weights here: its node, and the shape of its kernel
        or, for a norm, (channels,)."""
        layers: dict[str, tuple[Node, Shape]] = {}
        channels = self.channels[0]
        for number, down in enumerate(self.downs, start=1):
            _place(layers, f"down{number}", down, channels)
            channels = down.conv.config["filters"]
        for number, up in enumerate(self.ups, start=1):
            _place(layers, f"up{number}", up, channels)
            joint = self.joints[number - 1] if number < self.depth else None
            channels = up.conv.config["filters"]
            channels += joint.half.conv.config["filters"] if joint else 0
        return layers


def _place(layers: dict[str, tuple[Node, Shape]], name: str, part: Block, channels: int) -> None:
    filters = part.conv.config["filters"]
    sides = (channels, filters) if part.conv.kind == DOWN else (filters, channels)
    layers[f"{name}_conv"] = part.conv, (4, 4, *sides)
    if part.norm:
        layers[f"{name}_norm"] = part.norm, (filters,)


def recognize_unet(output: Node) -> Unet:
    """The U-Net whose last call is `output`.

    Raises:
        TopologyError: it is none that can be made here; the layer is named.
    """
    ups, joints, innermost = _decoder(output)
    downs = [innermost]
    while downs[-1].source.kind != INPUT:
        downs.append(block(downs[-1].source))
        if downs[-1].conv.kind != DOWN or len(downs) > DEEPEST:
            raise TopologyError(f"{downs[-1].conv.name} is not where the encoder's layers end")
    unet = Unet(downs[::-1], ups[::-1], joints[::-1], downs[-1].source)
    _check_depth(unet)
    _check_skips(unet)
    _check_widths(unet)
    _check_uses(unet)
    return unet


def _decoder(output: Node) -> tuple[list[Block], list[Joint | None], Block]:
    """The decoder's blocks and what is joined to them, outermost first, and what is under them."""
    ups = [_last(output)]
    joints: list[Joint | None] = []
    while True:
        end = ups[-1].source
        slope, dropout, node = activations(end)
        if node.kind == "Concatenate":
            up, joint = _joined(node, slope)
            if dropout:
                raise TopologyError(f"{dropout.name} drops out the skip too: expected it before")
        else:
            up, joint = block(end), None
            if up.conv.kind == DOWN:
                return ups, joints, up
        ups.append(up)
        joints.append(joint)
        if len(ups) > DEEPEST:
            raise TopologyError(f"{up.conv.name}: the U-Net is deeper than {DEEPEST} layers")


def _last(output: Node) -> Block:
    """The transposed convolution to the image and its tanh."""
    separate = output.kind == "Activation"
    conv, source = convolution(only_input(output) if separate else output)
    own = conv.config.get("activation", "linear")
    if (own, output.config.get("activation")) != (
        ("linear", "tanh") if separate else ("tanh",) * 2
    ):
        raise TopologyError(f"{output.name} makes the image: expected a tanh")
    if conv.kind != UP:
        raise TopologyError(f"{conv.name} is a {conv.kind}: expected {UP} to make the image")
    return Block(conv, None, None, 1.0, source, output)


def _joined(node: Node, slope: float) -> tuple[Block, Joint]:
    """The decoder's block and the skip that a Concatenate joins, under an activation or none."""
    if len(node.inputs) != 2 or node.config.get("axis", -1) not in (-1, 3):
        raise TopologyError(f"{node.name} must join the channels of two layers")
    halves = [block(half) for half in node.inputs]
    halves = [dataclasses.replace(half, slope=half.slope * slope) for half in halves]
    kinds = [half.conv.kind for half in halves]
    if sorted(kinds) != [DOWN, UP]:
        raise TopologyError(
            f"{node.name} joins {halves[0].conv.name} and {halves[1].conv.name}: expected a layer "
            "of the decoder and one of the encoder"
        )
    if kinds[0] == UP:
        return halves[0], Joint(halves[1], "decoder_first", node)
    return halves[1], Joint(halves[0], "encoder_first", node)


def _check_depth(unet: Unet) -> None:
    if len(unet.ups) != unet.depth or unet.depth < 2:
        raise TopologyError(
            f"{unet.depth} layers of the encoder and {len(unet.ups)} of the decoder: expected as "
            "many of each, two at least"
        )
    sides = [side for side in _input_shape(unet.input)[:2] if side]
    if any(side % 2**unet.depth for side in sides):
        raise TopologyError(
            f"{unet.input.name} takes images of {sides}: expected multiples of {2**unet.depth}"
        )


def _check_skips(unet: Unet) -> None:
    """A skip joins the layer of its own size, and takes the encoder's result after its norm."""
    mirrors = reversed(unet.downs[:-1])
    for joint, down in zip(unet.joints, mirrors, strict=True):
        if joint is None:
            continue
        if joint.half.conv is not down.conv:
            raise TopologyError(
                f"{joint.node.name} joins {joint.half.conv.name}: expected {down.conv.name}"
            )
        if joint.half.norm is not down.norm or joint.half.dropout:
            raise TopologyError(
                f"{joint.node.name} joins {joint.half.end.name}: expected what {down.end.name} "
                "gives, or the same before its activation"
            )


def _check_widths(unet: Unet) -> None:
    for part in [*unet.downs, *unet.ups]:
        filters = part.conv.config.get("filters")
        if not isinstance(filters, int) or filters < 1:
            raise TopologyError(f"{part.conv.name} has {filters} filters: expected a number")
    base = unet.downs[0].conv.config["filters"]
    widths = [layer_width(base, number) for number in range(1, unet.depth + 1)]
    expected = [*widths, *widths[-2::-1]]
    for part, width in zip([*unet.downs, *unet.ups[:-1]], expected, strict=True):
        if part.conv.config["filters"] != width:
            raise TopologyError(
                f"{part.conv.name} has {part.conv.config['filters']} filters: expected {width}, as "
                f"the first layer has {base} and each has twice the one before, up to 8 times that"
            )


def _check_uses(unet: Unet) -> None:
    names = [node.name for node, _ in unet.layers().values()]
    for name in names:
        if names.count(name) > 1:
            raise TopologyError(f"{name} is used {names.count(name)} times: expected its own layer")


def _input_shape(node: Node) -> tuple[int | None, int | None, int]:
    shape = node.config.get("batch_input_shape", node.config.get("batch_shape"))
    if isinstance(shape, list) and len(shape) == 4:
        _, height, width, channels = shape
        free_or_positive = all(n is None or (isinstance(n, int) and n > 0) for n in shape)
        if free_or_positive and channels:
            return height, width, channels
    raise TopologyError(f"{node.name} takes {shape}: expected [null, height, width, channels]")
