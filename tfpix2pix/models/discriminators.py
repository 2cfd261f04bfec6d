"""Discriminators: (input image, target or generated image) -> logits, one for each patch.

Images are float32 [B, H, W, C] in [-1, 1]; logits are float32 [B, h, w, 1], positive for real.
"""

import functools
import itertools
from collections.abc import Callable
from typing import Any

import keras

from tfpix2pix.config.sizes import check_patchgan_size
from tfpix2pix.models.blocks import convolution, image_sides, layer_width, leaky_relu
from tfpix2pix.models.norms import normalization
from tfpix2pix.models.options import BlockOptions
from tfpix2pix.models.reflection import Halve

ImageSize = int | tuple[int, int] | None


def patchgan_discriminator(
    image_size: ImageSize = 256,
    input_channels: int = 3,
    output_channels: int = 3,
    base_filters: int = 64,
    *,
    n_layers: int = 3,
    scales: int = 1,
    conditional: bool = True,
    **block_options: Any,
) -> keras.Model:
    """The paper's PatchGAN (sections 3.2.2 and 6.1.2), C64-C128-C256-C512 for 70x70 patches.

    `n_layers` stride-2 convolutions, then two of stride 1, zero-padded by 1 and convolved
    'valid'; all 4x4. n_layers 1 to 6 judge patches of 16, 34, 70, 142, 286 and 574 pixels.
    With several scales there is one such network for each, of its own weights, on images halved
    0, 1, ... times (Wang et al. 2018, pix2pixHD, section 3.2).

    Args:
        image_size: H and W, one number for both, or None for any.
        input_channels: channels of the input image.
        output_channels: channels of the target image.
        base_filters: filters of the first layer; deeper layers double up to 8 times that.
        n_layers: stride-2 layers, 1 to 6.
        scales: how many discriminators, 1 or more.
        conditional: it sees the input image too, not the target image alone.
        **block_options: see `BlockOptions`.

    Returns:
        A functional model of `[input_image, target_image]`, or of `[target_image]`; 256x256 gives
        30x30 logits, and with several scales a list of logits, those of the full size first.

    Raises:
        ValueError: n_layers or scales out of range, images too small for them, or an unknown word.
    """
    if not 1 <= n_layers <= 6:
        raise ValueError(f"n_layers must be 1 to 6, not {n_layers} (for 1x1 patches: PixelGAN)")
    if image_size is not None:
        check_patchgan_size(*image_sides(image_size), n_layers, scales)
    inputs, x = _judged(image_size, input_channels, output_channels, conditional)
    options = BlockOptions(**block_options)
    judge = functools.partial(
        _patch_logits, base_filters=base_filters, n_layers=n_layers, options=options
    )
    return keras.Model(inputs, _at_scales(x, scales, judge), name="patchgan")


def pixelgan_discriminator(
    image_size: ImageSize = 256,
    input_channels: int = 3,
    output_channels: int = 3,
    base_filters: int = 64,
    *,
    scales: int = 1,
    conditional: bool = True,
    **block_options: Any,
) -> keras.Model:
    """The paper's 1x1 "PixelGAN" (section 6.1.2): C64-C128 of 1x1 convolutions.

    Args and raises: see `patchgan_discriminator`.

    Returns:
        A functional model of `[input_image, target_image]`, or of `[target_image]`, with one logit
        for each pixel (of each scale).
    """
    inputs, x = _judged(image_size, input_channels, output_channels, conditional)
    options = BlockOptions(**block_options)
    judge = functools.partial(_pixel_logits, base_filters=base_filters, options=options)
    return keras.Model(inputs, _at_scales(x, scales, judge), name="pixelgan")


def feature_model(discriminator: keras.Model) -> keras.Model:
    """A discriminator, of the same layers and weights, that gives its features as well.

    Args:
        discriminator: of this module.

    Returns:
        A model of the same inputs. For each scale, full size first, it gives a list: the outputs
        of its leaky ReLUs, from first to last, and its logits.
    """
    return _Features(discriminator)


class _Features(keras.Model):
    """See `feature_model`; a functional model would take a list of one scale out of its list."""

    def __init__(self, discriminator: keras.Model):
        super().__init__(name=f"{discriminator.name}_features")
        scales = len(discriminator.outputs)
        outputs = [
            [*_activations(discriminator, _prefix(scale, scales)), logits]
            for scale, logits in enumerate(discriminator.outputs, start=1)
        ]
        self.length = len(outputs[0])
        self.layers_of_all_scales = keras.Model(
            discriminator.inputs, list(itertools.chain.from_iterable(outputs))
        )

    def call(self, inputs: Any, training: bool | None = None) -> list[list[Any]]:
        """For each scale, its features and its logits."""
        outputs = self.layers_of_all_scales(inputs, training=training)
        starts = range(0, len(outputs), self.length)
        return [outputs[start : start + self.length] for start in starts]


def _activations(discriminator: keras.Model, prefix: str) -> list[Any]:
    return [
        layer.output
        for layer in discriminator.layers
        if layer.name.startswith(f"{prefix}layer") and layer.name.endswith("_leaky_relu")
    ]


def _judged(
    image_size: ImageSize, input_channels: int, output_channels: int, conditional: bool
) -> tuple[list[Any], Any]:
    """The model's inputs, and what of them the layers see."""
    height, width = (None, None) if image_size is None else image_sides(image_size)
    if not conditional:
        target = keras.Input((height, width, output_channels), name="target_image")
        return [target], target
    inputs = [
        keras.Input((height, width, input_channels), name="input_image"),
        keras.Input((height, width, output_channels), name="target_image"),
    ]
    return inputs, keras.layers.Concatenate(name="pair")(inputs)


def _at_scales(x: Any, scales: int, judge: Callable[..., Any]) -> Any:
    """Logits, or with several scales a list of logits."""
    if scales < 1:
        raise ValueError(f"scales must be at least 1, not {scales}")
    logits = []
    for scale in range(1, scales + 1):
        if scale > 1:
            x = Halve(name=f"scale{scale}_images")(x)
        logits.append(judge(x, prefix=_prefix(scale, scales)))
    return logits if scales > 1 else logits[0]


def _prefix(scale: int, scales: int) -> str:
    return f"scale{scale}_" if scales > 1 else ""


def _patch_logits(
    x: Any, *, base_filters: int, n_layers: int, options: BlockOptions, prefix: str
) -> Any:
    for layer in range(1, n_layers + 2):
        filters, name = layer_width(base_filters, layer), f"{prefix}layer{layer}"
        norm, strides, padding = layer > 1, 2, "same"
        if layer > n_layers:
            x = keras.layers.ZeroPadding2D(1, name=f"{name}_pad")(x)
            strides, padding = 1, "valid"
        x = convolution(
            x, filters, strides=strides, padding=padding, normed=norm, options=options, name=name
        )
        x = normalization(x, options, name=name) if norm else x
        x = leaky_relu(x, options=options, name=name)
    x = keras.layers.ZeroPadding2D(1, name=f"{prefix}logits_pad")(x)
    return _logits(x, kernel_size=4, options=options, prefix=prefix)


def _pixel_logits(x: Any, *, base_filters: int, options: BlockOptions, prefix: str) -> Any:
    for layer, norm in ((1, False), (2, True)):
        name, filters = f"{prefix}layer{layer}", layer * base_filters
        x = convolution(x, filters, kernel_size=1, normed=norm, options=options, name=name)
        x = normalization(x, options, name=name) if norm else x
        x = leaky_relu(x, options=options, name=name)
    return _logits(x, kernel_size=1, options=options, prefix=prefix)


def _logits(x: Any, *, kernel_size: int, options: BlockOptions, prefix: str) -> Any:
    return convolution(
        x,
        1,
        kernel_size=kernel_size,
        padding="valid",
        last=True,
        options=options,
        dtype="float32",
        name=f"{prefix}logits",
    )
