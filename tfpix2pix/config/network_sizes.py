"""Which image sizes the networks that settings describe take."""

import dataclasses
from collections.abc import Callable

from tfpix2pix.config.settings import ModelSettings, TrainSettings
from tfpix2pix.config.sizes import (
    RESNET_DEEPEST_SIDE,
    UNET_DEEPEST_SIDE,
    VGG19_SMALLEST_SIDE,
    ImageSize,
    ImageSizeError,
    check_patchgan_size,
    check_resnet_size,
    checked_depth,
)
from tfpix2pix.errors import SettingsError


def _unet_multiple(size: ImageSize, depth: int | None) -> int:
    return int(2 ** checked_depth(*size, depth))


def _named_unet_multiple(size: ImageSize, depth: int) -> int:
    # Its name says its depth, so that the setting is of no help.
    return int(2 ** checked_depth(*size, depth, remedy="generator unet and depth={}"))


def _resnet_multiple(size: ImageSize, depth: int) -> int:
    check_resnet_size(*size, depth)
    return int(2**depth)


def _enhancer_multiple(size: ImageSize, depth: int) -> int:
    check_resnet_size(*size, depth, halvings=depth + 1)
    return int(2 ** (depth + 1))


@dataclasses.dataclass(frozen=True)
class GeneratorSizes:
    """Which sizes a kind of generator takes.

    Attributes:
        multiple: of which height and width must be, for a size and a depth; ImageSizeError if
            they are not.
        deepest_side: smallest side of its deepest map.
        depth: its stride-2 layers where the settings give none; None: as the size allows.
    """

    multiple: Callable[..., int]
    deepest_side: int
    depth: int | None = None


# By the setting `generator`.
GENERATOR_SIZES = {
    "unet": GeneratorSizes(_unet_multiple, UNET_DEEPEST_SIDE),
    "unet_128": GeneratorSizes(_named_unet_multiple, UNET_DEEPEST_SIDE, depth=7),
    "unet_256": GeneratorSizes(_named_unet_multiple, UNET_DEEPEST_SIDE, depth=8),
    "unet_512": GeneratorSizes(_named_unet_multiple, UNET_DEEPEST_SIDE, depth=9),
    "encoder_decoder": GeneratorSizes(_unet_multiple, UNET_DEEPEST_SIDE),
    "resnet_6": GeneratorSizes(_resnet_multiple, RESNET_DEEPEST_SIDE, depth=2),
    "resnet_9": GeneratorSizes(_resnet_multiple, RESNET_DEEPEST_SIDE, depth=2),
    "global": GeneratorSizes(_resnet_multiple, RESNET_DEEPEST_SIDE, depth=4),
    "local_enhancer": GeneratorSizes(_enhancer_multiple, RESNET_DEEPEST_SIDE, depth=4),
}


def generator_depth(settings: ModelSettings) -> int | None:
    """The generator's stride-2 layers; None where the size of the images decides."""
    return settings.depth or GENERATOR_SIZES[settings.generator].depth


def size_multiple(settings: ModelSettings, image_size: ImageSize) -> int:
    """Of what the height and the width must be multiples for the generator of this image size.

    Raises:
        SettingsError: the image size does not fit it; with sizes that do.
    """
    try:
        kind = GENERATOR_SIZES[settings.generator]
        return kind.multiple(image_size, generator_depth(settings))
    except ImageSizeError as error:
        raise SettingsError(f"crop_size: {error}") from error


def smallest_side(settings: ModelSettings, image_size: ImageSize) -> int:
    """The smallest side of images for the generator of this image size.

    Raises:
        SettingsError: as `size_multiple` does.
    """
    deepest_side = GENERATOR_SIZES[settings.generator].deepest_side
    return deepest_side * size_multiple(settings, image_size)


def check_image_size(settings: ModelSettings, image_size: ImageSize) -> None:
    """Refuses settings whose networks do not take images of this size.

    Raises:
        SettingsError: with sizes that they take.
    """
    size_multiple(settings, image_size)
    if settings.discriminator != "patchgan":
        return
    try:
        check_patchgan_size(*image_size, settings.n_layers, settings.discriminator_scales)
    except ImageSizeError as error:
        raise SettingsError(f"crop_size: {error}") from error


def check_perceptual_size(settings: TrainSettings, image_size: ImageSize) -> None:
    """Refuses a perceptual loss of images that are too small for VGG19.

    Raises:
        SettingsError: with the smallest size.
    """
    height, width = image_size
    if settings.perceptual_weight and min(height, width) < VGG19_SMALLEST_SIDE:
        least = f"{VGG19_SMALLEST_SIDE}x{VGG19_SMALLEST_SIDE}"
        raise SettingsError(
            f"perceptual_weight: VGG19 takes images of at least {least}, and crop_size is "
            f"{height}x{width}: make it larger, or leave perceptual_weight out"
        )
