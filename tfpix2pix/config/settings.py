"""Every setting, defined once: its section, name, type, default, limits and help.

The YAML keys (`model: {base_filters: 64}`), the flags (`--base-filters 64`), the help and the
checks all come from these classes. Names are unique over all sections.
"""

from typing import Any, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from tfpix2pix.config.types import (
    Address,
    Augmentations,
    BestMetric,
    Bias,
    Channels,
    Every,
    Generator,
    Interpolation,
    Layout,
    Norm,
    OnBad,
    Palette,
    Range,
    Resize,
    Shares,
    Size,
    Switch,
)

STRICT = ConfigDict(extra="forbid")
# No number of anything is larger; Python would not even write down one of thousands of digits.
MOST = 10**9


def _setting(default: Any, help: str, metavar: str | None = None, **limits: Any) -> Any:
    shown: Any = {"metavar": metavar} if metavar else None
    return Field(default=default, description=help, json_schema_extra=shown, **limits)


def _weight(default: float, help: str) -> Any:
    return _setting(default, help, ge=0, allow_inf_nan=False)


def needs_discriminator(gan_weight: float, feature_matching_weight: float) -> bool:
    """Whether a discriminator has a part in what is trained, by the losses' weights."""
    return bool(gan_weight or feature_matching_weight)


@dataclass(frozen=True, config=STRICT)
class DataSettings:
    """Which pairs, which way round, and what is done to them before the networks see them."""

    data: str = _setting(
        "drawn_facades",
        "folder of pairs, manifest (.csv), prepared set, tfds:NAME, or drawn_facades",
        "PATH",
        min_length=1,
    )
    data_dir: str | None = _setting(
        None, "where TFDS sets are kept (default: TFDS' own place)", "DIR"
    )
    manual_dir: str | None = _setting(
        None, "folder with archives fetched by hand, for tfds:pix2pix/...", "DIR"
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
    on_bad: OnBad = _setting(
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
    target_encoding: Literal["image", "labels"] = _setting(
        "image", "the same for targets: the generator answers with a probability for each class"
    )
    palette: Palette | None = _setting(
        None, "the classes' colours: cmp, or #RRGGBB,#RRGGBB,... or gray levels", "COLOURS"
    )
    channel_order: Literal["rgb", "bgr"] = _setting(
        "rgb", "of colours in the networks; files are RGB always"
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
    data_service: Address | None = _setting(
        None,
        "a service that decodes and resizes training pairs, see `tfpix2pix data-service`",
        "HOST:PORT",
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
    """The generator and the discriminator. What a kind of network has no use for, it ignores."""

    generator: Generator = _setting("unet", "the generator's kind, see docs/options.md", "KIND")
    base_filters: int = _setting(
        64, "filters of the first layers; deeper ones double", ge=1, le=MOST
    )
    depth: int | None = _setting(
        None,
        "the generator's stride-2 layers (default: down to 1x1, 8 at most; resnet_6 and resnet_9 "
        "2, global and local_enhancer 4)",
        ge=1,
        le=12,
    )
    upsampling: Literal["transposed", "resize", "subpixel"] = _setting(
        "transposed", "how decoders double a map; the others leave no checkerboards"
    )
    skip: Literal["preactivation", "relu", "postactivation"] = _setting(
        "preactivation", "what of the encoder the U-Net's skips carry"
    )
    skip_order: Literal["decoder_first", "encoder_first"] = _setting(
        "decoder_first", "order of the channels where the U-Net's skips are joined"
    )
    norm: Norm = _setting("batch", "normalisation in the networks")
    discriminator_norm: Literal["same", "batch", "instance", "group", "none"] = _setting(
        "same", "in the discriminator alone"
    )
    innermost_norm: bool = _setting(
        False, "a norm after the U-Net's innermost encoder layer too, where it may zero a 1x1 map"
    )
    norm_epsilon: float = _setting(1e-5, "added to variances", gt=0, allow_inf_nan=False)
    norm_momentum: float = _setting(0.9, "of BatchNorm's moving averages", ge=0, lt=1)
    norm_scale_stddev: float = _setting(
        0.02, "initial scales of BatchNorm are drawn from N(1, this)", ge=0, allow_inf_nan=False
    )
    norm_statistics: Literal["image", "moving"] = _setting(
        "image", "what BatchNorm predicts with: statistics of each image, or its moving averages"
    )
    sync_norm: bool = _setting(False, "BatchNorm's statistics over all replicas of a strategy")
    spectral_norm: Literal["none", "discriminator", "both"] = _setting(
        "none", "networks whose kernels are divided by their largest singular value"
    )
    leaky_slope: float = _setting(0.2, "slope of leaky ReLU below 0", ge=0, lt=1)
    generator_bias: Bias = _setting(
        "unnormalized", "which convolutions have a bias: those no norm follows, the last, or all"
    )
    discriminator_bias: Bias = _setting("unnormalized", "the same for the discriminator")
    dropout: float = _setting(0.5, "dropout rate in the generator", ge=0, lt=1)
    dropout_start: int = _setting(
        1,
        "first decoder layer with dropout; three in a row have it, if of full width",
        ge=1,
        le=MOST,
    )
    dropout_at_prediction: bool = _setting(
        False, "leave dropout on when predicting: the paper's only noise"
    )
    discriminator: Literal["patchgan", "pixelgan"] = _setting(
        "patchgan", "the discriminator's kind"
    )
    n_layers: int = _setting(3, "PatchGAN's stride-2 layers; 3 judges 70x70 patches", ge=1, le=6)
    discriminator_scales: int = _setting(
        1, "discriminators, each for images of half the size of the one before", ge=1, le=4
    )
    conditional: bool = _setting(True, "the discriminator sees the input too, not the output alone")

    @property
    def norm_of_discriminator(self) -> Norm:
        """`discriminator_norm`, resolved."""
        return self.norm if self.discriminator_norm == "same" else self.discriminator_norm


@dataclass(frozen=True, config=STRICT)
class TrainSettings:
    """The optimisation, its length, and what it leaves behind on the way."""

    steps: int | None = _setting(None, "length in steps (or give epochs)", ge=1, le=10**12)
    epochs: float | None = _setting(
        None, "length in passes over the training pairs", gt=0, le=10**6
    )
    batch_size: int = _setting(1, "pairs a step", ge=1, le=MOST)
    accumulate: int = _setting(
        1,
        "compute each batch in so many equal parts, one after the other: needs less memory",
        ge=1,
        le=MOST,
    )
    recompute: bool = _setting(
        False, "compute features again for the gradients instead of keeping them: less memory"
    )
    learning_rate: float = _setting(2e-4, "Adam's learning rate", gt=0, allow_inf_nan=False)
    discriminator_learning_rate: float | None = _setting(
        None, "the discriminator's (default: learning_rate)", gt=0, allow_inf_nan=False
    )
    beta_1: float = _setting(0.5, "Adam's first-moment decay", ge=0, lt=1)
    beta_2: float = _setting(0.999, "Adam's second-moment decay", ge=0, lt=1)
    adam_epsilon: float = _setting(1e-8, "Adam's epsilon", gt=0, allow_inf_nan=False)
    epsilon_hat: bool = _setting(
        False, "Adam's epsilon is added before the bias is corrected, as Keras does"
    )
    clip_norm: float | None = _setting(
        None, "scale each network's gradients down to this norm", gt=0, allow_inf_nan=False
    )
    lr_schedule: Literal["constant", "linear", "cosine"] = _setting(
        "constant", "linear, cosine: constant until decay_start, then down to 0 at the end"
    )
    decay_start: float | None = _setting(
        None,
        "where lr_schedule begins to decay, as a share of the run (default: linear 0.5, cosine 0)",
        ge=0,
        lt=1,
    )
    gan_loss: Literal["vanilla", "lsgan", "hinge", "wgan_gp"] = _setting(
        "vanilla", "the adversarial loss"
    )
    gan_weight: float = _weight(1.0, "weight of the adversarial loss; 0: no discriminator")
    l1_weight: float = _weight(100.0, "weight of the L1 loss")
    l2_weight: float = _weight(0.0, "weight of the mean squared difference")
    charbonnier_weight: float = _weight(0.0, "weight of the Charbonnier loss, a smooth L1")
    cross_entropy_weight: float = _weight(
        0.0, "weight of the cross-entropy of the classes, of target_encoding labels"
    )
    feature_matching_weight: float = _weight(
        0.0, "weight of the L1 loss between the discriminator's features (pix2pixHD: 10)"
    )
    perceptual_weight: float = _weight(
        0.0, "weight of the L1 loss between VGG19's features (pix2pixHD: 10)"
    )
    vgg_weights: str = _setting(
        "imagenet", "VGG19's weights: a file, or imagenet to download them", "FILE", min_length=1
    )
    gradient_penalty_weight: float = _weight(10.0, "of gan_loss wgan_gp")
    r1_weight: float = _weight(0.0, "weight (gamma) of the R1 penalty on the discriminator")
    label_smoothing: float = _setting(
        0.0, "how far below 1 the discriminator's label for real is", ge=0, lt=0.5
    )
    discriminator_weight: float = _setting(
        0.5, "factor of the discriminator's loss; the paper halves it", gt=0, allow_inf_nan=False
    )
    pool_size: int = _setting(
        0, "earlier answers kept, of which the discriminator sees every other one", ge=0, le=MOST
    )
    diff_augment: Augmentations = _setting(
        (),
        "augment what D sees (DiffAugment, Zhao et al. 2020): color,translation,cutout",
        "WORDS",
    )
    update: Literal["simultaneous", "alternating"] = _setting(
        "simultaneous", "both networks from one snapshot, or D first and then G against the new D"
    )
    ema_decay: float = _setting(
        0.0, "decay of the moving average of G's weights that predicts; 0: none", ge=0, lt=1
    )
    strategy: Literal["auto", "one", "mirrored", "multiworker", "parameter_server"] = _setting(
        "auto",
        "one: a single device; mirrored: all GPUs of this machine share each batch; multiworker: "
        "those of all workers that TF_CONFIG names; parameter_server: each worker takes steps by "
        "itself, in no order that could be repeated; auto: what there is",
    )
    seed: int = _setting(0, "of weights, order, jitter and dropout", ge=0, lt=2**31)
    jit: Switch = _setting(
        "auto", "compile the step with XLA; auto: on GPUs, if the run is long enough to pay for it"
    )
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = _setting(
        "float32", "what the networks compute in; weights and losses are float32 always"
    )
    steps_per_execution: int = _setting(
        1, "the most steps in one call of TensorFlow; 10 help where a step is short", ge=1, le=MOST
    )
    deterministic: bool = _setting(
        False, "TensorFlow's op determinism: bit-identical runs on GPUs too, but slower"
    )
    log_every: Every = _setting(50, "steps between rows of metrics.csv")
    sample_every: Every = _setting(1000, "steps between sample grids")
    keep_samples: int = _setting(
        200, "sample grids kept: of a longer run every 2nd, 4th, 8th, ...", ge=1, le=MOST
    )
    sample_pairs: int = _setting(6, "pairs in a sample grid", ge=1, le=64)
    validate_every: Every = _setting(1000, "steps between validations")
    best_metric: BestMetric | None = _setting(
        None,
        "the validation metric by which the best checkpoint is chosen (default: ssim; class_iou "
        "where targets are label maps)",
        "METRIC",
    )
    patience: int = _setting(
        0,
        "end the run after so many validations without a better best_metric; 0: never",
        ge=0,
        le=MOST,
    )
    checkpoint_every: Every = _setting(1000, "steps between checkpoints")
    keep_checkpoints: int = _setting(3, "checkpoints kept", ge=1, le=MOST)

    @property
    def has_discriminator(self) -> bool:
        """Whether a discriminator has a part in the run."""
        return needs_discriminator(self.gan_weight, self.feature_matching_weight)


@dataclass(frozen=True, config=STRICT)
class Settings:
    """All settings of a run; what `config.yaml` holds."""

    data: DataSettings = Field(default_factory=DataSettings)
    model: ModelSettings = Field(default_factory=ModelSettings)
    train: TrainSettings = Field(default_factory=TrainSettings)

    @property
    def best_metric(self) -> BestMetric:
        """`train.best_metric`, resolved."""
        usual: BestMetric = "class_iou" if self.data.target_encoding == "labels" else "ssim"
        return self.train.best_metric or usual
