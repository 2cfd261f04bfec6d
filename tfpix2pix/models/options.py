"""The options that the blocks of a network share, collected from plain keywords."""

import dataclasses
from typing import Literal, get_args

from tfpix2pix.config.types import Bias, Norm

NormStatistics = Literal["image", "moving"]
Upsampling = Literal["transposed", "resize", "subpixel"]

_CHOICES = {
    "norm": get_args(Norm),
    "norm_statistics": get_args(NormStatistics),
    "bias": get_args(Bias),
    "upsampling": get_args(Upsampling),
}


@dataclasses.dataclass(frozen=True)
class BlockOptions:
    """How the blocks of a network are made; each network takes these as keywords.

    Attributes:
        norm: `"batch"`; `"instance"`: of each channel of each image, without scale and shift;
            `"group"`: of 16 channels of each image (Wu and He 2018); or `"none"`.
        norm_epsilon: added to variances.
        norm_momentum: of BatchNorm's moving averages, as Keras counts it.
        norm_scale_stddev: BatchNorm's scales start from N(1, this).
        norm_statistics: what BatchNorm takes at inference: those of each `"image"`, or the
            `"moving"` averages.
        sync_norm: BatchNorm's statistics in training are over all replicas.
        spectral_norm: kernels are divided by their largest singular value (Miyato et al. 2018).
        leaky_slope: slope of leaky ReLU below 0.
        bias: which convolutions have one: `"unnormalized"`: those that no norm follows;
            `"output"`: the network's last one; or `"all"`.
        upsampling: how decoders double a map, see `tfpix2pix.models.upsampling`.

    Raises:
        ValueError: an unknown word.
    """

    norm: Norm = "batch"
    norm_epsilon: float = 1e-5
    norm_momentum: float = 0.9
    norm_scale_stddev: float = 0.02
    norm_statistics: NormStatistics = "image"
    sync_norm: bool = False
    spectral_norm: bool = False
    leaky_slope: float = 0.2
    bias: Bias = "unnormalized"
    upsampling: Upsampling = "transposed"

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            check_choice(name, getattr(self, name), choices)

    def has_bias(self, *, normed: bool, last: bool = False) -> bool:
        """Whether a convolution has a bias.

        Args:
            normed: the network's plan has a norm after it.
            last: it is the network's last one.
        """
        wanted = {
            "unnormalized": self.norm == "none" or not normed,
            "output": last,
            "all": True,
        }
        return wanted[self.bias]


def check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    """Refuses a word that is none of the choices.

    Raises:
        ValueError: with the choices.
    """
    if value not in choices:
        listed = f"{', '.join(choices[:-1])} or {choices[-1]}"
        raise ValueError(f"{name} must be {listed}, not {value!r}")
