"""The networks, as functions that return functional Keras models."""

from tfpix2pix.models.blocks import BatchNorm, downsample, upsample
from tfpix2pix.models.discriminators import patchgan_discriminator, pixelgan_discriminator
from tfpix2pix.models.generators import encoder_decoder_generator, unet_generator

__all__ = [
    "BatchNorm",
    "downsample",
    "encoder_decoder_generator",
    "patchgan_discriminator",
    "pixelgan_discriminator",
    "unet_generator",
    "upsample",
]
