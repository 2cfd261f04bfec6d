"""The objective of a run from its settings."""

import dataclasses
import functools
from typing import Literal

from tfpix2pix.config import Settings, TrainSettings
from tfpix2pix.config.network_sizes import check_perceptual_size
from tfpix2pix.data.formats import PairFormat
from tfpix2pix.errors import SettingsError
from tfpix2pix.losses.objective import Objective
from tfpix2pix.losses.perceptual import perceptual_loss, vgg19_features
from tfpix2pix.training.gradients import PerceptualLoss


def build_objective(settings: TrainSettings) -> Objective:
    """The settings' losses and weights; both have the same names."""
    names = (field.name for field in dataclasses.fields(Objective))
    return Objective(**{name: getattr(settings, name) for name in names})


def build_perceptual(settings: Settings, formats: PairFormat) -> PerceptualLoss | None:
    """The perceptual loss with its VGG19, if the settings want one.

    Raises:
        SettingsError: VGG19 does not take images such as the targets.
        UserError: its weights cannot be had.
    """
    if not settings.train.perceptual_weight:
        return None
    channels = formats.target.network_channels
    if channels not in (1, 3):
        raise SettingsError(
            "perceptual_weight: VGG19 sees colours or gray, and the targets are "
            f"{formats.target.describe()}: leave it out"
        )
    check_perceptual_size(settings.train, settings.data.crop_size)
    features = vgg19_features(settings.train.vgg_weights)
    order: Literal["rgb", "bgr"] = "bgr" if formats.target.reversed_channels else "rgb"
    return functools.partial(perceptual_loss, features, channel_order=order)
