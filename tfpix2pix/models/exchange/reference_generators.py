"""The PyTorch reference's generators: tables of slots, and the settings they are here."""

import dataclasses
import itertools
from collections.abc import Iterator
from typing import Any, ClassVar

from tfpix2pix.models.blocks import layer_width
from tfpix2pix.models.exchange.slots import Norm, Shape, Slot, convolution_slots, norm_slots

# U-Nets that the reference has names for; its others are of depth 5 and more.
UNET_NAMES = {7: "unet_128", 8: "unet_256"}
RESNET_NAMES = {6: "resnet_6", 9: "resnet_9"}
RESNET_DEPTH = 2
# pix2pixHD's global generator: a ResNet of this depth and so many blocks.
GLOBAL_DEPTH, GLOBAL_BLOCKS = 4, 9


@dataclasses.dataclass(frozen=True)
class UnetReference:
    """UnetGenerator: levels nested in each other, `model.model.1.model.3.model...`."""

    role: ClassVar[str] = "generator"
    input_channels: int
    output_channels: int
    base_filters: int
    depth: int
    norm: Norm

    @property
    def image_size(self) -> int:
        """A size that suits it, the reference's where it has a name: 128, 256."""
        return max(256, 2**self.depth) if self.depth != 7 else 128

    def describe(self) -> str:
        """For people."""
        name = UNET_NAMES.get(self.depth, "U-Net")
        return f"{name} (depth {self.depth}), {_described(self)}"

    def settings(self) -> dict[str, Any]:
        """The settings that describe the same network here, by name."""
        named = self.depth in UNET_NAMES
        return {
            **_generator_settings(self),
            "generator": UNET_NAMES.get(self.depth, "unet"),
            "depth": None if named else self.depth,
            "skip": "relu",
            "skip_order": "encoder_first",
            "innermost_norm": False,
            "generator_bias": "output" if self.norm == "batch" else "all",
        }

    def slots(self) -> Iterator[Slot]:
        """All tensors, in the order of the state dict."""
        yield from self._level(1, "model.model")

    def _level(self, level: int, key: str) -> Iterator[Slot]:
        outermost, innermost = level == 1, level == self.depth
        width = layer_width(self.base_filters, level)
        inputs = self.input_channels if outermost else layer_width(self.base_filters, level - 1)
        outputs = self.output_channels if outermost else inputs
        bias = self.norm == "instance"
        # Levels begin with a leaky ReLU, save the outermost; the innermost has no norm there.
        first = 0 if outermost else 1
        within = first + (1 if outermost or innermost else 2)
        layer = f"down{level}"
        shape: Shape = (width, inputs, 4, 4)
        yield from convolution_slots(f"{key}.{first}", layer, shape, width if bias else None)
        if not outermost and not innermost:
            yield from norm_slots(self.norm, f"{key}.{first + 1}", layer, width)
        if not innermost:
            yield from self._level(level + 1, f"{key}.{within}.model")
        last = within + (1 if innermost else 2)
        layer = f"up{self.depth - level + 1}"
        shape = (width if innermost else 2 * width, outputs, 4, 4)
        last_bias = outputs if bias or outermost else None
        yield from convolution_slots(f"{key}.{last}", layer, shape, last_bias, joined=not innermost)
        if not outermost:
            yield from norm_slots(self.norm, f"{key}.{last + 1}", layer, outputs)


@dataclasses.dataclass(frozen=True)
class ResnetReference:
    """ResnetGenerator: a flat list `model.N`, with `model.N.conv_block.M` in it."""

    role: ClassVar[str] = "generator"
    input_channels: int
    output_channels: int
    base_filters: int
    blocks: int
    norm: Norm
    dropout: bool
    depth: int = RESNET_DEPTH

    def describe(self) -> str:
        """For people."""
        dropout = "with dropout" if self.dropout else "without dropout"
        name = RESNET_NAMES[self.blocks]
        if self.depth != RESNET_DEPTH:
            name = "global (pix2pixHD's)"
        return f"{name} ({self.blocks} blocks, {dropout}), {_described(self)}"

    def settings(self) -> dict[str, Any]:
        """The settings that describe the same network here, by name."""
        name = RESNET_NAMES[self.blocks] if self.depth == RESNET_DEPTH else "global"
        return {
            **_generator_settings(self),
            "generator": name,
            "depth": None,
            "generator_bias": "output" if self.norm == "batch" else "all",
            "dropout": 0.5 if self.dropout else 0.0,
        }

    def slots(self) -> Iterator[Slot]:
        """All tensors, in the order of the state dict."""
        widths = [self.base_filters * 2**level for level in range(self.depth + 1)]
        shape: Shape = (widths[0], self.input_channels, 7, 7)
        yield from self._normed("model.1", "stem", shape, widths[0], "model.2")
        # Each layer is a convolution, a norm and a ReLU.
        for level, (outer, inner) in enumerate(itertools.pairwise(widths), start=1):
            index = 1 + 3 * level
            shape = (inner, outer, 3, 3)
            keys = f"model.{index}", f"model.{index + 1}"
            yield from self._normed(keys[0], f"down{level}", shape, inner, keys[1])
        first = 4 + 3 * self.depth
        for block in range(1, self.blocks + 1):
            yield from self._block(f"model.{first + block - 1}.conv_block", block, widths[-1])
        first += self.blocks
        for level, (inner, outer) in enumerate(itertools.pairwise(reversed(widths)), start=1):
            index = first + 3 * (level - 1)
            shape = (inner, outer, 3, 3)
            keys = f"model.{index}", f"model.{index + 1}"
            yield from self._normed(keys[0], f"up{level}", shape, outer, keys[1])
        key = f"model.{first + 3 * self.depth + 1}"
        shape = (self.output_channels, widths[0], 7, 7)
        yield from convolution_slots(key, "output", shape, self.output_channels)

    def _block(self, key: str, block: int, width: int) -> Iterator[Slot]:
        second = 6 if self.dropout else 5
        for part, index in enumerate((1, second), start=1):
            keys = f"{key}.{index}", f"{key}.{index + 1}"
            name = f"block{block}_{part}"
            yield from self._normed(keys[0], name, (width, width, 3, 3), width, keys[1])

    def _normed(
        self, key: str, layer: str, shape: Shape, channels: int, norm_key: str
    ) -> Iterator[Slot]:
        bias = channels if self.norm == "instance" else None
        yield from convolution_slots(key, layer, shape, bias)
        yield from norm_slots(self.norm, norm_key, layer, channels)


GeneratorReference = UnetReference | ResnetReference


def _described(generator: GeneratorReference) -> str:
    return (
        f"{generator.norm} norm, {generator.base_filters} filters, "
        f"{generator.input_channels} to {generator.output_channels} channels"
    )


def _generator_settings(generator: GeneratorReference) -> dict[str, Any]:
    return {
        "base_filters": generator.base_filters,
        "norm": generator.norm,
        "norm_epsilon": 1e-5,
        "leaky_slope": 0.2,
        "upsampling": "transposed",
    }
