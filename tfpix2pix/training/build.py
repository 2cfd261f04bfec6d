"""Networks from settings."""

from typing import Any

import keras

from tfpix2pix.config import ModelSettings
from tfpix2pix.errors import UserError
from tfpix2pix.models import (
    encoder_decoder_generator,
    patchgan_discriminator,
    pixelgan_discriminator,
    unet_generator,
)


def build_generator(settings: ModelSettings, image_size: tuple[int, int]) -> keras.Model:
    """The generator that the settings describe.

    Raises:
        UserError: the image size does not fit it.
    """
    common: dict[str, Any] = {
        "image_size": image_size,
        "base_filters": settings.base_filters,
        "depth": settings.depth,
        "dropout": settings.dropout,
    }
    try:
        if settings.generator == "encoder_decoder":
            return encoder_decoder_generator(**common)
        return unet_generator(**common, skip=settings.skip)
    except ValueError as error:
        raise UserError(f"crop_size, depth: {error}") from error


def build_discriminator(settings: ModelSettings, image_size: tuple[int, int]) -> keras.Model:
    """The discriminator that the settings describe.

    Raises:
        UserError: the image size does not fit it.
    """
    common: dict[str, Any] = {"image_size": image_size, "base_filters": settings.base_filters}
    try:
        if settings.discriminator == "pixelgan":
            return pixelgan_discriminator(**common)
        return patchgan_discriminator(**common, n_layers=settings.n_layers)
    except ValueError as error:
        raise UserError(f"crop_size, n_layers: {error}") from error
