"""The networks, as functions that return functional Keras models."""

from tfpix2pix.models.blocks import downsample
from tfpix2pix.models.discriminators import (
    feature_model,
    patchgan_discriminator,
    pixelgan_discriminator,
)
from tfpix2pix.models.dropout import Dropout, set_prediction_seed
from tfpix2pix.models.norms import BatchNorm
from tfpix2pix.models.options import BlockOptions
from tfpix2pix.models.pix2pixhd import local_enhancer_generator
from tfpix2pix.models.resnet import resnet_generator
from tfpix2pix.models.unet import encoder_decoder_generator, unet_generator
from tfpix2pix.models.upsampling import upsample

__all__ = [
    "BatchNorm",
    "BlockOptions",
    "Dropout",
    "downsample",
    "encoder_decoder_generator",
    "feature_model",
    "local_enhancer_generator",
    "patchgan_discriminator",
    "pixelgan_discriminator",
    "resnet_generator",
    "set_prediction_seed",
    "unet_generator",
    "upsample",
]
