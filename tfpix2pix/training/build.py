"""Networks from settings."""

import keras
import tensorflow as tf

from tfpix2pix.config import ModelSettings
from tfpix2pix.data.formats import RGB_PAIRS, PairFormat
from tfpix2pix.errors import SettingsError
from tfpix2pix.models import (
    encoder_decoder_generator,
    patchgan_discriminator,
    pixelgan_discriminator,
    unet_generator,
)
from tfpix2pix.models.discriminators import check_smallest_size
from tfpix2pix.models.generators import checked_depth


def check_image_size(settings: ModelSettings, image_size: tuple[int, int]) -> None:
    """Refuses settings whose networks do not take images of this size.

    Raises:
        SettingsError: with sizes that they take.
    """
    try:
        checked_depth(*image_size, settings.depth)
        if settings.discriminator == "patchgan":
            check_smallest_size(image_size, settings.n_layers)
    except ValueError as error:
        raise SettingsError(f"crop_size: {error}") from error


def build_generator(
    settings: ModelSettings, image_size: tuple[int, int], formats: PairFormat = RGB_PAIRS
) -> keras.Model:
    """The generator that the settings describe, for images of these formats.

    Raises:
        SettingsError: the image size does not fit it.
    """
    check_image_size(settings, image_size)
    _keep_remapper_away()
    if settings.generator == "encoder_decoder":
        return encoder_decoder_generator(
            image_size,
            formats.input.network_channels,
            formats.target.network_channels,
            base_filters=settings.base_filters,
            depth=settings.depth,
            dropout=settings.dropout,
        )
    return unet_generator(
        image_size,
        formats.input.network_channels,
        formats.target.network_channels,
        base_filters=settings.base_filters,
        depth=settings.depth,
        skip=settings.skip,
        dropout=settings.dropout,
    )


def build_discriminator(
    settings: ModelSettings, image_size: tuple[int, int], formats: PairFormat = RGB_PAIRS
) -> keras.Model:
    """The discriminator that the settings describe, for images of these formats.

    Raises:
        SettingsError: the image size does not fit it.
    """
    check_image_size(settings, image_size)
    channels = (formats.input.network_channels, formats.target.network_channels)
    if settings.discriminator == "pixelgan":
        return pixelgan_discriminator(image_size, *channels, base_filters=settings.base_filters)
    return patchgan_discriminator(
        image_size, *channels, base_filters=settings.base_filters, n_layers=settings.n_layers
    )


def _keep_remapper_away() -> None:
    """Turns off TensorFlow's remapper in this process.

    It fails on a biased convolution whose output a skip shares, says so as an error, and gives up
    on the whole graph; where it succeeds it rounds differently. Off everywhere, a run has the same
    bits however it is started.
    """
    tf.config.optimizer.set_experimental_options({"remapping": False})
