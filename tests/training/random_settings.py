"""Random settings that the package accepts, by number, so that each can be drawn again.

What is refused is drawn so that it fits, or put back to the first of its values.
"""

import random
import re
from typing import Any, NamedTuple

from tests.training.any_images import SETS
from tfpix2pix.config import ModelSettings, resolve
from tfpix2pix.config.network_sizes import check_image_size, size_multiple
from tfpix2pix.errors import SettingsError

# By generator: sizes that it takes, and depths. Small ones come often, since they are fast.
GENERATORS = {
    "unet": ([32, 32, 64, 64, (32, 64), (64, 32), 128, 256], [None, 2, 4]),
    "unet_128": ([128], [None]),
    "unet_256": ([256], [None]),
    "unet_512": ([512], [None]),
    "encoder_decoder": ([32, 64, 64, (64, 32), 128], [None, 3]),
    "resnet_6": ([32, 64, (32, 48), 128], [None, 1]),
    "resnet_9": ([32, 64], [None, 3]),
    "global": ([32, 64], [None, 2]),
    "local_enhancer": ([64], [None, 2]),
}

# By name, those of `any_images` but for pairs: the channels of input and target in the networks.
IMAGES = {"pairs": (3, 3), "labels": (3, 3), "to_labels": (3, 3), "5_floats_to_2": (5, 2)}
# Pairs are so large; images of the other kinds are smaller than any network.
PAIR_SIDE = 64
LARGEST_SEEN_BY_VGG19 = 64

# A value that stands there twice comes twice as often; the first is never refused.
OPTIONS: dict[str, list[Any]] = {
    "images": ["pairs", "pairs", "pairs", "labels", "to_labels", "5_floats_to_2"],
    "direction": ["AtoB", "BtoA"],
    "input_channels": [None, None, 1],
    "output_channels": [None, None, 1],
    "channel_order": ["rgb", "bgr"],
    "resize": ["resize_and_crop", "scale_width_and_crop", "scale_width", "crop", "crop", "none"],
    "margin": [0, 6],
    "mirror": [True, False],
    "vertical_mirror": [False, True],
    "rotate": [False, True],
    "input_interpolation": ["bicubic", "area", "nearest"],
    "target_interpolation": ["bicubic", "area", "nearest"],
    "cache_gib": [4, 0],
    "generator": ["unet", "unet", *GENERATORS, "encoder_decoder", "resnet_6"],
    "base_filters": [2, 1, 3],
    "upsampling": ["transposed", "resize", "subpixel"],
    "skip": ["preactivation", "relu", "postactivation"],
    "skip_order": ["decoder_first", "encoder_first"],
    "norm": ["batch", "instance", "group", "none"],
    "discriminator_norm": ["same", "batch", "instance", "group", "none"],
    "innermost_norm": [False, True],
    "norm_epsilon": [1e-5, 1e-3],
    "norm_momentum": [0.9, 0],
    "norm_scale_stddev": [0.02, 0],
    "norm_statistics": ["image", "moving"],
    "sync_norm": [False, True],
    "spectral_norm": ["none", "discriminator", "both"],
    "leaky_slope": [0.2, 0],
    "generator_bias": ["unnormalized", "output", "all"],
    "discriminator_bias": ["unnormalized", "output", "all"],
    "dropout": [0.5, 0.2, 0],
    "dropout_start": [1, 2, 3],
    "dropout_at_prediction": [False, True],
    "discriminator": ["patchgan", "patchgan", "pixelgan"],
    "conditional": [True, False],
    "batch_size": [1, 2],
    "accumulate": [1, 1, 2],
    "recompute": [False, False, True],
    "learning_rate": [2e-4, 1e-3],
    "discriminator_learning_rate": [None, 1e-3],
    "beta_1": [0.5, 0.9, 0],
    "beta_2": [0.999, 0.9],
    "adam_epsilon": [1e-8, 1e-4],
    "epsilon_hat": [False, True],
    "clip_norm": [None, 1],
    "lr_schedule": ["constant", "linear", "cosine"],
    "decay_start": [None, 0, 0.7],
    "gan_loss": ["vanilla", "lsgan", "hinge", "wgan_gp"],
    "gan_weight": [1, 1, 0],
    "l1_weight": [100, 0],
    "l2_weight": [0, 10],
    "charbonnier_weight": [0, 10],
    "cross_entropy_weight": [0, 10],
    "feature_matching_weight": [0, 10],
    "perceptual_weight": [0, 0, 0, 1],
    "gradient_penalty_weight": [10, 0],
    "r1_weight": [0, 1],
    "label_smoothing": [0, 0.1],
    "discriminator_weight": [0.5, 1],
    "pool_size": [0, 2],
    "diff_augment": ["none", "color,translation,cutout"],
    "update": ["simultaneous", "alternating"],
    "ema_decay": [0, 0.9],
    "seed": [0, 7],
    "jit": ["off", "off", "off", "on"],
    "precision": ["float32", "float32", "mixed_bfloat16", "mixed_float16"],
}
N_LAYERS = range(1, 7)
SCALES = range(1, 5)
DRAWN_WITH_THE_SIZE = {"depth", "n_layers", "discriminator_scales", "load_size", "crop_size"}
# Not settings: which images, and how much larger than the crop they are.
NO_SETTINGS = {"images", "margin"}


class Drawn(NamedTuple):
    """Settings: the name of the images they are for, and flags."""

    images: str
    flags: dict[str, Any]


def random_settings(number: int) -> Drawn:
    """The settings of this number; other numbers give others."""
    rng = random.Random(number)
    flags = {name: rng.choice(values) for name, values in OPTIONS.items()}
    sizes, depths = GENERATORS[flags["generator"]]
    size, flags["depth"] = rng.choice(sizes), rng.choice(depths)
    size = size if isinstance(size, tuple) else (size, size)
    flags |= rng.choice(_discriminators(flags, size))
    images, margin = flags.pop("images"), flags.pop("margin")
    images = images if flags["resize"] not in ("crop", "none") else "pairs"
    _fit_resize(flags, size, margin)
    _fit_images(flags, images)
    if flags["perceptual_weight"] and (
        images == "5_floats_to_2" or max(size) > LARGEST_SEEN_BY_VGG19
    ):
        flags["perceptual_weight"] = 0
    wanted = {} if images == "pairs" else SETS[images][1]
    return Drawn(images, _mended(flags | wanted))


def _discriminators(flags: dict[str, Any], size: tuple[int, int]) -> list[dict[str, int]]:
    """The layers and scales that images of this size are large enough for."""
    both = [{"n_layers": n, "discriminator_scales": s} for n in N_LAYERS for s in SCALES]
    return [layers for layers in both if _fits(flags, layers, size)]


def _fits(flags: dict[str, Any], layers: dict[str, int], size: tuple[int, int]) -> bool:
    names = ("generator", "depth", "discriminator")
    model = ModelSettings(**{name: flags[name] for name in names}, **layers)
    size_multiple(model, size)  # those of GENERATORS fit
    try:
        check_image_size(model, size)
    except SettingsError:
        return False
    return True


def _fit_resize(flags: dict[str, Any], size: tuple[int, int], margin: int) -> None:
    """Gives load_size and crop_size, and another resize where this one cannot make the size."""
    fits = {
        "crop": max(size) <= PAIR_SIDE,
        "none": size == (PAIR_SIDE, PAIR_SIDE),
        "scale_width": size[0] == size[1],
    }
    if not fits.get(flags["resize"], True):
        flags["resize"] = "resize_and_crop"
    if flags["resize"] in ("resize_and_crop", "scale_width_and_crop"):
        # To scale to a width keeps the images square: both sides must hold the crop.
        loaded = [side + margin for side in size]
        loaded = [max(loaded)] * 2 if flags["resize"] == "scale_width_and_crop" else loaded
        flags["load_size"] = "{}x{}".format(*loaded)
        flags["crop_size"] = "{}x{}".format(*size)
    elif flags["resize"] == "crop":
        flags["crop_size"] = "{}x{}".format(*size)
    elif flags["resize"] == "scale_width":
        flags["load_size"] = str(size[1])


def _fit_images(flags: dict[str, Any], images: str) -> None:
    """Takes back what is for other images than these."""
    if images == "labels":
        flags |= {"direction": "AtoB", "input_channels": None}
    if images == "to_labels":
        flags |= {"output_channels": None}
    if images == "5_floats_to_2":
        flags |= {"input_channels": None, "output_channels": None}
    given = flags["input_channels"], flags["output_channels"]
    source, target = (g or stored for g, stored in zip(given, IMAGES[images], strict=True))
    if target != 3 and (source != 3 or images == "labels"):
        flags["channel_order"] = "rgb"


def _mended(flags: dict[str, Any]) -> dict[str, Any]:
    for _ in OPTIONS:
        try:
            resolve(flags=flags)
        except SettingsError as error:
            # Refusals begin with the name of what is to change.
            name = re.match(r"\w+", str(error))[0]
            flags[name] = OPTIONS[name][0]
        else:
            return flags
    raise AssertionError(f"refused in spite of all: {flags}")
