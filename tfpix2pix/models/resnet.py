"""The ResNet generator: [B, H, W, input_channels] -> [B, H, W, output_channels] in [-1, 1].

Johnson et al., "Perceptual Losses for Real-Time Style Transfer", 2016, as the PyTorch reference of
pix2pix has it: reflections instead of zeros around 3x3 and 7x7 convolutions of stride 1, ReLU
throughout, and nothing after a block's sum.
"""

from typing import Any

import keras

from tfpix2pix.config.sizes import check_resnet_size
from tfpix2pix.models.blocks import (
    OutputActivation,
    convolution,
    generated_image,
    image_sides,
    relu,
)
from tfpix2pix.models.dropout import Dropout
from tfpix2pix.models.norms import normalization
from tfpix2pix.models.options import BlockOptions
from tfpix2pix.models.reflection import ReflectionPadding2D
from tfpix2pix.models.upsampling import upsample


def resnet_generator(
    image_size: int | tuple[int, int] = 256,
    input_channels: int = 3,
    output_channels: int = 3,
    base_filters: int = 64,
    *,
    depth: int = 2,
    residual_blocks: int = 9,
    dropout: float = 0.5,
    dropout_at_prediction: bool = False,
    output_activation: OutputActivation = "tanh",
    **block_options: Any,
) -> keras.Model:
    """A 7x7 convolution, `depth` of stride 2, residual blocks, and back up again.

    With depth 4, no dropout and norm `"instance"` it is pix2pixHD's global generator (Wang et
    al. 2018, section 3.1).

    Args:
        image_size: H and W, or one number for both; each a multiple of 2**depth, at least two
            times that.
        input_channels: channels of the input image.
        output_channels: channels of the generated image.
        base_filters: filters of the first layer; each stride-2 layer doubles them.
        depth: stride-2 layers.
        residual_blocks: how many, on the deepest map.
        dropout: rate inside each residual block, 0 for none.
        dropout_at_prediction: see `tfpix2pix.models.Dropout`.
        output_activation: `"tanh"`, or `"softmax"` for a probability of each of `output_channels`
            classes.
        **block_options: see `BlockOptions`.

    Returns:
        A functional model.

    Raises:
        ValueError: the image size does not fit (the message names one that does), or an unknown
            word.
    """
    options = BlockOptions(**block_options)
    height, width = image_sides(image_size)
    check_resnet_size(height, width, depth)
    inputs = keras.Input((height, width, input_channels), name="input_image")
    x = encode(inputs, base_filters, depth, options)
    for block in range(1, residual_blocks + 1):
        name = f"block{block}"
        x = residual_block(x, dropout, dropout_at_prediction, options=options, name=name)
    x = decode(x, base_filters, depth, options)
    x = output_image(x, output_channels, output_activation, options)
    return keras.Model(inputs, x, name="resnet")


def encode(
    x: Any, base_filters: int, depth: int, options: BlockOptions, *, prefix: str = ""
) -> Any:
    """The stem and the stride-2 layers: [B, H, W, C] -> [B, H / 2**depth, W / 2**depth, ...]."""
    x = ReflectionPadding2D(3, name=f"{prefix}stem_pad")(x)
    x = _unit(x, base_filters, options, kernel_size=7, name=f"{prefix}stem")
    x = relu(x, name=f"{prefix}stem")
    for layer in range(1, depth + 1):
        name = f"{prefix}down{layer}"
        # PyTorch pads by 1 all round; of an even side, the last row is never seen.
        x = keras.layers.ZeroPadding2D(((1, 0), (1, 0)), name=f"{name}_pad")(x)
        x = _unit(x, base_filters * 2**layer, options, strides=2, name=name)
        x = relu(x, name=name)
    return x


def residual_block(
    x: Any,
    dropout: float = 0.0,
    dropout_at_prediction: bool = False,
    *,
    options: BlockOptions,
    name: str,
) -> Any:
    """x plus twice a reflected 3x3 convolution and a norm, with ReLU and dropout between them.

    Its layers are `{name}_1_conv`, `{name}_1_norm`, `{name}_dropout`, `{name}_2_conv`, and so on.
    """
    filters = x.shape[-1]
    y = ReflectionPadding2D(1, name=f"{name}_1_pad")(x)
    y = relu(_unit(y, filters, options, name=f"{name}_1"), name=f"{name}_1")
    if dropout:
        y = Dropout(dropout, at_prediction=dropout_at_prediction, name=f"{name}_dropout")(y)
    y = ReflectionPadding2D(1, name=f"{name}_2_pad")(y)
    y = _unit(y, filters, options, name=f"{name}_2")
    return keras.layers.Add(name=f"{name}_sum")([x, y])


def decode(
    x: Any, base_filters: int, depth: int, options: BlockOptions, *, prefix: str = ""
) -> Any:
    """The way up: [B, h, w, C] -> [B, h 2**depth, w 2**depth, base_filters]."""
    for layer in range(1, depth + 1):
        filters = base_filters * 2 ** (depth - layer)
        x = upsample(x, filters, kernel_size=3, options=options, name=f"{prefix}up{layer}")
    return x


def output_image(x: Any, channels: int, activation: OutputActivation, options: BlockOptions) -> Any:
    """A reflected 7x7 convolution and the output's activation."""
    x = ReflectionPadding2D(3, name="output_pad")(x)
    x = convolution(
        x, channels, kernel_size=7, padding="valid", last=True, options=options, name="output"
    )
    return generated_image(x, activation)


def _unit(
    x: Any,
    filters: int,
    options: BlockOptions,
    *,
    kernel_size: int = 3,
    strides: int = 1,
    name: str,
) -> Any:
    """A convolution of what has been padded, and its norm."""
    x = convolution(
        x,
        filters,
        kernel_size=kernel_size,
        strides=strides,
        padding="valid",
        normed=True,
        options=options,
        name=name,
    )
    return normalization(x, options, name=name)
