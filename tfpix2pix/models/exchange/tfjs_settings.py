"""The settings that make the same U-Net as a Keras model's graph."""

import math
from typing import TYPE_CHECKING, Any

from tfpix2pix.models.exchange.tfjs_blocks import DROPOUT, Block, single
from tfpix2pix.models.exchange.tfjs_topology import Node, TopologyError
from tfpix2pix.models.unet import DROPOUT_LAYERS

if TYPE_CHECKING:
    from tfpix2pix.models.exchange.tfjs_unet import Unet


def settings(unet: "Unet") -> dict[str, Any]:
    """The settings of section `model`, by name.

    Raises:
        TopologyError: there are none; the layer that is otherwise is named.
    """
    skips = _skips(unet)
    return {
        "depth": unet.depth,
        "base_filters": unet.downs[0].conv.config["filters"],
        "upsampling": "transposed",
        "spectral_norm": "none",
        **skips,
        **_leaky_slope(unet, skips.get("skip") == "relu"),
        **_norms(unet),
        **_bias(unet),
        **_dropout(unet),
    }


def defaults(unet: "Unet") -> dict[str, Any]:
    """How the model predicts: norms and dropout called with training=True are as in training.

    Raises:
        TopologyError: some are called so, and some are not.
    """
    parts = [*unet.downs, *unet.ups]
    norms = [part.norm for part in parts if part.norm]
    dropouts = [part.dropout for part in parts if part.dropout]
    return {
        "norm_statistics": "moving" if norms and not _all_training(norms) else "image",
        "dropout_at_prediction": bool(dropouts) and _all_training(dropouts),
    }


def _skips(unet: "Unet") -> dict[str, Any]:
    for up in unet.ups[:-1]:
        if up.slope != 0:
            raise TopologyError(f"{up.end.name} ends a decoder layer: expected a ReLU there")
    joints = [joint for joint in unet.joints if joint]
    if not joints:
        return {"generator": "encoder_decoder"}
    for up, joint in zip(unet.ups, unet.joints, strict=False):
        if joint is None:
            raise TopologyError(f"{up.end.name} has no skip joined to it, and others have")
    kinds = [
        _skip(joint.half, down) for joint, down in zip(joints, unet.downs[-2::-1], strict=True)
    ]
    for joint, kind in zip(joints, kinds, strict=True):
        if (kind, joint.order) != (kinds[0], joints[0].order):
            raise TopologyError(f"{joint.node.name} joins otherwise than {joints[0].node.name}")
    return {"generator": "unet", "skip": kinds[0], "skip_order": joints[0].order}


def _skip(half: Block, down: Block) -> str:
    if half.slope == 1:
        return "preactivation"
    if half.slope == 0:
        return "relu"
    if half.slope == down.slope:
        return "postactivation"
    raise TopologyError(f"{half.end.name}: the skip has another slope than {down.end.name}")


def _leaky_slope(unet: "Unet", relu_skips: bool) -> dict[str, Any]:
    """Where skips are under a ReLU, the innermost activation is one too."""
    slope = unet.downs[0].slope
    if slope == 1:
        raise TopologyError(f"{unet.downs[0].end.name} is no activation: expected a leaky ReLU")
    for number, down in enumerate(unet.downs, start=1):
        expected = 0 if relu_skips and number == unet.depth else slope
        if down.slope != expected:
            raise TopologyError(
                f"{down.end.name}: the slope below 0 is {down.slope}: expected {expected}"
            )
    return {"leaky_slope": slope}


def _norms(unet: "Unet") -> dict[str, Any]:
    norms = [part.norm for part in [*unet.downs, *unet.ups] if part.norm]
    if not norms:
        return {"norm": "none", "innermost_norm": False}
    inner = [*unet.downs[1:-1], *unet.ups[:-1]]
    for part in inner:
        if part.norm is None:
            raise TopologyError(f"{part.conv.name} has no BatchNormalization after it")
    if unet.downs[0].norm:
        raise TopologyError(f"{unet.downs[0].norm.name} follows the first layer: expected none")
    return {
        "norm": "batch",
        "innermost_norm": unet.downs[-1].norm is not None,
        "norm_epsilon": _common(norms, "epsilon", 1e-3, (0, math.inf)),
        "norm_momentum": _common(norms, "momentum", 0.99, (-1e-9, 1)),
    }


def _bias(unet: "Unet") -> dict[str, Any]:
    """Which convolutions have one; where none has a norm, those without one are all."""
    parts = [*unet.downs, *unet.ups]
    found = [bool(part.conv.config.get("use_bias", True)) for part in parts]
    choices = {
        "unnormalized": [part.norm is None for part in parts],
        "output": [part is parts[-1] for part in parts],
        "all": [True] * len(parts),
    }
    for choice, expected in choices.items():
        if found == expected:
            return {"generator_bias": choice}
    close = min(choices, key=lambda choice: _differences(found, choices[choice]).count(True))
    part = parts[_differences(found, choices[close]).index(True)]
    has = "a" if part.conv.config.get("use_bias", True) else "no"
    raise TopologyError(
        f"{part.conv.name} has {has} bias: expected one in all layers, in those without a norm, or "
        "in the last one alone"
    )


def _differences(found: list[bool], expected: list[bool]) -> list[bool]:
    return [a != b for a, b in zip(found, expected, strict=True)]


def _dropout(unet: "Unet") -> dict[str, Any]:
    """Up to three decoder layers of full width in a row."""
    for down in unet.downs:
        if down.dropout:
            raise TopologyError(f"{down.dropout.name} is in the encoder: expected no {DROPOUT}")
    ups = unet.ups[:-1]
    nodes = [up.dropout for up in ups if up.dropout]
    rate = _common(nodes, "rate", 0.5, (-1e-9, 1)) if nodes else 0.0
    if rate == 0:
        return {"dropout": 0.0}
    found = [up.dropout is not None for up in ups]
    full = unet.downs[-1].conv.config["filters"]
    for start in range(1, unet.depth):
        planned = [
            start <= layer < start + DROPOUT_LAYERS and up.conv.config["filters"] == full
            for layer, up in enumerate(ups, start=1)
        ]
        if planned == found:
            return {"dropout": rate, "dropout_start": start}
    raise TopologyError(
        f"{', '.join(node.name for node in nodes)}: expected dropout in {DROPOUT_LAYERS} decoder "
        f"layers in a row, or as many as have {full} filters"
    )


def _common(nodes: list[Node], name: str, default: float, limits: tuple[float, float]) -> float:
    """A number that all layers share, between the limits."""
    values = [node.config.get(name, default) for node in nodes]
    for node, value in zip(nodes, values, strict=True):
        if not isinstance(value, int | float) or not limits[0] < value < limits[1]:
            raise TopologyError(f"{node.name} has {name} {str(value)[:40]}")
        if value != values[0]:
            raise TopologyError(f"{node.name} has {name} {value}: expected {values[0]} in all")
    return single(values[0])


def _all_training(nodes: list[Node]) -> bool:
    """Whether they were called with training=True."""
    for node in nodes:
        if node.training != nodes[0].training:
            raise TopologyError(
                f"{node.name} is in training at prediction or not otherwise than {nodes[0].name}"
            )
    return nodes[0].training
