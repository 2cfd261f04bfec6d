"""Networks from settings."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import keras
import tensorflow as tf

from tfpix2pix.config import ModelSettings
from tfpix2pix.config.network_sizes import check_image_size, generator_depth, size_multiple
from tfpix2pix.config.sizes import ImageSize, ImageSizeError
from tfpix2pix.data.formats import RGB_PAIRS, PairFormat
from tfpix2pix.errors import SettingsError
from tfpix2pix.models import (
    encoder_decoder_generator,
    local_enhancer_generator,
    patchgan_discriminator,
    pixelgan_discriminator,
    resnet_generator,
    unet_generator,
)

# Settings of the blocks of every network.
_BLOCKS = (
    "norm_epsilon",
    "norm_momentum",
    "norm_scale_stddev",
    "norm_statistics",
    "sync_norm",
    "leaky_slope",
    "upsampling",
)
_ENCODER_DECODER = ("dropout", "dropout_start", "dropout_at_prediction", "innermost_norm")
_UNET = (*_ENCODER_DECODER, "skip", "skip_order")
_RESNET = ("dropout", "dropout_at_prediction")


@dataclasses.dataclass(frozen=True)
class GeneratorKind:
    """What a name of the setting `generator` stands for.

    Attributes:
        make: makes the network.
        settings: the names of those that `make` takes, besides `depth`.
        fixed: what it is told besides.
    """

    make: Callable[..., keras.Model]
    settings: tuple[str, ...] = ()
    fixed: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def options(self, settings: ModelSettings) -> dict[str, Any]:
        """The keywords of this kind alone."""
        given = {name: getattr(settings, name) for name in self.settings}
        return {"depth": generator_depth(settings), **self.fixed, **given}


_UNETS = GeneratorKind(unet_generator, _UNET)

# pix2pixHD's two have no dropout, whatever the setting says: there is none in their source.
GENERATORS = {
    "unet": _UNETS,
    "unet_128": _UNETS,
    "unet_256": _UNETS,
    "unet_512": _UNETS,
    "encoder_decoder": GeneratorKind(encoder_decoder_generator, _ENCODER_DECODER),
    "resnet_6": GeneratorKind(resnet_generator, _RESNET, {"residual_blocks": 6}),
    "resnet_9": GeneratorKind(resnet_generator, _RESNET, {"residual_blocks": 9}),
    "global": GeneratorKind(resnet_generator, fixed={"residual_blocks": 9, "dropout": 0}),
    "local_enhancer": GeneratorKind(local_enhancer_generator),
}

DISCRIMINATORS: dict[str, tuple[Callable[..., keras.Model], tuple[str, ...]]] = {
    "patchgan": (patchgan_discriminator, ("n_layers",)),
    "pixelgan": (pixelgan_discriminator, ()),
}


def build_generator(
    settings: ModelSettings,
    image_size: ImageSize,
    formats: PairFormat = RGB_PAIRS,
    *,
    dropout_at_prediction: bool | None = None,
) -> keras.Model:
    """The generator that the settings describe, for images of these formats.

    Args:
        settings: of the networks.
        image_size: height and width.
        formats: of the images.
        dropout_at_prediction: instead of what the settings say.

    Raises:
        SettingsError: the image size does not fit it.
    """
    size_multiple(settings, image_size)  # photos may be too small for the discriminator
    _keep_remapper_away()
    kind = GENERATORS[settings.generator]
    if dropout_at_prediction is not None:
        settings = dataclasses.replace(settings, dropout_at_prediction=dropout_at_prediction)
    return _build(
        kind.make,
        settings,
        image_size,
        formats,
        norm=settings.norm,
        bias=settings.generator_bias,
        spectral_norm=settings.spectral_norm == "both",
        output_activation="softmax" if formats.target.palette else "tanh",
        **kind.options(settings),
    )


def build_discriminator(
    settings: ModelSettings, image_size: ImageSize, formats: PairFormat = RGB_PAIRS
) -> keras.Model:
    """The discriminator that the settings describe, for images of these formats.

    Raises:
        SettingsError: the image size does not fit it.
    """
    check_image_size(settings, image_size)
    make, names = DISCRIMINATORS[settings.discriminator]
    return _build(
        make,
        settings,
        image_size,
        formats,
        scales=settings.discriminator_scales,
        conditional=settings.conditional,
        norm=settings.norm_of_discriminator,
        bias=settings.discriminator_bias,
        spectral_norm=settings.spectral_norm != "none",
        **{name: getattr(settings, name) for name in names},
    )


def _build(
    make: Callable[..., keras.Model],
    settings: ModelSettings,
    image_size: ImageSize,
    formats: PairFormat,
    **options: Any,
) -> keras.Model:
    blocks = {name: getattr(settings, name) for name in _BLOCKS}
    try:
        return make(
            image_size,
            formats.input.network_channels,
            formats.target.network_channels,
            settings.base_filters,
            **blocks,
            **options,
        )
    except ImageSizeError as error:
        # A norm refuses maps that it would make zeros of.
        raise SettingsError(f"crop_size: {error}") from error


def _keep_remapper_away() -> None:
    """Turns off TensorFlow's remapper in this process.

    It fails on a biased convolution whose output a skip shares, says so as an error, and gives up
    on the whole graph; where it succeeds it rounds differently. Off everywhere, a run has the same
    bits however it is started.
    """
    tf.config.optimizer.set_experimental_options({"remapping": False})
