"""Which tensor of the PyTorch reference (junyanz/pytorch-CycleGAN-and-pix2pix) is which here.

A slot pairs a key of the reference's state dict with a variable of the same network here. Tensors
have PyTorch's layout: kernels [out, in, h, w], those of transposed convolutions [in, out, h, w].
"""

import dataclasses
from collections.abc import Iterator
from typing import Literal

Norm = Literal["batch", "instance"]
Shape = tuple[int, ...]
Variable = Literal["kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance"]

NORM_VARIABLES: dict[str, Variable] = {
    "weight": "gamma",
    "bias": "beta",
    "running_mean": "moving_mean",
    "running_var": "moving_variance",
}


@dataclasses.dataclass(frozen=True)
class Slot:
    """One tensor.

    Attributes:
        key: in the reference's state dict.
        layer: that holds it here, by name.
        variable: of the layer.
        shape: in PyTorch's layout.
        joined: whether it is a kernel over a skip: its input channels are [encoder, decoder].
    """

    key: str
    layer: str
    variable: Variable
    shape: Shape
    joined: bool = False


def convolution_slots(
    key: str, layer: str, shape: Shape, bias: int | None, *, joined: bool = False
) -> Iterator[Slot]:
    """A kernel, and a bias of so many channels if there is one."""
    yield Slot(f"{key}.weight", f"{layer}_conv", "kernel", shape, joined)
    if bias is not None:
        yield Slot(f"{key}.bias", f"{layer}_conv", "bias", (bias,))


def norm_slots(norm: Norm, key: str, layer: str, channels: int) -> Iterator[Slot]:
    """The reference's instance norm has no variables."""
    if norm == "batch":
        for name, variable in NORM_VARIABLES.items():
            yield Slot(f"{key}.{name}", f"{layer}_norm", variable, (channels,))
