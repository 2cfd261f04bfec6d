"""The discriminators of the PyTorch reference: tables of slots, and the settings they are here."""

import dataclasses
from collections.abc import Iterator
from typing import Any, ClassVar

from tfpix2pix.models.blocks import layer_width
from tfpix2pix.models.exchange.slots import Norm, Shape, Slot, convolution_slots, norm_slots


@dataclasses.dataclass(frozen=True)
class PatchGanReference:
    """NLayerDiscriminator: a flat list `model.N`."""

    role: ClassVar[str] = "discriminator"
    channels: int
    base_filters: int
    n_layers: int
    norm: Norm

    def describe(self) -> str:
        """For people."""
        return (
            f"PatchGAN (n_layers {self.n_layers}), {self.norm} norm, {self.base_filters} filters, "
            f"{self.channels} channels in"
        )

    def settings(self) -> dict[str, Any]:
        """The settings that describe the same network here, by name."""
        return {
            **_discriminator_settings(self),
            "discriminator": "patchgan",
            "n_layers": self.n_layers,
        }

    def slots(self) -> Iterator[Slot]:
        """All tensors, in the order of the state dict."""
        width = self.base_filters
        yield from convolution_slots("model.0", "layer1", (width, self.channels, 4, 4), width)
        for layer in range(2, self.n_layers + 2):
            before, width = width, layer_width(self.base_filters, layer)
            index, shape = 3 * layer - 4, (width, before, 4, 4)
            bias = width if self.norm == "instance" else None
            yield from convolution_slots(f"model.{index}", f"layer{layer}", shape, bias)
            yield from norm_slots(self.norm, f"model.{index + 1}", f"layer{layer}", width)
        yield from convolution_slots(
            f"model.{3 * self.n_layers + 2}", "logits", (1, width, 4, 4), 1
        )


@dataclasses.dataclass(frozen=True)
class PixelGanReference:
    """PixelDiscriminator, `net.N`. With batch norm, its last convolution has no bias either."""

    role: ClassVar[str] = "discriminator"
    channels: int
    base_filters: int
    norm: Norm

    def describe(self) -> str:
        """For people."""
        return (
            f"PixelGAN, {self.norm} norm, {self.base_filters} filters, {self.channels} channels in"
        )

    def settings(self) -> dict[str, Any]:
        """The settings that describe the same network here, by name."""
        return {**_discriminator_settings(self), "discriminator": "pixelgan"}

    def slots(self) -> Iterator[Slot]:
        """All tensors, in the order of the state dict."""
        first, second = self.base_filters, 2 * self.base_filters
        biased = self.norm == "instance"
        yield from convolution_slots("net.0", "layer1", (first, self.channels, 1, 1), first)
        shape: Shape = (second, first, 1, 1)
        yield from convolution_slots("net.2", "layer2", shape, second if biased else None)
        yield from norm_slots(self.norm, "net.3", "layer2", second)
        yield from convolution_slots("net.5", "logits", (1, second, 1, 1), 1 if biased else None)


DiscriminatorReference = PatchGanReference | PixelGanReference


def _discriminator_settings(discriminator: DiscriminatorReference) -> dict[str, Any]:
    batch = discriminator.norm == "batch"
    return {
        "base_filters": discriminator.base_filters,
        "norm_epsilon": 1e-5,
        "leaky_slope": 0.2,
        "discriminator_norm": discriminator.norm,
        "discriminator_bias": "unnormalized" if batch else "all",
        "discriminator_scales": 1,
        "spectral_norm": "none",
    }
