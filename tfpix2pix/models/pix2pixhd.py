"""pix2pixHD's local enhancer (Wang et al., "High-Resolution Image Synthesis", 2018, section 3.1).

Images are float32 [B, H, W, C] in [-1, 1]. Its global generator is `resnet_generator`, depth 4.
"""

from typing import Any

import keras

from tfpix2pix.config.sizes import check_resnet_size
from tfpix2pix.models.blocks import OutputActivation, image_sides
from tfpix2pix.models.options import BlockOptions
from tfpix2pix.models.reflection import Halve
from tfpix2pix.models.resnet import decode, encode, output_image, residual_block


def local_enhancer_generator(
    image_size: int | tuple[int, int] = 256,
    input_channels: int = 3,
    output_channels: int = 3,
    base_filters: int = 64,
    *,
    depth: int = 4,
    residual_blocks: int = 9,
    local_blocks: int = 3,
    output_activation: OutputActivation = "tanh",
    **block_options: Any,
) -> keras.Model:
    """A global generator at half the size, whose features a local one takes to the full size.

    The global part has 2 * base_filters (pix2pixHD's code: 64 with `--ngf 32`) and no output of
    its own: its features are added to those of the local part's stem and stride-2 convolution;
    residual blocks, one upsampling and the output follow. There is no dropout in it.

    Args:
        image_size: H and W, or one number for both; each a multiple of 2**(depth + 1), at least
            two times that.
        input_channels: channels of the input image.
        output_channels: channels of the generated image.
        base_filters: filters of the local part's first layer.
        depth: stride-2 layers of the global part.
        residual_blocks: of the global part.
        local_blocks: of the local part.
        output_activation: `"tanh"`, or `"softmax"` for a probability of each of `output_channels`
            classes.
        **block_options: see `BlockOptions`; pix2pixHD's norm is `"instance"`.

    Returns:
        A functional model.

    Raises:
        ValueError: the image size does not fit (the message names one that does), or an unknown
            word.
    """
    options = BlockOptions(**block_options)
    height, width = image_sides(image_size)
    check_resnet_size(height, width, depth, halvings=depth + 1)
    inputs = keras.Input((height, width, input_channels), name="input_image")
    half = Halve(name="global_input")(inputs)
    features = _global_features(half, 2 * base_filters, depth, residual_blocks, options)
    x = encode(inputs, base_filters, 1, options)
    x = keras.layers.Add(name="enhanced")([x, features])
    for block in range(1, local_blocks + 1):
        x = residual_block(x, options=options, name=f"block{block}")
    x = decode(x, base_filters, 1, options)
    x = output_image(x, output_channels, output_activation, options)
    return keras.Model(inputs, x, name="local_enhancer")


def _global_features(
    x: Any, base_filters: int, depth: int, residual_blocks: int, options: BlockOptions
) -> Any:
    """[B, H, W, C] -> [B, H, W, base_filters]: a ResNet generator without its output layers."""
    x = encode(x, base_filters, depth, options, prefix="global_")
    for block in range(1, residual_blocks + 1):
        x = residual_block(x, options=options, name=f"global_block{block}")
    return decode(x, base_filters, depth, options, prefix="global_")
