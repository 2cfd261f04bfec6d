"""Discriminators: (input image, target or generated image) -> logits, one for each patch.

Images are float32 [B, H, W, C] in [-1, 1]; logits are float32 [B, h, w, 1], positive for real.
"""

from typing import Any

import keras

from tfpix2pix.models.blocks import batch_norm, convolution, layer_width, leaky_relu


def patchgan_discriminator(
    image_size: int | tuple[int, int] | None = 256,
    input_channels: int = 3,
    output_channels: int = 3,
    base_filters: int = 64,
    *,
    n_layers: int = 3,
) -> keras.Model:
    """The paper's PatchGAN (sections 3.2.2 and 6.1.2), C64-C128-C256-C512 for 70x70 patches.

    `n_layers` stride-2 convolutions, then two of stride 1, zero-padded by 1 and convolved
    'valid'; all 4x4. n_layers 1 to 6 judge patches of 16, 34, 70, 142, 286 and 574 pixels.

    Args:
        image_size: H and W, one number for both, or None for any.
        input_channels: channels of the input image.
        output_channels: channels of the target image.
        base_filters: filters of the first layer; deeper layers double up to 8 times that.
        n_layers: stride-2 layers, 1 to 6.

    Returns:
        A functional model of `[input_image, target_image]`; 256x256 gives 30x30 logits.

    Raises:
        ValueError: n_layers out of range, or images too small for it.
    """
    if not 1 <= n_layers <= 6:
        raise ValueError(f"n_layers must be 1 to 6, not {n_layers} (for 1x1 patches: PixelGAN)")
    check_smallest_size(image_size, n_layers)
    inputs, x = _paired_inputs(image_size, input_channels, output_channels)
    for layer in range(1, n_layers + 2):
        filters = layer_width(base_filters, layer)
        strides = 2 if layer <= n_layers else 1
        x = _layer(x, filters, strides=strides, norm=layer > 1, name=f"layer{layer}")
    x = keras.layers.ZeroPadding2D(1, name="logits_pad")(x)
    logits = convolution(x, 1, padding="valid", dtype="float32", name="logits")
    return keras.Model(inputs, logits, name="patchgan")


def pixelgan_discriminator(
    image_size: int | tuple[int, int] | None = 256,
    input_channels: int = 3,
    output_channels: int = 3,
    base_filters: int = 64,
) -> keras.Model:
    """The paper's 1x1 "PixelGAN" (section 6.1.2): C64-C128 of 1x1 convolutions.

    Args: see `patchgan_discriminator`.

    Returns:
        A functional model of `[input_image, target_image]`, with one logit for each pixel.
    """
    inputs, x = _paired_inputs(image_size, input_channels, output_channels)
    x = convolution(x, base_filters, kernel_size=1, name="layer1")
    x = leaky_relu(x, name="layer1")
    x = convolution(x, 2 * base_filters, kernel_size=1, use_bias=False, name="layer2")
    x = leaky_relu(batch_norm(x, name="layer2"), name="layer2")
    logits = convolution(x, 1, kernel_size=1, dtype="float32", name="logits")
    return keras.Model(inputs, logits, name="pixelgan")


def _paired_inputs(
    image_size: int | tuple[int, int] | None, input_channels: int, output_channels: int
) -> tuple[list[Any], Any]:
    height, width = image_size if isinstance(image_size, tuple) else (image_size, image_size)
    inputs = [
        keras.Input((height, width, input_channels), name="input_image"),
        keras.Input((height, width, output_channels), name="target_image"),
    ]
    return inputs, keras.layers.Concatenate(name="pair")(inputs)


def _layer(x: Any, filters: int, *, strides: int, norm: bool, name: str) -> Any:
    """4x4 convolution, BatchNorm, leaky ReLU."""
    if strides == 1:
        x = keras.layers.ZeroPadding2D(1, name=f"{name}_pad")(x)
    padding = "valid" if strides == 1 else "same"
    x = convolution(x, filters, strides=strides, padding=padding, use_bias=not norm, name=name)
    return leaky_relu(batch_norm(x, name=name) if norm else x, name=name)


def check_smallest_size(image_size: int | tuple[int, int] | None, n_layers: int) -> None:
    """Refuses images that leave the last layers nothing to see.

    Raises:
        ValueError: with the smallest size that works.
    """
    if image_size is None:
        return
    size = image_size if isinstance(image_size, tuple) else (image_size, image_size)
    if min(size) >= _smallest_side(n_layers):
        return
    fitting = [n for n in range(1, n_layers) if min(size) >= _smallest_side(n)]
    hint = f", or n_layers up to {fitting[-1]} for this one" if fitting else ""
    side = _smallest_side(n_layers)
    raise ValueError(
        f"images of {size[0]}x{size[1]} are too small for n_layers={n_layers}: "
        f"use at least {side}x{side}{hint}"
    )


def _smallest_side(n_layers: int) -> int:
    # Three pixels must be left for the two stride-1 layers, which take off one each.
    return 2 * 2**n_layers + 1
