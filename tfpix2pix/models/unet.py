"""The paper's generators: [B, H, W, input_channels] -> [B, H, W, output_channels] in [-1, 1].

With `output_activation="softmax"` they answer with the probability of each of so many classes.
"""

import dataclasses
from typing import Any, Literal, get_args

import keras

from tfpix2pix.config.sizes import checked_depth
from tfpix2pix.models.blocks import (
    OutputActivation,
    downsample,
    generated_image,
    image_sides,
    layer_width,
    relu,
)
from tfpix2pix.models.options import BlockOptions, check_choice
from tfpix2pix.models.upsampling import double, upsample

Skip = Literal["preactivation", "relu", "postactivation"]
SkipOrder = Literal["decoder_first", "encoder_first"]
ImageSize = int | tuple[int, int]

DROPOUT_LAYERS = 3


@dataclasses.dataclass(frozen=True)
class _Plan:
    """What the U-Net and the encoder-decoder differ in, and what they share."""

    skip: Skip | None
    encoder_first: bool
    dropout: float
    dropout_start: int
    dropout_at_prediction: bool
    innermost_norm: bool
    output_activation: OutputActivation
    options: BlockOptions


def unet_generator(
    image_size: ImageSize = 256,
    input_channels: int = 3,
    output_channels: int = 3,
    base_filters: int = 64,
    *,
    depth: int | None = None,
    skip: Skip = "preactivation",
    skip_order: SkipOrder = "decoder_first",
    dropout: float = 0.5,
    dropout_start: int = 1,
    dropout_at_prediction: bool = False,
    innermost_norm: bool = False,
    output_activation: OutputActivation = "tanh",
    **block_options: Any,
) -> keras.Model:
    """The paper's U-Net (section 6.1.1): an encoder-decoder with skips between mirror layers.

    Encoder: `depth` stride-2 convolutions, C64-C128-C256-C512-C512-..., without a norm on the
    first layer and on the innermost one (where BatchNorm would zero a 1x1 map at batch size 1).
    Decoder: the mirror image; after each layer comes the mirror encoder layer's output.

    Args:
        image_size: H and W, or one number for both; each a multiple of 2**depth.
        input_channels: channels of the input image.
        output_channels: channels of the generated image.
        base_filters: filters of the first layer; deeper layers double up to 8 times that.
        depth: stride-2 layers; default: as many as reach 1x1, but 8 at most.
        skip: the encoder's half of each concatenation: `"preactivation"`: its output before the
            activation, joined to the decoder's output after its own; `"relu"`: the same under a
            ReLU, as in the authors' and the PyTorch code, whose innermost activation is a ReLU
            too; `"postactivation"`: its output after the leaky ReLU, as in the TensorFlow tutorial.
        skip_order: `"decoder_first"`: the decoder's half has the first channels; PyTorch:
            `"encoder_first"`.
        dropout: rate in three decoder layers, of those that have full width.
        dropout_start: the first of the three, 1 or more (PyTorch: 2).
        dropout_at_prediction: see `tfpix2pix.models.Dropout`.
        innermost_norm: a norm on the innermost encoder layer too, as in the TensorFlow tutorial.
        output_activation: `"tanh"`, or `"softmax"` for a probability of each of `output_channels`
            classes.
        **block_options: see `BlockOptions`.

    Returns:
        A functional model.

    Raises:
        ValueError: the depth does not divide the image size (the message names sizes that fit),
            an unknown word, or an instance norm of an innermost map of one pixel.
    """
    check_choice("skip", skip, get_args(Skip))
    check_choice("skip_order", skip_order, get_args(SkipOrder))
    plan = _Plan(
        skip,
        skip_order == "encoder_first",
        dropout,
        dropout_start,
        dropout_at_prediction,
        innermost_norm,
        output_activation,
        BlockOptions(**block_options),
    )
    channels = (input_channels, output_channels)
    return _generator("unet", image_size, channels, base_filters, depth, plan)


def encoder_decoder_generator(
    image_size: ImageSize = 256,
    input_channels: int = 3,
    output_channels: int = 3,
    base_filters: int = 64,
    *,
    depth: int | None = None,
    dropout: float = 0.5,
    dropout_start: int = 1,
    dropout_at_prediction: bool = False,
    innermost_norm: bool = False,
    output_activation: OutputActivation = "tanh",
    **block_options: Any,
) -> keras.Model:
    """The paper's encoder-decoder (section 6.1.1): the U-Net without its skips.

    Args, returns and raises: see `unet_generator`.
    """
    plan = _Plan(
        None,
        False,
        dropout,
        dropout_start,
        dropout_at_prediction,
        innermost_norm,
        output_activation,
        BlockOptions(**block_options),
    )
    channels = (input_channels, output_channels)
    return _generator("encoder_decoder", image_size, channels, base_filters, depth, plan)


def _generator(
    name: str,
    image_size: ImageSize,
    channels: tuple[int, int],
    base_filters: int,
    depth: int | None,
    plan: _Plan,
) -> keras.Model:
    height, width = image_sides(image_size)
    depth = checked_depth(height, width, depth)
    widths = [layer_width(base_filters, layer) for layer in range(1, depth + 1)]
    inputs = keras.Input((height, width, channels[0]), name="input_image")
    x, skips = _encode(inputs, widths, plan)
    x = _decode(x, skips, widths, plan)
    x = double(x, channels[1], last=True, options=plan.options, name=f"up{depth}")
    return keras.Model(inputs, generated_image(x, plan.output_activation), name=name)


def _encode(x: Any, widths: list[int], plan: _Plan) -> tuple[Any, list[Any]]:
    """Returns the innermost features and, outermost first, what the skips carry."""
    depth = len(widths)
    skips: list[Any] = []
    for layer, filters in enumerate(widths, start=1):
        name = f"down{layer}"
        norm = 1 < layer < depth or (plan.innermost_norm and layer == depth > 1)
        x, preactivation = downsample(x, filters, norm=norm, options=plan.options, name=name)
        if layer == depth:
            continue
        if plan.skip == "relu":
            skips.append(relu(preactivation, name=f"{name}_skip"))
        elif plan.skip:
            skips.append(preactivation if plan.skip == "preactivation" else x)
    # The authors' innermost activation is the decoder's ReLU, not a leaky one.
    return (relu(preactivation, name=name) if plan.skip == "relu" else x), skips


def _decode(x: Any, skips: list[Any], widths: list[int], plan: _Plan) -> Any:
    for layer, filters in enumerate(reversed(widths[:-1]), start=1):
        in_range = plan.dropout_start <= layer < plan.dropout_start + DROPOUT_LAYERS
        x = upsample(
            x,
            filters,
            dropout=plan.dropout if in_range and filters == widths[-1] else 0.0,
            dropout_at_prediction=plan.dropout_at_prediction,
            options=plan.options,
            name=f"up{layer}",
        )
        if plan.skip:
            halves = [skips[-layer], x] if plan.encoder_first else [x, skips[-layer]]
            x = keras.layers.Concatenate(name=f"up{layer}_skip")(halves)
    return x
