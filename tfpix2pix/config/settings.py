"""Every setting, defined once: its section, name, type, default, limits and help.

The YAML keys (`model: {base_filters: 64}`), the flags (`--base-filters 64`), the help and the
checks all come from these classes. Names are unique over all sections.
"""

from typing import Any, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from tfpix2pix.config.types import (
    Augmentations,
    Channels,
    Every,
    Interpolation,
    Layout,
    Palette,
    Range,
    Resize,
    Shares,
    Size,
    Switch,
)

STRICT = ConfigDict(extra="forbid")


def _setting(default: Any, help: str, metavar: str | None = None, **limits: Any) -> Any:
    shown: Any = {"metavar": metavar} if metavar else None
    return Field(default=default, description=help, json_schema_extra=shown, **limits)


@dataclass(frozen=True, config=STRICT)
class DataSettings:
    """Which pairs, which way round, and what is done to them before the networks see them."""

    data: str = _setting(
        "drawn_facades",
        "folder of pairs, manifest (.csv), prepared set, tfds:NAME, or drawn_facades",
        min_length=1,
    )
    data_dir: str | None = _setting(None, "where TFDS sets are kept (default: TFDS' own place)")
    manual_dir: str | None = _setting(
        None, "folder with archives fetched by hand, for tfds:pix2pix/..."
    )
    input_feature: str | None = _setting(
        None, "which feature of a tfds: set is the input, whatever direction says (default: A)"
    )
    target_feature: str | None = _setting(None, "which is the target (default: B)")
    layout: Layout = _setting(
        "left_right", "how the two images of a pair stand in one file: A left or on top"
    )
    split: Shares = _setting(
        (80, 10, 10),
        "percent for train/val/test by a hash of the name, where there are no splits",
        "T/V/T",
    )
    on_bad: Literal["fail", "skip"] = _setting(
        "fail", "pairs that cannot be used: stop and list them, or list them and go on without"
    )
    direction: Literal["AtoB", "BtoA"] = _setting(
        "AtoB", "AtoB: left image in, right image out; BtoA: the other way"
    )
    input_channels: Channels | None = _setting(None, "1 gray, 3 RGB, ... (default: as stored)")
    output_channels: Channels | None = _setting(None, "the same for targets")
    value_range: Range | None = _setting(
        None, "LOW,HIGH of float images, and of 16-bit ones that do not use all 16 bits", "LOW,HIGH"
    )
    target_value_range: Range | None = _setting(
        None, "the same for targets alone (default: value_range)", "LOW,HIGH"
    )
    input_encoding: Literal["image", "labels"] = _setting(
        "image", "labels: inputs are label maps, one channel for each colour of the palette"
    )
    palette: Palette | None = _setting(
        None, "the classes' colours: cmp, or #RRGGBB,#RRGGBB,... or gray levels", "COLOURS"
    )
    resize: Resize = _setting(
        "resize_and_crop", "what is done to pairs before the networks, see docs/data.md"
    )
    load_size: Size = _setting(
        (286, 286), "pairs are resized to this before the crop: 286 or HEIGHTxWIDTH"
    )
    crop_size: Size = _setting(
        (256, 256), "random crop, and the size of the networks: 256 or HEIGHTxWIDTH"
    )
    mirror: bool = _setting(True, "mirror every other pair at random")
    vertical_mirror: bool = _setting(False, "turn every other pair upside down at random")
    rotate: bool = _setting(False, "rotate pairs by random multiples of 90 degrees")
    input_interpolation: Interpolation = _setting("bicubic", "how inputs are resized")
    target_interpolation: Interpolation = _setting("bicubic", "how targets are resized")
    cache_gib: float = _setting(
        4.0,
        "keep a split's resized pairs in memory when they fit in this many GiB; pairs of many "
        "sizes, cropped one by one, are not kept",
        ge=0,
    )

    @property
    def crops_each_pair(self) -> bool:
        """Whether pairs may be of many sizes, and are cropped before they are batched."""
        return self.resize in ("crop", "scale_width_and_crop")

    @property
    def takes_size_from_pairs(self) -> bool:
        """Whether the pairs decide the size of the networks."""
        return self.resize in ("none", "scale_width")


@dataclass(frozen=True, config=STRICT)
class ModelSettings:
    """The generator and the discriminator."""

    generator: Literal["unet", "encoder_decoder"] = _setting("unet", "the generator's kind")
    base_filters: int = _setting(64, "filters of the first layers; deeper ones double", ge=1)
    depth: int | None = _setting(
        None, "the generator's stride-2 layers (default: down to 1x1, 8 at most)", ge=2, le=12
    )
    skip: Literal["preactivation", "relu", "postactivation"] = _setting(
        "preactivation", "what of the encoder the U-Net's skips carry"
    )
    dropout: float = _setting(0.5, "dropout rate of the decoder's first layers", ge=0, lt=1)
    discriminator: Literal["patchgan", "pixelgan"] = _setting(
        "patchgan", "the discriminator's kind"
    )
    n_layers: int = _setting(3, "PatchGAN's stride-2 layers; 3 judges 70x70 patches", ge=1, le=6)


@dataclass(frozen=True, config=STRICT)
class TrainSettings:
    """The optimisation, its length, and what it leaves behind on the way."""

    steps: int | None = _setting(None, "length in steps (or give epochs)", ge=1, le=10**12)
    epochs: float | None = _setting(
        None, "length in passes over the training pairs", gt=0, le=10**6
    )
    batch_size: int = _setting(1, "pairs a step", ge=1)
    learning_rate: float = _setting(2e-4, "Adam's learning rate", gt=0, allow_inf_nan=False)
    beta_1: float = _setting(0.5, "Adam's first-moment decay", ge=0, lt=1)
    beta_2: float = _setting(0.999, "Adam's second-moment decay", ge=0, lt=1)
    lr_schedule: Literal["constant", "linear"] = _setting(
        "constant", "linear: constant until decay_start, then down to 0 at the end"
    )
    decay_start: float = _setting(
        0.5, "where lr_schedule linear begins, as a share of the run", ge=0, lt=1
    )
    l1_weight: float = _setting(100.0, "weight of the L1 loss", ge=0, allow_inf_nan=False)
    diff_augment: Augmentations = _setting(
        (),
        "augment what D sees (DiffAugment, Zhao et al. 2020): color,translation,cutout",
        "WORDS",
    )
    update: Literal["simultaneous", "alternating"] = _setting(
        "simultaneous", "both networks from one snapshot, or D first and then G against the new D"
    )
    seed: int = _setting(0, "of weights, order, jitter and dropout", ge=0, lt=2**31)
    jit: Switch = _setting(
        "auto", "compile the step with XLA; auto: on GPUs, if the run is long enough to pay for it"
    )
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = _setting(
        "float32", "what the networks compute in; weights and losses are float32 always"
    )
    steps_per_execution: int = _setting(
        1, "the most steps in one call of TensorFlow; 10 help where a step is short", ge=1
    )
    deterministic: bool = _setting(
        False, "TensorFlow's op determinism: bit-identical runs on GPUs too, but slower"
    )
    log_every: Every = _setting(50, "steps between rows of metrics.csv")
    sample_every: Every = _setting(1000, "steps between sample grids")
    sample_pairs: int = _setting(6, "pairs in a sample grid", ge=1, le=64)
    validate_every: Every = _setting(1000, "steps between validations")
    checkpoint_every: Every = _setting(1000, "steps between checkpoints")
    keep_checkpoints: int = _setting(3, "checkpoints kept", ge=1)


@dataclass(frozen=True, config=STRICT)
class Settings:
    """All settings of a run; what `config.yaml` holds."""

    data: DataSettings = Field(default_factory=DataSettings)
    model: ModelSettings = Field(default_factory=ModelSettings)
    train: TrainSettings = Field(default_factory=TrainSettings)
