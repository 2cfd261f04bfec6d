"""Settings that are right one by one, and wrong together: refused with the reason."""

from typing import get_args

from tfpix2pix.config.network_sizes import (
    GENERATOR_SIZES,
    check_image_size,
    check_perceptual_size,
)
from tfpix2pix.config.settings import DataSettings, ModelSettings, Settings, TrainSettings
from tfpix2pix.config.types import ImageMetric, LabelMetric
from tfpix2pix.errors import SettingsError


def check_combinations(settings: Settings, *, networks: bool = True) -> None:
    """Refuses settings that cannot work together.

    Args:
        settings: of a run.
        networks: whether they are to take images of `crop_size`.

    Raises:
        SettingsError: with the settings' names, the reason and what to do.
    """
    _check_sizes(settings.data)
    _check_encoding(settings.data)
    _check_generator(settings.model)
    _check_norms(settings.model)
    _check_accumulation(settings)
    _check_losses(settings.train)
    _check_penalties(settings)
    _check_label_losses(settings)
    _check_best_metric(settings)
    _check_strategy(settings.train)
    if networks and not settings.data.takes_size_from_pairs:
        check_image_size(settings.model, settings.data.crop_size)
        check_perceptual_size(settings.train, settings.data.crop_size)


def _check_sizes(data: DataSettings) -> None:
    load, crop = data.load_size, data.crop_size
    wanted = load if data.resize == "resize_and_crop" else (crop[0], load[1])
    if data.resize.endswith("and_crop") and (crop[0] > wanted[0] or crop[1] > wanted[1]):
        raise SettingsError(
            f"crop_size {crop[0]}x{crop[1]} does not fit in load_size {load[0]}x{load[1]}: "
            "make load_size at least as large (the paper crops 256 from 286)"
        )
    if data.rotate and data.resize.endswith("crop") and crop[0] != crop[1]:
        raise SettingsError(
            f"rotate needs square images: crop_size is {crop[0]}x{crop[1]}; make it square or "
            "turn rotate off"
        )


def _check_encoding(data: DataSettings) -> None:
    # Both sides may be label maps, of one palette: coarse maps to fine ones, say.
    encodings = ("input_encoding", "target_encoding")
    labelled = [name for name in encodings if getattr(data, name) == "labels"]
    if labelled and data.palette is None:
        raise SettingsError(
            f"{labelled[0]} labels needs a palette: cmp, or the classes' colours in the order of "
            "their numbers, such as #0000aa,#0000ff"
        )
    if not labelled and data.palette is not None:
        raise SettingsError(
            "palette is for label maps: give input_encoding labels or target_encoding labels too"
        )


def _check_generator(model: ModelSettings) -> None:
    if model.generator.startswith("unet_") and model.depth is not None:
        own_depth = GENERATOR_SIZES[model.generator].depth
        raise SettingsError(
            f"depth: generator {model.generator} is the U-Net of depth {own_depth}: "
            "leave depth out, or give generator unet"
        )
    if model.dropout_at_prediction and model.dropout == 0:
        raise SettingsError("dropout_at_prediction: dropout is 0, so there is none to leave on")


def _check_norms(model: ModelSettings) -> None:
    norms = {model.norm, model.norm_of_discriminator}
    if model.innermost_norm and model.norm == "instance":
        raise SettingsError(
            "innermost_norm: instance norm makes zeros of a map of one pixel, so nothing would "
            "pass the innermost layer: leave it out, or choose another norm"
        )
    if model.norm_statistics == "moving" and model.norm != "batch":
        raise SettingsError(
            f"norm_statistics moving: norm {model.norm} keeps no moving averages; use norm batch"
        )
    if model.sync_norm and "batch" not in norms:
        raise SettingsError("sync_norm: only norm batch has statistics to share; leave it out")


def _check_accumulation(settings: Settings) -> None:
    train = settings.train
    if train.batch_size % train.accumulate:
        raise SettingsError(
            f"accumulate {train.accumulate} cuts each batch into so many equal parts, and "
            f"batch_size is {train.batch_size}: give a batch_size that is a multiple of it"
        )
    if train.accumulate > 1 and settings.model.sync_norm:
        raise SettingsError(
            "accumulate: parts are computed one after the other, and sync_norm's statistics are "
            "of all at once: leave one of them out, or use norm instance or group"
        )


def _check_losses(train: TrainSettings) -> None:
    others = ("l1", "l2", "charbonnier", "cross_entropy", "perceptual")
    adversarial = train.has_discriminator
    if not adversarial and not any(getattr(train, f"{name}_weight") for name in others):
        raise SettingsError(
            "gan_weight, l1_weight and all other weights of the generator's losses are 0: "
            "it would learn nothing; give one of them"
        )
    needing = ("r1_weight", "label_smoothing", "pool_size", "diff_augment")
    idle = [name for name in needing if getattr(train, name)]
    if idle and not adversarial:
        raise SettingsError(
            f"{idle[0]} is about the discriminator, and there is none: gan_weight and "
            "feature_matching_weight are 0; leave it out, or give one of these"
        )
    if train.label_smoothing and train.gan_loss in ("hinge", "wgan_gp"):
        raise SettingsError(
            f"label_smoothing: gan_loss {train.gan_loss} has no labels; use vanilla or lsgan"
        )


def _check_penalties(settings: Settings) -> None:
    model, train = settings.model, settings.train
    if model.norm_of_discriminator != "batch" or train.batch_size == train.accumulate:
        return
    penalised = {
        "gan_loss wgan_gp": train.gan_loss == "wgan_gp"
        and train.gradient_penalty_weight > 0
        and train.has_discriminator,
        "r1_weight": train.r1_weight > 0,
    }
    for name, is_wanted in penalised.items():
        if is_wanted:
            raise SettingsError(
                f"{name} penalises the gradient at each image, and BatchNorm mixes the images of "
                "a batch: use discriminator_norm instance, group or none, or batch_size 1"
            )


def _check_best_metric(settings: Settings) -> None:
    """Images and label maps are validated by other metrics."""
    encoding = settings.data.target_encoding
    measured = get_args(LabelMetric if encoding == "labels" else ImageMetric)
    if settings.best_metric not in measured:
        raise SettingsError(
            f"best_metric {settings.best_metric} is not measured with target_encoding {encoding}: "
            f"choose one of {', '.join(measured)}"
        )


def _check_strategy(train: TrainSettings) -> None:
    """Where workers change the weights each by itself."""
    if train.strategy != "parameter_server":
        return
    reasons = {
        "jit on": (train.jit == "on", "XLA wants the weights where it computes"),
        "deterministic": (train.deterministic, "its workers take steps in no fixed order"),
        "precision mixed_float16": (
            train.precision == "mixed_float16",
            "its workers would change the losses' scale at the same time",
        ),
    }
    for name, (is_wanted, why) in reasons.items():
        if is_wanted:
            raise SettingsError(f"{name} cannot be with strategy parameter_server: {why}")


def _check_label_losses(settings: Settings) -> None:
    """L1, L2 and Charbonnier compare any values: of classes, 0 and 1 with their probabilities."""
    train = settings.train
    if settings.data.target_encoding == "image":
        if train.cross_entropy_weight:
            raise SettingsError(
                "cross_entropy_weight compares classes, and the targets are images: give "
                "target_encoding labels and their palette, or leave it out"
            )
        return
    if train.perceptual_weight:
        raise SettingsError(
            "perceptual_weight: VGG19 sees colours or gray, and with target_encoding labels the "
            "targets are classes: use cross_entropy_weight"
        )
    if "color" in train.diff_augment:
        raise SettingsError(
            "diff_augment color: with target_encoding labels the targets are classes, which have "
            "no colours: use translation and cutout"
        )
