"""The objective and its terms. Images [B, H, W, C] are float32; every loss is a scalar."""

from tfpix2pix.losses.balance import BALANCE_NAMES
from tfpix2pix.losses.features import feature_matching_loss
from tfpix2pix.losses.gan import (
    GAN_LOSSES,
    hinge_discriminator_loss,
    hinge_generator_loss,
    lsgan_discriminator_loss,
    lsgan_generator_loss,
    vanilla_discriminator_loss,
    vanilla_generator_loss,
    wasserstein_discriminator_loss,
    wasserstein_generator_loss,
)
from tfpix2pix.losses.objective import LOSS_NAMES, STEP_NAMES, Objective
from tfpix2pix.losses.perceptual import perceptual_loss, vgg19_features
from tfpix2pix.losses.reconstruction import (
    charbonnier_loss,
    cross_entropy_loss,
    l1_loss,
    l2_loss,
)

__all__ = [
    "BALANCE_NAMES",
    "GAN_LOSSES",
    "LOSS_NAMES",
    "STEP_NAMES",
    "Objective",
    "charbonnier_loss",
    "cross_entropy_loss",
    "feature_matching_loss",
    "hinge_discriminator_loss",
    "hinge_generator_loss",
    "l1_loss",
    "l2_loss",
    "lsgan_discriminator_loss",
    "lsgan_generator_loss",
    "perceptual_loss",
    "vanilla_discriminator_loss",
    "vanilla_generator_loss",
    "vgg19_features",
    "wasserstein_discriminator_loss",
    "wasserstein_generator_loss",
]
